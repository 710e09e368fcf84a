"""The protocol as a state machine: states with visits, and transitions between them, with names resolved to indices.

A protocol is data, independent of the disease and drug models, and is interpreted by both engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from protocolsim.protocol.choices import Choice
from protocolsim.protocol.rules import Evaluator
from protocolsim.protocol.summaries import Reader
from protocolsim.protocol.variables import Assignment, Computed, ProtocolVariable, told
from protocolsim.units import Dimension, in_reading_unit

END = "end"


@dataclass(frozen=True)
class Dose:
    """One planned administration: which drug, how much, and in which unit: mg/kg or mg, IU/kg or IU.

    An amount may be computed for each subject when it is given.
    """

    drug: int
    amount: float | Computed
    unit: str = "mg/kg"

    @property
    def per_weight(self) -> bool:
        """Whether it is a dose per kilogram of body weight."""
        return self.unit.endswith("/kg")


@dataclass(frozen=True)
class Visit:
    """The activities planned for one time point of a state, `offset` minutes after its start.

    `closing` is the part that is still done if the state ends at that minute: listed activities, not repeated ones.
    """

    offset: int
    assessments: tuple[int, ...]
    doses: tuple[Dose, ...]
    closing: Visit | None


@dataclass(frozen=True)
class Rule:
    """A decision rule: its source text, and the compiled function of the summaries."""

    words: str
    evaluate: Evaluator


@dataclass(frozen=True)
class Randomisation:
    """Permuted-block randomisation over arms, with one allocation list per stratum.

    `block` is the unpermuted block, as indices into `arms`; `strata` are rules whose truth values define the strata,
    `by_site` stratifies by site as well.
    """

    name: str
    number: int
    arms: tuple[int, ...]
    block: tuple[int, ...]
    strata: tuple[Rule, ...]
    by_site: bool


@dataclass(frozen=True)
class Transition:
    """A transition out of one state. `rule` None: unconditional.

    `to` None: `randomise` allocates one of its arms, or `choose` one of its states. Without all of them it is internal:
    the subject stays, and nothing of the state lapses. `sets` are the variables it sets.
    """

    number: int
    source: int
    to: int | None
    randomise: Randomisation | None
    rule: Rule | None
    otherwise: bool
    trigger: str
    item: int
    choose: Choice | None = None
    sets: tuple[Assignment, ...] = ()

    @property
    def internal(self) -> bool:
        """Whether the subject stays in the state."""
        return self.to is None and self.randomise is None and self.choose is None

    @property
    def possible(self) -> tuple[int, ...]:
        """Of its destinations, those that somebody may be sent to: a choice may have given one no chance."""
        return self.choose.possible if self.choose is not None else self.destinations

    @property
    def destinations(self) -> tuple[int, ...]:
        """Every state this transition may lead to."""
        if self.choose is not None:
            return self.choose.states
        return self.randomise.arms if self.randomise is not None else (self.to,) if self.to is not None else ()


@dataclass(frozen=True)
class Group:
    """The transitions with one trigger, tried in file order, and the summaries that their rules and settings read."""

    trigger: str
    transitions: tuple[Transition, ...]
    reads: tuple[int, ...]

    @property
    def certain(self) -> bool:
        """Whether one of them is unconditional and none is internal, so that the state is certainly left."""
        return any(t.rule is None for t in self.transitions) and not any(t.internal for t in self.transitions)


@dataclass(frozen=True)
class State:
    """One state: its visits, duration, and outgoing transitions.

    It ends `lasts` minutes after its start, or `until` minutes after enrolment (immediately if that is past); both are
    None for a final state. Either may be computed for each subject on entering the state.

    `after`: the transitions tried after an assessment, by its number; `at_visit`: instead of these, those after the
    assessment of one planned visit, by its number and the visit's offset.
    A state is `on_study` if it can follow enrolment and is not final.
    `levels` is the treatment, one number per drug: 0 off, 1 standard, else the dose in its own unit.
    """

    number: int
    name: str
    label: str
    outcome: str | None
    enrolled: bool
    on_study: bool
    lasts: int | Computed | None
    until: int | Computed | None
    levels: tuple[float | Computed, ...]
    visits: tuple[Visit, ...]
    at_end: Group | None
    after: Mapping[int, Group]
    upon: Mapping[int, Group]
    at_visit: Mapping[tuple[int, int], Group] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether the state is final (absorbing)."""
        return self.outcome is not None

    @property
    def timed(self) -> bool:
        """Whether it has a planned end."""
        return self.lasts is not None or self.until is not None

    @property
    def length(self) -> int | Computed | None:
        """`lasts`, or `until`."""
        return self.lasts if self.until is None else self.until

    @property
    def shortest(self) -> int | None:
        """The least that `lasts` or `until` can come to, in minutes."""
        return int(self.length.low) if isinstance(self.length, Computed) else self.length

    @property
    def longest(self) -> int | None:
        """The most that `lasts` or `until` can come to, in minutes."""
        return int(self.length.high) if isinstance(self.length, Computed) else self.length

    @property
    def same_length(self) -> bool:
        """Whether every stay is planned to last as long as any other."""
        return isinstance(self.lasts, int)

    def ends(self, entered: int, enrolled: int, length: int) -> int:
        """The planned end in minutes, for a subject who entered and was enrolled at these minutes.

        length: what `lasts` or `until` comes to for this subject.
        """
        return entered + length if self.until is None else max(entered, enrolled + length)

    @cached_property
    def computed_levels(self) -> tuple[tuple[int, Computed], ...]:
        """The drugs whose dose is computed for each subject, and how."""
        return tuple((k, level) for k, level in enumerate(self.levels) if isinstance(level, Computed))

    @cached_property
    def certainly_left_upon_events(self) -> bool:
        """Whether every awaited event has an unconditional transition, so that it certainly ends the stay."""
        return all(group.certain for group in self.upon.values())

    def tried_after(self, assessment: int, offset: int) -> Group | None:
        """The transitions tried after an assessment made at the visit planned `offset` minutes after its start."""
        return self.at_visit.get((assessment, offset)) or self.after.get(assessment)

    @property
    def groups(self) -> Iterator[Group]:
        """Every group of outgoing transitions."""
        if self.at_end is not None:
            yield self.at_end
        yield from self.after.values()
        yield from self.at_visit.values()
        yield from self.upon.values()


