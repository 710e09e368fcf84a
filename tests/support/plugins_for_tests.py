"""Components from outside, as a user would write them, for tests/scenario/test_plugins.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.component import Floats, Integers, Parameter
from protocolsim.drug.base import Drug
from protocolsim.drug.interferon_beta import COMPONENT


@kernel
def start(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Nobody is on treatment yet."""
    for i in rows:
        body[i, links[0]] = 0.0


def constants(values: Mapping[str, float]) -> Floats:
    """Its one number."""
    return np.array([values["colour"]])


PLACEBO = Drug(
    name="placebo",
    meaning="a drug that does nothing",
    stream=900,
    fields=("level",),
    parameters=(Parameter("colour", 1.0, "", 0.0, 5.0, "A", "made up", "how blue the tablet is"),),
    constants=constants,
    start=start,
)
"""A drug that does nothing."""

OTHER_PLACEBO = replace(PLACEBO, name="other_placebo", stream=800)
"""A second drug with a parameter of the same name."""

SAME_STREAM = replace(PLACEBO, stream=COMPONENT.stream)
"""A drug that would share its chance with a shipped one."""


class Placebo:
    """A drug as it was written before components were values."""


not_a_drug = "placebo"
