"""Simon's two-stage designs: the optimal and the minimax one, by search over all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.sequential.counts import binomial
from protocolsim.sequential.exact.operating import Operating
from protocolsim.sequential.exact.single_arm import single_arm


@dataclass(frozen=True)
class TwoStage:
    """A two-stage design: stop for futility at r1 or fewer of n1, reject the null hypothesis above r of n."""

    r1: int
    n1: int
    r: int
    n: int

    def under(self, p: float) -> Operating:
        """Its exact operating characteristics where the probability of success is p."""
        return single_arm([self.n1, self.n], [self.r1, self.r], [np.nan, self.r + 1], p)


@dataclass(frozen=True)
class _Search:
    p0: float
    p1: float
    alpha: float
    beta: float

    def best(self, n: int, least: float) -> tuple[float, TwoStage] | None:
        """The design of this size that expects fewest subjects under p0, if fewer than `least`."""
        found = None
        for n1 in range(1, n):
            if n1 >= least:  # more are expected than in the first stage
                break
            null, alternative = self._rejected(n, n1, self.p0), self._rejected(n, n1, self.p1)
            # By r1 and r; the first r that keeps alpha has the most power.
            good = (null <= self.alpha) & (alternative >= 1.0 - self.beta)
            early = np.cumsum(binomial(n1, self.p0))
            expected = n1 + (1.0 - early) * (n - n1)
            for r1 in np.flatnonzero(good.any(axis=1)).tolist():
                if expected[r1] < least:
                    least = float(expected[r1])
                    found = least, TwoStage(r1, n1, int(np.argmax(good[r1])), n)
        return found

    def _rejected(self, n: int, n1: int, p: float) -> Floats:
        """P(reject) by r1 (0 .. n1) and r (0 .. n)."""
        first, second = binomial(n1, p), binomial(n - n1, p)
        above = np.cumsum(second[::-1])[::-1]  # P(at least so many in the second stage)
        needed = np.arange(n + 1)[np.newaxis, :] - np.arange(n1 + 1)[:, np.newaxis] + 1
        tail = np.where(needed > n - n1, 0.0, above[np.clip(needed, 0, n - n1)])
        whole = np.cumsum((first[:, np.newaxis] * tail)[::-1], axis=0)[::-1]  # first stage at x or more
        return np.vstack([whole[1:], np.zeros((1, n + 1))])


def simon(p0: float, p1: float, alpha: float, beta: float, most: int = 100) -> tuple[TwoStage, TwoStage]:
    """Simon's designs (1989, Control Clin Trials 10:1): (optimal, minimax).

    The optimal design expects fewest subjects under p0; the minimax design has the smallest n, and among those expects
    fewest.

    Parameters
    ----------
    p0, p1 : probability of success that is not worth a further trial, and one that is; p0 < p1.
    alpha, beta : errors allowed under p0 and under p1.
    most : largest n that is tried.

    Raises
    ------
    UsageError : what is given makes no design, or none of at most this size exists.
    """
    if not (0.0 < p0 < p1 < 1.0 and 0.0 < alpha < 1.0 and 0.0 < beta < 1.0):
        raise UsageError(f"p0 {p0:g}, p1 {p1:g}, alpha {alpha:g}, beta {beta:g}: expected 0 < p0 < p1 < 1, errors too")
    search, least = _Search(p0, p1, alpha, beta), float("inf")
    optimal = minimax = None
    for n in range(2, most + 1):
        found = search.best(n, least)
        if found is not None:
            least, optimal = found
            minimax = minimax or optimal
    if optimal is None or minimax is None:
        raise UsageError(f"no two-stage design of at most {most} subjects keeps alpha {alpha:g} and beta {beta:g}")
    return optimal, minimax
