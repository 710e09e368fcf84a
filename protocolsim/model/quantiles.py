"""Quantiles and distribution functions that declared models draw by: gamma, beta, negative binomial, normal.

Each is a pure function of its arguments in additions, multiplications, `exp` and `log` of this package, so that its
bits are the same for one subject and for many. Quantiles are found by bisection of the distribution function: slower
than a formula, without exceptions, and never further off than the distribution function itself.
"""

from __future__ import annotations

from protocolsim.arithmetic import exp, kernel, log, sqrt
from protocolsim.randomness import normal_quantile

_HALVINGS = 60
_TINY = 1e-300
_TERMS = 100_000
_ENOUGH = 1e-16
_VANISHING = 1e-290  # P(0) below which the recurrence for the other probabilities underflows
_LANCZOS = (
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
)  # fmt: skip


@kernel
def normal_below(x: float) -> float:
    """The standard normal distribution function, from its own quantile by halving: to about 1e-15."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if normal_quantile(middle) < x:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


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
    """Quantile of a gamma variable with scale 1, to about 1e-12 of its value; nan where shape is not above 0."""
    if not 0.0 < shape < 1e8:
        return float("nan")
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
    if high < 1e-6:
        # Small shapes have quantiles next to 0, which halving does not resolve: there the first term of the series.
        return exp((log(u) + log_gamma(shape + 1.0)) / shape)
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
    """Smallest count whose distribution function reaches u; the variance is mean + mean * mean / size.

    Exact up to a mean of 10,000 where 0 is possible at all; beyond, rounded from the gamma distribution with the same
    mean and variance.
    """
    if not mean > 0.0 or not size > 0.0:
        return 0.0
    probability = exp(-size * log(1.0 + mean / size))
    if mean > 10_000.0 or probability < _VANISHING:
        shape = mean * size / (mean + size)
        return float(int(gamma_quantile(u, shape) * mean / shape + 0.5))
    p = mean / (mean + size)
    below, count, spread = probability, 0.0, sqrt(mean + mean * mean / size)
    while u > below and (count < mean + 60.0 * spread or probability > 1e-17):
        count += 1.0
        probability *= p * (size + count - 1.0) / count
        below += probability
    return count
