"""A protocol: states with visits, and the transitions between them. Names are resolved to numbers here.

A protocol is data. It knows nothing of any disease or drug but their names, and both engines run it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from protocolsim.protocol.rules import Evaluator
from protocolsim.protocol.summaries import Reader

END = "end"


@dataclass(frozen=True)
class Dose:
    """One planned administration: which drug, and how much (mg/kg)."""

    drug: int
    amount: float


@dataclass(frozen=True)
class Visit:
    """All that is planned for one moment of a state, `offset` minutes after its start.

    `closing` is what of it is still done where the state ends at that very moment: what was listed, not what repeats.
    """

    offset: int
    assessments: tuple[int, ...]
    doses: tuple[Dose, ...]
    closing: Visit | None


@dataclass(frozen=True)
class Rule:
    """A decision rule: the scenario's own words, and the compiled function of the summaries."""

    words: str
    evaluate: Evaluator


@dataclass(frozen=True)
class Randomisation:
    """Permuted blocks over arms, one list for each stratum.

    `block` lists the arm (position in `arms`) of each place of an unpermuted block; `strata` are rules whose truth
    separates lists, `by_site` separates them by site as well.
    """

    name: str
    number: int
    arms: tuple[int, ...]
    block: tuple[int, ...]
    strata: tuple[Rule, ...]
    by_site: bool


@dataclass(frozen=True)
class Transition:
    """A way out of one state. `rule` None: always taken. `to` None: `randomise` chooses among its arms."""

    number: int
    source: int
    to: int | None
    randomise: Randomisation | None
    rule: Rule | None
    otherwise: bool
    trigger: str
    item: int

    @property
    def destinations(self) -> tuple[int, ...]:
        """Every state this transition may lead to."""
        return self.randomise.arms if self.randomise is not None else (self.to,) if self.to is not None else ()


@dataclass(frozen=True)
class Group:
    """The transitions tried together, in file order, and the summaries their rules read."""

    trigger: str
    transitions: tuple[Transition, ...]
    reads: tuple[int, ...]

    @property
    def certain(self) -> bool:
        """Whether one of them is taken whatever the rules say."""
        return any(t.rule is None for t in self.transitions)


@dataclass(frozen=True)
class State:
    """One state: what is done in it, how long it lasts, the ways out.

    It ends `lasts` minutes after its start, or `until` minutes after enrolment (at once where that is past); both are
    None for a final state.

    A state is `on_study` where it can follow enrolment and is not final.
    `levels` is the treatment in force, one number per drug: 0 off, 1 standard, else the dose in mg/kg.
    """

    number: int
    name: str
    label: str
    outcome: str | None
    enrolled: bool
    on_study: bool
    lasts: int | None
    until: int | None
    levels: tuple[float, ...]
    visits: tuple[Visit, ...]
    at_end: Group | None
    after: Mapping[int, Group]
    upon: Mapping[int, Group]

    @property
    def final(self) -> bool:
        """Whether a subject who gets here has finished."""
        return self.outcome is not None

    @property
    def timed(self) -> bool:
        """Whether its time is ever over."""
        return self.lasts is not None or self.until is not None

    def ends(self, entered: int, enrolled: int) -> int:
        """The minute at which its time is over, for a subject who entered and was enrolled at these minutes."""
        if self.until is not None:
            return max(entered, enrolled + self.until)
        assert self.lasts is not None
        return entered + self.lasts

    @cached_property
    def certainly_left_upon_events(self) -> bool:
        """Whether every event that a transition waits for ends the stay, whatever the rules say."""
        return all(group.certain for group in self.upon.values())

    @property
    def groups(self) -> Iterator[Group]:
        """Every group of transitions out of this state."""
        if self.at_end is not None:
            yield self.at_end
        yield from self.after.values()
        yield from self.upon.values()


@dataclass(frozen=True)
class Bound:
    """What must hold on every path: doses of a drug, their sum (mg/kg), or a time, is at most so much.

    measure      "doses", "total dose" or "time"
    drug         of doses: which
    since        of a time: the state from whose last entry it is counted; None: from enrolment
    in_any       of doses: counted in any interval of so many minutes, its start included and its end not; None: overall
    """

    name: str
    measure: str
    at_most: float
    drug: int = -1
    since: int | None = None
    in_any: int | None = None


@dataclass(frozen=True)
class Protocol:
    """The whole protocol. Subjects start in states[0]. `always` is what must hold on every path, for proofs only."""

    states: tuple[State, ...]
    reader: Reader
    randomisations: tuple[Randomisation, ...]
    transitions: tuple[Transition, ...]
    window: int
    always: tuple[Bound, ...] = ()

    @property
    def most_read(self) -> int:
        """The largest number of summaries that one decision reads."""
        return max((len(g.reads) for s in self.states for g in s.groups), default=0)

    def state(self, name: str) -> State:
        """The state of that name; KeyError where there is none."""
        for state in self.states:
            if state.name == name:
                return state
        raise KeyError(name)

    def successors(self) -> dict[int, list[int]]:
        """The states that each state's transitions may lead to."""
        successors: dict[int, list[int]] = {s.number: [] for s in self.states}
        for transition in self.transitions:
            successors[transition.source] += transition.destinations
        return successors

    def before_enrolment(self) -> set[int]:
        """The states that subjects can be in who have not been enrolled."""
        enrolling = {s.number for s in self.states if s.enrolled}
        ways = {n: [to for to in enrolment if to not in enrolling] for n, enrolment in self.successors().items()}
        return set() if 0 in enrolling else reachable(ways, [0])

    def group_of(self, transition: Transition) -> Group:
        """The group in which a transition is tried."""
        for group in self.states[transition.source].groups:
            if transition in group.transitions:
                return group
        raise KeyError(transition.number)

    def explain(self, number: int, read: Sequence[float]) -> tuple[str, str]:
        """What triggered a recorded transition, and the rule's own words with the numbers it read filled in."""
        transition = self.transitions[number]
        group = self.group_of(transition)
        names = [self.reader.summaries[k].name for k in group.reads]
        numbers = ", ".join(f"{n} = {_shown(v)}" for n, v in zip(names, read[: len(names)], strict=True))
        if transition.rule is not None:
            words = transition.rule.words
        else:
            refused = [t.rule.words for t in group.transitions if t.rule and t.number < number]
            words = "otherwise (not: " + "; not: ".join(refused) + ")" if refused else "always"
        return transition.trigger, f"{words} | {numbers}" if numbers else words


def _shown(value: float) -> str:
    return "undefined" if value != value else f"{value:.4g}"


def reachable(successors: Mapping[int, Sequence[int]], start: Sequence[int]) -> set[int]:
    """Every state that can be got to from the given ones, themselves included."""
    result, open_ = set(start), list(start)
    while open_:
        for state in successors[open_.pop()]:
            if state not in result:
                result.add(state)
                open_.append(state)
    return result
