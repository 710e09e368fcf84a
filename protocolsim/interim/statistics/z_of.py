"""The test statistic of an analysis at a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.subjects.population import Population
from protocolsim.interim.base import KEY, LookAt, OfAnalysis, OfCounts, Statistic, tested
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class ZOf(Statistic):
    """The test statistic of an analysis from what is known at the cut-off, standard normal at its null hypothesis.

    Positive in favour of the alternative, that of "greater" where the test is two-sided. Population: that of the
    analysis, as far as its members have been followed for long enough; withdrawal, rescue and missed assessments count
    as they do there. Undefined where the test cannot be made.
    """

    key: ClassVar[str] = "z of"
    meaning: ClassVar[str] = "an analysis's test statistic on the scale of the standard normal distribution"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
interim:
  statistics: {z: {z of: passed_between_arms}}
  boundaries: {efficacy: {spends: 2.5 %, as: obrien_fleming}}
  looks: {when: {followed: [60, 120], for: 26 weeks}}
  rules:
    - {stop: efficacy, when: z >= efficacy}
"""

    of: OfAnalysis = field(metadata={KEY: "z of", "meaning": "the analysis"})

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:  # noqa: ARG002
        """See Statistic."""
        return self.of.z_values(*tested(self.of, known, populations), known.replicates)

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:
        """See Statistic."""
        test = self.of.of_counts(declared)
        return None if test is None else OfCounts(test.criteria, lambda n, *_: test.z(n))


KIND = ZOf
