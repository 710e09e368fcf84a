"""Spending that resembles O'Brien and Fleming's bounds: almost nothing early, almost all at the end."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.sequential.normal import probability_below, quantile
from protocolsim.sequential.shapes.base import SpendingShape


class ObrienFleming(SpendingShape):
    """Lan & DeMets' spending of the O'Brien-Fleming type: 2 - 2 Phi(z(error/2) / sqrt(t))."""

    kind: ClassVar[str] = "obrien_fleming"
    meaning: ClassVar[str] = "Lan-DeMets spending of the O'Brien-Fleming type: almost nothing early"
    source: ClassVar[str] = "Lan & DeMets 1983, Biometrika 70:659"

    def spent(self, error: float, t: Floats, parameter: float) -> Floats:  # noqa: ARG002 - it has none
        """Error spent up to t, [K]."""
        z = np.full(len(t), -np.inf)
        np.divide(quantile(0.5 * error), np.sqrt(t), out=z, where=t > 0.0)
        return np.asarray(np.minimum(error, 2.0 * probability_below(z)))


KIND = ObrienFleming()
