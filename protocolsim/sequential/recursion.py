"""Crossing probabilities of a group-sequential design, by numerical recursion over its looks.

Armitage, McPherson & Rowe 1969; Jennison & Turnbull 2000, Group Sequential Methods, chapter 19. The statistics Z_1 ..
Z_K at information t_1 < .. < t_K are jointly normal, Z_k with mean drift * sqrt(t_k) and variance 1, and the
increments of Z_k * sqrt(t_k) are independent. A trial goes on past look k where lower_k < Z_k < upper_k. The density of
Z_k among the trials that went on is carried from look to look on a grid of Gauss-Legendre panels (16 points each, no
wider than four standard deviations of the next increment), which leaves an error of the order of 1e-13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.sequential.normal import below, density
from protocolsim.sequential.quadrature import panels

_WIDEST = 4.0  # a panel, in standard deviations of what the grid is to resolve
_FAR = 8.5  # beyond so many standard deviations lies less than 1e-16
SMALLEST_STEP = 1e-4  # of the information between two looks, as a share of that at the later


@dataclass(frozen=True)
class Crossing:
    """First crossings by look, each array [K]: their probabilities, and the first moment of Z at the crossing.

    `above[k]` is P(Z_k >= upper_k, no crossing before), `below[k]` P(Z_k <= lower_k, no crossing before). `z_above[k]`
    and `z_below[k]` are E[Z_k; that crossing]. `left` and `z_left` are the same of the trials that cross at no look.
    """

    above: Floats
    below: Floats
    z_above: Floats
    z_below: Floats
    left: float
    z_left: float

    @property
    def stopped(self) -> Floats:
        """P(the trial ends at look k), [K]: a crossing, or the last look."""
        ends = self.above + self.below
        ends[-1] += self.left
        return ends

    @property
    def z_stopped(self) -> Floats:
        """E[Z_k; the trial ends at look k], [K]."""
        ends = self.z_above + self.z_below
        ends[-1] += self.z_left
        return ends


@dataclass(frozen=True)
class Bias:
    """E[estimate] - truth of the estimate Z/sqrt(t) where the trial ends, in units of the drift.

    `overall` over all trials; `at_look` [K] over those that end at this look, nan where none does.
    """

    overall: float
    at_look: Floats


@kernel
def carried(y: Floats, mass: Floats, x: Floats, scale: float, shift: float, sd: float) -> Floats:
    """The density at the points x of Z = scale * Y + shift + sd * N(0,1), where Y has these masses at the points y."""
    result = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        total = 0.0
        for j in range(y.shape[0]):
            total += mass[j] * density((x[i] - (scale * y[j] + shift)) / sd)
        result[i] = total / sd
    return result


@kernel
def beyond(y: Floats, mass: Floats, bound: float, scale: float, shift: float, sd: float) -> tuple[float, float]:
    """P(Z >= bound) and E[Z; Z >= bound] of the same Z; of Z <= bound where scale, shift and bound are negated."""
    probability, moment = 0.0, 0.0
    for j in range(y.shape[0]):
        mean = scale * y[j] + shift
        z = (mean - bound) / sd
        above = below(z)
        probability += mass[j] * above
        moment += mass[j] * (mean * above + sd * density(z))
    return probability, moment


@dataclass(frozen=True)
class Grid:
    """Who has gone on so far: masses at points of Z at the last look passed, whose information is t.

    Before the first look it is a mass of 1 at 0, with information 0.
    """

    y: Floats
    mass: Floats
    t: float

    def increment(self, t: float, drift: float) -> tuple[float, float, float]:
        """scale, shift and sd of Z at information t, given Z at the last look passed."""
        return float(np.sqrt(self.t / t)), drift * (t - self.t) / float(np.sqrt(t)), float(np.sqrt((t - self.t) / t))

    def above(self, bound: float, t: float, drift: float) -> tuple[float, float]:
        """P(Z >= bound) at information t, and E[Z; that], of those who have gone on."""
        scale, shift, sd = self.increment(t, drift)
        return beyond(self.y, self.mass, float(bound), scale, shift, sd)

    def below(self, bound: float, t: float, drift: float) -> tuple[float, float]:
        """P(Z <= bound) at information t, and E[Z; that], of those who have gone on."""
        scale, shift, sd = self.increment(t, drift)
        probability, moment = beyond(self.y, self.mass, -float(bound), -scale, -shift, sd)
        return probability, -moment

    def passed(self, lower: float, upper: float, t: float, drift: float, then: float) -> Grid:
        """Those who go on past a look at information t with these bounds; `then` is the information at the next."""
        scale, shift, sd = self.increment(t, drift)
        mean = drift * float(np.sqrt(t))
        low, high = max(lower, mean - _FAR), min(upper, mean + _FAR)
        if not low < high:
            return Grid(np.zeros(1), np.zeros(1), t)
        # The grid must resolve the increment that led here and the one that follows.
        narrowest = min(sd, float(np.sqrt((then - t) / t)), 1.0)
        points, weights = panels(low, high, _WIDEST * narrowest)
        return Grid(points, weights * carried(self.y, self.mass, points, scale, shift, sd), t)


def start() -> Grid:
    """Every trial, before its first look."""
    return Grid(np.zeros(1), np.ones(1), 0.0)


def checked(t: Floats, *bounds: Floats) -> tuple[Floats, ...]:
    """Information and bounds as arrays of one length. Raises UsageError where they are no design."""
    arrays = [np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (t, *bounds)]
    t = arrays[0]
    if t.ndim != 1 or any(values.shape != t.shape for values in arrays):
        raise UsageError(f"{len(t)} looks, but bounds for {', '.join(str(len(b)) for b in arrays[1:])}")
    steps = np.diff(t, prepend=0.0)
    if not (len(t) and np.all(np.isfinite(t)) and np.all(steps > SMALLEST_STEP * t)):
        said = ", ".join(f"{v:g}" for v in t)
        raise UsageError(f"information {said}: expected positive numbers, each larger than the one before")
    return tuple(arrays)


def stages(t: Floats, lower: Floats, upper: Floats, drift: float) -> Iterator[tuple[int, Grid]]:
    """Each look and the grid of those who reach it; a look without bounds changes nothing."""
    grid = start()
    last = len(t) - 1
    for k in range(len(t)):
        yield k, grid
        if k < last and not np.isnan([lower[k], upper[k]]).all():
            bounded = [j for j in range(k + 1, last + 1) if j == last or not np.isnan([lower[j], upper[j]]).all()]
            low = -np.inf if np.isnan(lower[k]) else float(lower[k])
            high = np.inf if np.isnan(upper[k]) else float(upper[k])
            grid = grid.passed(low, high, float(t[k]), drift, float(t[bounded[0]]))


def crossing(t: Floats, lower: Floats, upper: Floats, drift: float) -> Crossing:
    """Probability to cross each bound first at each look.

    Parameters
    ----------
    t : [K], information at each look, increasing; fractions of the largest where `drift` is the mean of Z at t = 1.
    lower, upper : [K], bounds on the scale of Z; nan where a look has no such bound.
    drift : float, mean of Z at information 1.

    Returns
    -------
    Crossing : probabilities [K], accurate to about 1e-12.

    Raises
    ------
    UsageError : t does not increase, lengths differ, or a lower bound lies above the upper.
    """
    t, lower, upper = checked(t, lower, upper)
    if np.any(lower > upper):
        k = int(np.argmax(lower > upper))
        raise UsageError(f"look {k + 1}: the lower bound, {lower[k]:g}, lies above the upper, {upper[k]:g}")
    result = np.zeros((4, len(t)))
    for k, grid in stages(t, lower, upper, float(drift)):
        if not np.isnan(upper[k]):
            result[0, k], result[2, k] = grid.above(upper[k], t[k], drift)
        if not np.isnan(lower[k]):
            result[1, k], result[3, k] = grid.below(lower[k], t[k], drift)
    everybody, z_of_all = grid.above(-np.inf, t[-1], drift)
    left = max(0.0, everybody - result[0, -1] - result[1, -1])
    z_left = z_of_all - result[2, -1] - result[3, -1]
    return Crossing(result[0], result[1], result[2], result[3], left, z_left)


def expected(t: Floats, lower: Floats, upper: Floats, drift: float) -> float:
    """Expected information at which the trial ends, as a share of that at the last look (ASN / n_max)."""
    t = checked(t)[0]
    return float(np.sum(crossing(t, lower, upper, drift).stopped * t) / t[-1])


def power(t: Floats, lower: Floats, upper: Floats, drift: float) -> float:
    """Probability to cross the upper bound at any look."""
    return float(np.sum(crossing(t, lower, upper, drift).above))


def drift_for(target: float, t: Floats, lower: Floats, upper: Floats) -> float:
    """The drift at which the upper bound is crossed with this probability. Raises UsageError where none does."""
    from scipy.optimize import brentq

    def missing(drift: float) -> float:
        return power(t, lower, upper, drift) - target

    low, high = -20.0 / float(np.sqrt(checked(t)[0][0])), 20.0
    if not (0.0 < target < 1.0 and missing(low) < 0.0 < missing(high)):
        raise UsageError(f"no drift crosses the upper bound with probability {target:g}")
    return float(brentq(missing, low, high, xtol=1e-12, rtol=1e-14))


def bias(t: Floats, lower: Floats, upper: Floats, drift: float) -> Bias:
    """Bias of the estimate Z/sqrt(t) of the drift where the trial ends.

    Whitehead 1986, On the bias of maximum likelihood estimation following a sequential test. Divide by the drift for a
    relative bias. `at_look` is conditional on ending at that look.
    """
    t = checked(t)[0]
    found = crossing(t, lower, upper, drift)
    estimates = found.z_stopped / np.sqrt(t)
    at_look = np.full(len(t), np.nan)
    np.divide(estimates, found.stopped, out=at_look, where=found.stopped > 0.0)
    return Bias(float(np.sum(estimates)) - float(drift), at_look - float(drift))
