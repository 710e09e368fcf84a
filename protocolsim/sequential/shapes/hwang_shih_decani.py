"""The gamma family of spending functions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from protocolsim.arithmetic import exp
from protocolsim.arrays import Floats
from protocolsim.sequential.shapes.base import ShapeParameter, SpendingShape


class HwangShihDecani(SpendingShape):
    """Hwang, Shih & DeCani's gamma family: error * (1 - exp(-gamma t)) / (1 - exp(-gamma)); error * t for gamma 0.

    Gamma -4 resembles O'Brien and Fleming's bounds, 1 those of Pocock.
    """

    kind: ClassVar[str] = "hwang_shih_decani"
    meaning: ClassVar[str] = "gamma family of spending: -4 is near O'Brien-Fleming, 1 near Pocock"
    source: ClassVar[str] = "Hwang, Shih & DeCani 1990, Stat Med 9:1439"
    parameter: ClassVar[ShapeParameter] = ShapeParameter(
        "gamma", -40.0, 40.0, "the larger, the more is spent early; 0 spends in proportion to information", -4.0
    )

    def spent(self, error: float, t: Floats, parameter: float) -> Floats:
        """Error spent up to t, [K]."""
        if abs(parameter) < 1e-6:  # the limit, to 1e-6 of the error
            return error * t
        return error * np.array([1.0 - exp(-parameter * float(v)) for v in t]) / (1.0 - exp(-parameter))


KIND = HwangShihDecani()
