"""How probable it is that an analysis will reject at the end, given its test statistic at a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from protocolsim.analysis.base import Analysis
from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Number
from protocolsim.endpoint.subjects.population import Population
from protocolsim.errors import UsageError
from protocolsim.interim.base import (
    KEY,
    LookAt,
    NumberOrBoundary,
    NumberOrTrend,
    OfAnalysis,
    OfCounts,
    Statistic,
    tested,
)
from protocolsim.records import Records
from protocolsim.sequential.conditional_power import conditional_power
from protocolsim.sequential.normal import quantile


@dataclass(frozen=True, kw_only=True)
class ConditionalPower(Statistic):
    """Conditional power: the probability that z of an analysis reaches `critical` at the end, given z at the look.

    Lan, Simon and Halperin 1982. What is to come has the mean that `if` says: `trend`, what the data at the look say,
    or the drift, the mean of z at the end. `at` is the information at the end, counted as the trial's `information`
    (its maximum where absent); the fraction at the look is that found, not that planned. `critical` is a number or a
    boundary's last value, without it the z from which on the analysis rejects at its level in favour of its
    alternative. From the full information on it is 1 or 0. Undefined where z is, and with the trend before any
    information. Population, withdrawal, rescue and missed assessments: as for `z of`.
    """

    key: ClassVar[str] = "conditional power of"
    meaning: ClassVar[str] = "the probability that an analysis rejects at the end, given its statistic at the look"
    domain: ClassVar[tuple[float, float]] = (0.0, 1.0)
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
interim:
  statistics:
    z: {z of: passed_between_arms}
    power: {conditional power of: passed_between_arms, at: 120, if: trend, critical: 1.96}
  looks: {when: {followed: [60, 120], for: 26 weeks}}
  rules:
    - {at: first, stop: futility, when: power < 10 %}
    - {at: last, conclude: effect, when: z >= 1.96}
"""

    of: OfAnalysis = field(metadata={KEY: "conditional power of", "meaning": "the analysis"})
    full: Number | None = field(default=None, metadata={KEY: "at", "meaning": "the information at the end"})
    drift: NumberOrTrend = field(default="trend", metadata={KEY: "if", "meaning": "trend, or the mean of z at the end"})
    critical: NumberOrBoundary | None = field(
        default=None,
        metadata={"meaning": "what z must reach at the end: a number or a boundary, whose last value it is"},
    )

    def __post_init__(self) -> None:
        if self.full is not None and not self.full > 0.0:
            raise UsageError(
                f"statistic '{self.name}': the information at the end is {self.full:g}, and must be above 0"
            )

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """See Statistic."""
        return self._given(
            self.of.z_values(*tested(self.of, known, populations), known.replicates), at.information, at.maximum
        )

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:
        """See Statistic."""
        test = self.of.of_counts(declared)
        return None if test is None else OfCounts(test.criteria, lambda n, *found: self._given(test.z(n), *found))

    def _given(self, z: Floats, information: Floats, maximum: float) -> Floats:
        fraction = information if self.full is None else information * maximum / self.full
        critical = _critical(self.of) if self.critical is None else self.critical
        found: Floats = conditional_power(z, fraction, self.drift, critical)
        return found


def _critical(analysis: Analysis) -> float:
    """The z from which on an analysis rejects in favour of its alternative."""
    two_sided = getattr(analysis, "alternative", None) == "two-sided"
    return -quantile(0.5 * analysis.level if two_sided else analysis.level)


KIND = ConditionalPower
