"""A share in one arm against the same share in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import CompareShares, TwoByTwo, alternating, normal_p, two_by_two, z_of_tails
from protocolsim.arrays import Floats, Integers
from protocolsim.endpoint.base import quotient


@dataclass(frozen=True, kw_only=True)
class TwoShares(CompareShares):
    """Test of a `share` in the arm that entered `arm` against that of those who entered `against`.

    Null hypothesis: both are the same. `score`: the normal test with the pooled share, without a correction for
    continuity, for which textbooks give sample sizes; `fisher`: Fisher's exact test. Population: that of the share, in
    the arm whose states a subject entered, whatever became of them later (who entered those of both counts in
    neither); who withdrew or was rescued counts as the share says, and missed assessments do not matter.

    z is positive where the share is higher in `arm`, where it is lower if the alternative is `less`. Information is
    that about the difference of the shares, 1 over its variance with the pooled share, with either method.
    """

    kind: ClassVar[str] = "two_shares"
    meaning: ClassVar[str] = "test of a share between two arms"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
analysis:
  more_pass: {kind: two_shares, of: passed_the_rule, arm: combination, against: placebo, method: fisher}
"""

    method: Literal["score", "fisher"] = "score"
    alternative: Literal["two-sided", "less", "greater"] = "two-sided"

    @property
    def independent_increments(self) -> bool:
        """Of the score test; Fisher's z is made of exact tails."""
        return self.method == "score"

    @property
    def test(self) -> str:
        """Which arms, on which side."""
        name = {"score": "score test", "fisher": "Fisher's exact test"}[self.method]
        side = {"two-sided": "two-sided", "less": "one-sided for less", "greater": "one-sided for more"}
        return f"{name} of {self.versus}, {side[self.alternative]}"

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Two arms with one share."""
        return np.column_stack([rng.random(subjects) < 0.5, alternating(subjects)]).astype(np.float64)

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where an arm is empty, of the score also where all or none meet the conditions."""
        if self.method == "fisher":
            return self._fisher(two_by_two(columns[:, 0], columns[:, 1], trial, trials))
        return normal_p(self.z_values(columns, trial, trials), two_sided=self.alternative == "two-sided")

    def z_of(self, table: TwoByTwo) -> Floats:
        """Of the pooled score, or of the exact tails; nan where an arm is empty or all or none meet the conditions."""
        if self.method == "fisher":
            z = z_of_tails(*_tails(table))
        else:
            difference = quotient(table.k1, table.n1) - quotient(table.k0, table.n0)
            z = quotient(difference, np.sqrt(_variance(table)))
        return -z if self.alternative == "less" else z

    def information_of(self, table: TwoByTwo) -> Floats:
        """1 over the variance with the pooled share; nan where an arm is empty or all or none meet the conditions."""
        return quotient(np.ones(len(table.n1)), _variance(table))

    def _fisher(self, table: TwoByTwo) -> Floats:
        from scipy.stats import fisher_exact

        distinct, which = _distinct(table)
        p = [
            fisher_exact([[a, b], [c, d]], alternative=self.alternative)[1] if a + b and c + d else float("nan")
            for a, b, c, d in distinct
        ]
        return np.array(p, dtype=np.float64)[which]


def _variance(table: TwoByTwo) -> Floats:
    """Variance of the difference of the shares, with the pooled share."""
    one = np.ones(len(table.n1))
    pooled = quotient(table.k1 + table.k0, table.n1 + table.n0)
    return pooled * (1.0 - pooled) * (quotient(one, table.n1) + quotient(one, table.n0))


def _distinct(table: TwoByTwo) -> tuple[list[list[int]], Integers]:
    """The distinct tables (met, not met, in `arm` and against it), and which of them each trial has."""
    every = np.column_stack([table.k1, table.n1 - table.k1, table.k0, table.n0 - table.k0]).astype(np.int64)
    distinct, which = np.unique(every, axis=0, return_inverse=True)
    return distinct.tolist(), which.reshape(-1)


def _tails(table: TwoByTwo) -> tuple[Floats, Floats]:
    """P(so many or more met in `arm`) and P(so many or fewer), given all who met; nan where an arm is empty."""
    distinct, which = _distinct(table)
    tails = [hypergeometric_tails(*t) if t[0] + t[1] and t[2] + t[3] else (float("nan"),) * 2 for t in distinct]
    above, below = np.array(tails, dtype=np.float64).reshape(-1, 2)[which].T
    return above, below


def hypergeometric_tails(a: int, b: int, c: int, d: int) -> tuple[float, float]:
    """Of a table with these margins: P(a or more) and P(a or fewer), in whole numbers, rounded once."""
    one, other, met = a + b, c + d, a + c
    low = max(0, met - other)
    weight = _choices(one, low) * _choices(other, met - low)
    weights = [weight]
    for j in range(low, min(one, met)):
        weight = weight * (one - j) * (met - j) // ((j + 1) * (other - met + j + 1))
        weights.append(weight)
    every = sum(weights)
    return sum(weights[a - low :]) / every, sum(weights[: a - low + 1]) / every


def _choices(number: int, chosen: int) -> int:
    """In how many ways so many can be chosen."""
    ways = 1
    for j in range(min(chosen, number - chosen)):
        ways = ways * (number - j) // (j + 1)
    return ways


KIND = TwoShares
