"""The state chart of a protocol as it is executed: boxes and arrows with their words, and as text for other tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from protocolsim.protocol.states import Protocol, Transition
from protocolsim.records import Records, leaving
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.style import numbers
from protocolsim.scenario.build.protocol.transitions import ANY, ON_STUDY
from protocolsim.scenario.scenario import Scenario
from protocolsim.text.graphs import dot_words, mermaid_words

Kind = Literal["start", "state", "enrolling", "final", "many"]
START = "start"


@dataclass(frozen=True)
class Box:
    """A state; or `many`, which stands for all the states that a transition leaves in the same way; or the start."""

    key: str
    kind: Kind
    title: str
    lines: tuple[str, ...] = ()
    state: int | None = None


@dataclass(frozen=True)
class Arrow:
    """A way from one box to another, in words. `unplanned`: by an event, not by the schedule. `share`: of those there.

    `number` counts who took it in a run; both are None without one.
    """

    source: str
    target: str
    words: str = ""
    unplanned: bool = False
    number: int | None = None
    share: float | None = None

    @property
    def counted(self) -> str:
        """'2,040 (69 %)', or '' without a run."""
        if self.number is None:
            return ""
        return f"{self.number:,}" + ("" if self.share is None else f" ({numbers.percent(self.share)})")


@dataclass(frozen=True)
class StateChart:
    """Everything that is drawn. `told` says what the numbers count, '' without a run."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    told: str = ""


@dataclass(frozen=True)
class Counts:
    """How many subjects of a run entered each state, and took each transition to each state."""

    entered: Counter[int]
    taken: Counter[tuple[int, int]]
    trials: int


def counts(pieces: Iterable[Records]) -> Counts:
    """Count the moves of a run, which may come in pieces."""
    entered: Counter[int] = Counter()
    taken: Counter[tuple[int, int]] = Counter()
    last = -1
    for records in pieces:
        moves = records["moves"]
        entered.update(records.first_states().tolist())
        entered.update(moves["to_state"][leaving(records)].tolist())
        taken.update(zip(moves["transition"].tolist(), moves["to_state"].tolist(), strict=True))
        last = max(last, records.first_replicate + records.replicates - 1)
    return Counts(entered, taken, last + 1)


def state_chart(scenario: Scenario, counted: Counts | None = None) -> StateChart:
    """The chart of a scenario, with the numbers of a run if given."""
    protocol = scenario.trial.protocol
    boxes = [Box(START, "start", "")]
    for state in protocol.states:
        kind: Kind = "final" if state.final else "enrolling" if state.enrolled else "state"
        lines = [] if state.final else [protocol_text.ends(scenario, state), *protocol_text.treatments(scenario, state)]
        if state.outcome is not None and state.outcome.casefold() != state.label.casefold():
            lines.append(state.outcome)
        if state.enrolled:
            lines.append("(enrolment)")
        if counted is not None:
            lines.append(f"{counted.entered[state.number]:,} entered")
        boxes.append(Box(f"s{state.number}", kind, state.label, tuple(line for line in lines if line), state.number))
    arrows = [Arrow(START, "s0")]
    groups: dict[frozenset[int], str] = {}
    for item in dict.fromkeys(t.item for t in protocol.transitions):
        alike = [t for t in protocol.transitions if t.item == item]
        sources = frozenset(t.source for t in alike)
        if len(sources) > 1 and _written_from(scenario, item) in (ON_STUDY, ANY):
            if sources not in groups:
                groups[sources] = f"m{len(groups)}"
                boxes.append(Box(groups[sources], "many", _title_of(sources, protocol)))
            arrows += _arrows(scenario, alike, groups[sources], counted)
        else:
            for transition in alike:
                arrows += _arrows(scenario, [transition], f"s{transition.source}", counted)
    told = (
        ""
        if counted is None
        else f"Numbers: subjects of {counted.trials:,} simulated trial" + ("" if counted.trials == 1 else "s together")
    )
    return StateChart(scenario.title, tuple(boxes), tuple(arrows), told)


def _written_from(scenario: Scenario, item: int) -> object:
    return scenario.document.data["protocol"]["transitions"][item]["from"]


def _title_of(sources: frozenset[int], protocol: Protocol) -> str:
    if sources == {s.number for s in protocol.states if not s.final}:
        return "From any state"
    whole = sources == {s.number for s in protocol.states if s.on_study}
    return "From any state on study" if whole else "From any other state on study"


def _arrows(scenario: Scenario, alike: Sequence[Transition], source: str, counted: Counts | None) -> list[Arrow]:
    """One arrow to each state that these transitions, alike but for their source, may lead to."""
    first = alike[0]
    words = protocol_text.moved_by(scenario, first)
    drawn = first.randomise
    arrows = []
    if first.internal and len(alike) > 1:
        return []  # of a group of states there is no arrow that stays; the tables and the synopsis tell it
    for to in dict.fromkeys(first.destinations or (first.source,)):
        ratio = "" if drawn is None else f": {Fraction(drawn.block.count(to), len(drawn.block))}"
        if first.choose is not None:
            ratio = f": {first.choose.chances[first.choose.states.index(to)].words}"
        number = share = None
        if counted is not None:
            number = sum(counted.taken[t.number, to] for t in alike)
            there = sum(counted.entered[t.source] for t in alike)
            # Of a group the share would be of visits to states, which no reader expects.
            # An internal transition may be taken several times in one stay.
            share = number / there if there and len(alike) == 1 and not first.internal else None
        arrows.append(Arrow(source, f"s{to}", words + ratio, first.trigger.startswith("upon"), number, share))
    return arrows


# As text -------------------------------------------------------------------------------------------------------------


def mermaid(chart: StateChart) -> str:
    """The chart as Mermaid reads it (stateDiagram-v2)."""
    final = {b.key for b in chart.boxes if b.kind == "final"}
    lines = ["stateDiagram-v2", "    direction TB"]
    for box in chart.boxes:
        if box.kind != "start":
            words = mermaid_words((box.title, *box.lines))
            lines.append(f'    state "{words}" as {box.key}')
    for arrow in chart.arrows:
        source = "[*]" if arrow.source == START else arrow.source
        words = mermaid_words(["; ".join(w for w in (arrow.words, arrow.counted) if w)])
        lines.append(f"    {source} --> {arrow.target}" + (f" : {words}" if words else ""))
    lines += [f"    {box.key} --> [*]" for box in chart.boxes if box.key in final]
    return _plain_spaces("\n".join(lines) + "\n")


def dot(chart: StateChart) -> str:
    """The chart as Graphviz reads it."""
    shapes = {"state": "box", "enrolling": "box", "final": "oval", "many": "plaintext", "start": "point"}
    lines = [
        "digraph protocol {",
        "    rankdir=TB;",
        '    node [fontname="Helvetica"];',
        '    edge [fontname="Helvetica"];',
    ]
    for box in chart.boxes:
        style = ", peripheries=2" if box.kind == "enrolling" else ""
        lines.append(f"    {box.key} [shape={shapes[box.kind]}, label={dot_words((box.title, *box.lines))}{style}];")
    for arrow in chart.arrows:
        style = ", style=dashed" if arrow.unplanned else ""
        words = [w for w in (arrow.words, arrow.counted) if w]
        lines.append(f"    {arrow.source} -> {arrow.target} [label={dot_words(words)}{style}];")
    return _plain_spaces("\n".join([*lines, "}"]) + "\n")


def _plain_spaces(text: str) -> str:
    """Text for people to edit, without the no-break spaces that pictures need."""
    return text.replace("\u00a0", " ")
