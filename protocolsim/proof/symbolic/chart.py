"""The symbolic chart at a decision: observations as symbols, and each summary as a term over them.

If the visits before the decision are known, every observation is a symbol of its own, so that summaries of the same
observations are consistent: the mean of four baseline values and the sum of the first three, say. In a loop, or with
too many observations, a summary is constrained only by laws of any numbers, as between sum and mean.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from protocolsim.proof.base import Domain
from protocolsim.proof.rough_statistics import rough_statistic
from protocolsim.proof.symbolic.budget import TooHigh
from protocolsim.proof.symbolic.history import History, SymbolicStay, repeats
from protocolsim.proof.symbolic.logic import UNDEFINED, Number, Term, Truth, exact, plus, times
from protocolsim.proof.symbolic.rule_terms import term_of, truth_of
from protocolsim.protocol.rules import Node, parse
from protocolsim.protocol.states import END, Transition, Visit
from protocolsim.protocol.summaries import (
    COUNT,
    FIRST,
    LAST,
    MEAN,
    SMALLEST,
    SUM,
    AtVisit,
    Entries,
    Formula,
    Observed,
    TimeSince,
    TraitSeen,
    VariableNow,
)  # fmt: skip

MOST_SYMBOLS = 30  # observations of one summary that are kept apart
_ONE = Fraction(1)
_COUNTED = Domain(0.0, whole=True)


@dataclass(frozen=True)
class SymbolicObservation:
    """One observation that may be in the chart: its symbol, how old it is now, and whether it is there."""

    value: Number
    age: Number
    there: Truth


class Values:
    """The symbols of observations, traits and parameters: the same for every decision of one patient."""

    def __init__(self, history: History, *, free: bool) -> None:
        """`free`: parameters may be anything in their ranges; otherwise they are what the scenario says."""
        self.history, self.logic, self.free = history, history.logic, free
        self._observed: dict[tuple[int, int, int], tuple[Number, list[Truth]]] = {}
        self.facts: list[Truth] = []
        self.traits = [self.logic.number("trait", d, self.facts) for d in history.case.traits]
        self.settings: dict[str, Term] = {}
        for name, setting in history.case.settings.items():
            fixed = Term(exact(setting.value), _ONE, True, (0, 0))
            if setting.node is not None:
                term = self._derived(setting.node, fixed)
            elif setting.domain.least > -float("inf"):
                term = Term(self.logic.number(name, setting.domain, self.facts) if free else _ONE, _ONE, True)
            else:
                term = fixed
            if not free:  # what is too high with free parameters is so with fixed ones
                term = Term(exact(setting.value), _ONE, True, term.degree)
            elif setting.node is not None:
                self.facts.append(term.defined)
            self.settings[name] = term

    def _derived(self, node: Node, fixed: Term) -> Term:
        """A parameter that is an expression over others; fixed where that multiplies too often."""
        try:
            return term_of(self.logic, node, self.settings.__getitem__)
        except TooHigh:
            return fixed

    def written(self, text: str) -> Term:
        """A number over parameters, as the file writes it."""
        node = parse(text)
        return term_of(self.logic, node, self.settings.__getitem__)

    def observed(self, state: int, offset: int, variable: int) -> tuple[Number, list[Truth]]:
        """The value seen at one visit, and what is known of it."""
        key = (state, offset, variable)
        if key not in self._observed:
            facts: list[Truth] = []
            domain = self.history.case.variables[variable]
            self._observed[key] = self.logic.number(self.history.case.names[variable], domain, facts), facts
        return self._observed[key]


class SymbolicChart:
    """The chart at one decision: a state and what triggers it."""

    def __init__(self, values: Values, state: int, trigger: str, *, here: bool) -> None:
        """`here`: this is the decision that is asked about; otherwise, how the state was left on the way."""
        self.values, self.history, self.logic = values, values.history, values.logic
        self.state, self.trigger = state, trigger
        self.facts: list[Truth] = []
        self.rough = len(self.history.traced(state)) < len(self.history.before(state))
        stay = dataclasses.replace(self.history.stays[state], came=True)
        self.stay = self._here(stay) if here else stay
        self.timing = self.history.timing(self.stay, trigger)
        self._terms: dict[int, Term] = {}
        self._there: dict[tuple[int, int, int], Truth] = {}
        self._summaries = self.history.protocol.reader.summaries
        self._numbers = {s.name: k for k, s in enumerate(self._summaries)}

    def _here(self, stay: SymbolicStay) -> SymbolicStay:
        """The patient is in the state, and has been there until now."""
        logic, state, late = self.logic, stay.state, self.history.case.late
        if self.trigger == END and isinstance(state.lasts, int) and not late:
            return dataclasses.replace(stay, length=Fraction(state.lasts), to_the_end=True)
        length = logic.number("now", Domain(0.0), self.facts)
        if state.lasts is not None and state.longest is not None:
            self.facts.append(logic.compare("<=", length, Fraction(state.longest + late)))
            self.rough |= not isinstance(state.lasts, int)
        # Upon an event, or where a state ends with the trial, a visit of this very moment may not have been made.
        sharp = self.trigger.startswith("after") or (self.trigger == END and isinstance(state.lasts, int))
        return dataclasses.replace(stay, length=length, to_the_end=sharp or logic.truth("a visit just now"))

    def _gone_through(self, state: int) -> SymbolicStay:
        """The stay in an earlier state; its visit is certain if every path passes it."""
        stay = self.history.stays[state]
        return dataclasses.replace(stay, came=True) if self.history.must_pass(state, self.state) else stay

    # Meanings ------------------------------------------------------------------------------------------------------

    def meaning(self, name: str) -> Term:
        """What a name in a rule can be."""
        return self.summary(self._numbers[name]) if name in self._numbers else self.values.settings[name]

    def rule(self, transition: Transition) -> Truth:
        """A transition's own rule."""
        if transition.rule is None:
            return True
        return truth_of(self.logic, parse(transition.rule.words), self.meaning)

    def summary(self, number: int) -> Term:
        """What a summary can be."""
        if number not in self._terms:
            self._terms[number] = self._summary(number)
        return self._terms[number]

    def _summary(self, number: int) -> Term:
        made = self._summaries[number].made_by
        if isinstance(made, Formula):
            return term_of(self.logic, parse(made.words), self.meaning)
        if isinstance(made, TraitSeen):
            return Term(self.values.traits[made.column], _ONE, True)
        if isinstance(made, VariableNow):
            return self._variable(made.column)
        if isinstance(made, Entries):
            return Term(self._entries(made.state), _ONE, True)
        if isinstance(made, TimeSince):
            return self._time_since(made.state)
        return self._observed(made)

    def _variable(self, number: int) -> Term:
        """A variable: its start where nothing can have set it by now, else anything in its range."""
        variable = self.history.protocol.variables[number]
        start, low, high = (self.values.written(text) for text in variable.written)
        gone = {self.state, *self._before()}
        here = self.state in self.history.looped
        if not any(
            a.variable == number
            for t in self.history.ways
            if t.source in gone and (t.source != self.state or t.internal or here)
            for a in t.sets
        ):
            return start
        self.rough = True
        now = Term(self.logic.number(variable.name, Domain(), self.facts), _ONE, True)
        self.facts += [self._at_least(now, low), self._at_least(high, now)]
        return now

    def _at_least(self, a: Term, b: Term) -> Truth:
        """a >= b, where both are defined; nothing where that multiplies too often to be said."""
        try:
            difference = self.logic.add(a, b, -1)
            return self.logic.either(self.logic.no(difference.defined), self.logic.holds(">=", a, b))
        except TooHigh:
            return True

    def _before(self) -> list[int]:
        return self.history.before(self.state)

    def _untraced(self) -> set[int]:
        return set(self._before()) - set(self.history.traced(self.state))

    def _entries(self, state: int) -> Number:
        looped = state in self.history.looped
        if not looped:
            self.rough |= state in self._untraced()
            came = state == self.state or (self._gone_through(state).came if state in self._before() else False)
            return self.logic.if_then(came, _ONE, Fraction(0))
        if state != self.state and state not in self._before():
            return Fraction(0)
        self.rough = True
        least = 1.0 if state in (self.state, 0) else 0.0
        return self.logic.number("entries", Domain(least, whole=True), self.facts)

    def _time_since(self, state: int | None) -> Term:
        now = plus(self.stay.since, self.stay.length)
        if state is None:
            there = self.logic.either(*(
                True if s.number == self.state else self._gone_through(s.number).came
                for s in self.history.protocol.states
                if s.enrolled and (s.number == self.state or s.number in self._before())
            ))  # fmt: skip
            self.rough |= bool(self.history.looped)
            return self._ago(now, self.history.enrolled, there)
        if state == self.state:
            return Term(self.stay.length, _ONE, True)
        if state not in self._before():
            return UNDEFINED
        stay = self._gone_through(state)
        if stay.looped or self.stay.looped or state in self._untraced():
            self.rough = True
            there = True if state == 0 else self.logic.truth("has been there")
            return self._ago(now, self.logic.number("entered", Domain(0.0), self.facts), there)
        return Term(plus(now, times(Fraction(-1), stay.since)), _ONE, stay.came)

    def _ago(self, now: Number, then: Number, there: Truth) -> Term:
        """The time since a moment that is no later than now."""
        ago = plus(now, times(Fraction(-1), then))
        self.facts.append(self.logic.either(self.logic.no(there), self.logic.compare(">=", ago, Fraction(0))))
        return Term(ago, _ONE, there)

    # Observations --------------------------------------------------------------------------------------------------

    def _observed(self, made: Observed) -> Term:
        chosen = set(made.during) if made.during else {s.number for s in self.history.protocol.states}
        states = [n for n in (*self._before(), self.state) if n in chosen and self._shows(n, made.variable)]
        if self.state in states and self._enough_here(made):
            states = [self.state]
        unknown = self.history.looped | self._untraced()
        if unknown.intersection(states):
            return self._roughly(made, states)
        seen = [s for n in states for s in self._seen(n, made.variable, made.at)]
        if len(seen) > MOST_SYMBOLS:
            return self._roughly(made, states)
        kept = [self.logic.both(s.there, self._recent(s, made.within)) for s in seen]
        kept = self._ranked(kept, made.first, made.last)
        pairs = [(s.value, k) for s, k in zip(seen, kept, strict=True) if k is not False]
        return self._statistic(made, [v for v, _ in pairs], [k for _, k in pairs])

    def _enough_here(self, made: Observed) -> bool:
        """Whether nothing that was observed before this state can matter."""
        if self.stay.looped or made.at is not None:
            return False
        if made.within >= 0 and isinstance(self.stay.length, Fraction) and self.stay.length > made.within:
            return True
        wanted = made.last if made.last >= 0 else 1 if made.how == LAST else -1
        if wanted < 0 or made.first >= 0:
            return False
        here = self._seen(self.state, made.variable)
        return sum(self.logic.both(s.there, self._recent(s, made.within)) is True for s in here) >= wanted

    def _shows(self, state: int, variable: int) -> bool:
        planned = self.history.planned(self.history.protocol.states[state])
        return any(variable in self.history.case.shows[a] for visit in planned for a in visit.assessments)

    def _seen(self, state: int, variable: int, at: AtVisit | None = None) -> list[SymbolicObservation]:
        """The observations that one stay in a state may have brought; `at`: those of one planned visit."""
        here = state == self.state
        stay = self.stay if here else self._gone_through(state)
        elapsed = self.stay.length if here else plus(
            plus(self.stay.since, self.stay.length), times(Fraction(-1), stay.since)
        )  # fmt: skip
        result = []
        for visit in self.history.planned(stay.state):
            for assessment in visit.assessments:
                if variable not in self.history.case.shows[assessment]:
                    continue
                key = state, visit.offset, assessment
                if key not in self._there:
                    self._there[key] = self.history.made(stay, visit, assessment, whole=here and self._whole(visit))
                there = self.logic.both(self._there[key], self._at(stay, visit.offset, at))
                if there is False:
                    continue
                value, facts = self.values.observed(state, visit.offset, variable)
                self.facts.extend(facts)
                result.append(SymbolicObservation(value, plus(elapsed, Fraction(-visit.offset)), there))
        return result

    def _whole(self, visit: Visit) -> bool:
        """Whether this decision follows an assessment that would not be made at the end of the state."""
        state = self.history.protocol.states[self.state]
        tried = ((a, state.tried_after(a, visit.offset)) for a in visit.assessments)
        return any(group is not None and group.trigger == self.trigger and repeats(visit, a) for a, group in tried)

    def _at(self, stay: SymbolicStay, offset: int, at: AtVisit | None) -> Truth:
        """Whether a visit of a stay is this one. At the very start of a state it may be one of the state before."""
        if at is None:
            return True
        self.rough |= at.offset == 0
        if not at.since_enrolment:
            return offset == at.offset
        if self.history.case.late:
            return self.logic.truth("so long since enrolment")
        planned = plus(stay.since, Fraction(offset))
        wanted = plus(self.history.enrolled, Fraction(at.offset))
        return self.logic.both(self.history.was_enrolled, self.logic.compare("==", planned, wanted))

    def _recent(self, seen: SymbolicObservation, within: int) -> Truth:
        if within < 0:
            return True
        if self.history.case.late:
            return self.logic.truth("recent")  # a visit may have slipped
        return self.logic.compare("<=", seen.age, Fraction(within))

    def _ranked(self, kept: Sequence[Truth], first: int, last: int) -> list[Truth]:
        """The first, then the last so many of those that are kept (both count among all that are kept)."""
        result = list(kept)
        for most, turn in ((first, 1), (last, -1)):
            if most < 0:
                continue
            earlier: Number = Fraction(0)
            for k in list(range(len(kept)))[::turn]:
                within = self.logic.compare("<", earlier, Fraction(most))
                result[k] = self.logic.both(result[k], within)
                earlier = plus(earlier, self.logic.if_then(kept[k], _ONE, Fraction(0)))
        return result

    def _statistic(self, made: Observed, values: list[Number], kept: list[Truth]) -> Term:
        logic = self.logic
        count: Number = Fraction(0)
        total: Number = Fraction(0)
        for value, there in zip(values, kept, strict=True):
            count = plus(count, logic.if_then(there, _ONE, Fraction(0)))
            total = plus(total, logic.if_then(there, value, Fraction(0)))
        if made.how == COUNT:
            return Term(count, _ONE, True)
        if not values:
            return UNDEFINED
        there = logic.either(*kept)
        if made.how == SUM:
            return Term(total, _ONE, there)
        if made.how == MEAN:
            return Term(self._mean(total, count, len(values)), _ONE, there)
        if made.how in (LAST, FIRST):
            ordered = list(zip(values, kept, strict=True))[:: 1 if made.how == LAST else -1]
            chosen = ordered[0][0]
            for value, is_there in ordered[1:]:
                chosen = logic.if_then(is_there, value, chosen)
            return Term(chosen, _ONE, there)
        return Term(self._extreme(made, values, kept), _ONE, there)

    def _mean(self, total: Number, count: Number, most: int) -> Number:
        """The sum over the count, case by case of the count, so that all stays linear."""
        if isinstance(count, Fraction):
            return times(1 / count, total)
        mean = self.logic.number("mean", Domain(), self.facts)
        for k in range(1, most + 1):
            so_many = self.logic.compare("==", count, Fraction(k))
            same = self.logic.compare("==", times(Fraction(k), mean), total)
            self.facts.append(self.logic.either(self.logic.no(so_many), same))
        return mean

    def _extreme(self, made: Observed, values: list[Number], kept: list[Truth]) -> Number:
        logic = self.logic
        extreme = logic.number("extreme", self.history.case.variables[made.variable], self.facts)
        op = "<=" if made.how == SMALLEST else ">="
        for value, is_there in zip(values, kept, strict=True):
            self.facts.append(logic.either(logic.no(is_there), logic.compare(op, extreme, value)))
        one_of = [logic.both(k, logic.compare("==", extreme, v)) for v, k in zip(values, kept, strict=True)]
        self.facts.append(logic.either(logic.no(logic.either(*kept)), *one_of))
        return extreme

    def _roughly(self, made: Observed, states: Sequence[int]) -> Term:
        """A statistic of numbers of which only the bounds are known, and that some are certain to be there."""
        self.rough = True
        sure = 0
        if self.state in states:
            seen = self._seen(self.state, made.variable, made.at)
            sure = sum(self.logic.both(s.there, self._recent(s, made.within)) is True for s in seen)
            sure = max(sure, self._just_made(made.variable) if made.at is None else 0)
        domain = self.history.case.variables[made.variable]
        roughly, facts = rough_statistic(self.logic, made, domain, sure)
        self.facts.extend(facts)
        return roughly

    def _just_made(self, variable: int) -> int:
        """1 where the very assessment that triggers this decision shows the variable."""
        state = self.history.protocol.states[self.state]
        groups = [*state.after.items(), *((a, group) for (a, _), group in state.at_visit.items())]
        for assessment, group in groups:
            if group.trigger == self.trigger and variable in self.history.case.shows[assessment]:
                return 1
        return 0
