"""How probable it is that a share lies above a value, or above the control's, given what is known at a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from protocolsim.analysis.base import OfShare
from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import StateNames
from protocolsim.endpoint.subjects.population import Population
from protocolsim.interim.base import KEY, LookAt, OfCounts, Prior, ShareOrControl, Statistic
from protocolsim.interim.counted import ArmCounts, check_share, control_of, counted, criteria_of, of_arm_counts
from protocolsim.records import Records
from protocolsim.sequential.beta import probability_above, probability_better


@dataclass(frozen=True, kw_only=True)
class PosteriorProbability(Statistic):
    """Posterior probability that a share lies above a value, or above that of the control arm.

    Each share has a Beta prior, `prior: [a, b]`, in the control the same; `[1, 1]` is uniform. Counts of successes make
    its posterior a Beta too, so that the probability is a finite sum (see sequential/beta.py). `in` names the states of
    the arm, which a subject entered, whatever became of them later; without it all count, against `control` all who
    did not enter the control's. Who entered states of both counts in neither.

    Denominator: that of the share, as far as its members have been followed for long enough. Withdrawal and rescue
    count as the share says, and missed assessments do not matter. Undefined where nobody is in an arm.
    """

    key: ClassVar[str] = "probability that"
    meaning: ClassVar[str] = "posterior probability that a share is above a value or above the control's"
    domain: ClassVar[tuple[float, float]] = (0.0, 1.0)
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
interim:
  of: arm
  control: placebo
  statistics:
    better: {probability that: passed_the_rule, in: combination, is above: control, prior: [1, 1]}
  looks: {when: {followed: [60, 120], for: 26 weeks}}
  rules:
    - {stop: superiority, when: better > 99 %}
"""

    of: OfShare = field(metadata={KEY: "probability that", "meaning": "the endpoint, a share"})
    arm: StateNames = field(default=(), metadata={KEY: "in", "meaning": "the states of the arm"})
    above: ShareOrControl = field(metadata={KEY: "is above", "meaning": "a share, or control"})
    prior: Prior = field(default=(1.0, 1.0), metadata={"meaning": "a and b of the Beta prior"})

    def __post_init__(self) -> None:
        check_share(self.name, self.above)

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:  # noqa: ARG002
        """See Statistic."""
        return self._given(*counted(self.of, known, populations, self.arm, control_of(self.above)))

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:
        """See Statistic."""
        return of_arm_counts(criteria_of(self.of, declared, self.arm, control_of(self.above)), self._given)

    def _given(self, one: ArmCounts, other: ArmCounts | None = None) -> Floats:
        if isinstance(self.above, tuple):
            assert other is not None
            found = probability_better(one.x, one.n, other.x, other.n, self.prior)
            return np.where(one.anybody & other.anybody, found, np.nan)
        return np.where(one.anybody, probability_above(one.x, one.n, self.above, self.prior), np.nan)


KIND = PosteriorProbability
