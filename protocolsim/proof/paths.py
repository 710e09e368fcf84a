"""Enumeration of every path through a protocol, as planned: states with entry times, visits made and doses given.

Rules that depend only on what is planned (how often a state was entered, the time in it or since enrolment) are
decided; the others may go either way. A loop whose exit depends on the patient is unbounded: it is unrolled for some
rounds, and what holds on them does not count as proven.
An event may fall at any minute. To a final state it is followed at the first minute and at the last; to another state
also after each visit: later doses are nowhere closer to those before, and no stay is longer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from protocolsim.proof.base import Case
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import Call, Name, Negation, Node, Number, Operation, names_in, parse
from protocolsim.protocol.states import Dose, Group, Protocol, State, Transition, Visit
from protocolsim.protocol.summaries import Entries, Formula, TimeSince, VariableNow
from protocolsim.protocol.variables import Computed

MOST_ROUTES = 2000
MOST_STEPS = 40_000
ROUNDS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Limits of entries into one state on a path (loop unrolling), tried in turn until no path is cut short."""


@dataclass(frozen=True)
class PlannedDose:
    """A planned dose: when, which drug, and how much, in its unit: at most, and at least."""

    minute: int
    drug: int
    amount: float
    least: float


@dataclass(frozen=True)
class Route:
    """One path: (state, minute of entry) in order; visits made, doses given, minute of enrolment (or None), its end.

    `by_event`: a state of it was left by an event, which might as well have come at another time. `possible`: a rule on
    it reads a variable that depends on the patient, so that nobody may go this way.
    """

    states: tuple[int, ...]
    minutes: tuple[int, ...]
    visits: int
    assessments: tuple[int, ...]
    doses: tuple[PlannedDose, ...]
    enrolled: int | None
    ends: int
    by_event: bool
    possible: bool = False


@dataclass(frozen=True)
class Routes:
    """The paths found. `whole`: these are all; otherwise `why` not."""

    found: tuple[Route, ...]
    whole: bool
    why: str = ""


@dataclass(frozen=True)
class _Position:
    """A node of the search: a patient's plan so far.

    variables: what they are; None where that depends on the patient, or nothing planned on it. struck: whether one of
    the events has come that come once.
    """

    state: int
    minute: int
    states: tuple[int, ...]
    minutes: tuple[int, ...]
    visits: int
    counts: tuple[int, ...]
    made_at: tuple[int, ...]
    doses: tuple[PlannedDose, ...]
    enrolled: int | None
    by_event: bool
    variables: tuple[float | None, ...]
    possible: bool
    struck: bool = False


class _TooMany(Exception):  # noqa: N818 - a way to stop, not an error
    pass


def routes(case: Case, dead: frozenset[int] = frozenset()) -> Routes:
    """The paths of a case; `dead`: transitions that are proven never to be taken."""
    best: Routes | None = None
    for rounds in ROUNDS:
        walk = _PathSearch(case, dead, rounds)
        try:
            walk.start()
        except _TooMany:
            if best is not None:
                return best
            many = f"there are more than {MOST_ROUTES:,} paths; these are the first"
            return Routes(tuple(walk.found), whole=False, why=many)
        if not walk.cut and walk.unknown:
            name = case.protocol.states[walk.unknown[0]].name
            why = f"how long '{name}' lasts depends on what is seen; paths through it are left out"
            return Routes(tuple(walk.found), whole=False, why=why)
        if not walk.cut:
            return Routes(tuple(walk.found), whole=True)
        name = case.protocol.states[walk.cut[0]].name
        times = "once" if rounds == 1 else f"{rounds} times"
        why = f"'{name}' may be entered any number of times; paths that enter a state more than {times} are left out"
        best = Routes(tuple(walk.found), whole=False, why=why)
    assert best is not None
    return best


