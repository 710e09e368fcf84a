"""Two-arm group-sequential designs with a binary outcome: the score test at each look."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocolsim.errors import UsageError
from protocolsim.sequential.counts import added, binomial
from protocolsim.sequential.exact.operating import Operating
from protocolsim.sequential.exact.single_arm import bounds_of, probability, sizes_of


def score(x1: Any, n1: Any, x2: Any, n2: Any) -> Any:
    """Z of two shares with the pooled variance, without correction for continuity; nan where all or none succeed."""
    x1, n1, x2, n2 = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (x1, n1, x2, n2)))
    pooled = (x1 + x2) / (n1 + n2)
    variance = pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)
    result = np.full(x1.shape, np.nan)
    np.divide(x1 / n1 - x2 / n2, np.sqrt(variance), out=result, where=variance > 0.0)
    return float(result) if result.ndim == 0 else result


def two_arm(n1: Any, n2: Any, lower: Any, upper: Any, p1: float, p2: float) -> Operating:
    """Exact operating characteristics of the score test of p1 > p2 at each look.

    Parameters
    ----------
    n1, n2 : [K], subjects of each arm at each look, increasing.
    lower, upper : [K], bounds on the scale of Z: the trial ends with a rejection at or above the upper, without one at
        or below the lower; nan: not at this look. At the last look what is not a rejection is none. Z that is undefined
        (all or none succeed) crosses no bound.
    p1, p2 : true probabilities of success.

    Returns
    -------
    Operating; `n` counts both arms. Raises UsageError where this is no design.
    """
    first, second = sizes_of(n1), sizes_of(n2)
    if len(first) != len(second):
        raise UsageError(f"{len(first)} looks in one arm, {len(second)} in the other")
    low, high = (bounds_of(values, len(first)) for values in (lower, upper))
    probability(p1)
    probability(p2)
    more1, more2 = (np.diff(sizes, prepend=0).tolist() for sizes in (first, second))
    won, lost, here = np.zeros(len(first)), np.zeros(len(first)), np.ones((1, 1))
    for k in range(len(first)):
        here = added(here, binomial(more1[k], float(p1)))
        here = added(here.T, binomial(more2[k], float(p2))).T
        z = score(np.arange(len(here))[:, np.newaxis], first[k], np.arange(here.shape[1]), second[k])
        above = z >= high[k]
        below = ~above if k + 1 == len(first) else z <= low[k]
        won[k], lost[k] = np.sum(here[above]), np.sum(here[below])
        here = np.where(above | below, 0.0, here)
    return Operating(won, lost, (first + second).astype(np.float64))
