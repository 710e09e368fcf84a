"""Which scenarios there are, and reading one."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from protocolsim.api.arguments import checked
from protocolsim.scenario.load import Settings, scenario_of
from protocolsim.scenario.scenario import Scenario

if TYPE_CHECKING:
    pass


@checked
def load(name_or_path: str | PathLike[str], *, set: Settings | None = None, allow_plugins: bool = False) -> Scenario:
    """Read and check a scenario.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a shipped one (see `scenarios`), or the path of a YAML file.
    set : mapping of str to value, optional
        Values to change, by name: one of the scenario's parameters (``"response_threshold"``), a parameter of its
        disease or drugs (``"daclizumab.half_effect_concentration"``), or a dotted path (``"cohort.size"``,
        ``"protocol.transitions[2].when"``). A quantity is a number, or a text with its unit (``"50 %"``).
    allow_plugins : bool, default False
        Whether to load code that the file names (``your.module:COMPONENT``).

    Returns
    -------
    Scenario
        Checked, immutable, ready to run.

    Raises
    ------
    ScenarioError
        For faults of the file, all of them at once.
    UsageError
        For what cannot be found or set.

    Examples
    --------
    >>> protocolsim.load("ms_daclizumab", set={"cohort.size": 20}).trial.cohort.size
    20
    """
    return scenario_of(name_or_path, set, allow_plugins)


def scenarios() -> list[str]:
    """List the scenarios that come with the package.

    Parameters
    ----------
    None

    Returns
    -------
    list of str
        Their names, sorted; every function takes them.

    Raises
    ------
    None

    Examples
    --------
    >>> "ms_daclizumab" in protocolsim.scenarios()
    True
    """
    from protocolsim.scenario.file.library import names

    return names()


def schema() -> dict[str, Any]:
    """Give the JSON Schema of a scenario file, for editors.

    Parameters
    ----------
    None

    Returns
    -------
    dict
        The schema (draft 2020-12).

    Raises
    ------
    None

    Examples
    --------
    >>> protocolsim.schema()["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    from protocolsim.scenario.json_schema import json_schema

    return json_schema()
