"""How many subjects belong to a population at a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.criteria.dated import of_population
from protocolsim.endpoint.subjects.population import Population
from protocolsim.interim.base import KEY, LookAt, OfCounts, PopulationName, Statistic, trial_of
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class NumberOf(Statistic):
    """How many subjects belong to a population by the cut-off, of those who have been followed for long enough.

    Who withdrew or was rescued counts as the population says, and missed assessments do not matter. Never undefined.
    """

    key: ClassVar[str] = "number of"
    meaning: ClassVar[str] = "how many subjects belong to a population"
    domain: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    whole: ClassVar[bool] = True
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
populations:
  passed_on_daclizumab: {of: on_daclizumab, entered: monotherapy}
interim:
  statistics: {passed: {number of: passed_on_daclizumab}}
  looks: {when: {followed: [60, 120], for: 26 weeks}}
  rules:
    - {at: first, stop: futility, when: passed <= 5}
"""

    of: PopulationName = field(metadata={KEY: "number of", "meaning": "the population"})

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:  # noqa: ARG002
        """See Statistic."""
        members = trial_of(known)[populations[self.of]]
        return np.bincount(members, minlength=known.replicates).astype(np.float64)

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:
        """See Statistic."""
        criteria = of_population(self.of, declared)
        return None if criteria is None else OfCounts((criteria,), lambda n, *_: n[0])


KIND = NumberOf
