"""Satisfiability questions about one decision: what can be true of a patient who reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from protocolsim.proof.base import Case
from protocolsim.proof.symbolic.budget import Budget, TooHigh
from protocolsim.proof.symbolic.chart import SymbolicChart, Values
from protocolsim.proof.symbolic.history import History
from protocolsim.proof.symbolic.logic import Logic, Solver, SolverAnswer, Truth, times
from protocolsim.protocol.rules import names_in, parse
from protocolsim.protocol.states import Group, State, Transition
from protocolsim.protocol.summaries import Formula

_SIMPLE = (0, 1, 2, 3, 4, 6, 10)


class Patients:
    """Every patient of a case; `free`: whatever the parameters are within their ranges."""

    def __init__(self, case: Case, budget: Budget | None = None, *, free: bool = False) -> None:
        self.case, self.logic = case, Logic(budget)
        self.history = History(case, self.logic)
        self.values = Values(self.history, free=free)
        self.roughly: set[int] = set()  # the states entered on a rule that is too high to be taken into account
        self._entering: dict[int, list[Truth]] = {}
        self._left: dict[tuple[int, str], SymbolicChart] = {}

    def entering(self, state: int) -> list[Truth]:
        """Constraints on a patient who enters a state, from the transitions into it and their rules."""
        if state not in self._entering:
            entering: list[Truth] = []
            guards: dict[int, Truth] = {}
            for t in self.history.ways:
                known = t.source in self.history.traced(state) and t.source not in self.history.looped
                if state not in t.possible or not known:
                    continue
                if (t.source, t.trigger) not in self._left:
                    self._left[t.source, t.trigger] = SymbolicChart(self.values, t.source, t.trigger, here=False)
                chart = self._left[t.source, t.trigger]
                try:
                    guards[t.number] = chosen(chart, self.case.protocol.group_of(t), t)
                except TooHigh:
                    self.roughly.add(state)  # without the rule more seems possible than is
                entering += chart.facts
            self._entering[state] = entering + self.history.way_in(state, enters_with=guards)
        return self._entering[state]


def chosen(chart: SymbolicChart, group: Group, transition: Transition) -> Truth:
    """Whether this transition is the one that is taken: its rule holds, and none before it."""
    earlier = group.transitions[: group.transitions.index(transition)]
    logic = chart.logic
    return logic.both(chart.rule(transition), *(logic.no(chart.rule(t)) for t in earlier))


class DecisionQuestion:
    """One group of transitions, tried for a patient in one state. Raises TooHigh where a rule is too high to prove."""

    def __init__(self, patients: Patients, state: State, group: Group) -> None:
        self.patients, self.state, self.group = patients, state, group
        self.logic = patients.logic
        self.chart = SymbolicChart(patients.values, state.number, group.trigger, here=True)
        self.rules = {t.number: self.chart.rule(t) for t in group.transitions}
        self._alone: Solver | None = None
        self._whole: Solver | None = None
        self._patients: list[SolverAnswer] = []  # found so far: one may answer the next question too

    def _facts(self) -> list[Truth]:
        """All constraints on a patient who reaches this decision."""
        history = self.patients.history
        before = history.traced(self.state.number)
        gone = {self.state.number, *history.before(self.state.number)}
        facts = [*self.patients.values.facts, *history.enrolment_facts, self.chart.timing]
        passed = [n for n in gone if n == self.state.number or history.must_pass(n, self.state.number)]
        facts += [history.stays[n].came for n in passed]
        facts += [self.logic.no(s.came) for n, s in history.stays.items() if n not in gone]
        for number in (*before, self.state.number):
            facts += self.patients.entering(number)
            self.chart.rough |= number in self.patients.roughly
        for number in before:
            facts += history.way_out(number)
        return facts

    def can(self, *claims: Truth, show: Sequence[str] = ()) -> SolverAnswer:
        """Whether the claims can be true of a patient. `show`: the names whose numbers will be shown, best small.

        What is impossible whatever came before is seen at once; only the rest is asked with all that came before.
        """
        for known in self._patients if not show else ():
            if all(self.logic.is_so(known.model, c) for c in claims):
                return known
        if self._alone is None:
            self._alone = self.logic.solver([*self.patients.values.facts, *self.chart.facts, self.chart.timing])
        alone = self._alone.ask(*claims)
        if alone.verdict == "no":
            return alone
        if self._whole is None:
            self._whole = self.logic.solver([*self._facts(), *self.chart.facts])
        can = self._whole.ask(*claims, best=[self._small(n) for n in self.leaves(show)])
        if can.verdict == "yes":
            self._patients.append(can)
        return can

    def _small(self, name: str) -> list[Truth]:
        """Preferences for a readable number, the simplest first."""
        term, same = self.chart.meaning(name), self.logic.compare
        return [
            self.logic.both(term.defined, same("==", term.numerator, times(Fraction(k), term.denominator)))
            for k in _SIMPLE
        ]

    def taken(self, transition: Transition) -> Truth:
        """Whether this transition is the one that is taken."""
        return chosen(self.chart, self.group, transition)

    def goes(self, answer: SolverAnswer) -> Transition | None:
        """The transition that the patient of a counterexample takes."""
        for t in self.group.transitions:
            if self.logic.is_so(answer.model, self.rules[t.number]):
                return t
        return None

    def numbers(self, answer: SolverAnswer, names: Sequence[str]) -> Mapping[str, float | None]:
        """What a counterexample's numbers are; None where undefined."""
        numbers: dict[str, float | None] = {}
        for name in names:
            term = self.chart.meaning(name)
            if not self.logic.is_so(answer.model, term.defined):
                numbers[name] = None
                continue
            bottom = self.logic.shown(answer.model, term.denominator)
            numbers[name] = float(self.logic.shown(answer.model, term.numerator) / bottom) if bottom else None
        return numbers

    def read_by(self, *transitions: Transition) -> list[str]:
        """The summaries and traits that rules name, in order."""
        known = {s.name for s in self.patients.case.protocol.reader.summaries}
        result = [n for t in transitions if t.rule is not None for n in names_in(parse(t.rule.words))]
        return [n for n in dict.fromkeys(result) if n in known]

    def leaves(self, names: Sequence[str]) -> list[str]:
        """What names come down to: the summaries and traits below their formulas, in order; parameters last."""
        summaries = self.patients.case.protocol.reader.summaries
        numbers = {s.name: k for k, s in enumerate(summaries)}
        open_ = [numbers[n] for n in names if n in numbers]
        leaves: set[int] = set()
        while open_:
            number = open_.pop()
            made = summaries[number].made_by
            if isinstance(made, Formula):
                open_ += made.reads
            leaves.add(number)
        below = [summaries[k].name for k in sorted(leaves) if not isinstance(summaries[k].made_by, Formula)]
        return below + [n for n in names if n not in numbers]
