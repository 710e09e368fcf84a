"""Read, set and check a scenario: from a name or a path to a Scenario, and back to a file."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import extended, load_document, with_settings
from protocolsim.scenario.file.yaml_reader import Document, parse, why_no_text
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.setting_names import settings

ScenarioLike = Scenario | str | PathLike[str]
"""A scenario in any form in which a caller may give it: as loaded, by name, or by path."""
Settings = Mapping[str, Any]
"""Values to change, by the names that `load` takes."""

_CLOSED = ("'", '"', "[", "{")


def load(name_or_path: str | PathLike[str], *, set: Settings | None = None, allow_plugins: bool = False) -> Scenario:
    """Read and check a scenario, by the name of a shipped one or by the path of a file.

    `set` changes single values: one of the scenario's parameters ("response_threshold"), a parameter of its disease
    or drugs ("lesion_persistence", "daclizumab.half_effect_concentration"), or a dotted path ("cohort.size",
    "protocol.transitions[2].when").
    Raises ScenarioError for faults of the file, UsageError for what cannot be found or set.
    """
    return _built(load_document(fspath(name_or_path)), set, allow_plugins)


def load_text(text: str, source: str, *, set: Settings | None = None, allow_plugins: bool = False) -> Scenario:
    """Read and check the text of a scenario, which may extend shipped ones only; `source` is what to call it."""
    return _built(extended(parse(text, source)), set, allow_plugins)


def changed(scenario: Scenario, given: Settings, *, allow_plugins: bool = False) -> Scenario:
    """The scenario with these values, by the names that `load` takes; what it was loaded with stays.

    Raises ScenarioError where it cannot be as it is then, UsageError for what cannot be set.
    """
    return _built(scenario.document, given, allow_plugins or scenario.allow_plugins)


def scenario_of(scenario: ScenarioLike, set: Settings | None = None, allow_plugins: bool = False) -> Scenario:
    """The scenario that is given in any form, with these values changed; errors as of `load`."""
    if not isinstance(scenario, Scenario):
        return load(scenario, set=set, allow_plugins=allow_plugins)
    return changed(scenario, set, allow_plugins=allow_plugins) if set else scenario


def _built(document: Document, given: Mapping[str, Any] | None, allow_plugins: bool) -> Scenario:
    if given:
        document = with_settings(document, settings(document, given, allow_plugins))
    return build(document, allow_plugins=allow_plugins)


def value_of(name: str, text: str) -> Any:
    """The value that a setting's words mean, as a scenario file would hold it. Raises UsageError.

    There are no comments here: `a # b` is that text, and behind quotes or brackets nothing more may stand.
    """
    data = _read(name, text)
    if list(data) != ["value"]:
        raise UsageError(f"--set {name}: expected a single value, found several lines")
    if "#" in text and _ends_in_comment(text, data):
        if text[:1] in _CLOSED:
            raise UsageError(f"--set {name}: '#' begins a comment there, and a setting has none; leave it out")
        why = why_no_text(text)
        if why is not None:
            raise UsageError(f"--set {name}: {why}")
        return text
    return data["value"]


def _read(name: str, text: str) -> dict[str, Any]:
    try:
        return parse(f"value: {text}", "--set").data
    except ScenarioError as error:
        raise UsageError(f"--set {name}: {error.faults[0].message}") from None


def _ends_in_comment(text: str, data: Mapping[str, Any]) -> bool:
    """Whether whatever is added to the text says nothing more."""
    try:
        return parse(f"value: {text}x", "--set").data == data
    except ScenarioError:
        return False


def saved(scenario: Scenario, shipped: str | None, given: Mapping[str, Any], asked: Mapping[str, int | None]) -> str:
    """A scenario file with the same results as this scenario: what was `given` and `asked` on top of a shipped one.

    Without the name of a shipped one, or where a setting reaches into a list, everything stands in the file.
    """
    numbers = {key: value for key, value in asked.items() if value is not None}
    paths = settings(scenario.document, given, scenario.allow_plugins)
    steps = {path: path.replace("[", ".").replace("]", "").split(".") for path in paths}
    if shipped is None or any(step.isdigit() for each in steps.values() for step in each):
        return as_yaml({**scenario.document.data, **numbers})
    data: dict[str, Any] = {"extends": shipped, **numbers}
    for path, value in paths.items():
        here = data
        for step in steps[path][:-1]:
            here = here.setdefault(step, {})
        here[steps[path][-1]] = value
    return as_yaml({**data, **numbers})  # what was asked goes before what was set, as in a run
