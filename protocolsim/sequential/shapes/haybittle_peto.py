"""One strict bound at every interim look, and at the last what the interim looks leave."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.sequential.shapes.base import FixedShape, ShapeParameter


class HaybittlePeto(FixedShape):
    """Haybittle 1971 and Peto et al. 1976: the same high bound, often 3, at every look but the last."""

    kind: ClassVar[str] = "haybittle_peto"
    meaning: ClassVar[str] = "the bound z at every look but the last, whose bound is solved for"
    source: ClassVar[str] = "Haybittle 1971, Br J Radiol 44:793; Peto et al. 1976, Br J Cancer 34:585"
    parameter: ClassVar[ShapeParameter] = ShapeParameter(
        "z", 0.0, 8.0, "the bound at every look but the last, often 3", 3.0
    )

    def bounds(self, constant: float, t: Floats, parameter: float) -> Floats:
        """Upper bounds, [K]."""
        bounds = np.full(len(t), parameter)
        bounds[-1] = constant
        return bounds


KIND = HaybittlePeto()
