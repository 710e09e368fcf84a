"""The protocol as a state machine: states with visits, and transitions between them, with names resolved to indices.

A protocol is data, independent of the disease and drug models, and is interpreted by both engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from protocolsim.protocol.choices import Choice
from protocolsim.protocol.rules import Evaluator
from protocolsim.protocol.summaries import Reader
from protocolsim.protocol.variables import Assignment, Computed, ProtocolVariable, told
from protocolsim.units import Dimension, in_reading_unit

END = "end"


def _derive(value: object, **derived: object) -> None:
    """Set what follows from the other fields of a frozen value, once, while it is made."""
    for name, found in derived.items():
        object.__setattr__(value, name, found)


@dataclass(frozen=True)
class Dose:
    """One planned administration: which drug, how much, and in which unit: mg/kg or mg, IU/kg or IU.

    An amount may be computed for each subject when it is given. `per_weight`: it is per kilogram of body weight.
    """

    drug: int
    amount: float | Computed
    unit: str = "mg/kg"
    per_weight: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _derive(self, per_weight=self.unit.endswith("/kg"))


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

    internal        whether the subject stays in the state
    destinations    every state that it may lead to
    possible        of these, those that a subject may be sent to: a choice may have given one no chance
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
    internal: bool = field(init=False, repr=False, compare=False)
    destinations: tuple[int, ...] = field(init=False, repr=False, compare=False)
    possible: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.choose is not None:
            leads, possible = self.choose.states, self.choose.possible
        else:
            leads = self.randomise.arms if self.randomise is not None else (self.to,) if self.to is not None else ()
            possible = leads
        internal = self.to is None and self.randomise is None and self.choose is None
        _derive(self, internal=internal, destinations=leads, possible=possible)


@dataclass(frozen=True)
class Group:
    """The transitions with one trigger, tried in file order, and the summaries that their rules and settings read.

    `certain`: one of them is unconditional and none is internal, so that the state is certainly left.
    """

    trigger: str
    transitions: tuple[Transition, ...]
    reads: tuple[int, ...]
    certain: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        certain = any(t.rule is None for t in self.transitions) and not any(t.internal for t in self.transitions)
        _derive(self, certain=certain)


@dataclass(frozen=True)
class State:
    """One state: its visits, duration, and outgoing transitions.

    It ends `lasts` minutes after its start, or `until` minutes after enrolment (immediately if that is past); both are
    None for a final state. Either may be computed for each subject on entering the state.

    `after`: the transitions tried after an assessment, by its number; `at_visit`: instead of these, those after the
    assessment of one planned visit, by its number and the visit's offset.
    A state is `on_study` if it can follow enrolment and is not final.
    `levels` is the treatment, one number per drug: 0 off, 1 standard, else the dose in its own unit.

    final               whether the state is final (absorbing)
    length              `lasts`, or `until`
    timed               whether it has a planned end
    shortest, longest   the least and the most that `length` can come to, in minutes
    same_length         whether every stay is planned to last as long as any other
    computed_levels     the drugs whose dose is computed for each subject, and how
    groups              every group of outgoing transitions
    certainly_left_upon_events    whether every awaited event has an unconditional transition, so that it certainly
                                  ends the stay
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
    final: bool = field(init=False, repr=False, compare=False)
    length: int | Computed | None = field(init=False, repr=False, compare=False)
    timed: bool = field(init=False, repr=False, compare=False)
    shortest: int | None = field(init=False, repr=False, compare=False)
    longest: int | None = field(init=False, repr=False, compare=False)
    same_length: bool = field(init=False, repr=False, compare=False)
    computed_levels: tuple[tuple[int, Computed], ...] = field(init=False, repr=False, compare=False)
    groups: tuple[Group, ...] = field(init=False, repr=False, compare=False)
    certainly_left_upon_events: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        length = self.lasts if self.until is None else self.until
        at_end = () if self.at_end is None else (self.at_end,)
        _derive(
            self,
            final=self.outcome is not None,
            length=length,
            timed=length is not None,
            shortest=int(length.low) if isinstance(length, Computed) else length,
            longest=int(length.high) if isinstance(length, Computed) else length,
            same_length=isinstance(self.lasts, int),
            computed_levels=tuple((k, level) for k, level in enumerate(self.levels) if isinstance(level, Computed)),
            groups=(*at_end, *self.after.values(), *self.at_visit.values(), *self.upon.values()),
            certainly_left_upon_events=all(group.certain for group in self.upon.values()),
        )

    def ends(self, entered: int, enrolled: int, length: int) -> int:
        """The planned end in minutes, for a subject who entered and was enrolled at these minutes.

        length: what `lasts` or `until` comes to for this subject.
        """
        return entered + length if self.until is None else max(entered, enrolled + length)

    def tried_after(self, assessment: int, offset: int) -> Group | None:
        """The transitions tried after an assessment made at the visit planned `offset` minutes after its start."""
        return self.at_visit.get((assessment, offset)) or self.after.get(assessment)


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
    """The whole protocol. Subjects start in states[0]. `always` are the invariants to prove; engines ignore them.

    most_read           the largest number of summaries that one decision reads
    successors          the adjacency list: the states that each state's transitions may lead to
    before_enrolment    the states that can be entered before enrolment
    dose_units          by drug, the unit of all its doses; None where some are per weight and some are not
    """

    states: tuple[State, ...]
    reader: Reader
    randomisations: tuple[Randomisation, ...]
    transitions: tuple[Transition, ...]
    window: int
    always: tuple[Bound, ...] = ()
    choices: tuple[Choice, ...] = ()
    variables: tuple[ProtocolVariable, ...] = ()
    most_read: int = field(init=False, repr=False, compare=False)
    successors: Mapping[int, Sequence[int]] = field(init=False, repr=False, compare=False)
    before_enrolment: frozenset[int] = field(init=False, repr=False, compare=False)
    dose_units: tuple[str | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        successors: dict[int, list[int]] = {s.number: [] for s in self.states}
        for transition in self.transitions:
            successors[transition.source] += transition.destinations
        enrolling = {s.number for s in self.states if s.enrolled}
        doses = [dose for s in self.states for visit in s.visits for dose in visit.doses]
        drugs = len(self.states[0].levels)
        unenrolled = {n: [to for to in leads if to not in enrolling] for n, leads in successors.items()}
        _derive(
            self,
            most_read=max((len(g.reads) for s in self.states for g in s.groups), default=0),
            successors=successors,
            before_enrolment=frozenset() if 0 in enrolling else frozenset(reachable(unenrolled, [0])),
            dose_units=tuple(one_unit(d.unit for d in doses if d.drug == drug) for drug in range(drugs)),
        )

    def state(self, name: str) -> State:
        """The state of that name. Raises KeyError."""
        for state in self.states:
            if state.name == name:
                return state
        raise KeyError(name)

    def group_of(self, transition: Transition) -> Group:
        """The group in which a transition is tried."""
        for group in self.states[transition.source].groups:
            if transition in group.transitions:
                return group
        raise KeyError(transition.number)

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
