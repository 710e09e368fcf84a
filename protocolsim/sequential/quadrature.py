"""Gauss and Legendre's rule over panels: points and weights, the same on every processor."""

from __future__ import annotations

import numpy as np

from protocolsim.arrays import Floats

# Points and weights of Gauss and Legendre's rule with 16 points on (-1, 1); the other half is their mirror image.
_POINTS = np.array([
    0.0950125098376374402, 0.281603550779258913, 0.458016777657227386, 0.617876244402643748,
    0.755404408355003034, 0.865631202387831744, 0.944575023073232576, 0.989400934991649933,
])  # fmt: skip
_WEIGHTS = np.array([
    0.189450610455068496, 0.182603415044923589, 0.169156519395002538, 0.149595988816576732,
    0.124628971255533872, 0.0951585116824927848, 0.0622535239386478929, 0.0271524594117540949,
])  # fmt: skip


def panels(low: float, high: float, widest: float) -> tuple[Floats, Floats]:
    """Points and weights that integrate over (low, high) in panels of at most this width."""
    number = max(1, int(np.ceil((high - low) / widest)))
    half = 0.5 * (high - low) / number
    centres = low + half * (2.0 * np.arange(number) + 1.0)
    points = np.concatenate([-_POINTS[::-1], _POINTS])
    weights = np.concatenate([_WEIGHTS[::-1], _WEIGHTS])
    return (centres[:, np.newaxis] + half * points).ravel(), np.tile(half * weights, number)
