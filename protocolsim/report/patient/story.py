"""One patient's story in plain sentences, with every number as the records have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from protocolsim.names import readable
from protocolsim.protocol.states import END
from protocolsim.protocol.variables import told
from protocolsim.records import HIDDEN, MADE, STATUS
from protocolsim.report.patient.decision_text import Decision, digits
from protocolsim.report.protocol import text as protocol_text
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.counterfactual import (
    NOT_IDENTIFIED,
    After,
    CounterfactualBranch,
    counterfactual_branches,
)
from protocolsim.study.decision.replay import Given, Happened, Life, SeenVariable, Step, Tried, life
from protocolsim.study.engines import AUTO

_SEEN = 3  # digits of what is no number of a rule
_BECOMES = "\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW}\N{NO-BREAK SPACE}"  # on the line of its values
_MOVES = 4  # of another branch that are told one by one; of more, the first and the last

Kind = Literal["visit", "event", "decision", "stay"]


@dataclass(frozen=True)
class Line:
    """One sentence: when (minute of the subject), what kind, in words; `others`: the other branches of a decision."""

    minute: int
    kind: Kind
    text: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trace:
    """One patient's story. `words` explains the names in it, `lines` tell it in order, `end` how it ended.

    `life` holds the same as data.
    """

    life: Life
    heading: str
    patient: str
    words: tuple[str, ...]
    lines: tuple[Line, ...]
    end: str
    note: str
    truth: bool

    @property
    def text(self) -> str:
        """The whole story, a line for each sentence."""
        lines = [line for said in self.lines for line in (said.text, *(f"  {other}" for other in said.others))]
        return (
            "\n".join(
                [self.heading, self.patient, "", *self.words, "", *lines, self.end, *([self.note] if self.note else [])]
            )
            + "\n"
        )

    def summary(self) -> dict[str, Any]:
        """The story as `protocolsim trace --json` prints it; weeks as counted by `since`."""
        since = self.since
        return {
            "scenario": self.life.scenario.name,
            "seed": self.life.seed,
            "replicate": self.life.replicate,
            "subject": self.life.subject,
            "enrolled": self.life.enrolled >= 0,
            "story": [
                {"week": (n.minute - since) / 10080, "kind": n.kind, "text": n.text, "other_branches": list(n.others)}
                for n in self.lines
            ],
            "end": self.end,
            "note": self.note,
        }

    @property
    def since(self) -> int:
        """The minute that weeks are counted from: enrolment, or the first visit of a subject never enrolled."""
        return max(0, self.life.enrolled)


def trace(
    scenario: str | Scenario,
    subject: int | None = None,
    *,
    replicate: int = 0,
    seed: int | None = None,
    engine: str = AUTO,
    truth: bool = False,
) -> Trace:
    """One patient's story, of a scenario by name, by path or as loaded; `truth` adds what no clinic could know.

    Subjects are counted from 0 in the order of screening, replicates from 0; without a number it is the first subject
    that is enrolled. Raises UsageError where none is there.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    whole = life(loaded, subject, replicate=replicate, seed=seed, engine=engine)
    teller = _Teller(whole, truth, engine)
    labels, lines = loaded.trial.labels, tuple(teller.lines())
    seen = [n for n in whole.steps if isinstance(n, SeenVariable)]
    variables = dict.fromkeys(labels.variables[n.variable] for n in seen)
    means = {v.name: v.meaning for m in loaded.trial.assessments for v in m.assessment.variables}
    return Trace(
        whole,
        f"{patient_named(whole.subject, replicate)}: {loaded.title}",
        teller.patient(),
        tuple(f"{loaded.spoken.variable(name)}: {means[name]}" for name in variables),
        lines,
        teller.end(),
        f"Other branches, {NOT_IDENTIFIED}: no trial can show two branches of one patient."
        if any(n.others for n in lines)
        else "",
        truth,
    )


def patient_named(subject: int, replicate: int) -> str:
    """How a patient is called everywhere: by the number in the order of screening, and the trial's, both from 0."""
    return f"Patient {subject} of trial {replicate}"


