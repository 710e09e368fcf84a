"""What a study is asked for, checked: whole numbers, replicates and the seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocolsim.errors import UsageError, digits
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.scenario.scenario import Scenario

OF_MANY_POINTS = 200
"""Replicates of each point of a study of many, unless the scenario or the call says how many."""


def replicates_and_seed(
    scenario: Scenario, replicates: int | None, seed: int | None, *, many_points: bool = False
) -> tuple[int, int]:
    """Those given, or the scenario's own; of `many_points` fewer where the scenario does not say how many.

    Raises UsageError for impossible ones.
    """
    if replicates is None:
        replicates = replicates_of_a_point(scenario) if many_points else scenario.replicates
    else:
        replicates = whole_number("replicates", replicates, 1, MAX_REPLICATES - 1)
    seed = scenario.seed if seed is None else whole_number("seed", seed, 0, MAX_SEED)
    return replicates, seed


def replicates_of_a_point(scenario: Scenario) -> int:
    """How many replicates each point of a study of many has: the scenario's own number, or a few where it says none."""
    return scenario.replicates if scenario.says_replicates else min(OF_MANY_POINTS, scenario.replicates)


def whole_number(what: str, value: Any, least: int, most: int) -> int:
    """The value, if it is a whole number between bounds; UsageError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise UsageError(f"{what}: expected a whole number, found {digits(value)}")
    if not least <= value <= most:
        raise UsageError(f"{what}: {digits(int(value))} is not between {least} and {most}")
    return int(value)