@dataclass(frozen=True)
class Bound:
    """An invariant, to be proven for every path: an upper bound of a number of doses, a total dose, or a time.

    measure      "doses", "total dose" or "time"
    drug         of doses: which
    since        of a time: the state from whose last entry it is counted; None: from enrolment
    in_any       of doses: the length in minutes of a sliding window, half-open at its end; None: overall
    """

    name: str
    measure: str
    at_most: float
    drug: int = -1
    since: int | None = None
    in_any: int | None = None


@dataclass(frozen=True)
class Protocol:
    """The whole protocol. Subjects start in states[0]. `always` are the invariants to prove; engines ignore them."""

    states: tuple[State, ...]
    reader: Reader
    randomisations: tuple[Randomisation, ...]
    transitions: tuple[Transition, ...]
    window: int
    always: tuple[Bound, ...] = ()
    choices: tuple[Choice, ...] = ()
    variables: tuple[ProtocolVariable, ...] = ()

    @property
    def most_read(self) -> int:
        """The largest number of summaries that one decision reads."""
        return max((len(g.reads) for s in self.states for g in s.groups), default=0)

    def state(self, name: str) -> State:
        """The state of that name. Raises KeyError."""
        for state in self.states:
            if state.name == name:
                return state
        raise KeyError(name)

    def successors(self) -> dict[int, list[int]]:
        """The adjacency list: the states that each state's transitions may lead to."""
        successors: dict[int, list[int]] = {s.number: [] for s in self.states}
        for transition in self.transitions:
            successors[transition.source] += transition.destinations
        return successors

    def before_enrolment(self) -> set[int]:
        """The states that can be entered before enrolment."""
        enrolling = {s.number for s in self.states if s.enrolled}
        ways = {n: [to for to in enrolment if to not in enrolling] for n, enrolment in self.successors().items()}
        return set() if 0 in enrolling else reachable(ways, [0])

    def group_of(self, transition: Transition) -> Group:
        """The group in which a transition is tried."""
        for group in self.states[transition.source].groups:
            if transition in group.transitions:
                return group
        raise KeyError(transition.number)

    def dose_unit(self, drug: int) -> str | None:
        """The unit of all doses of a drug; None where some are per weight and some are not."""
        return one_unit(d.unit for s in self.states for v in s.visits for d in v.doses if d.drug == drug)

    def explain(self, number: int, read: Sequence[float]) -> tuple[str, str]:
        """The trigger of a recorded transition, and the text of its rule with the values it read and what it set."""
        transition = self.transitions[number]
        group = self.group_of(transition)
        summaries = self.reader.summaries
        of = [summaries[k] for k in group.reads]
        numbers = ", ".join(
            f"{s.name} = {_shown(v, s.dimension, self.reader.units)}" for s, v in zip(of, read[: len(of)], strict=True)
        )
        if transition.rule is not None:
            words = transition.rule.words
        else:
            refused = [t.rule.words for t in group.transitions if t.rule and t.number < number]
            words = "otherwise (not: " + "; not: ".join(refused) + ")" if refused else "always"
        if transition.choose is not None:
            chosen = zip(transition.choose.states, transition.choose.chances, strict=True)
            words += "; chosen by chance: " + ", ".join(f"{self.states[s].name} {c.words}" for s, c in chosen)
        values = [float("nan")] * len(summaries)
        for k, value in zip(group.reads, read, strict=False):
            values[k] = value
        before = {s.variable: values[self.slot_of(s.variable)] for s in transition.sets}
        return transition.trigger, " | ".join(
            part for part in (words, numbers, told(self.variables, transition.sets, before, values)) if part
        )

    def slot_of(self, variable: int) -> int:
        """The number of the summary that is a variable's present value."""
        name = self.variables[variable].name
        return next(k for k, s in enumerate(self.reader.summaries) if s.name == name)


def _shown(value: float, dimension: Dimension, units: Mapping[Dimension, str]) -> str:
    if value != value:
        return "undefined"
    if dimension not in units:
        return f"{value:.4g}"
    value, unit = in_reading_unit(value, dimension, units)
    return f"{value:.4g} {unit}"


def one_unit(units: Iterable[str]) -> str | None:
    """The only unit there is, mg/kg where there is none; None where there are several."""
    found = set(units)
    return None if len(found) > 1 else next(iter(found), "mg/kg")


def reachable(successors: Mapping[int, Sequence[int]], start: Sequence[int]) -> set[int]:
    """Every state reachable from the given ones, which are included."""
    result, open_ = set(start), list(start)
    while open_:
        for state in successors[open_.pop()]:
            if state not in result:
                result.add(state)
                open_.append(state)
    return result
