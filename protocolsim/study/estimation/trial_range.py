"""The range of single simulated trials: its ends, their Monte Carlo error, and how many trials it really holds.

The ends are the 5th and the 95th percentile of the simulated trials (each the value of some trial). Their error is the
distribution-free 95 % interval between two order statistics (David and Nagaraja 2003, section 7.1): the number of
trials below a true quantile is binomial, whatever the trials' distribution. Where values are discrete, as counts are,
the interval holds its level or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from protocolsim.arithmetic import special_functions
from protocolsim.arrays import Floats

LOW, MIDDLE, HIGH = 0.05, 0.50, 0.95
SAMPLING = "sampling range at fixed parameters"
"""Where single trials fall if every parameter is known to be as it is."""
PREDICTION = "prediction range, parameters included"
"""Where the next single trial falls, as far as the parameters are known."""
_TAIL = 0.025
# The tolerance within which values are equal, as in decision rules.
_EQUAL = 1e-9


@dataclass(frozen=True)
class TrialRange:
    """Where single trials fall: `lo`, `median` and `hi`, the 5th, 50th and 95th percentile of `trials` trials.

    `lo_error` and `hi_error` are the 95 % intervals of both ends; an end of one of them is infinite where so few trials
    do not bound it. `holds` (0 to 1) is the share of the trials from `lo` to `hi`, both included: 0.90 where values
    are continuous, more where they are counts. All nan without a trial.
    """

    lo: float
    median: float
    hi: float
    lo_error: tuple[float, float]
    hi_error: tuple[float, float]
    holds: float
    trials: int

    def inside(self, value: float) -> bool:
        """Whether a value lies in the range; an end is part of it."""
        return self.lo - _EQUAL <= value <= self.hi + _EQUAL

    def within_error(self, value: float) -> bool:
        """Whether the error of an end could turn the verdict: the widest and the narrowest range disagree."""
        widest = self.lo_error[0] - _EQUAL <= value <= self.hi_error[1] + _EQUAL
        narrowest = self.lo_error[1] - _EQUAL <= value <= self.hi_error[0] + _EQUAL
        return widest != narrowest


def range_of(trials: Floats, together: int = 1) -> TrialRange:
    """The range of these trials, [trials]; those without a value (nan) are left out.

    `together`: so many in a row have something in common. The errors of the ends are then those of so many times fewer
    trials, as if these were the same: never too narrow.
    """
    ordered = np.sort(trials[~np.isnan(trials)])
    number = len(ordered)
    nan = float("nan")
    if number == 0:
        return TrialRange(nan, nan, nan, (nan, nan), (nan, nan), nan, 0)
    lo, median, hi = (float(q) for q in np.quantile(ordered, (LOW, MIDDLE, HIGH), method="inverted_cdf"))
    ends = np.concatenate([[-np.inf], ordered, [np.inf]])
    known = (ranks(number, LOW), ranks(number, HIGH)) if together == 1 else _apart(number, together)
    lo_error, hi_error = ((float(ends[a]), float(ends[b])) for a, b in known)
    holds = float(((ordered >= lo - _EQUAL) & (ordered <= hi + _EQUAL)).sum()) / number
    return TrialRange(lo, median, hi, lo_error, hi_error, holds, number)


def _apart(number: int, together: int) -> list[tuple[int, int]]:
    """The ranks around both ends where only each `together`-th trial tells something of its own."""
    groups = max(1, number // together)
    found = [ranks(groups, share) for share in (LOW, HIGH)]
    return [(low * together, min(number + 1, high * together)) for low, high in found]


@lru_cache(maxsize=256)
def ranks(number: int, share: float) -> tuple[int, int]:
    """The ranks (from 1) of the two of `number` ordered values between which the quantile lies in 95 of 100 studies.

    0 and `number` + 1 stand for no bound on that side.
    """
    # The binomial distribution function, and not scipy.stats, which takes a second to load.
    bdtr = special_functions().bdtr
    below = bdtr(np.arange(number + 1), number, share)
    lower = int(np.searchsorted(below, _TAIL, side="right"))  # P(fewer than `lower` below the quantile) <= 2.5 %
    upper = int(np.searchsorted(below, 1.0 - _TAIL)) + 1
    return lower, min(upper, number + 1)
