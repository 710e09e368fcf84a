"""A drug: where it goes in the body, and what it does there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocolsim.component import Component, GiveKernel


@dataclass(frozen=True, kw_only=True, eq=False)
class Drug(Component):
    """A drug model: kinetics, effects written to signals, biomarkers of its own, and its harms.

    Field 0 of every drug is LEVEL, the treatment in force: 0 off treatment, 1 for `standard`, or the
    dose of the regimen in its own unit (mg/kg, mg, IU/kg, IU). The engine writes it on entering a state, and where a
    dose that is computed changes. A drug that is given in doses has a `give` kernel; one without is only on or off
    (`standard`). `dose_unit` is what its doses are measured in, flat or, where it knows
    the weight (`per_weight`), per weight.

    `on_arrival` is the name under which `constants` is told, among the parameters' values, whether patients arrive on
    it (1, also where nothing is said) or without it (0). "": nobody is known to arrive on it.
    """

    give: GiveKernel | None = None
    dose_unit: Literal["mg", "IU"] = "mg"
    per_weight: bool = True
    on_arrival: str = ""


LEVEL = 0
