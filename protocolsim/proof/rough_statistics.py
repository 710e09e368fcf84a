"""An abstraction of a statistic over an unknown number of observations: constraints that hold for any values."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

from protocolsim.proof.base import Domain
from protocolsim.proof.symbolic.logic import Logic, Number, Term, Truth, times
from protocolsim.protocol.summaries import COUNT, MEAN, SUM, Observed

_ONE, _ZERO = Fraction(1), Fraction(0)
_FEW = 12


def rough_statistic(logic: Logic, made: Observed, domain: Domain, sure: int) -> tuple[Term, list[Truth]]:
    """The statistic, and what is known of it. `sure`: how many observations are certain to be in reach."""
    facts: list[Truth] = []
    limits = [n for n in (made.first, made.last) if n >= 0]
    most = float(min(limits)) if limits else float("inf")
    count = logic.number("count", Domain(min(float(sure), most), most, whole=True), facts)
    there = logic.compare(">=", count, _ONE)
    if made.how == COUNT:
        return Term(count, _ONE, True), facts
    if made.how == MEAN:
        mean = logic.number("mean", dataclasses.replace(domain, whole=False), facts)
        _hang_together(logic, mean, logic.number("sum", Domain(whole=domain.whole), facts), count, most, facts)
        return Term(mean, _ONE, there), facts
    if made.how == SUM:
        total = logic.number("sum", Domain(whole=domain.whole), facts)
        mean = logic.number("mean", dataclasses.replace(domain, whole=False), facts)
        _hang_together(logic, mean, total, count, most, facts)
        return Term(total, _ONE, there), facts
    return Term(logic.number("value", domain, facts), _ONE, there), facts


def _hang_together(logic: Logic, mean: Number, total: Number, count: Number, most: float, facts: list[Truth]) -> None:
    """Constraints that link the sum and the mean of at least one number."""
    none = logic.compare("<", count, _ONE)
    if most <= _FEW:
        for k in range(1, int(most) + 1):
            same = logic.compare("==", times(Fraction(k), mean), total)
            facts.append(logic.either(logic.no(logic.compare("==", count, Fraction(k))), same))
        return
    above = logic.both(logic.compare(">=", mean, _ZERO), logic.compare(">=", total, mean))
    below = logic.both(logic.compare("<=", mean, _ZERO), logic.compare("<=", total, mean))
    facts.append(logic.either(none, above, below))
