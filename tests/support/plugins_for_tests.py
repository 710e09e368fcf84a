"""Components from outside, as a user would write them, for tests/scenario/test_plugins.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.component import Parameter
from protocolsim.drug.base import Drug
from protocolsim.drug.interferon_beta import COMPONENT


@kernel
def start(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Nobody is on treatment yet."""
    for i in rows:
        body[i, links[0]] = 0.0


class Placebo(Drug):
    """A drug that does nothing."""

    name = "placebo"
    meaning = "a drug that does nothing"
    stream = 900
    fields = ("level",)
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("colour", 1.0, "", 0.0, 5.0, "A", "made up", "how blue the tablet is"),
    )
    start = start

    def constants(self, values: Mapping[str, float]) -> Floats:
        """Its one number."""
        return np.array([values["colour"]])


class OtherPlacebo(Placebo):
    """A second drug with a parameter of the same name."""

    name = "other_placebo"
    stream = 800


class Unfinished(Drug):
    """A drug without a name, a stream or anything else."""

    def constants(self, values: Mapping[str, float]) -> Floats:
        """Nothing."""
        return np.zeros(0)


class Abstract(Placebo):
    """A drug that cannot be made without an argument."""

    def __init__(self, strength: float) -> None:
        self.strength = strength


class SameStream(Placebo):
    """A drug that would share its chance with a shipped one."""

    stream = COMPONENT.stream


class NotADrug:
    """A class of some other kind."""


not_a_class = "placebo"
