"""What a study is asked for, checked: whole numbers, replicates and the seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocolsim.errors import UsageError, digits
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.scenario.scenario import Scenario


def replicates_and_seed(scenario: Scenario, replicates: int | None, seed: int | None) -> tuple[int, int]:
    """Those given, or the scenario's own. Raises UsageError for impossible ones."""
    replicates = (
        scenario.replicates if replicates is None else whole_number("replicates", replicates, 1, MAX_REPLICATES - 1)
    )
    seed = scenario.seed if seed is None else whole_number("seed", seed, 0, MAX_SEED)
    return replicates, seed


def whole_number(what: str, value: Any, least: int, most: int) -> int:
    """The value, if it is a whole number between bounds; UsageError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise UsageError(f"{what}: expected a whole number, found {digits(value)}")
    if not least <= value <= most:
        raise UsageError(f"{what}: {digits(int(value))} is not between {least} and {most}")
    return int(value)
