"""A share in one arm against the same share in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import Analysis, OfShare, alternating, arms, in_both
from protocolsim.endpoint.base import Floats, Integers, Mask, StateNames, quotient
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class TwoShares(Analysis):
    """Test of a `share` in the arm that entered `arm` against that of those who entered `against`.

    Null hypothesis: both are the same. `score`: the normal test with the pooled share, without a correction for
    continuity, for which textbooks give sample sizes; `fisher`: Fisher's exact test. Population: that of the share, in
    the arm whose states a subject entered, whatever became of them later (who entered those of both counts in
    neither); who withdrew or was rescued counts as the share says, and missed assessments do not matter.
    """

    kind: ClassVar[str] = "two_shares"
    meaning: ClassVar[str] = "test of a share between two arms"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
analysis:
  more_pass: {kind: two_shares, of: passed_the_rule, arm: combination, against: placebo, method: fisher}
"""

    of: OfShare
    arm: StateNames
    against: StateNames
    method: Literal["score", "fisher"] = "score"
    alternative: Literal["two-sided", "less", "greater"] = "two-sided"

    @property
    def test(self) -> str:
        """Which arms, on which side."""
        name = {"score": "score test", "fisher": "Fisher's exact test"}[self.method]
        side = {"two-sided": "two-sided", "less": "one-sided for less", "greater": "one-sided for more"}
        return f"{name} of {' or '.join(self.arm)} against {' or '.join(self.against)}, {side[self.alternative]}"

    @property
    def of_whom(self) -> str:
        """Those of the share."""
        return f"of all {self.among}; who withdrew or was rescued counts as in '{self.of.label}'"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Whether the conditions are met, and the arm, [subjects, 2]; nan for who is not in the test."""
        meets, among = self.of.contributions(records, populations).T
        return in_both(np.where(among > 0.0, meets, np.nan), arms(records, self.arm, self.against))

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Two arms with one share."""
        return np.column_stack([rng.random(subjects) < 0.5, alternating(subjects)]).astype(np.float64)

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where an arm is empty, or where all or none meet the conditions in both."""
        meets, arm = columns[:, 0], columns[:, 1]
        parts = (arm * meets, arm, (1.0 - arm) * meets, 1.0 - arm)
        k1, n1, k0, n0 = (np.bincount(trial, weights=p, minlength=trials).astype(np.float64) for p in parts)
        if self.method == "fisher":
            return self._fisher(k1, n1, k0, n0)
        return self._score(k1, n1, k0, n0)

    def _score(self, k1: Floats, n1: Floats, k0: Floats, n0: Floats) -> Floats:
        from scipy.stats import norm

        one = np.ones(len(n1))
        pooled = quotient(k1 + k0, n1 + n0)
        variance = pooled * (1.0 - pooled) * (quotient(one, n1) + quotient(one, n0))
        z = quotient(quotient(k1, n1) - quotient(k0, n0), np.sqrt(variance))
        if self.alternative == "two-sided":
            return np.asarray(2.0 * norm.sf(np.abs(z)))
        return np.asarray(norm.sf(z) if self.alternative == "greater" else norm.cdf(z))

    def _fisher(self, k1: Floats, n1: Floats, k0: Floats, n0: Floats) -> Floats:
        from scipy.stats import fisher_exact

        tables = np.column_stack([k1, n1 - k1, k0, n0 - k0]).astype(np.int64)
        known = {}
        for a, b, c, d in np.unique(tables, axis=0).tolist():
            possible = a + b > 0 and c + d > 0
            p = fisher_exact([[a, b], [c, d]], alternative=self.alternative)[1] if possible else float("nan")
            known[a, b, c, d] = p
        return np.array([known[tuple(t)] for t in tables.tolist()], dtype=np.float64)


KIND = TwoShares
