"""Posterior probabilities of shares with Beta priors: above a value, and of one arm above another.

Where the parameters are whole numbers, which a prior of whole numbers makes them, both are tails of counts: that a
Beta(a, b) variable lies above p means at most a - 1 successes among a + b - 1; that one lies above another means at
least a_2 of the second sample's a_2 + b_2 - 1 uniform numbers among the a_1 + a_2 - 1 smallest of both. The error
is then below 3e-15, by + - x / alone. Other parameters go by SciPy's incomplete beta function for one share, and for
two by recurrences that lead from the priors to the posteriors, with an absolute error below 1e-12.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from protocolsim.arithmetic import exp, kernel, special_functions
from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.sequential.counts import binomial_at_most, distinct, drawn_at_least
from protocolsim.sequential.quadrature import panels

Prior = tuple[float, float]
UNIFORM: Prior = (1.0, 1.0)

# Of minus the logarithm of a probability: from what on it is negligible, and up to what functions of it may be steep.
_FARTHEST, _STEEP = 45.0, 3.0


def probability_above(x: Any, n: Any, threshold: float, prior: Prior = UNIFORM) -> Any:
    """Posterior probability that a share lies above a threshold.

    Parameters
    ----------
    x, n : successes and subjects, whole numbers or arrays of them, of shapes that go together.
    threshold : the share, 0 to 1.
    prior : a and b of the Beta prior; Beta(1, 1) is uniform.

    Returns
    -------
    Probabilities in the shape of x and n. Raises UsageError for counts or priors that cannot be.
    """
    shape, rows = _rows(x, n)
    a, b = _prior(prior)
    _threshold(threshold)
    known, place = distinct(rows)
    above, failed = a + known[:, 0], b + known[:, 1] - known[:, 0]
    if threshold in (0.0, 1.0):
        values = np.full(len(known), 1.0 - threshold)
    elif _whole(a, b):
        values = _each_above(above, failed, float(threshold))
    else:
        values = special_functions().betaincc(above, failed, threshold)
    return _shaped(values[place], shape)


def probability_better(x1: Any, n1: Any, x2: Any, n2: Any, prior: Prior = UNIFORM, prior2: Prior | None = None) -> Any:
    """Posterior probability that the share of the first arm is larger than that of the second.

    Parameters
    ----------
    x1, n1, x2, n2 : successes and subjects of each arm, whole numbers or arrays, of shapes that go together.
    prior : a and b of the Beta prior of the first arm, and of the second where `prior2` is not given.
    prior2 : that of the second arm.

    Returns
    -------
    Probabilities in the shape of the counts; each distinct set of counts is worked out once. Raises UsageError for
    counts or priors that cannot be.
    """
    shape, rows = _rows(x1, n1, x2, n2)
    first, second = _prior(prior), _prior(prior if prior2 is None else prior2)
    known, place = distinct(rows)
    counts = np.ascontiguousarray(known.T)
    won, lost = counts[0::2], counts[1::2] - counts[0::2]
    if _whole(*first, *second):
        values = _each_better(first[0] + won[0], first[1] + lost[0], second[0] + won[1], second[1] + lost[1])
    else:
        begin, gain = _of_priors(first, second)
        values = _each_walked(*first, *second, begin, gain, won[0].copy(), lost[0], won[1].copy(), lost[1])
    return _shaped(values[place], shape)


@kernel
def _each_above(a: Floats, b: Floats, threshold: float) -> Floats:
    """P(a Beta(a, b) variable lies above the threshold), for whole parameters."""
    probability = np.empty(a.shape[0])
    for k in range(a.shape[0]):
        probability[k] = binomial_at_most(a[k] - 1.0, a[k] + b[k] - 1.0, threshold)
    return probability


@kernel
def _each_better(a1: Floats, b1: Floats, a2: Floats, b2: Floats) -> Floats:
    """P(a Beta(a1, b1) variable is larger than a Beta(a2, b2) one), for whole parameters."""
    probability = np.empty(a1.shape[0])
    for k in range(a1.shape[0]):
        marked, draws = a2[k] + b2[k] - 1.0, a1[k] + a2[k] - 1.0
        probability[k] = drawn_at_least(a2[k], marked, draws, a1[k] + b1[k] - 1.0)
    return probability


@kernel
def _each_walked(
    a1: float, b1: float, a2: float, b2: float, begin: float, gain: float,
    won1: Floats, lost1: Floats, won2: Floats, lost2: Floats,
) -> Floats:  # fmt: skip
    """P(first > second) after these results, from that of the priors, `begin`, by one subject after another.

    One success more in the first arm adds gain / a1, where gain is B(a1 + a2, b1 + b2) / (B(a1, b1) B(a2, b2)); the
    other three likewise. Subjects are taken in proportion, so that no step leads through improbable results.
    """
    probability = np.empty(won1.shape[0])
    sign = np.array([1.0, -1.0, -1.0, 1.0])
    for k in range(won1.shape[0]):
        target = np.array([won1[k], lost1[k], won2[k], lost2[k]])
        at = np.array([a1, b1, a2, b2])
        done = np.zeros(4)
        value, g = begin, gain
        for _ in range(int(target[0] + target[1] + target[2] + target[3])):
            which, least = -1, 2.0
            for j in range(4):
                if done[j] < target[j] and (done[j] + 0.5) / target[j] < least:
                    which, least = j, (done[j] + 0.5) / target[j]
            value += sign[which] * g / at[which]
            arm, side = which // 2 * 2, which % 2
            g *= (at[side] + at[side + 2]) / (at[0] + at[1] + at[2] + at[3])
            g *= (at[arm] + at[arm + 1]) / at[which]
            at[which] += 1.0
            done[which] += 1.0
        probability[k] = min(1.0, max(0.0, value))
    return probability


@cache
def _of_priors(first: Prior, second: Prior) -> tuple[float, float]:
    """P(first > second) of two Beta variables, and the gain of `_each_walked`."""
    betaln = special_functions().betaln
    (a1, b1), (a2, b2) = first, second
    gain = float(exp(float(betaln(a1 + a2, b1 + b2) - betaln(a1, b1) - betaln(a2, b2))))
    return (0.5 if first == second else better_by_quadrature(first, second)), gain


def better_by_quadrature(first: Prior, second: Prior) -> float:
    """P(one Beta variable > another), by Gauss and Legendre's rule over the quantiles of the first.

    The mean of P(second < q) over the first one's quantiles q, from each end to the median, on a logarithmic scale,
    where what parameters below 1 make singular is smooth. The error is below 1e-12 for parameters of 0.05 to 50.
    """
    special = special_functions()
    betainc, betaincinv = special.betainc, special.betaincinv
    (a1, b1), (a2, b2) = first, second
    near, far = panels(0.0, _STEEP, 0.1), panels(_STEEP, _FARTHEST, 0.6)
    points, weights = (np.concatenate(parts) for parts in zip(near, far, strict=True))
    u = np.array([0.5 * exp(-float(y)) for y in points])
    low = betainc(a2, b2, betaincinv(a1, b1, u))
    high = betainc(b2, a2, betaincinv(b1, a1, u))  # from the other end: P(second > q)
    return float(0.5 + np.cumsum(weights * u * (low - high))[-1])


def _rows(*counts: Any) -> tuple[tuple[int, ...], Floats]:
    """Counts side by side, [n, arms * 2], and the shape they had together."""
    together = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in counts))
    rows = np.column_stack([values.ravel() for values in together])
    x, n = rows[:, 0::2], rows[:, 1::2]
    if not np.all((x >= 0.0) & (x <= n) & (n < 1e9) & (x == np.floor(x)) & (n == np.floor(n))):
        raise UsageError("counts: expected whole numbers, of successes from 0 to the number of subjects")
    return together[0].shape, rows


def _prior(prior: Prior) -> Prior:
    a, b = (float(value) for value in prior)
    if not (0.0 < a < np.inf and 0.0 < b < np.inf):
        raise UsageError(f"prior Beta({a:g}, {b:g}): expected two numbers above 0")
    return a, b


def _threshold(value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise UsageError(f"the threshold of a share is {value:g}; expected 0 to 1")


def _whole(*parameters: float) -> bool:
    return all(value == np.floor(value) for value in parameters)


def _shaped(values: Floats, shape: tuple[int, ...]) -> Any:
    return float(values[0]) if shape == () else np.asarray(values, dtype=np.float64).reshape(shape)
