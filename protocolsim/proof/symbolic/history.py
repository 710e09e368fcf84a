"""The symbolic history of a patient before a decision: the states visited, for how long, and by which rules.

A state that no way leads back to is gone through at most once: whether, when, for how long and what was observed there
is one set of symbols, which all later decisions share. So a rule is judged on what earlier rules let through. Of a
state in a loop only what holds on every round is known.

More may be allowed here than can happen (that a rule tried after an earlier visit had not held is forgotten), never
less. What is proven for all is true; a counterexample of a protocol with loops or missed visits may not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from protocolsim.proof.base import Case, Domain
from protocolsim.proof.symbolic.logic import Logic, Number, Truth, plus, times
from protocolsim.protocol.states import END, State, Transition, Visit, reachable

MOST_TRACED = 8
"""How many states before a decision are followed in full; of more, only those that every patient went through."""
_TIME = Domain(0.0)


@dataclass
class SymbolicStay:
    """One state as gone through: whether (`came`), from when, and for how long.

    `to_the_end`: whether a visit at its very end was made. `looped`: it can be gone through several times.
    """

    state: State
    looped: bool
    came: Truth
    since: Number
    length: Number
    to_the_end: Truth
    facts: list[Truth] = field(default_factory=list)


def repeats(visit: Visit, assessment: int) -> bool:
    """Whether an assessment is not made where the visit falls on the end of its state."""
    return visit.closing is None or assessment not in visit.closing.assessments


class History:
    """The states of a case as gone through, and what must hold between them."""

    def __init__(self, case: Case, logic: Logic) -> None:
        self.case, self.logic, self.protocol = case, logic, case.protocol
        self.ways = [t for t in self.protocol.transitions if self._can_happen(t)]
        successors: dict[int, list[int]] = {s.number: [] for s in self.protocol.states}
        for t in self.ways:
            successors[t.source] += t.possible
        self._after = {n: reachable(successors, init) for n, init in successors.items()}
        self.looped = {n for n, after in self._after.items() if n in after}
        self._taken = {(t.number, to): logic.truth(f"way {t.number}") for t in self.ways for to in t.possible}
        self.stays = {s.number: self._stay(s) for s in self.protocol.states}
        self._before: dict[int, list[int]] = {}
        self._traced: dict[int, list[int]] = {}
        self._flags: dict[tuple[int, int, int], Truth] = {}
        self._doms: dict[tuple[int, int], bool] = {}
        self.enrolled, self.was_enrolled, self.enrolment_facts = self._enrolment()

    def _can_happen(self, t: Transition) -> bool:
        state = self.protocol.states[t.source]
        for code, group in state.upon.items():
            if t in group.transitions:
                return code in self.case.events.get(t.source, frozenset())
        return not state.final

    @cached_property
    def order(self) -> list[int]:
        """The states, each after those it can follow, but for loops."""
        earlier = {n: {m for m, after in self._after.items() if n in after} for n in self._after}
        return sorted(earlier, key=lambda n: (len(earlier[n]), n))

    def before(self, state: int) -> list[int]:
        """The states that can have been gone through before this one, in order of time."""
        if state not in self._before:
            self._before[state] = [n for n in self.order if state in self._after[n] and n != state]
        return self._before[state]

    def traced(self, state: int) -> list[int]:
        """Of the states before this one, those followed in full: all if few, else the unavoidable ones (dominators)."""
        if state not in self._traced:
            self._traced[state] = self._followed(state)
        return self._traced[state]

    def _followed(self, state: int) -> list[int]:
        before = self.before(state)
        if len(before) <= MOST_TRACED:
            return before
        passed = [n for n in before if self.must_pass(n, state)]
        return passed[: MOST_TRACED // 2] + passed[MOST_TRACED // 2 :][-(MOST_TRACED // 2) :]

    def _stay(self, state: State) -> SymbolicStay:
        logic, first = self.logic, state.number == 0
        looped = state.number in self.looped
        facts: list[Truth] = []
        since: Number = Fraction(0) if first and not looped else logic.number("since", _TIME, facts)
        came: Truth = True if first else logic.truth(state.name)
        onward = [
            t
            for t in self.ways
            if t.source == state.number and any(not self.protocol.states[d].final for d in t.possible)
        ]
        if isinstance(state.lasts, int) and not self.case.late and all(t.trigger == END for t in onward):
            return SymbolicStay(state, looped, came, since, Fraction(state.lasts), True, facts)
        length = logic.number("length", _TIME, facts)
        if state.lasts is not None and state.longest is not None:
            facts.append(logic.compare("<=", length, Fraction(state.longest + self.case.late)))
        return SymbolicStay(state, looped, came, since, length, logic.truth("to the end"), facts)

    # Visits --------------------------------------------------------------------------------------------------------

    def planned(self, state: State) -> list[Visit]:
        """The visits of a state, with what is left of them where they fall on its end; all where that is not known."""
        if not isinstance(state.lasts, int):
            return list(state.visits)
        planned = [v if v.offset < state.lasts else v.closing for v in state.visits if v.offset <= state.lasts]
        return [v for v in planned if v is not None]

    def made(self, stay: SymbolicStay, visit: Visit, assessment: int, *, whole: bool = False) -> Truth:
        """Whether this assessment had been made when the state was left (or now, if this is where the patient is).

        whole: if the visit is of this moment, all of it was made, what repeats too.
        """
        logic, at = self.logic, Fraction(visit.offset)
        flag = self._flag(stay.state, visit, assessment)
        if self.case.late:
            return logic.both(stay.came, flag)
        at_the_end = logic.both(logic.compare("==", at, stay.length), stay.to_the_end)
        if not (whole or isinstance(stay.state.lasts, int) or not repeats(visit, assessment)):
            # At the very end of a state what is listed is made and what repeats is not; this may be the end.
            key = stay.state.number, visit.offset, ~assessment
            if key not in self._flags:
                self._flags[key] = logic.truth("made at the end")
            at_the_end = logic.both(at_the_end, self._flags[key])
        return logic.both(stay.came, logic.either(logic.compare("<", at, stay.length), at_the_end), flag)

    def _flag(self, state: State, visit: Visit, assessment: int) -> Truth:
        """True where an assessment is certain to be made when it is due; else a truth of its own, always the same."""
        already = visit.offset == 0 and self._may_be_made_already(state, assessment)
        if not (self.case.may_miss or self.case.late or already):
            return True
        key = state.number, visit.offset, assessment
        if key not in self._flags:
            self._flags[key] = self.logic.truth("made")
        return self._flags[key]

    def _may_be_made_already(self, state: State, assessment: int) -> bool:
        """Whether a state before this one may make the same assessment at the moment it is left."""
        for t in self.ways:
            if state.number not in t.possible:
                continue
            source = self.protocol.states[t.source]
            known = isinstance(source.lasts, int)
            closing = [v for v in self.planned(source) if v.offset == source.lasts or not known]
            chosen = closing if t.trigger == END else source.visits
            if any(assessment in v.assessments for v in chosen):
                return True
        return False

    # Ways ----------------------------------------------------------------------------------------------------------

    def timing(self, stay: SymbolicStay, trigger: str) -> Truth:
        """When in a state a group of transitions can be tried: the state's length so far."""
        logic, state = self.logic, stay.state
        if trigger == END:
            if state.lasts is None:
                return self._ends_with_trial(stay)
            if not isinstance(state.lasts, int):
                return self._between(stay.length, state)
            return logic.both(self._about(stay.length, Fraction(state.lasts)), stay.to_the_end)
        if trigger not in {g.trigger for g in (*state.after.values(), *state.at_visit.values())}:
            return True
        moments = [
            logic.both(self._about(stay.length, Fraction(v.offset)), self._flag(state, v, assessment))
            for v in self.planned(state)
            for assessment in v.assessments
            if (group := state.tried_after(assessment, v.offset)) is not None and group.trigger == trigger
        ]
        return logic.both(logic.either(*moments), stay.to_the_end)

    def _about(self, length: Number, planned: Fraction) -> Truth:
        """Whether something planned for this moment happens now; it may be late."""
        if not self.case.late:
            return self.logic.compare("==", length, planned)
        latest = planned + self.case.late
        return self.logic.both(self.logic.compare(">=", length, planned), self.logic.compare("<=", length, latest))

    def _between(self, length: Number, state: State) -> Truth:
        """Whether a state whose length is computed can end now: after anything that this can come to."""
        least, most = state.shortest or 0, (state.longest or 0) + self.case.late
        within = self.logic.compare
        return self.logic.both(within(">=", length, Fraction(least)), within("<=", length, Fraction(most)))

    def _ends_with_trial(self, stay: SymbolicStay) -> Truth:
        state, logic, zero = stay.state, self.logic, Fraction(0)
        assert state.shortest is not None
        left = plus(plus(self.enrolled, Fraction(state.shortest)), times(Fraction(-1), stay.since))
        if self.case.late or state.shortest != state.longest:
            return logic.both(self.was_enrolled, logic.compare(">=", stay.length, left))
        ends = logic.either(
            logic.both(logic.compare(">=", left, zero), logic.compare("==", stay.length, left)),
            logic.both(logic.compare("<", left, zero), logic.compare("==", stay.length, zero)),
        )
        return logic.both(self.was_enrolled, ends)

    def _enrolment(self) -> tuple[Number, Truth, list[Truth]]:
        """When the patient was enrolled, whether at all, and what is known of it."""
        logic = self.logic
        enrolling = [self.stays[s.number] for s in self.protocol.states if s.enrolled]
        facts: list[Truth] = []
        at = logic.number("enrolled", _TIME, facts)
        came = logic.either(*(s.came for s in enrolling))
        facts += [logic.either(logic.no(s.came), logic.compare("<=", at, s.since)) for s in enrolling if not s.looped]
        if not any(s.looped for s in enrolling):
            same = [logic.both(s.came, logic.compare("==", at, s.since)) for s in enrolling]
            facts.append(logic.either(logic.no(came), *same))
        return at, came, facts

    def must_pass(self, through: int, to: int) -> bool:
        """Whether every path to state `to` passes `through` another (dominance)."""
        if (through, to) not in self._doms:
            ways: dict[int, list[int]] = {s.number: [] for s in self.protocol.states}
            for t in self.ways:
                if t.source != through:
                    ways[t.source] += t.possible
            self._doms[through, to] = through == 0 or (through != to and to not in reachable(ways, [0]))
        return self._doms[through, to]

    def way_in(self, state: int, *, enters_with: dict[int, Truth] | None = None) -> list[Truth]:
        """What entering a state says: by exactly one way, from a state gone through, at the moment that one was left.

        enters_with: for each transition, what its rule says.
        """
        logic, stay = self.logic, self.stays[state]
        facts = list(stay.facts)
        ways = [t for t in self.ways if state in t.possible]
        if state != 0:
            taken = [self._taken[t.number, state] for t in ways]
            facts.append(logic.either(logic.no(stay.came), *taken))
        for t in ways:
            if t.source not in self.traced(state):
                continue
            source = self.stays[t.source]
            said: list[Truth] = [source.came]
            if not source.looped:
                said.append(self.timing(source, t.trigger))
                said.append((enters_with or {}).get(t.number, True))
                if not stay.looped:
                    left = plus(source.since, source.length)
                    said.append(logic.compare("==", stay.since, left))
            facts.append(logic.either(logic.no(self._taken[t.number, state]), logic.both(*said)))
        return facts

    def way_out(self, state: int) -> list[Truth]:
        """A state that no way leads back to is left by one way only."""
        if state in self.looped:
            return []
        out = [self._taken[t.number, to] for t in self.ways if t.source == state for to in t.possible]
        return [self.logic.no(self.logic.both(a, b)) for k, a in enumerate(out) for b in out[k + 1 :]]
