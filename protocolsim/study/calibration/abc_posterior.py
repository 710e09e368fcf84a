"""The posterior of approximate Bayesian computation (ABC) with regression adjustment, and its calibration check.

Approximate Bayesian computation (Beaumont, Zhang and Balding 2002, Genetics 162:2025-2035): of all simulated trials in
the table those nearest to the observed one are kept, weighted by how near they are, and their parameters are moved
along a linear regression to where they would be had the trial been exactly the observed one. Parameters are positions
from 0 to 1 along their priors; the regression works on their logits, so that none leaves its range.

Each simulated trial can stand for the observed one, with its parameters known. How often the intervals then hold them
says whether the method can be believed here (simulation-based calibration).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from protocolsim.arithmetic import special_functions
from protocolsim.arrays import Floats

SHARE_KEPT = 0.02
LEAST_KEPT = 300
PRIOR_SD = float(np.sqrt(1.0 / 12.0))
MOST_SD_RATIO = 0.9
INTERVALS = (0.5, 0.9)
# How far the coverage of 200 fits may lie from 50 and 90 %: 2.8 standard errors.
COVERAGE_BOUNDS: dict[float, tuple[float, float]] = {0.5: (0.40, 0.60), 0.9: (0.84, 0.96)}
_MAD_TO_SD = 1.4826

Believed = Literal["calibrated", "over-dispersed", "over-confident"]


@dataclass(frozen=True)
class Posterior:
    """Weighted draws: positions along the priors, [draws, parameters], and weights that sum to 1.

    `points` is how many different points of the table they come from.
    """

    positions: Floats
    weights: Floats
    points: int

    @property
    def mean(self) -> Floats:
        """Of each parameter's position."""
        return np.asarray(self.weights @ self.positions)

    @property
    def covariance(self) -> Floats:
        """Of the positions, [parameters, parameters]."""
        centred = self.positions - self.mean
        return np.asarray((centred * self.weights[:, None]).T @ centred)

    @property
    def sd_ratio(self) -> Floats:
        """The posterior's standard deviation over the prior's, for each parameter, on the prior's own scale."""
        return np.asarray(np.sqrt(np.diag(self.covariance)) / PRIOR_SD)

    @property
    def correlation(self) -> Floats:
        """Of the positions; nan where one does not vary."""
        sd = np.sqrt(np.diag(self.covariance))
        below = np.outer(sd, sd)
        return np.asarray(np.divide(self.covariance, below, out=np.full_like(below, np.nan), where=below > 0.0))

    def quantiles(self, shares: tuple[float, ...]) -> Floats:
        """Weighted quantiles of each parameter's position, [shares, parameters]."""
        quantiles = np.empty((len(shares), self.positions.shape[1]))
        for k in range(self.positions.shape[1]):
            order = np.argsort(self.positions[:, k], kind="stable")
            below = np.cumsum(self.weights[order])
            at = np.searchsorted(below, np.array(shares) * below[-1])
            quantiles[:, k] = self.positions[order[np.minimum(at, len(order) - 1)], k]
        return quantiles

    def below(self, position: Floats) -> Floats:
        """The share of the posterior below this position of each parameter."""
        return np.asarray((self.weights[:, None] * (self.positions < position)).sum(axis=0))

    def resampled(self, number: int) -> Floats:
        """So many draws of equal weight, [number, parameters], taken evenly along the weights."""
        at = np.searchsorted(np.cumsum(self.weights), (np.arange(number) + 0.5) / number)
        return self.positions[np.minimum(at, len(self.weights) - 1)]


@dataclass(frozen=True)
class Table:
    """A reference table ready to be asked: `positions` [points, parameters], `statistics` [points, trials, targets].

    Statistics are what a trial would have reported, one for each target; a trial in which one is undefined is near to
    nothing.
    """

    positions: Floats
    statistics: Floats

    @property
    def scale(self) -> Floats:
        """What one unit of distance is for each target: its spread over the whole table; 0 where it never varies."""
        flat = self.statistics.reshape(-1, self.statistics.shape[2])
        centre = np.nanmedian(flat, axis=0)
        spread = _MAD_TO_SD * np.nanmedian(np.abs(flat - centre), axis=0)
        return np.where(spread > 0.0, spread, np.nanstd(flat, axis=0))

    def fit(self, observed: Floats, *, leave_out: int | None = None, scale: Floats | None = None) -> Posterior:
        """The posterior given these observations; `leave_out` is a point of the table that is not used."""
        special = special_functions()
        expit, logit = special.expit, special.logit
        _, trials, number = self.statistics.shape
        scale = self.scale if scale is None else scale
        informs = scale > 0.0
        away = (self.statistics.reshape(-1, number)[:, informs] - observed[informs]) / scale[informs]
        distance = np.sqrt((away * away).sum(axis=1))
        distance[np.isnan(distance)] = np.inf
        if leave_out is not None:
            distance[leave_out * trials : (leave_out + 1) * trials] = np.inf
        number_kept = min(max(LEAST_KEPT, round(SHARE_KEPT * len(distance))), int(np.isfinite(distance).sum()))
        kept = np.argsort(distance, kind="stable")[:number_kept]
        reach = distance[kept[-1]]
        nearness = 1.0 - (distance[kept] / reach) ** 2 if reach > 0.0 else np.ones(len(kept))
        kept, nearness = kept[nearness > 0.0], nearness[nearness > 0.0]
        of_point = kept // trials
        own = logit(self.positions[of_point])
        design = np.column_stack([np.ones(len(kept)), away[kept]])
        root = np.sqrt(nearness)[:, None]
        slope = np.linalg.lstsq(root * design, root * own, rcond=1e-8)[0][1:]
        moved = expit(own - away[kept] @ slope)
        return Posterior(moved, nearness / nearness.sum(), len(np.unique(of_point)))


@dataclass(frozen=True)
class Coverage:
    """How often central intervals held the truth: `held[share]` is one number for each parameter, over `fits` fits."""

    fits: int
    held: dict[float, Floats]

    @property
    def believed(self) -> Believed:
        """Whether all lie within the bounds; where not, on which side."""
        low = any((self.held[s] < COVERAGE_BOUNDS[s][0]).any() for s in INTERVALS)
        high = any((self.held[s] > COVERAGE_BOUNDS[s][1]).any() for s in INTERVALS)
        return "over-confident" if low else "over-dispersed" if high else "calibrated"


def coverage(table: Table, fits: int) -> Coverage:
    """Fit trials of the table as if each had been published, without the point it came from, and count.

    The trials are of points spread evenly over the table, at most one of each.
    """
    points, trials, _ = table.statistics.shape
    chosen = np.unique(np.linspace(0, points - 1, min(fits, points)).round().astype(np.int64))
    scale = table.scale
    shares = tuple(end for s in INTERVALS for end in (0.5 - s / 2.0, 0.5 + s / 2.0))
    held = np.zeros((len(INTERVALS), table.positions.shape[1]))
    done = 0
    for k, point in enumerate(chosen.tolist()):
        observed = table.statistics[point, k % trials]
        if np.isnan(observed).any():
            continue
        ends = table.fit(observed, leave_out=point, scale=scale).quantiles(shares)
        truth = table.positions[point]
        for n in range(len(INTERVALS)):
            held[n] += (ends[2 * n] <= truth) & (truth <= ends[2 * n + 1])
        done += 1
    return Coverage(done, {s: held[n] / max(done, 1) for n, s in enumerate(INTERVALS)})