class _Teller:
    """Puts the steps of a life into words."""

    def __init__(self, whole: Life, truth: bool, engine: str) -> None:
        self.life, self.truth, self.engine = whole, truth, engine
        self.scenario = whole.scenario
        self.labels, self.states = self.scenario.trial.labels, self.scenario.trial.protocol.states
        self.since = max(0, whole.enrolled)
        self.known: dict[str, object] = {}

    def patient(self) -> str:
        """Traits, where the subject began, and whether they were enrolled."""
        subjects, row = self.life.records["subjects"], self.life.row
        trial = self.scenario.trial
        traits: list[str] = []
        hidden: list[str] = []
        for trait in (t for part in (trial.disease, *trial.drugs) for t in part.component.traits):
            value = subjects[f"{HIDDEN}{trait.name}" if trait.hidden else trait.name][row]
            said = f"{readable(trait.name)} {digits(float(value), _SEEN)} {trait.unit}".rstrip()
            (hidden if trait.hidden else traits).append(said)
        counted = (
            "Weeks are counted from enrolment."
            if self.life.enrolled >= 0
            else "Never enrolled; weeks are counted from the first visit."
        )
        parts = [f"Known at entry: {', '.join(traits)}." if traits else "", counted]
        if self.truth and hidden:
            parts.insert(1, f"Hidden: {', '.join(hidden)}.")
        return " ".join(p for p in parts if p)

    def week(self, minute: int) -> str:
        """'Week 26'."""
        return f"Week {protocol_text.weeks(minute - self.since)}"

    def lines(self) -> list[Line]:
        """A line for each visit, event and decision."""
        lines: list[Line] = []
        first = self.states[0]
        lines.append(Line(0, "visit", f"{self.week(0)}: begins with {first.label}."))
        for (minute, kind), steps in groupby(self.life.steps, lambda n: (n.minute, self._kind(n))):
            together = list(steps)
            if kind == "visit":
                lines.append(Line(minute, "visit", f"{self.week(minute)}: {self._visit(together)}."))
            else:
                lines += [self._event(n) if isinstance(n, Happened) else self._decision(n) for n in together]  # type: ignore[arg-type]
        return lines

    @staticmethod
    def _kind(step: Step) -> str:
        return "visit" if isinstance(step, SeenVariable | Given) else "other"

    def _visit(self, steps: Sequence[Step]) -> str:
        parts = []
        seen = [n for n in steps if isinstance(n, SeenVariable)]
        for assessment, rows in groupby(seen, lambda n: n.assessment):
            name = self.scenario.spoken.assessment(self.labels.assessments[assessment])
            values = list(rows)
            if values[0].status != MADE:
                parts.append(f"{name} {STATUS[values[0].status]}")
                continue
            parts.append(f"{name} ({', '.join(self._value(n) for n in values)})")
        for n in steps:
            if isinstance(n, Given):
                drug = self.scenario.spoken.drug(self.labels.drugs[n.drug])
                given = self._given(n) if n.status == MADE else STATUS[n.status]
                parts.append(f"{drug} {given}")
        return "; ".join(parts)

    def _value(self, n: SeenVariable) -> str:
        hidden = f", truth {digits(n.truth, _SEEN)}" if self.truth else ""
        return f"{self.scenario.spoken.variable(self.labels.variables[n.variable])} {digits(n.value, _SEEN)}{hidden}"

    def _given(self, n: Given) -> str:
        """A dose and what arrived: '1 mg/kg (72 mg)', '18 IU'."""
        planned = self.states[n.state].visits
        unit = next(d.unit for v in planned for d in v.doses if d.drug == n.drug)
        arrived = f" ({digits(n.amount, _SEEN)} {unit.removesuffix('/kg')})" if unit.endswith("/kg") else ""
        return f"{digits(n.dose)} {unit}{arrived}"

    def _event(self, n: Happened) -> Line:
        return Line(n.minute, "event", f"{self.week(n.minute)}: {self.labels.events[n.event]}.")

    def _decision(self, tried: Tried) -> Line:
        when = self._moment(tried)
        rules = Decision(self.scenario, tried, self.since, self.known).sentences()
        if tried.to is None:
            return Line(tried.minute, "stay", f"{when}: {'; '.join(rules)}. Stays.")
        settings = self._set(tried)
        if tried.taken is not None and tried.taken.internal:
            said = [*rules, *(["otherwise"] if tried.taken.rule is None and rules else [])]
            stays = f"{when}: {'; '.join(said)}. Stays" if said else f"{when}. Stays"
            return Line(tried.minute, "stay", f"{stays}{settings}.")
        drawn = tried.taken is not None and tried.taken.randomise is not None
        chosen = tried.taken is not None and tried.taken.choose is not None
        to = f"{'Randomised to' if drawn else 'By chance to' if chosen else 'On to'} {tried.to.label}"
        said = [*rules, *(["otherwise"] if tried.taken is not None and tried.taken.rule is None and rules else [])]
        text = f"{when}: {'; '.join(said)}. {to}{settings}." if said else f"{when}. {to}{settings}."
        others = tuple(self._other(branch) for branch in counterfactual_branches(self.life, tried, self.engine))
        return Line(tried.minute, "decision", text, others)

    def _set(self, tried: Tried) -> str:
        """What was set, in the words of the file: '; insulin 10 IU → 18 IU'."""
        protocol, sets = self.scenario.trial.protocol, tried.taken.sets if tried.taken is not None else ()
        values = [tried.read.get(k, float("nan")) for k in range(len(protocol.reader.summaries))]
        before = {s.variable: values[protocol.slot_of(s.variable)] for s in sets}
        said = told(protocol.variables, sets, before, values, self.scenario.spoken.number)
        return f"; {said.replace(' -> ', _BECOMES)}" if said else ""

    def _moment(self, tried: Tried) -> str:
        if tried.group.trigger == END:
            return f"{self.week(tried.minute)}, the end of {tried.state.label}"
        return f"{self.week(tried.minute)}, {self.scenario.spoken.trigger(tried.group.trigger)}"

    def _other(self, branch: CounterfactualBranch) -> str:
        """What would have happened on a counterfactual branch, beside what did."""
        to = "staying" if branch.instead is None else self._states(branch.instead.destinations)
        there, here = branch.otherwise, branch.happened
        # A subject who stays makes no move at the decision itself.
        pairs = [
            ("", self._path(there, there.moves[0 if branch.instead is None else 1 :]), self._path(here, here.moves[1:]))
        ]
        for variable in sorted((set(there.observed) | set(here.observed)) & self._followed()):
            a, b = (self._mean(w, variable) for w in (there, here))
            pairs.append((f"{self.scenario.spoken.variable(self.labels.variables[variable])} ", a, b))
        for drug in sorted(set(there.doses) | set(here.doses)):
            unit = self.labels.dose_units[drug] or "in all"
            a, b = (f"{digits(w.doses.get(drug, 0.0), _SEEN)} {unit}" for w in (there, here))
            pairs.append((f"{self.scenario.spoken.drug(self.labels.drugs[drug])} ", a, b))
        for event in sorted(set(there.events) | set(here.events)):
            a, b = (str(w.events.get(event, 0)) for w in (there, here))
            if a != b:
                pairs.append((f"{self.labels.events[event]} ", a, b))
        return f"The other branch, {to}: {'; '.join(_beside(pairs))}."

    def _followed(self) -> set[int]:
        """The variables worth comparing: the one to follow, or else those that rules read."""
        names = self.labels.variables
        return {names.index(self.scenario.follow)} if self.scenario.follow else set(self.scenario.trial.noted)

    def _mean(self, after: After, variable: int) -> str:
        many, mean = after.observed.get(variable, (0, float("nan")))
        return f"{digits(mean, _SEEN)} (mean of {many})" if many else "not observed"

    def _path(self, after: After, then: Sequence[tuple[int, int]]) -> str:
        """The moves after the decision, or how long the subject stayed."""
        if not then:
            final = self.states[after.final]
            return f"{final.label} {'in' if final.final else 'to'} week {protocol_text.weeks(after.ended - self.since)}"
        moves = [f"{self.states[to].label} in week {protocol_text.weeks(m - self.since)}" for m, to in then]
        if len(moves) > _MOVES + 1:
            moves[_MOVES - 1 : -1] = [f"{len(moves) - _MOVES} more moves"]
        return ", ".join(moves)

    def _states(self, numbers: Sequence[int]) -> str:
        return protocol_text.listed([self.states[n].label for n in numbers], "or")

    def end(self) -> str:
        """How it ended."""
        final = self.states[int(self.life.records["subjects"]["final_state"][self.life.row])]
        outcome = f", {final.outcome}" if final.outcome and final.outcome.casefold() != final.label.casefold() else ""
        return f"{self.week(self.life.ended)}: {final.label}{outcome}."


def _beside(pairs: Sequence[tuple[str, str, str]]) -> list[str]:
    """Of statements (what, there, here): first all that is the same on both branches, then what differs."""
    same = [f"{what}{there}" for what, there, here in pairs if there == here]
    differs = [f"{what}{there} instead of {here}" for what, there, here in pairs if there != here]
    return [f"{protocol_text.listed(same)} on both branches", *differs] if same else differs