def _followed(protocol: Protocol) -> frozenset[int]:
    """The variables on which a path depends: by a rule, how long a state lasts, or a total dose that is bounded."""
    bounded = {b.drug for b in protocol.always if b.measure == "total dose"}
    words = [s.length.words for s in protocol.states if isinstance(s.length, Computed)]
    words += [t.rule.words for t in protocol.transitions if t.rule is not None]
    words += [level.words for s in protocol.states for k, level in s.computed_levels if k in bounded]
    made = {s.name: s.made_by for s in protocol.reader.summaries}
    found: set[int] = set()
    seen: set[str] = set()
    while words:
        for name in names_in(parse(words.pop())):
            if name in seen or name not in made:
                continue
            seen.add(name)
            by = made[name]
            if isinstance(by, Formula):
                words.append(by.words)
            if isinstance(by, VariableNow):
                found.add(by.column)
                words += [a.words for t in protocol.transitions for a in t.sets if a.variable == by.column]
    return frozenset(found)


class _PathSearch:
    """Depth-first search, in file order."""

    def __init__(self, case: Case, dead: frozenset[int], rounds: int) -> None:
        self.case, self.dead, self.rounds = case, dead, rounds
        self.protocol = case.protocol
        self.summaries = {s.name: s.made_by for s in self.protocol.reader.summaries}
        self.nodes: dict[str, Node] = {}
        self.formulas: dict[str, float | bool | None] = {}  # what they come to at the present decision
        self.found: list[Route] = []
        self.cut: list[int] = []
        self.unknown: list[int] = []  # states that end when the patient's own numbers say
        self.steps = 0
        self.followed = _followed(self.protocol)
        # Rules that read a variable: where it depends on the patient, not every way that they seem to leave open is.
        reading = self.protocol.transitions if self.followed else ()
        self.vague = {t.number for t in reading if t.rule is not None and self._reads_variable(t.rule.words)}

    def start(self) -> None:
        """Search from the initial state."""
        many = len(self.case.assessments)
        kept = enumerate(self.protocol.variables)
        variables = tuple(v.start if k in self.followed else None for k, v in kept)
        start = _Position(-1, 0, (), (), 0, (0,) * many, (-1,) * many, (), None, False, variables, possible=False)
        open_ = list(self._enter(start, self.protocol.states[0], 0))
        while open_:
            self._count(1)
            here = open_.pop()
            state = self.protocol.states[here.state]
            if state.final:
                self.found.append(
                    Route(here.states, here.minutes, here.visits, here.counts, here.doses, here.enrolled, here.minute,
                          here.by_event, here.possible)
                )  # fmt: skip
            else:
                open_ += reversed(list(self._ways(here, state)))

    def _enter(self, here: _Position, to: State, minute: int) -> Iterator[_Position]:
        if here.states.count(to.number) >= self.rounds:
            self.cut.append(to.number)
            return
        enrolled = minute if to.enrolled and here.enrolled is None else here.enrolled
        yield dataclasses.replace(
            here, state=to.number, minute=minute, states=(*here.states, to.number), minutes=(*here.minutes, minute),
            enrolled=enrolled,
        )  # fmt: skip

    def _ways(self, here: _Position, state: State) -> Iterator[_Position]:
        """Every continuation of a path out of this state."""
        ends = self._ends(here, state)
        if ends is None:
            self.unknown.append(state.number)
            return
        here = self._unknown_by_events(here, state)
        yield from self._left_by_event(here, state, here.minute + 1, ends)
        begins, heres = here.minute, [here]
        struck_at_end = False
        for visit in state.visits:
            due = begins + visit.offset
            made = visit if due < ends else visit.closing
            if due > ends or made is None:
                continue
            if due == ends:
                for here in heres:
                    # An event comes before a visit of its minute.
                    yield from self._left_by_event(here, state, ends, ends)
                struck_at_end = True
            staying: list[_Position] = []
            for here in heres:
                stays = yield from self._visit(here, state, made, due)
                for stay in stays:
                    given = self._give(stay, made, due)
                    yield from self._left_by_event(given, state, due + 1, ends, onward=True)
                    staying.append(given)
            heres = list(dict.fromkeys(staying)) if len(staying) > 1 else staying
            self._count(len(heres) - 1)
        for here in heres:
            if not struck_at_end:
                yield from self._left_by_event(here, state, ends, ends)
            if state.at_end is not None:
                yield from self._tried(here, state.at_end, ends)[0]

    def _visit(
        self, here: _Position, state: State, made: Visit, due: int
    ) -> Generator[_Position, None, list[_Position]]:
        """Yield who leaves after an assessment of a visit. Returns who stays: several, where a variable may be set."""
        here, tried = self._observe(here, made, due)
        stays = [here]
        for assessment in tried:
            group = state.tried_after(assessment, made.offset)
            if group is None:
                continue
            going: list[_Position] = []
            for stay in stays:
                left, staying = self._tried(stay, group, due)
                yield from left
                going += staying
                if self.case.may_miss:
                    going.append(stay)  # a patient who misses the visit stays, whatever its rules say
            stays = list(dict.fromkeys(going)) if len(going) > 1 else going
        return stays

    def _ends(self, here: _Position, state: State) -> int | None:
        """When the state ends; None where that depends on the patient."""
        length = state.length
        if isinstance(length, Computed):
            self.formulas.clear()
            value = self._value(parse(length.words), here, here.minute)
            if value is None:
                return None
            length = int(min(max(float(value) + 0.5, length.low), length.high))
        assert length is not None
        return state.ends(here.minute, here.enrolled if here.enrolled is not None else here.minute, length)

    def _observe(self, here: _Position, visit: Visit, due: int) -> tuple[_Position, list[int]]:
        new = [a for a in visit.assessments if here.made_at[a] != due]
        if not new and not visit.doses:
            return here, new
        counts = tuple(n + (a in new) for a, n in enumerate(here.counts))
        made_at = tuple(due if a in new else at for a, at in enumerate(here.made_at))
        return dataclasses.replace(here, visits=here.visits + 1, counts=counts, made_at=made_at), new

    def _give(self, here: _Position, visit: Visit, due: int) -> _Position:
        given = tuple(self._dose(d, here, due) for d in visit.doses)
        return dataclasses.replace(here, doses=here.doses + given) if given else here

    def _dose(self, dose: Dose, here: _Position, due: int) -> PlannedDose:
        """A planned dose: what it comes to, or between what and what where that depends on the patient."""
        amount = dose.amount
        if not isinstance(amount, Computed):
            return PlannedDose(due, dose.drug, amount, amount)
        self.formulas.clear()
        value = self._value(parse(amount.words), here, due)
        if value is None:
            return PlannedDose(due, dose.drug, amount.high, amount.low)
        known = float(value) if 0.0 < float(value) < float("inf") else 0.0
        return PlannedDose(due, dose.drug, known, known)

    def _left_by_event(
        self, here: _Position, state: State, minute: int, ends: int, *, onward: bool = False
    ) -> Iterator[_Position]:
        """Continuations by an event at this minute. `onward`: only into states that are not final."""
        if minute > ends:
            return
        for code, group in state.upon.items():
            once = code in self.case.once
            if code not in self.case.events.get(state.number, frozenset()) or (once and here.struck):
                continue
            for left in self._tried(here, group, minute)[0]:
                if not (onward and self.protocol.states[left.state].final):
                    yield dataclasses.replace(left, by_event=True, struck=here.struck or once)

    # Rules that what is planned decides ----------------------------------------------------------------------------

    def _tried(self, here: _Position, group: Group, minute: int) -> tuple[list[_Position], list[_Position]]:
        """Who leaves by these transitions, and who stays: where none holds, or by an internal one."""
        left: list[_Position] = []
        staying: list[_Position] = []
        for t in group.transitions:
            holds = self._holds(here, t, minute)
            if holds is False:
                continue
            if holds is None and t.number in self.vague and not here.possible:
                here = dataclasses.replace(here, possible=True)
            after = self._set(here, t, minute)
            if t.internal:
                staying.append(after)
            for to in t.possible:
                left += self._enter(after, self.protocol.states[to], minute)
            if holds:
                return left, staying
        return left, [*staying, here]

    def _set(self, here: _Position, t: Transition, minute: int) -> _Position:
        """What a transition sets, as far as anything that is planned depends on it."""
        variables = list(here.variables)
        self.formulas.clear()
        for assignment in t.sets:
            if assignment.variable not in self.followed:
                continue
            value = self._value(parse(assignment.words), here, minute)
            if value is None:
                variables[assignment.variable] = None
            elif value == value:
                variable = self.protocol.variables[assignment.variable]
                variables[assignment.variable] = min(max(float(value), variable.low), variable.high)
        return dataclasses.replace(here, variables=tuple(variables)) if t.sets else here

    def _unknown_by_events(self, here: _Position, state: State) -> _Position:
        """A position in which what an event of this state may set, at any time, is not known."""
        possible = self.case.events.get(state.number, frozenset())
        groups = [group for code, group in state.upon.items() if code in possible]
        unknown = {a.variable for g in groups for t in g.transitions if t.internal for a in t.sets}
        known = [None if k in unknown else v for k, v in enumerate(here.variables)]
        return dataclasses.replace(here, variables=tuple(known)) if unknown else here

    def _count(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS or len(self.found) >= MOST_ROUTES:
            raise _TooMany

    def _reads_variable(self, words: str) -> bool:
        made = [self.summaries[n] for n in names_in(parse(words)) if n in self.summaries]
        return any(
            isinstance(by, VariableNow) or (isinstance(by, Formula) and self._reads_variable(by.words)) for by in made
        )

    def _holds(self, here: _Position, t: Transition, minute: int) -> bool | None:
        """Whether a transition is taken when tried: None where it depends on the patient."""
        if t.number in self.dead:
            return False
        if t.rule is None:
            return True
        if t.rule.words not in self.nodes:
            self.nodes[t.rule.words] = parse(t.rule.words)
        self.formulas.clear()
        value = self._value(self.nodes[t.rule.words], here, minute)
        return None if value is None else bool(value)

    def _value(self, node: Node, here: _Position, minute: int) -> float | bool | None:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Name):
            return self._named(node.name, here, minute)
        if isinstance(node, Negation):
            inner = self._value(node.operand, here, minute)
            return None if inner is None else (not inner) if node.op == "not" else -inner
        if isinstance(node, Call):
            values = [self._value(part, here, minute) for part in node.arguments]
            if any(value is None for value in values):
                return None
            of = Call(node.function, tuple(Name(str(k)) for k in range(len(values))))
            return float(compiled(of, {}, {str(k): k for k in range(len(values))})(values))
        left, right = self._value(node.left, here, minute), self._value(node.right, here, minute)
        if node.op in ("and", "or"):
            decided = node.op == "or"
            if left is decided or right is decided:
                return decided
            return None if left is None or right is None else not decided
        if left is None or right is None:
            return None
        pair = Operation(node.op, Name("left"), Name("right"))
        value: float | bool = compiled(pair, {}, {"left": 0, "right": 1})((float(left), float(right)))
        return bool(value) if isinstance(value, bool) else float(value)

    def _named(self, name: str, here: _Position, minute: int) -> float | bool | None:
        if name not in self.summaries:
            return self.case.settings[name].value
        made = self.summaries[name]
        if isinstance(made, Entries):
            return float(here.states.count(made.state))
        if isinstance(made, TimeSince):
            return self._since(made.state, here, minute)
        if isinstance(made, VariableNow):
            return here.variables[made.column]
        if isinstance(made, Formula):
            if name not in self.formulas:  # memoised, else chains of formulas take exponential time
                self.formulas[name] = self._value(parse(made.words), here, minute)
            return self.formulas[name]
        return None

    def _since(self, state: int | None, here: _Position, minute: int) -> float | None:
        if self.case.late:
            return None  # visits may slip, and what is planned does not tell
        if state is None:
            return float("nan") if here.enrolled is None else float(minute - here.enrolled)
        entered = [m for n, m in zip(here.states, here.minutes, strict=True) if n == state]
        return float(minute - entered[-1]) if entered else float("nan")


def by_states(states: Routes) -> Mapping[tuple[int, ...], list[Route]]:
    """The paths that go through the same states, in order of the first."""
    together: dict[tuple[int, ...], list[Route]] = {}
    for route in states.found:
        together.setdefault(route.states, []).append(route)
    return together
