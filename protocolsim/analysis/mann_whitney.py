"""Whether subjects of one arm tend to have higher values than those of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocolsim.analysis.base import OfOwnValues, SidedTest, alternating, in_both
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import quotient
from protocolsim.endpoint.subjects.rows import arms
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class MannWhitney(SidedTest):
    """Mann-Whitney test (Wilcoxon's rank-sum test) of the subjects' own values between two arms.

    The values are those of a `level` or of a `reduction`, whatever its reading: each subject's own. Null hypothesis:
    they have the same distribution in both arms. `less`: they tend to be lower in `arm`. p is that of the normal law,
    with the correction for ties and none for continuity. It assumes nothing of the distribution, and is about the
    probability that a subject of one arm has the higher value, not about means.

    Population: that of the endpoint, those who have a value, in the arm whose states they entered (who entered those of
    both counts in neither); of a reduction, who had a baseline of zero has none. Withdrawal, rescue and missed
    assessments count as they do there.

    z is positive where values are higher in `arm`, where they are lower if the alternative is `less`. Information is
    that about the share of pairs, one of each arm, in which the one in `arm` is the higher (ties count half), 1 over
    its variance under the null hypothesis.
    """

    kind: ClassVar[str] = "mann_whitney"
    meaning: ClassVar[str] = "Mann-Whitney test of the subjects' own values between two arms"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
endpoints:
  lesions_week_22: {kind: level, variable: new_cel, at: 22 weeks}
analysis:
  lower: {kind: mann_whitney, of: lesions_week_22, arm: combination, against: placebo, alternative: less}
"""

    name_of_test: ClassVar[str] = "Mann-Whitney test"
    sides: ClassVar[tuple[str, str]] = ("lower", "higher")

    of: OfOwnValues

    @property
    def independent_increments(self) -> bool:
        """Of the share of pairs, in large trials, as of other U-statistics."""
        return True

    @property
    def of_whom(self) -> str:
        """Those of the endpoint who have a value."""
        return (
            f"over those {self.among} with a value of their own in '{self.of.label}'; who withdrew before is left out, "
            "missed assessments count as there"
        )

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The subject's own value, and the arm, [subjects, 2]; nan for who is not in the test."""
        # Equal values are ties, whatever their last bits.
        own = np.round(self.of.own_values(records, populations), 9)
        return in_both(own, arms(records, self.arm, self.against))

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Values of one distribution, with ties."""
        return np.column_stack([rng.poisson(3.0 * rng.lognormal(0.0, 1.0, subjects)), alternating(subjects)])

    def z_of_more(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial; nan where an arm is empty or all values are the same."""
        away, variance, _ = rank_sums_of_arms(columns, trial, trials)
        return quotient(away, np.sqrt(variance))

    def information(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """1 over the variance of the share of pairs; nan where there is no p."""
        _, variance, pairs = rank_sums_of_arms(columns, trial, trials)
        return quotient(pairs * pairs, variance)


def rank_sums_of_arms(columns: Floats, trial: Integers, trials: int) -> tuple[Floats, Floats, Floats]:
    """Of each trial: by how much the arm's rank sum exceeds what the null hypothesis expects, its variance, and pairs.

    The variance is zero where an arm is empty or all values are the same.
    """
    value, arm = columns.T
    order = np.lexsort((value, trial))
    value, arm, trial = value[order], arm[order], trial[order]
    begins = np.flatnonzero((np.diff(value, prepend=np.nan) != 0.0) | (np.diff(trial, prepend=-1) != 0))
    tied = np.diff(np.append(begins, len(value))).astype(np.float64)
    number = np.bincount(trial, minlength=trials).astype(np.float64)
    starts = np.cumsum(number) - number
    # Ranks from 1 within the trial; those tied share the middle of theirs.
    middle = begins - starts[trial[begins]] + 0.5 * (tied + 1.0)
    ranks = np.repeat(middle, tied.astype(np.int64))
    n1 = np.bincount(trial, weights=arm, minlength=trials).astype(np.float64)
    n0 = number - n1
    away = np.bincount(trial, weights=ranks * arm, minlength=trials) - 0.5 * n1 * (number + 1.0)
    ties = np.bincount(trial[begins], weights=tied * (tied * tied - 1.0), minlength=trials)
    # Whole numbers up to the last division, so that no variance is exactly that.
    left = number * (number * number - 1.0) - ties
    below = 12.0 * number * (number - 1.0)
    return away, np.nan_to_num(quotient(n1 * n0 * left, below)), n1 * n0


KIND = MannWhitney
