"""A share against a target: the test of a single-arm trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import Analysis, CountedTest, OfShare, counts, z_of_tails
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Number
from protocolsim.endpoint.subjects.population import Population
from protocolsim.errors import UsageError
from protocolsim.records import Records

# Subjects up to whom p is worked out in whole numbers, which grow with them.
_MOST_EXACT = 100


@dataclass(frozen=True, kw_only=True)
class ExactBinomial(Analysis):
    """Exact binomial test of a `share` against a target that was fixed beforehand.

    Null hypothesis: the share is the target, or on the other side of it. Population: everybody in that of the share;
    who withdrew or was rescued counts as the share says, and missed assessments do not matter.

    z is positive for a share above the target, below it where the alternative is `less`. Information is that about the
    share at the target: subjects over target (1 - target).
    """

    kind: ClassVar[str] = "exact_binomial"
    meaning: ClassVar[str] = "exact binomial test of a share against a target"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
analysis:
  enough_controlled: {kind: exact_binomial, of: controlled_on_monotherapy, target: 33 %}
"""

    of: OfShare
    target: Number
    alternative: Literal["two-sided", "less", "greater"] = "greater"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.target < 1.0:
            raise UsageError(f"analysis '{self.name}': the target, {self.target:g}, is not between 0 and 1")

    @property
    def test(self) -> str:
        """Against what, on which side."""
        side = {"two-sided": "two-sided", "less": "one-sided for less", "greater": "one-sided for more"}
        return f"exact binomial test against {100.0 * self.target:g} %, {side[self.alternative]}"

    @property
    def of_whom(self) -> str:
        """Those of the share."""
        return f"of all {self.among}; who withdrew or was rescued counts as in '{self.of.label}'"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """1 for those who meet the share's conditions, 0 for the others of its population, [subjects, 1]."""
        meets, among = self.of.contributions(records, populations).T
        return np.where(among > 0.0, meets, np.nan)[:, np.newaxis]

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Subjects of whom the target's share meets the conditions."""
        return (rng.random((subjects, 1)) < self.target).astype(np.float64)

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where nobody is in the population."""
        pairs, which = _distinct(counts(columns[:, 0], trial, trials), np.bincount(trial, minlength=trials))
        return np.array([self._p(k, n) if n else float("nan") for k, n in pairs], dtype=np.float64)[which]

    def z_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial; nan where nobody is in the population."""
        return self._z(counts(columns[:, 0], trial, trials), np.bincount(trial, minlength=trials))

    def information(self, columns: Floats, trial: Integers, trials: int) -> Floats:  # noqa: ARG002 - the target's alone
        """1 over the variance of the share at the target; nan where nobody is in the population."""
        return self._information(np.bincount(trial, minlength=trials).astype(np.float64))

    def of_counts(self, declared: Mapping[str, Population]) -> CountedTest | None:
        """Those who meet the conditions, and all."""
        criteria = self.of.criteria(declared)
        if criteria is None:
            return None
        return CountedTest(criteria, lambda n: self._z(*n.astype(np.int64)), lambda n: self._information(n[1]))

    def _z(self, meets: Integers, number: Integers) -> Floats:
        pairs, which = _distinct(meets, number)
        tails = [self._tails(k, n) if n else (float("nan"), float("nan")) for k, n in pairs]
        above, below = np.array(tails, dtype=np.float64).reshape(-1, 2)[which].T
        z = z_of_tails(above, below)
        return -z if self.alternative == "less" else z

    def _information(self, number: Floats) -> Floats:
        return np.where(number > 0.0, number / (self.target * (1.0 - self.target)), np.nan)

    def _p(self, k: int, n: int) -> float:
        """p of k among n."""
        if n <= _MOST_EXACT:
            return exactly(k, n, self.target, self.alternative)
        from scipy.stats import binomtest

        return float(binomtest(k, n, self.target, self.alternative).pvalue)

    def _tails(self, k: int, n: int) -> tuple[float, float]:
        """P(k or more) and P(k or fewer) of n, at the target."""
        if n <= _MOST_EXACT:
            return exactly(k, n, self.target, "greater"), exactly(k, n, self.target, "less")
        from scipy.stats import binom

        return float(binom.sf(k - 1, n, self.target)), float(binom.cdf(k, n, self.target))


def _distinct(meets: Integers, number: Integers) -> tuple[list[list[int]], Integers]:
    """The distinct pairs of how many meet the conditions among how many, and which of them each trial has."""
    pairs, which = np.unique(np.column_stack([meets, number]), axis=0, return_inverse=True)
    return pairs.tolist(), which.reshape(-1)


def exactly(k: int, n: int, target: float, alternative: str) -> float:
    """p of k among n in whole numbers, rounded once. Two-sided: of all counts that are no more probable than k.

    SciPy's test gives the same; but importing it takes longer than many a run.
    """
    meets, whole = target.as_integer_ratio()
    fails = whole - meets
    ways, one, other = [1], [1], [1]
    for j in range(n):
        ways.append(ways[-1] * (n - j) // (j + 1))
        one.append(one[-1] * meets)
        other.append(other[-1] * fails)
    weights = [ways[j] * one[j] * other[n - j] for j in range(n + 1)]
    if alternative == "two-sided":
        # What differs by less than 1e-7 counts as equal, as in SciPy's test.
        chosen = [w for w in weights if w * 10_000_000 <= weights[k] * 10_000_001]
    else:
        chosen = weights[k:] if alternative == "greater" else weights[: k + 1]
    return sum(chosen) / sum(weights)


KIND = ExactBinomial
