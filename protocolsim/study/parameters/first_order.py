"""First-order indices of uncertain parameters: how much of a variance each makes by itself, from the given draws.

The index of a parameter is Var(E[value | parameter]) over the variance of single trials (Sobol 1993): what the variance
would lose on average if the parameter were known and all else stayed as it is. No trial is simulated for it. The
conditional mean is taken as a short cosine series in the parameter's rank (Plischke 2010 does so by a transform), whose
squared coefficients are corrected for what chance gives them, so that an index of nothing is 0 on average; its error is
the jackknife over draws. Of parameters that are drawn together (a posterior) the indices share what they have in
common, and may add up to more than all.
"""

from __future__ import annotations

import numpy as np

from protocolsim.arrays import Floats

TERMS = 4
"""Cosines of the series: higher ones would have less than 1 % of a straight line on the rank, and 2 % of a parabola."""
LEAST_DRAWS = 10


def explained(values: Floats, means: Floats) -> tuple[Floats, Floats]:
    """The variance of `means`, [draws], that each column of `values`, [draws, parameters], explains, and its replica.

    Returns the variances, [parameters], and the same with each draw left out in turn, [draws, parameters], of which the
    jackknife makes errors. Both are nan for fewer than LEAST_DRAWS draws.
    """
    number, parameters = values.shape
    if number < LEAST_DRAWS:
        return np.full(parameters, np.nan), np.full((number, parameters), np.nan)
    centred = means - means.mean()
    whole, without = np.empty(parameters), np.empty((number, parameters))
    for column in range(parameters):
        terms = centred[:, None] * _cosines(_positions(values[:, column]))
        squares = terms * terms
        total, total_squares = terms.sum(axis=0), squares.sum(axis=0)
        whole[column] = ((total * total - total_squares) / (number * (number - 1))).sum()
        less, less_squares = total - terms, total_squares - squares
        without[:, column] = ((less * less - less_squares) / ((number - 1) * (number - 2))).sum(axis=1)
    return whole, without


def _positions(values: Floats) -> Floats:
    """The rank of each value as a number between 0 and 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    above = np.cumsum(counts)
    return np.asarray(((above - 0.5 * counts) / len(values))[inverse])


def _cosines(positions: Floats) -> Floats:
    """Cosines that are orthonormal between 0 and 1, [draws, terms]."""
    orders = np.arange(1, TERMS + 1)
    return np.asarray(np.sqrt(2.0) * np.cos(np.pi * positions[:, None] * orders))
