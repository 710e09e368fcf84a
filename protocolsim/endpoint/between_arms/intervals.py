"""Confidence intervals for a contrast of two arms, each over columns of trials.

Shares: Newcombe's hybrid score interval for a difference (Newcombe 1998, Stat Med 17:873-90, method 10), Katz' for a
ratio (Katz 1978, Biometrics 34:469-74) and Woolf's for an odds ratio (Woolf 1955, Ann Hum Genet 19:251-3), the last two
log-normal. All else: the standard errors of both arms come from the subjects' contributions by the delta method, and
the interval is Welch's (Welch 1947, Biometrika 34:28-35), of the difference itself or of the logarithm of the ratio.
Of means this is Welch's interval to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import exp, kernel, log, special_functions
from protocolsim.arrays import Floats
from protocolsim.endpoint.base import quotient
from protocolsim.randomness import normal_quantile


@dataclass(frozen=True)
class Interval:
    """The ends of the interval of each trial; nan where there is none."""

    low: Floats
    high: Floats


@dataclass(frozen=True)
class OfArm:
    """One arm of each trial: its value, and its squared standard error on `number` - 1 degrees of freedom."""

    value: Floats
    variance: Floats
    number: Floats


def logarithms(x: Floats) -> Floats:
    """The natural logarithm of each, of any shape; nan where there is none."""
    known = np.where(x > 0.0, x, 1.0)
    return np.where(x > 0.0, _logarithms(np.ascontiguousarray(known).reshape(-1)).reshape(known.shape), np.nan)


def exponentials(x: Floats) -> Floats:
    """e to each, of any shape; nan stays."""
    known = np.where(np.isnan(x), 0.0, x)
    return np.where(np.isnan(x), np.nan, _exponentials(np.ascontiguousarray(known).reshape(-1)).reshape(known.shape))


@kernel
def _logarithms(x: Floats) -> Floats:
    result = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        result[k] = log(x[k])
    return result


@kernel
def _exponentials(x: Floats) -> Floats:
    result = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        result[k] = exp(x[k])
    return result


def newcombe(k1: Floats, n1: Floats, k0: Floats, n0: Floats, confidence: float) -> Interval:
    """Of the difference of two shares: Wilson's score intervals of both, combined."""
    z = normal_quantile(0.5 + 0.5 * confidence)
    (p1, low1, high1), (p0, low0, high0) = wilson(k1, n1, z), wilson(k0, n0, z)
    down, up = (p1 - low1, high0 - p0), (high1 - p1, p0 - low0)
    difference = p1 - p0
    return Interval(
        difference - np.sqrt(down[0] * down[0] + down[1] * down[1]),
        difference + np.sqrt(up[0] * up[0] + up[1] * up[1]),
    )


def wilson(k: Floats, n: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """A share and its score interval (Wilson 1927, J Am Stat Assoc 22:209-12); nan where there is nobody."""
    p = quotient(k, n)
    middle = quotient(2.0 * k + z * z, 2.0 * (n + z * z))
    half = quotient(z * np.sqrt(z * z + 4.0 * k * (1.0 - p)), 2.0 * (n + z * z))
    return p, np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def katz(k1: Floats, n1: Floats, k0: Floats, n0: Floats, confidence: float) -> Interval:
    """Of the ratio of two shares; none where either is zero, or both are all."""
    one = np.ones(np.shape(k1))
    variance = quotient(one, k1) - quotient(one, n1) + quotient(one, k0) - quotient(one, n0)
    return _log_normal(quotient(k1 * n0, k0 * n1), variance, confidence)


def woolf(k1: Floats, n1: Floats, k0: Floats, n0: Floats, confidence: float) -> Interval:
    """Of the odds ratio of two shares; none where either is zero or all."""
    one = np.ones(np.shape(k1))
    variance = sum((quotient(one, cell) for cell in (k1, n1 - k1, k0, n0 - k0)), np.zeros(np.shape(k1)))
    return _log_normal(quotient(k1 * (n0 - k0), k0 * (n1 - k1)), variance, confidence)


def _log_normal(ratio: Floats, variance: Floats, confidence: float) -> Interval:
    spread = np.sqrt(np.where(variance > 0.0, variance, np.nan))  # nothing varies: nothing is known of the error
    half = normal_quantile(0.5 + 0.5 * confidence) * spread
    middle = logarithms(ratio)
    return Interval(exponentials(middle - half), exponentials(middle + half))


def welch(one: OfArm, other: OfArm, confidence: float) -> Interval:
    """Of the difference of two estimates; none where both have no spread, or either has a single subject."""
    half = _half(one.variance, one.number, other.variance, other.number, confidence)
    difference = one.value - other.value
    return Interval(difference - half, difference + half)


def log_welch(one: OfArm, other: OfArm, confidence: float) -> Interval:
    """Of the ratio of two estimates, by its logarithm; none where either is not above zero."""
    parts = [quotient(arm.variance, arm.value * arm.value) for arm in (one, other)]
    half = _half(parts[0], one.number, parts[1], other.number, confidence)
    middle = logarithms(one.value) - logarithms(other.value)
    return Interval(exponentials(middle - half), exponentials(middle + half))


def _half(variance1: Floats, n1: Floats, variance0: Floats, n0: Floats, confidence: float) -> Floats:
    """Half the width: the quantile of t, on Satterthwaite's degrees of freedom, times the standard error."""
    stdtrit = special_functions().stdtrit
    variance = variance1 + variance0
    spread = quotient(variance1 * variance1, n1 - 1.0) + quotient(variance0 * variance0, n0 - 1.0)
    freedom = quotient(variance * variance, spread)
    known = ~np.isnan(freedom) & (variance > 0.0)
    quantile = stdtrit(np.where(known, freedom, 1.0), 0.5 + 0.5 * confidence)
    return np.where(known, quantile * np.sqrt(np.where(known, variance, 0.0)), np.nan)


def delta(value: Callable[[Floats], Floats], sums: Floats, squares: Floats, number: Floats) -> OfArm:
    """The value of one arm and its squared standard error, from its subjects' contributions c.

    sums: of c, [..., k]. squares: of c c', [..., k, k]. number: of subjects. `value` is differentiated by central
    differences; it is a ratio of sums, or as smooth. Subjects' contributions are taken as independent, whatever their
    distribution (the infinitesimal jackknife, with n - 1 below).
    """
    width = sums.shape[-1]
    diagonal = np.sqrt(np.maximum(squares[..., range(width), range(width)], 0.0))
    slopes = np.zeros(sums.shape)
    for j in range(width):
        step = 1e-4 * diagonal[..., j]
        up, down = sums.copy(), sums.copy()
        up[..., j] += step
        down[..., j] -= step
        slopes[..., j] = np.nan_to_num(quotient(value(up) - value(down), up[..., j] - down[..., j]))
    around = np.einsum("...i,...ij,...j->...", slopes, squares, slopes)
    along = (slopes * sums).sum(axis=-1)
    centred = np.maximum(around - np.nan_to_num(quotient(along * along, number)), 0.0)
    variance = quotient(number * centred, np.where(number > 1.0, number - 1.0, 0.0))
    return OfArm(value(sums), variance, number)
