"""Each published result predicted by the others: what would be said of it had the parameters been chosen without it.

Parameters are drawn, and every draw is simulated in all trials of the suite, so that a published result says something
of the parameters, and these of the other results. The prediction of one row given the others is approximate Bayesian
computation with regression adjustment (Beaumont, Zhang and Balding 2002, Genetics 162:2025-2035), of the row in place
of a parameter: the draws whose other rows come nearest to what was published are kept, weighted by how near they are,
and the row's own value is moved along a local linear regression to where it would be had the others been exactly as
published. Where rows depend on parameters linearly and all is normal this is the exact conditional distribution.

Each draw has two trials. The others are read from one of them and the row from the other, both ways round: what ties
them together is then the parameters and not the patients, as it is for a trial that has yet to be done. A published
value that hardly any draw reaches stands for the furthest that some do, since a line says nothing where nothing was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask

SHARE_KEPT = 0.5
LEAST_KEPT = 400
_REACH = (0.005, 0.995)
_ENDS = (0.05, 0.50, 0.95)
_MAD_TO_SD = 1.4826
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LeftOut:
    """A row as the other rows predict it: 5th, 50th and 95th percentile, in the units it was given in.

    `percentile` (0 to 100) is the predicted share below what was published; `by` is how many other rows say it, `draws`
    how many draws of the parameters it comes from (the effective number of weighted ones), `beyond` how many of those
    other rows were published beyond what the draws reach.
    """

    lo: float
    median: float
    hi: float
    percentile: float
    by: int
    draws: float
    beyond: int


def leave_one_out(
    values: Floats, published: Floats, data: Sequence[int], related: Mask | None = None
) -> list[LeftOut | None]:
    """Each row as the others predict it; None where none of them can, or where draws are too few.

    values: what two trials of each draw have, [draws, 2, rows]; a draw without a value is left out where it is asked.
    published: what was published, [rows]. data: the datum of each row; rows of one datum are left out together, and the
    first of them speaks for it: what says the same in two ways tells nothing twice, and a line through both has none.
    related: whether one row says anything of another (it shares a drawn parameter), [rows, rows]; all where absent.
    """
    number = len(published)
    related = np.ones((number, number), dtype=np.bool_) if related is None else related
    datum = np.array(data)
    first = np.array([list(data).index(d) == k for k, d in enumerate(data)], dtype=np.bool_)
    found = []
    for row in range(number):
        others = np.flatnonzero(related[row] & (datum != datum[row]) & first)
        found.append(_predicted(values, published, row, others) if len(others) else None)
    return found


def _predicted(values: Floats, published: Floats, row: int, others: Integers) -> LeftOut | None:
    mine, known = _pairs(values, row, others)
    spread = _spread(known)
    known, others = known[:, spread > 0.0], others[spread > 0.0]
    spread = spread[spread > 0.0]
    if len(mine) < 4 * (len(others) + 2) or not len(others):
        return None
    low, high = np.quantile(known, _REACH, axis=0)
    wanted = np.clip(published[others], low, high)
    beyond = int(((published[others] < low) | (published[others] > high)).sum())
    away = (known - wanted) / spread
    weights, kept = _nearest(away)
    moved = _moved(mine[kept], away[kept], weights)
    lo, median, hi = _quantiles(moved, weights)
    # What a regression moves by no more than its rounding has not moved: a row that never varies lies at its value.
    same = np.abs(moved - published[row]) <= _ROUNDING * max(1.0, abs(published[row]))
    below = float(weights[(moved < published[row]) & ~same].sum() + 0.5 * weights[same].sum())
    effective = 0.5 / float((weights * weights).sum())  # both trials of a draw have its parameters
    return LeftOut(lo, median, hi, 100.0 * below, len(others), effective, beyond)


def _pairs(values: Floats, row: int, others: Integers) -> tuple[Floats, Floats]:
    """The row from one trial of each draw, [n], and the others from the other, [n, others]; both ways round."""
    mine = np.concatenate([values[:, 1, row], values[:, 0, row]])
    known = np.concatenate([values[:, 0][:, others], values[:, 1][:, others]])
    there = ~(np.isnan(mine) | np.isnan(known).any(axis=1))
    return mine[there], known[there]


def _spread(known: Floats) -> Floats:
    """What one unit of distance is for each row; 0 where it never varies."""
    robust = _MAD_TO_SD * np.median(np.abs(known - np.median(known, axis=0)), axis=0)
    return np.where(robust > 0.0, robust, known.std(axis=0))


def _nearest(away: Floats) -> tuple[Floats, Integers]:
    """The weights of the draws that are kept, which add to 1, and which these are."""
    distance = np.sqrt((away * away).sum(axis=1))
    number = min(len(distance), max(LEAST_KEPT, round(SHARE_KEPT * len(distance))))
    kept = np.argsort(distance, kind="stable")[:number]
    reach = distance[kept[-1]] * (1.0 + 1e-9)
    nearness = 1.0 - (distance[kept] / reach) ** 2 if reach > 0.0 else np.ones(number)
    return nearness / nearness.sum(), kept


def _moved(mine: Floats, away: Floats, weights: Floats) -> Floats:
    """The row's values where the others are as published, along the weighted linear regression on them.

    Each is as far from the line as it would be from one fitted without it (its residual over one minus its leverage):
    with hardly more draws than rows a line comes too near to what it was fitted to.
    """
    root = np.sqrt(weights)[:, None]
    design = root * np.column_stack([np.ones(len(mine)), away])
    base, _ = np.linalg.qr(design)
    slope = np.linalg.lstsq(design, root[:, 0] * mine, rcond=1e-8)[0]
    leverage = np.minimum((base * base).sum(axis=1), 0.9)
    left = mine - slope[0] - away @ slope[1:]
    return np.asarray(slope[0] + left / (1.0 - leverage))


def _quantiles(values: Floats, weights: Floats) -> tuple[float, float, float]:
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    at = np.minimum(np.searchsorted(below, np.array(_ENDS) * below[-1]), len(values) - 1)
    lo, median, hi = values[order[at]].tolist()
    return lo, median, hi
