"""Quantiles and distribution functions that declared models draw by: gamma, beta, negative binomial, normal.

Each is a pure function of its arguments in additions, multiplications, `exp` and `log` of this package, so that its
bits are the same for one subject and for many. Quantiles are found by bisection of the distribution function: slower
than a formula, without exceptions, and never further off than the distribution function itself.
"""

from __future__ import annotations

import numpy as np

from protocolsim.arithmetic import exp, kernel, log, sqrt
from protocolsim.randomness import normal_quantile

_HALVINGS = 60
_TINY = 1e-300
_TERMS = 100_000
_ENOUGH = 1e-16
_VANISHING = 1e-290  # P(0) below which the recurrence for the other probabilities underflows
_INFINITE = 1e300  # no number of a model is as large
_LANCZOS = (
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
)  # fmt: skip
# Rational functions for the normal distribution: numerators and denominators in its centre, beside it, in its tails.
_CENTRE_ABOVE = (
    2.2352520354606839287, 161.02823106855587881, 1067.6894854603709582, 18154.981253343561249, 0.065682337918207449113,
)  # fmt: skip
_CENTRE_BELOW = (47.20258190468824187, 976.09855173777669322, 10260.932208618978205, 45507.789335026729956)
_SIDE_ABOVE = (
    0.39894151208813466764, 8.8831497943883759412, 93.506656132177855979, 597.27027639480026226, 2494.5375852903726711,
    6848.1904505362823326, 11602.651437647350124, 9842.7148383839780218, 1.0765576773720192317e-8,
)  # fmt: skip
_SIDE_BELOW = (
    22.266688044328115691, 235.38790178262499861, 1519.377599407554805, 6485.558298266760755, 18615.571640885098091,
    34900.952721145977266, 38912.003286093271411, 19685.429676859990727,
)  # fmt: skip
_TAIL_ABOVE = (
    0.21589853405795699, 0.1274011611602473639, 0.022235277870649807, 0.001421619193227893466, 2.9112874951168792e-5,
    0.02307344176494017303,
)  # fmt: skip
_TAIL_BELOW = (
    1.28426009614491121, 0.468238212480865118, 0.0659881378689285515, 0.00378239633202758244, 7.29751555083966205e-5,
)  # fmt: skip


@kernel
def normal_below(x: float) -> float:
    """The standard normal distribution function, to about 1e-15 of itself in either tail (Cody 1969)."""
    y = abs(x)
    if y <= 0.67448975:
        z = x * x
        above, below = _CENTRE_ABOVE[4] * z, z
        for k in range(3):
            above, below = (above + _CENTRE_ABOVE[k]) * z, (below + _CENTRE_BELOW[k]) * z
        return 0.5 + x * (above + _CENTRE_ABOVE[3]) / (below + _CENTRE_BELOW[3])
    if y <= 5.656854249492381:
        above, below = _SIDE_ABOVE[8] * y, y
        for k in range(7):
            above, below = (above + _SIDE_ABOVE[k]) * y, (below + _SIDE_BELOW[k]) * y
        tail = (above + _SIDE_ABOVE[7]) / (below + _SIDE_BELOW[7])
    else:
        z = 1.0 / (x * x)
        above, below = _TAIL_ABOVE[5] * z, z
        for k in range(4):
            above, below = (above + _TAIL_ABOVE[k]) * z, (below + _TAIL_BELOW[k]) * z
        tail = (0.3989422804014327 - z * (above + _TAIL_ABOVE[4]) / (below + _TAIL_BELOW[4])) / y
    # exp(-y * y / 2), of which the larger part is exact.
    whole = np.floor(y * 16.0) / 16.0
    tail *= exp(-0.5 * whole * whole) * exp(-0.5 * (y - whole) * (y + whole))
    return tail if x < 0.0 else 1.0 - tail


@kernel
def log_gamma(x: float) -> float:
    """The logarithm of the gamma function for x > 0 (Lanczos, g = 7, n = 9), to about 1e-14."""
    if x < 0.5:
        return log_gamma_of_more(x + 1.0) - log(x)
    return log_gamma_of_more(x)


@kernel
def log_gamma_of_more(x: float) -> float:
    """`log_gamma` for x >= 0.5."""
    x -= 1.0
    total = 0.99999999999980993
    for k in range(8):
        total += _LANCZOS[k] / (x + k + 1.0)
    t = x + 7.5
    return 0.91893853320467274178 + (x + 0.5) * log(t) - t + log(total)


