"""The power family of spending functions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from protocolsim.arithmetic import power
from protocolsim.arrays import Floats
from protocolsim.sequential.shapes.base import ShapeParameter, SpendingShape


class Power(SpendingShape):
    """Kim & DeMets' power family: error * t^rho. Rho 1 spends as information comes in, 3 is near O'Brien-Fleming."""

    kind: ClassVar[str] = "power"
    meaning: ClassVar[str] = "power family of spending, error * t^rho: 3 is near O'Brien-Fleming, 1 near Pocock"
    source: ClassVar[str] = "Kim & DeMets 1987, Biometrika 74:149; Jennison & Turnbull 2000, section 7.2"
    parameter: ClassVar[ShapeParameter] = ShapeParameter("rho", 0.01, 50.0, "the larger, the less is spent early", 3.0)

    def spent(self, error: float, t: Floats, parameter: float) -> Floats:
        """Error spent up to t, [K]."""
        return error * np.array([power(float(v), parameter) if v > 0.0 else 0.0 for v in t])


KIND = Power()
