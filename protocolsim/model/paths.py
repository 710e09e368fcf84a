"""Random paths in time that do not depend on when they are looked at.

An autoregressive path is a function of the minute: it is built by halving (Lévy's construction), each point from its
two neighbours and a draw that is keyed by its own minute, so that a look finds the same value whatever was looked at
before. Arrivals and steps between levels are clocks of hazards: each next one has a threshold keyed by its number, and
it comes when the hazard has added up to that.
"""

from __future__ import annotations

from protocolsim.arithmetic import exp, kernel, sqrt
from protocolsim.arrays import Floats
from protocolsim.randomness import exponential_quantile, normal_quantile, uniform

DAY = 1440
SPAN = 4096 * DAY
MOST_AT_ONCE = 100_000
"""Arrivals in one interval of time after which a process counts no further."""


@kernel
def autoregressive(seed: int, replicate: int, subject: int, stream: int, rate: float, minute: int) -> float:
    """A stationary Gaussian path with mean 0, variance 1 and correlation exp(-rate * minutes), at a minute >= 0."""
    left, low = normal_quantile(uniform(seed, replicate, subject, stream, 0)), 0
    whole = exp(-rate * SPAN)
    while True:
        z = normal_quantile(uniform(seed, replicate, subject, stream, low + SPAN))
        right = left * whole + sqrt(1.0 - whole * whole) * z
        if minute <= low + SPAN:
            break
        left, low = right, low + SPAN
    high = low + SPAN
    while minute != low and minute != high:  # noqa: PLR1714 (Numba)
        middle = (low + high) // 2
        if high - low > DAY:
            middle = middle // DAY * DAY
        a, b = exp(-rate * (middle - low)), exp(-rate * (high - middle))
        free_a, free_b = 1.0 - a * a, 1.0 - b * b
        free = 1.0 - a * a * b * b
        z = normal_quantile(uniform(seed, replicate, subject, stream, middle))
        at = (left * a * free_b + right * b * free_a) / free + sqrt(free_a * free_b / free) * z
        if minute < middle:
            right, high = at, middle
        else:
            left, low = at, middle
    return left if minute == low else right


@kernel
def arrivals(body: Floats, i: int, at: int, more: float, seed: int, replicate: int, subject: int, stream: int) -> float:
    """Let a process of arrivals go on by a hazard of `more`; returns how many there have been.

    Three fields of the body from `at` on are its own: the hazard so far, that at which the next one comes (0 before
    the first was drawn), and how many came.
    """
    if more > 0.0:
        body[i, at] += more
    if body[i, at + 1] == 0.0:
        body[i, at + 1] = exponential_quantile(uniform(seed, replicate, subject, stream, 1))
    count = 0
    while body[i, at] >= body[i, at + 1] and count < MOST_AT_ONCE:
        count += 1
        body[i, at + 2] += 1.0
        index = int(body[i, at + 2]) + 1
        body[i, at + 1] += exponential_quantile(uniform(seed, replicate, subject, stream, index))
    arrived: float = body[i, at + 2]
    return arrived


@kernel
def next_level(rates: Floats, first: int, levels: int, level: int, u: float) -> int:
    """The level to step to: one of the others, each as likely as its share of the rate of leaving."""
    total = 0.0
    for k in range(levels):
        total += max(0.0, rates[first + level * levels + k])
    passed, last = 0.0, level
    for k in range(levels):
        rate = max(0.0, rates[first + level * levels + k])
        passed += rate
        if rate > 0.0:
            last = k
            if u * total < passed:
                return k
    return last
