"""Populations whose conditions on the chart exclude each other, so that nobody can be in them.

A summary may take any value that its kind allows, and may be undefined; nothing is taken for granted of how summaries
depend on each other, but where one is a formula over others. What is said to be empty therefore is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from protocolsim.endpoint.subjects.population import Population
from protocolsim.proof.base import Case, Domain, Finding
from protocolsim.proof.rough_statistics import rough_statistic
from protocolsim.proof.symbolic.budget import Budget, TooHigh
from protocolsim.proof.symbolic.logic import Logic, Term, Truth, exact
from protocolsim.proof.symbolic.rule_terms import term_of, truth_of
from protocolsim.protocol.conditions import CourseCondition
from protocolsim.protocol.rules import parse
from protocolsim.protocol.summaries import Entries, Formula, Observed, TimeSince, TraitSeen, VariableNow

_ONE = Fraction(1)


def excluded(case: Case, populations: Mapping[str, Population]) -> Iterator[Finding]:
    """A warning for each population that nobody's chart fits, but where that is so of the one that it is part of."""
    budget = Budget()
    asked = {name: _asked(populations, name) for name in populations}
    nobody = {name for name, conditions in asked.items() if _excludes(case, conditions, budget)}
    for name, population in populations.items():
        if name in nobody and population.of not in nobody:
            said = " and ".join(f"'{words}'" for words in asked[name])
            message = f"nobody can be in it: no chart, whatever it holds, fits {said}"
            yield Finding("nobody in it", "warning", ("populations", name), message)


def _asked(populations: Mapping[str, Population], name: str | None) -> list[str]:
    """The conditions on the chart of a population, after those of what it is part of."""
    if name is None or name not in populations:
        return []
    population = populations[name]
    own = [population.where.rule.words] if isinstance(population.where, CourseCondition) else []
    return [*_asked(populations, population.of), *own]


def _excludes(case: Case, conditions: Sequence[str], budget: Budget) -> bool:
    """Whether no chart meets all of these conditions: proven, within the budget."""
    if not conditions:
        return False
    chart = _AnyChart(case, Logic(budget))
    try:
        claims = [truth_of(chart.logic, parse(words), chart.meaning) for words in conditions]
    except TooHigh:
        return False
    return chart.logic.solver(chart.facts).ask(*claims).verdict == "no"


@dataclass
class _AnyChart:
    """Whatever a chart may hold: the same name means the same number in all conditions."""

    case: Case
    logic: Logic
    facts: list[Truth] = field(default_factory=list)
    _terms: dict[str, Term] = field(default_factory=dict)

    def meaning(self, name: str) -> Term:
        """What a name in a condition can be."""
        if name not in self._terms:
            self._terms[name] = self._meaning(name)
        return self._terms[name]

    def _meaning(self, name: str) -> Term:
        made = {s.name: s.made_by for s in self.case.protocol.reader.summaries}.get(name)
        if made is None:
            return Term(exact(self.case.settings[name].value), _ONE, True, (0, 0))
        if isinstance(made, Formula):
            return term_of(self.logic, parse(made.words), self.meaning)
        if isinstance(made, Observed):
            term, facts = rough_statistic(self.logic, made, self.case.variables[made.variable], 0)
            self.facts += facts
            return term
        if isinstance(made, TimeSince):
            since = self.logic.number(name, Domain(0.0), self.facts)
            return Term(since, _ONE, self.logic.truth(name))
        if isinstance(made, TraitSeen):
            domain = self.case.traits[made.column]
        elif isinstance(made, VariableNow):
            variable = self.case.protocol.variables[made.column]
            domain = Domain(variable.low, variable.high)
        else:
            assert isinstance(made, Entries)
            domain = Domain(0.0, whole=True)
        return Term(self.logic.number(name, domain, self.facts), _ONE, True)