@kernel
def gamma_below(x: float, shape: float) -> float:
    """The distribution function of a gamma variable with scale 1 (the regularised lower incomplete gamma function)."""
    if x <= 0.0:
        return 0.0
    front = shape * log(x) - x - log_gamma(shape)
    if x < shape + 1.0:  # series
        term = total = 1.0 / shape
        for k in range(1, _TERMS):
            term *= x / (shape + k)
            total += term
            if term < total * _ENOUGH:
                break
        return min(1.0, total * exp(front))
    # Continued fraction of the upper tail (Lentz).
    b = x + 1.0 - shape
    c, d = 1.0 / _TINY, 1.0 / b
    h = d
    for k in range(1, _TERMS):
        a = -k * (k - shape)
        b += 2.0
        d = 1.0 / _away(a * d + b)
        c = _away(b + a / c)
        h *= d * c
        if abs(d * c - 1.0) < _ENOUGH:
            break
    return 1.0 - h * exp(front)


@kernel
def _away(x: float) -> float:
    """x, but never so near to 0 that it cannot divide."""
    return _TINY if abs(x) < _TINY else x


@kernel
def gamma_quantile(u: float, shape: float) -> float:
    """Quantile of a gamma variable with scale 1, to about 1e-11 of its value; nan where shape is not above 0.

    Beyond a shape of a million, where the sums lose digits, the cube of a normal variable (Wilson and Hilferty), to
    about 1e-10.
    """
    if not 0.0 < shape < _INFINITE:
        return float("nan")
    if shape > 1e6:
        ninth = 1.0 / (9.0 * shape)
        root = 1.0 - ninth + normal_quantile(u) * sqrt(ninth)
        return shape * root * root * root
    high = shape + 1.0
    while gamma_below(high, shape) < u and high < 1e300:
        high *= 2.0
    low = 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if gamma_below(middle, shape) < u:
            low = middle
        else:
            high = middle
    if high < 1e-5:
        # Small shapes have quantiles next to 0, which halving does not resolve: there the first terms of the series.
        first = exp((log(u) + log_gamma(shape + 1.0)) / shape)
        return first * (1.0 + first / (shape + 1.0))
    return 0.5 * (low + high)


@kernel
def beta_below(x: float, a: float, b: float) -> float:
    """The distribution function of a beta variable (the regularised incomplete beta function)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(1.0 - x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


@kernel
def _beta_fraction(x: float, a: float, b: float) -> float:
    c = 1.0
    d = 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    h = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        d = 1.0 / _away(1.0 + even * d)
        c = _away(1.0 + even / c)
        h *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        d = 1.0 / _away(1.0 + odd * d)
        c = _away(1.0 + odd / c)
        h *= d * c
        if abs(d * c - 1.0) < _ENOUGH:
            break
    return h


@kernel
def beta_quantile(u: float, a: float, b: float) -> float:
    """Quantile of a beta variable, to about 1e-15; nan where a or b is not above 0."""
    if not (0.0 < a < 1e8 and 0.0 < b < 1e8):
        return float("nan")
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if beta_below(middle, a, b) < u:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel
def negative_binomial_quantile(u: float, mean: float, size: float) -> float:
    """Smallest count whose distribution function reaches u; the variance is mean + mean * mean / size. nan of nan.

    Exact up to a mean of 10,000 where 0 is possible at all; beyond, the Cornish-Fisher approximation, or, where a size
    below 100 makes it very skew, rounded from the gamma distribution with the same mean and variance.
    """
    if not mean < _INFINITE or not size < _INFINITE:
        return float("nan")
    if mean <= 0.0 or size <= 0.0:
        return 0.0
    variance = mean + mean * mean / size
    probability = exp(-size * log(1.0 + mean / size))
    if mean > 10_000.0 or probability < _VANISHING:
        if size < 100.0:
            shape = mean * mean / variance
            return float(np.floor(gamma_quantile(u, shape) * mean / shape + 0.5))
        z = normal_quantile(u)
        skew = (1.0 + 2.0 * mean / size) / sqrt(variance)
        peaked = 6.0 / size + 1.0 / variance
        third = peaked * (z * z - 3.0) * z / 24.0 - skew * skew * (2.0 * z * z - 5.0) * z / 36.0
        return float(max(0.0, np.floor(mean + sqrt(variance) * (z + skew * (z * z - 1.0) / 6.0 + third) + 0.5)))
    p = mean / (mean + size)
    below, count, spread = probability, 0.0, sqrt(variance)
    while u > below and (count < mean + 60.0 * spread or probability > 1e-17):
        count += 1.0
        probability *= p * (size + count - 1.0) / count
        below += probability
    return count
