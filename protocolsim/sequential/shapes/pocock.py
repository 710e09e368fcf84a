"""Spending that resembles Pocock's bounds: nearly the same at every look."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from protocolsim.arithmetic import log
from protocolsim.arrays import Floats
from protocolsim.sequential.shapes.base import SpendingShape

_E_LESS_1 = 1.718281828459045


class Pocock(SpendingShape):
    """Lan & DeMets' spending of the Pocock type: error * log(1 + (e - 1) t)."""

    kind: ClassVar[str] = "pocock"
    meaning: ClassVar[str] = "Lan-DeMets spending of the Pocock type: nearly equal bounds at all looks"
    source: ClassVar[str] = "Lan & DeMets 1983, Biometrika 70:659"

    def spent(self, error: float, t: Floats, parameter: float) -> Floats:  # noqa: ARG002 - it has none
        """Error spent up to t, [K]."""
        return np.minimum(error, error * np.array([log(1.0 + _E_LESS_1 * float(v)) for v in t]))


KIND = Pocock()
