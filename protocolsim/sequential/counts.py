"""Distributions of counts by additions, multiplications and divisions alone: the same bits on every processor.

Each is summed outwards from a count near its middle, whose weight is set to 1, by the ratio of neighbouring
probabilities, and divided by the sum of all weights: no factorials, no logarithms, and what vanishes is negligible.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from protocolsim.arithmetic import inlined, kernel
from protocolsim.arrays import Floats, Integers


@inlined
def binomial_up(k: float, n: float, odds: float) -> float:
    """P(k + 1) / P(k) of a binomial count."""
    return (n - k) / (k + 1.0) * odds


@inlined
def mixed_up(k: float, n: float, a: float, b: float) -> float:
    """P(k + 1) / P(k) of a beta-binomial count."""
    return (n - k) / (k + 1.0) * ((a + k) / (b + n - k - 1.0))


@inlined
def drawn_up(k: float, marked: float, draws: float, others: float) -> float:
    """P(k + 1) / P(k) of a hypergeometric count: of so many marked, drawn together with others."""
    return (marked - k) / (k + 1.0) * ((draws - k) / (others - draws + k + 1.0))


@kernel
def binomial(n: int, p: float) -> Floats:
    """Probabilities of 0 .. n successes, [n + 1]."""
    weight = np.zeros(n + 1)
    if p <= 0.0 or p >= 1.0:
        weight[0 if p <= 0.0 else n] = 1.0
        return weight
    odds, middle = p / (1.0 - p), min(n, int((n + 1) * p))
    weight[middle] = total = 1.0
    for k in range(middle, n):
        weight[k + 1] = weight[k] * binomial_up(k, n, odds)
        total += weight[k + 1]
    for k in range(middle - 1, -1, -1):
        weight[k] = weight[k + 1] / binomial_up(k, n, odds)
        total += weight[k]
    for k in range(n + 1):
        weight[k] /= total
    return weight


@kernel
def beta_binomial(n: int, a: float, b: float) -> Floats:
    """Probabilities of 0 .. n successes where p has a Beta(a, b) distribution, [n + 1]."""
    weight = np.zeros(n + 1)
    middle = min(n, int(n * (a / (a + b)) + 0.5))
    weight[middle] = total = 1.0
    for k in range(middle, n):
        weight[k + 1] = weight[k] * mixed_up(k, n, a, b)
        total += weight[k + 1]
    for k in range(middle - 1, -1, -1):
        weight[k] = weight[k + 1] / mixed_up(k, n, a, b)
        total += weight[k]
    for k in range(n + 1):
        weight[k] /= total
    return weight


@kernel
def binomial_at_most(least: float, n: float, p: float) -> float:
    """P(at most this many of n)."""
    odds, middle = p / (1.0 - p), min(n, np.floor((n + 1.0) * p))
    total, inside = 1.0, 1.0 if middle <= least else 0.0
    weight, k = 1.0, middle
    while k < n and weight > 0.0:
        weight *= binomial_up(k, n, odds)
        k += 1.0
        total += weight
        inside += weight if k <= least else 0.0
    weight, k = 1.0, middle
    while k > 0.0 and weight > 0.0:
        k -= 1.0
        weight /= binomial_up(k, n, odds)
        total += weight
        inside += weight if k <= least else 0.0
    return inside / total


@kernel
def drawn_at_least(least: float, marked: float, draws: float, others: float) -> float:
    """P(at least this many of the marked among the draws, without replacement, from marked and others)."""
    low, high = max(0.0, draws - others), min(marked, draws)
    middle = np.floor((draws + 1.0) * (marked + 1.0) / (marked + others + 2.0))
    middle = min(max(middle, low), high)
    total, inside = 1.0, 1.0 if middle >= least else 0.0
    weight, k = 1.0, middle
    while k < high and weight > 0.0:
        weight *= drawn_up(k, marked, draws, others)
        k += 1.0
        total += weight
        inside += weight if k >= least else 0.0
    weight, k = 1.0, middle
    while k > low and weight > 0.0:
        k -= 1.0
        weight /= drawn_up(k, marked, draws, others)
        total += weight
        inside += weight if k >= least else 0.0
    return inside / total


def added(counts: Floats, more: Floats) -> Floats:
    """Probabilities of the sum of two counts: of one in the rows of `counts`, and of `more`."""
    result = np.zeros((len(counts) + len(more) - 1, counts.shape[1]))
    for count, probability in enumerate(more):
        result[count : count + len(counts)] += probability * counts
    return result


def distinct(rows: Floats | Integers) -> tuple[Any, Integers]:
    """The distinct rows of counts, and for each row the place of its own among them."""
    whole = rows.astype(np.int64)
    sizes = [int(size) + 1 for size in whole.max(axis=0, initial=0)]
    key, room = np.zeros(len(whole), dtype=np.int64), 1
    for column, size in enumerate(sizes):
        key, room = key * size + whole[:, column], room * size
    if room >= 1 << 63:  # one number is too small for a row
        found, place = np.unique(rows, axis=0, return_inverse=True)
        return found, place.ravel()
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], place.ravel()
