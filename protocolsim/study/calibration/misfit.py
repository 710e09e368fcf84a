"""Whether the model can have what was published at all, and whether that check would notice a model that is wrong.

Simulation-based calibration tests the sampler against the model itself; a model that is wrong passes it. Here the
published results are held against the trials of the table: how far the nearest of them lie, beside how far those
nearest to a simulated trial lie (the goodness of fit of Lemaire, Jay, Lee, Csilléry and Blum 2016, arXiv:1601.04096).
The check is tried on a misfit that is planted: trials of the table of which one result is moved by three of its
spreads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.study.calibration.abc_posterior import Table

PLANTED = 3.0
"""By how many of its spreads over the table a result is moved in a planted misfit."""
LEAST_P = 0.05
_NEAREST = 50
_PLANTS = 50


@dataclass(frozen=True)
class Misfit:
    """`p`: the share of simulated trials that lie as far from the others as what was published does.

    `noticed`: of trials with one result moved, by target, the share that the check calls a misfit; nan for a target
    that never varies.
    """

    p: float
    noticed: tuple[float, ...]
    fits: int

    @property
    def fails(self) -> bool:
        """Whether the published results lie farther from simulated ones than 95 % of simulated trials do."""
        return self.p < LEAST_P


def misfit(table: Table, observed: Floats, fits: int) -> Misfit:
    """The check of these observations, and of planted misfits, by so many trials spread evenly over the table."""
    points, trials, number = table.statistics.shape
    scale = table.scale
    chosen = np.unique(np.linspace(0, points - 1, min(fits, points)).round().astype(np.int64)).tolist()
    own = [(point, table.statistics[point, k % trials]) for k, point in enumerate(chosen)]
    own = [(point, values) for point, values in own if not np.isnan(values).any()]
    if not own or not (scale > 0.0).any():
        return Misfit(float("nan"), (float("nan"),) * number, len(own))
    null = np.array([_far(table, values, scale, point) for point, values in own])
    p = float((null >= _far(table, observed, scale, None)).mean())
    bound = float(np.quantile(null, 1.0 - LEAST_P))
    centre = np.nanmedian(table.statistics.reshape(-1, number), axis=0)
    every = max(1, len(own) // _PLANTS)
    noticed = []
    for k in range(number):
        if scale[k] == 0.0:
            noticed.append(float("nan"))
            continue
        found = []
        for point, values in own[::every]:
            moved = values.copy()
            moved[k] += PLANTED * scale[k] * (1.0 if values[k] >= centre[k] else -1.0)
            found.append(_far(table, moved, scale, point) > bound)
        noticed.append(float(np.mean(found)))
    return Misfit(p, tuple(noticed), len(own))


def _far(table: Table, observed: Floats, scale: Floats, leave_out: int | None) -> float:
    """The mean distance of the nearest trials of the table, of other points than the one left out."""
    _, trials, number = table.statistics.shape
    informs = scale > 0.0
    away = (table.statistics.reshape(-1, number)[:, informs] - observed[informs]) / scale[informs]
    distance = np.sqrt((away * away).sum(axis=1))
    distance[np.isnan(distance)] = np.inf
    if leave_out is not None:
        distance[leave_out * trials : (leave_out + 1) * trials] = np.inf
    nearest = min(_NEAREST, int(np.isfinite(distance).sum()))
    if nearest == 0:
        return float("inf")
    return float(np.partition(distance, nearest - 1)[:nearest].mean())
