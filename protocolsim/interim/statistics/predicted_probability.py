"""How probable it is, given what is known at a look, that the posterior probability at the end will be high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from protocolsim.analysis.base import OfShare
from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import StateNames
from protocolsim.endpoint.subjects.population import Population
from protocolsim.errors import UsageError
from protocolsim.interim.base import KEY, Fraction, LookAt, OfCounts, Prior, ShareOrControl, Statistic, WholeNumber
from protocolsim.interim.counted import ArmCounts, check_share, control_of, counted, criteria_of, of_arm_counts
from protocolsim.records import Records
from protocolsim.sequential.predictive import predicted_above, predicted_better


@dataclass(frozen=True, kw_only=True)
class PredictedProbability(Statistic):
    """Predictive probability that at the end the posterior probability (`probability that`) exceeds `with`.

    Lee & Liu, Clin Trials 2008;5:93. `of` is how many subjects are counted at the end, in all arms that are compared
    together; those to come are shared out between the arms as those counted so far. How many of them meet the
    conditions is beta-binomial with the present posterior. Where as many are counted already, it is 1 where the
    posterior probability exceeds `with`, else 0. `in`, `is above`, `prior`, and how withdrawal, rescue and missed
    assessments count: as for `probability that`. Undefined where nobody is in an arm.
    """

    key: ClassVar[str] = "predicted probability that"
    meaning: ClassVar[str] = "predictive probability that a share will be found above a value or above the control's"
    domain: ClassVar[tuple[float, float]] = (0.0, 1.0)
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
cohort: {size: 36}
endpoints:
  passed: {kind: share, entered: monotherapy}
interim:
  statistics:
    enough: {predicted probability that: passed, is above: 20 %, with: 90 %, of: 36, prior: [0.2, 0.8]}
  looks: {when: {followed: [10, 20, 36], for: 26 weeks}}
  rules:
    - {stop: futility, when: enough < 0.1 %}
"""

    of: OfShare = field(metadata={KEY: "predicted probability that", "meaning": "the endpoint, a share"})
    arm: StateNames = field(default=(), metadata={KEY: "in", "meaning": "the states of the arm"})
    above: ShareOrControl = field(metadata={KEY: "is above", "meaning": "a share, or control"})
    bound: Fraction = field(metadata={KEY: "with", "meaning": "what the posterior probability at the end must exceed"})
    last: WholeNumber = field(metadata={KEY: "of", "meaning": "how many subjects are counted at the end"})
    prior: Prior = field(default=(1.0, 1.0), metadata={"meaning": "a and b of the Beta prior"})

    def __post_init__(self) -> None:
        check_share(self.name, self.above)
        if not 0.0 < self.bound < 1.0:
            raise UsageError(f"statistic '{self.name}': no probability can exceed {self.bound:g} or all of them do")
        if self.last < 1:
            raise UsageError(
                f"statistic '{self.name}': {self.last} subjects are counted at the end; expected 1 or more"
            )

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:  # noqa: ARG002
        """See Statistic."""
        return self._given(*counted(self.of, known, populations, self.arm, control_of(self.above)))

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:
        """See Statistic."""
        return of_arm_counts(criteria_of(self.of, declared, self.arm, control_of(self.above)), self._given)

    def _given(self, one: ArmCounts, other: ArmCounts | None = None) -> Floats:
        if isinstance(self.above, tuple):
            assert other is not None
            return self._two_arms(one, other)
        last = np.maximum(self.last, one.n)
        found = np.full(len(last), np.nan)
        for number in np.unique(last[one.anybody]).tolist():
            these = one.anybody & (last == number)
            found[these] = predicted_above(one.x[these], one.n[these], number, self.above, self.bound, self.prior)
        return found

    def _two_arms(self, one: ArmCounts, other: ArmCounts) -> Floats:
        defined = one.anybody & other.anybody
        together = np.maximum(one.n + other.n, 1)
        to_come = np.maximum(self.last - together, 0)
        # Whole numbers, halves rounded up: no share of an arm depends on the last bit of a quotient.
        mine = (2 * to_come * one.n + together) // (2 * together)
        lasts = np.column_stack([one.n + mine, other.n + to_come - mine])
        found = np.full(len(together), np.nan)
        for last1, last0 in np.unique(lasts[defined], axis=0).tolist():
            these = defined & (lasts == (last1, last0)).all(axis=1)
            counts = one.x[these], one.n[these], other.x[these], other.n[these]
            found[these] = predicted_better(*counts, (last1, last0), self.bound, self.prior)
        return found


KIND = PredictedProbability
