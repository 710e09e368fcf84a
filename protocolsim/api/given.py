"""A scenario in any of the forms in which a caller may give it."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from protocolsim.scenario.load import changed, load
from protocolsim.scenario.scenario import Scenario

ScenarioLike = Scenario | str | PathLike[str]
Settings = Mapping[str, Any]


def scenario_of(scenario: ScenarioLike, set: Settings | None = None, allow_plugins: bool = False) -> Scenario:
    """The scenario by name, by path, or as loaded, with these values changed.

    Raises ScenarioError for faults of the file, UsageError for what cannot be found or set.
    """
    if not isinstance(scenario, Scenario):
        return load(scenario, set=set, allow_plugins=allow_plugins)
    if not set:
        return scenario
    return changed(scenario, set, allow_plugins=allow_plugins)
