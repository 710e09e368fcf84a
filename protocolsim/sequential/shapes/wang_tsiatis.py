"""Wang and Tsiatis' family, with the classical bounds of Pocock and of O'Brien and Fleming at its ends."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from protocolsim.arithmetic import power
from protocolsim.arrays import Floats
from protocolsim.sequential.shapes.base import FixedShape, ShapeParameter


class WangTsiatis(FixedShape):
    """Wang & Tsiatis' family: constant * t^(delta - 1/2).

    Delta 0 is O'Brien & Fleming 1979 (constant / sqrt(t)), 1/2 is Pocock 1977 (the same bound at every look).
    """

    kind: ClassVar[str] = "wang_tsiatis"
    meaning: ClassVar[str] = "bounds constant * t^(delta - 1/2): 0 is the classical O'Brien-Fleming, 0.5 Pocock"
    source: ClassVar[str] = "Wang & Tsiatis 1987, Biometrics 43:193"
    parameter: ClassVar[ShapeParameter] = ShapeParameter(
        "delta", -5.0, 1.0, "the smaller, the harder an early stop", 0.25
    )

    def bounds(self, constant: float, t: Floats, parameter: float) -> Floats:
        """Upper bounds, [K]."""
        return constant * np.array([power(float(v), parameter - 0.5) for v in t])


KIND = WangTsiatis()
