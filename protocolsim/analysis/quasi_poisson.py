"""How often something is counted in one arm, over how often in another, whatever the counts' dispersion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocolsim.analysis.base import CompareRates, alternating, z_of_tails
from protocolsim.arithmetic import special_functions
from protocolsim.arrays import Floats, Integers
from protocolsim.endpoint.base import quotient
from protocolsim.endpoint.between_arms.intervals import logarithms


@dataclass(frozen=True, kw_only=True)
class QuasiPoisson(CompareRates):
    """Test of the rate ratio between two arms in a Poisson regression of counts whose dispersion is estimated.

    The counts and the time (or the number of assessments) over which they were made are those of a `reduction` during
    treatment; its baseline plays no part. Null hypothesis: the ratio is 1. `less`: the rate is lower in `arm`. The
    variance is the mean times a factor, which is Pearson's chi-square over n - 2 (Wedderburn 1974; McCullagh and Nelder
    1989), alike in both arms; p is that of t on n - 2 degrees of freedom. It assumes nothing more of how rates differ
    between subjects, and holds its level where `rate_ratio`, which takes them as gamma, does not.

    Population: that of the reduction, those with a made assessment during treatment, in the arm whose states they
    entered (who entered those of both counts in neither). Withdrawal shortens a subject's time, what follows a rescue
    counts only where `during` names it, missed assessments are left out.

    z is positive where the rate is higher in `arm`, where it is lower if the alternative is `less`. Information is that
    about the logarithm of the ratio, 1 over its squared standard error.
    """

    kind: ClassVar[str] = "quasi_poisson"
    meaning: ClassVar[str] = "rate ratio of counts between two arms, with the dispersion estimated"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
endpoints:
  lesions: {kind: reduction, variable: new_cel, baseline: baseline, during: [combination, placebo], after: 6 weeks}
analysis:
  fewer: {kind: quasi_poisson, of: lesions, arm: combination, against: placebo, alternative: less}
"""

    instead: ClassVar[str] = "mann_whitney holds its own whatever the counts' distribution"

    name_of_test: ClassVar[str] = "quasi-Poisson rate ratio"

    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Counts with one rate and one dispersion in both arms, over times that differ; rates are lognormal."""
        over = rng.uniform(0.5, 1.5, subjects)
        counted = rng.poisson(4.0 * over * rng.lognormal(0.0, 0.7, subjects))
        return np.column_stack([counted, over, alternating(subjects)])

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where an arm has no count, or nothing varies within the arms."""
        above, below = self._tails(columns, trial, trials)
        if self.alternative == "two-sided":
            return np.minimum(1.0, 2.0 * np.minimum(above, below))
        return below if self.alternative == "less" else above

    def z_of_more(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial; nan where there is no p."""
        above, below = self._tails(columns, trial, trials)
        known = ~np.isnan(above)
        z = np.full(trials, np.nan)
        z[known] = z_of_tails(above[known], below[known])
        return z

    def information(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """1 over the squared standard error of the logarithm of the ratio; nan where there is no p."""
        _, variance, _ = fitted(columns, trial, trials)
        return quotient(np.ones(trials), variance)

    def _tails(self, columns: Floats, trial: Integers, trials: int) -> tuple[Floats, Floats]:
        """P(so high a ratio or higher) and P(so low or lower) under the null hypothesis; nan where there is no p."""
        stdtr = special_functions().stdtr
        ratio, variance, freedom = fitted(columns, trial, trials)
        t = quotient(ratio, np.sqrt(variance))
        df = np.where(freedom > 0.0, freedom, 1.0)
        return np.asarray(stdtr(df, -t)), np.asarray(stdtr(df, t))


def fitted(columns: Floats, trial: Integers, trials: int) -> tuple[Floats, Floats, Floats]:
    """Of each trial: the logarithm of the rate ratio, its squared standard error, and the degrees of freedom.

    nan where an arm has no count, where there are no degrees of freedom, or where the counts are just as expected.
    """
    counted, over, arm = columns.T
    ones = np.ones(len(arm))
    (n1, y1, t1), (n0, y0, t0) = (
        [np.bincount(trial, weights=mine * w, minlength=trials).astype(np.float64) for w in (ones, counted, over)]
        for mine in (arm, 1.0 - arm)
    )
    rate1, rate0 = quotient(y1, t1), quotient(y0, t0)
    expected = np.where(arm == 1.0, rate1[trial], rate0[trial]) * over
    away = counted - expected
    squares = np.nan_to_num(quotient(away * away, expected))
    chi_square = np.bincount(trial, weights=squares, minlength=trials).astype(np.float64)
    freedom = n1 + n0 - 2.0
    factor = quotient(chi_square, np.where(freedom > 0.0, freedom, 0.0))
    one = np.ones(trials)
    variance = factor * (quotient(one, y1) + quotient(one, y0))
    # What rounding leaves of no variance is none.
    variance = np.where(factor > 1e-12, variance, np.nan)
    ratio = np.where(np.isnan(variance), np.nan, logarithms(np.nan_to_num(quotient(rate1, rate0))))
    return ratio, variance, freedom


KIND = QuasiPoisson
