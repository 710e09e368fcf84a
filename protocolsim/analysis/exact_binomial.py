"""A share against a target: the test of a single-arm trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import Analysis, OfShare, counts
from protocolsim.endpoint.base import Floats, Integers, Mask, Number
from protocolsim.errors import UsageError
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class ExactBinomial(Analysis):
    """Exact binomial test of a `share` against a target that was fixed beforehand.

    Null hypothesis: the share is the target, or on the other side of it. Population: everybody in that of the share;
    who withdrew or was rescued counts as the share says, and missed assessments do not matter.
    """

    kind: ClassVar[str] = "exact_binomial"
    meaning: ClassVar[str] = "exact binomial test of a share against a target"

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

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where nobody is in the population."""
        from scipy.stats import binomtest

        number = np.bincount(trial, minlength=trials)
        pairs = np.column_stack([counts(columns[:, 0], trial, trials), number])
        known = {
            (k, n): binomtest(k, n, self.target, self.alternative).pvalue if n else float("nan")
            for k, n in map(tuple, np.unique(pairs, axis=0).tolist())
        }
        return np.array([known[k, n] for k, n in pairs.tolist()], dtype=np.float64)


KIND = ExactBinomial
