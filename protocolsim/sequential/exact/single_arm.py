"""Single-arm designs with a binary outcome and several stages."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.sequential.counts import added, binomial
from protocolsim.sequential.exact.operating import Operating


def single_arm(n: Any, futility: Any, efficacy: Any, p: float) -> Operating:
    """Exact operating characteristics of a design that counts successes at each look.

    Parameters
    ----------
    n : [K], subjects at each look, increasing.
    futility : [K], the trial ends without a rejection at so many successes or fewer; nan: not at this look.
    efficacy : [K], it ends with a rejection at so many successes or more; nan: not at this look. At the last look
        what is not a rejection is none, whatever `futility` says; one of both must be given there.
    p : true probability of success.

    Returns
    -------
    Operating. Raises UsageError where this is no design.
    """
    sizes = sizes_of(n)
    low, high = (bounds_of(values, len(sizes)) for values in (futility, efficacy))
    if np.isnan(high[-1]):
        if np.isnan(low[-1]):
            raise UsageError("the last look has no bound: nothing would be concluded")
        high[-1] = low[-1] + 1.0
    if np.any(low >= high):
        k = int(np.argmax(low >= high))
        raise UsageError(f"look {k + 1}: futility at {low[k]:g} or fewer, efficacy at {high[k]:g} or more")
    probability(p)
    won, lost, here = np.zeros(len(sizes)), np.zeros(len(sizes)), np.ones((1, 1))
    for k, more in enumerate(np.diff(sizes, prepend=0).tolist()):
        here = added(here, binomial(more, float(p)))
        count = np.arange(len(here))[:, np.newaxis]
        above = count >= high[k]
        below = ~above if k + 1 == len(sizes) else count <= low[k]
        won[k], lost[k] = np.sum(here[above]), np.sum(here[below])
        here = np.where(above | below, 0.0, here)
    return Operating(won, lost, sizes.astype(np.float64))


def sizes_of(n: Any) -> Any:
    """Subjects at each look as whole numbers, [K]. Raises UsageError where they do not increase."""
    sizes = np.atleast_1d(np.asarray(n, dtype=np.float64))
    if not (len(sizes) and np.all(sizes == np.floor(sizes)) and np.all(np.diff(sizes, prepend=0.0) > 0.0)):
        raise UsageError(f"sizes {', '.join(f'{v:g}' for v in sizes)}: expected whole numbers, each larger than before")
    return sizes.astype(np.int64)


def bounds_of(values: Any, looks: int) -> Floats:
    """Bounds as an array, [K]. Raises UsageError where there is not one for each look."""
    bounds = np.array(values, dtype=np.float64, ndmin=1)
    if bounds.shape != (looks,):
        raise UsageError(f"{looks} looks, but {len(bounds)} bounds")
    return bounds


def probability(p: float) -> None:
    """Refuse what is no probability."""
    if not 0.0 <= p <= 1.0:
        raise UsageError(f"probability {p:g}: expected 0 to 1")
