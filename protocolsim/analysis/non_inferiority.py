"""Whether a share in one arm is at most a margin worse than in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import CompareShares, TwoByTwo, alternating, normal_p
from protocolsim.arrays import Floats, Integers
from protocolsim.endpoint.base import Number, quotient
from protocolsim.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class NonInferiority(CompareShares):
    """Non-inferiority test of a `share` in the arm that entered `arm` to that of those who entered `against`.

    Null hypothesis: the share in `arm` is worse by `margin` or more. `better` says whether a higher or a lower share is
    the better one. One-sided score test with the shares estimated under the null hypothesis, without a correction for
    continuity (Farrington and Manning, Stat Med 1990;9:1447). Population: that of the share, in the arm whose states a
    subject entered, whatever became of them later (who entered those of both counts in neither); who withdrew or was
    rescued counts as the share says, and missed assessments do not matter.

    z is positive where the arm is better than worse by the margin. Information is that about the difference of the
    shares, 1 over its variance with the shares estimated under the null hypothesis.
    """

    kind: ClassVar[str] = "non_inferiority"
    meaning: ClassVar[str] = "test that a share in one arm is not worse than in another by a margin"
    no_effect_is_null: ClassVar[bool] = False
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
endpoints:
  stayed: {kind: share, not_ended_in: withdrawn}
analysis:
  not_worse: {kind: non_inferiority, of: stayed, arm: combination, against: placebo, margin: 10 %}
"""

    margin: Number
    better: Literal["higher", "lower"] = "higher"
    level: Number = 0.025

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.margin < 1.0:
            raise UsageError(f"analysis '{self.name}': the margin, {self.margin:g}, is not between 0 and 1")

    @property
    def independent_increments(self) -> bool:
        """Of the difference, with its variance under the null hypothesis."""
        return True

    @property
    def test(self) -> str:
        """Which arms, and by how much."""
        return (
            f"score test that {' or '.join(self.arm)} is not worse than {' or '.join(self.against)} by "
            f"{100.0 * self.margin:g} percentage points, one-sided, {self.better} being better"
        )

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Two arms of which the first is worse by the margin."""
        arm = alternating(subjects)
        worse = 0.75 * (1.0 - self.margin)
        share = np.where(arm == 1.0, worse, worse + self.margin)
        meets = rng.random(subjects) < (share if self.better == "higher" else 1.0 - share)
        return np.column_stack([meets.astype(np.float64), arm])

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where an arm is empty."""
        return normal_p(self.z_values(columns, trial, trials), two_sided=False)

    def z_of(self, table: TwoByTwo) -> Floats:
        """How much better than worse by the margin, over its error; nan where an arm is empty."""
        difference, variance = self._difference(table)
        return quotient(difference + self.margin, np.sqrt(variance))

    def information_of(self, table: TwoByTwo) -> Floats:
        """1 over the variance under the null hypothesis; nan where an arm is empty."""
        _, variance = self._difference(table)
        return quotient(np.ones(len(variance)), variance)

    def _difference(self, table: TwoByTwo) -> tuple[Floats, Floats]:
        """How much better the arm is, and the variance of that under the null hypothesis."""
        if self.better == "lower":
            table = TwoByTwo(table.n1 - table.k1, table.n1, table.n0 - table.k0, table.n0)
        one, other = quotient(table.k1, table.n1), quotient(table.k0, table.n0)
        p1 = restricted(one, other, quotient(table.n0, table.n1), -self.margin)
        p0 = p1 + self.margin
        variance = quotient(p1 * (1.0 - p1), table.n1) + quotient(p0 * (1.0 - p0), table.n0)
        return one - other, np.maximum(variance, 0.0)


def restricted(one: Floats, other: Floats, ratio: Floats, difference: float) -> Floats:
    """The most likely first share where the first minus the second is `difference`, from the two shares observed.

    `ratio` is the size of the second group over that of the first. The root of a cubic (Farrington and Manning 1990).
    """
    a = 1.0 + ratio
    b = -(1.0 + ratio + one + ratio * other + difference * (ratio + 2.0))
    c = difference * difference + difference * (2.0 * one + ratio + 1.0) + one + ratio * other
    d = -one * difference * (1.0 + difference)
    third = b / (3.0 * a)
    v = third * third * third - b * c / (6.0 * a * a) + d / (2.0 * a)
    u = np.copysign(np.sqrt(np.maximum(third * third - c / (3.0 * a), 0.0)), v)
    w = (np.pi + np.arccos(np.clip(quotient(v, u * u * u), -1.0, 1.0))) / 3.0
    root = 2.0 * u * np.cos(w) - third
    return np.asarray(np.clip(root, max(0.0, difference), min(1.0, 1.0 + difference)))


KIND = NonInferiority
