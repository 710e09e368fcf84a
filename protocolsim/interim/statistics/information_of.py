"""The information that a look has about the effect of an analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.subjects.population import Population
from protocolsim.interim.base import KEY, LookAt, OfAnalysis, OfCounts, Statistic, tested
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class InformationOf(Statistic):
    """The Fisher information about the effect that an analysis tests, found in what is known at the cut-off.

    1 over the variance of the estimate, in the terms of the analysis (a difference of shares, the logarithm of a ratio
    of hazards or rates). It does not depend on what was planned. Population, withdrawal, rescue and missed assessments:
    as for `z of`. Undefined where the test cannot be made.
    """

    key: ClassVar[str] = "information of"
    meaning: ClassVar[str] = "the Fisher information about an analysis's effect that has come in"
    domain: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
interim:
  statistics: {z: {z of: passed_between_arms}, found: {information of: passed_between_arms}}
  looks: {when: {followed: [60, 120], for: 26 weeks}}
  rules:
    - {stop: efficacy, when: z >= 2.8 and found > 50}
"""

    of: OfAnalysis = field(metadata={KEY: "information of", "meaning": "the analysis"})

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:  # noqa: ARG002
        """See Statistic."""
        return self.of.information(*tested(self.of, known, populations), known.replicates)

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:
        """See Statistic."""
        test = self.of.of_counts(declared)
        return None if test is None else OfCounts(test.criteria, lambda n, *_: test.information(n))


KIND = InformationOf
