"""Settings from outside (`--set name=value`): which place of the scenario a name means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from protocolsim.errors import ScenarioError, UsageError, digits, nearest
from protocolsim.names import shown
from protocolsim.scenario.build import components
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import extended, load_document, with_settings
from protocolsim.scenario.file.yaml_reader import Document, parse, why_no_text
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.scenario.scenario import Scenario

_CLOSED = ("'", '"', "[", "{")


def load(
    name_or_path: str | PathLike[str], *, set: Mapping[str, Any] | None = None, allow_plugins: bool = False
) -> Scenario:
    """Read and check a scenario, by the name of a shipped one or by the path of a file.

    `set` changes single values: one of the scenario's parameters ("response_threshold"), a parameter of its disease
    or drugs ("lesion_persistence", "daclizumab.half_effect_concentration"), or a dotted path ("cohort.size",
    "protocol.transitions[2].when").
    Raises ScenarioError for faults of the file, UsageError for what cannot be found or set.
    """
    return _built(load_document(fspath(name_or_path)), set, allow_plugins)


def load_text(text: str, source: str, *, set: Mapping[str, Any] | None = None, allow_plugins: bool = False) -> Scenario:
    """Read and check the text of a scenario, which may extend shipped ones only; `source` is what to call it."""
    return _built(extended(parse(text, source)), set, allow_plugins)


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


def settings(document: Document, given: Mapping[str, Any], allow_plugins: bool) -> dict[str, Any]:
    """The given values by dotted path. Raises UsageError for a name that means nothing here, or several things."""
    places = _places(document.data, allow_plugins)
    found: dict[str, Any] = {}
    for name, value in given.items():
        if not isinstance(name, str):
            raise UsageError(f"--set {digits(name)}: expected the name of what is set, as text, such as 'cohort.size'")
        if why_no_text(name) is not None:
            raise UsageError(f"--set {shown(name)}: {why_no_text(name)}")
        path = _path(name, places, document.data)
        if path in found:
            raise UsageError(f"--set {name}: {path} is set twice")
        found[path] = value
    return found


def _path(name: str, places: Mapping[str, list[str]], data: Mapping[str, Any]) -> str:
    if name in places:
        if len(places[name]) > 1:
            raise UsageError(f"--set {name}: it could mean {' or '.join(places[name])}; say which")
        return places[name][0]
    # Whether the place may hold this value, or such a key at all, is for the builder to say.
    steps = name.replace("[", ".").replace("]", "").split(".")
    if name != "extends" and all(steps) and _may_hold(data, steps):
        return ".".join(steps)
    known = [*places, *data]
    inside = [place for place in places if place.endswith(f".{name}")]
    close = inside[0] if inside else nearest(name, known)
    if close is not None:
        raise UsageError(f"--set {name}: there is no such name; did you mean '{close}'?")
    own = ", ".join(_mapping(data, "parameters")) or "none"
    raise UsageError(
        f"--set {name}: there is no such name; this scenario's parameters: {own}; or a path like cohort.size"
    )


def _places(data: Mapping[str, Any], allow_plugins: bool) -> dict[str, list[str]]:
    """Every name that can be set, and the path (or paths) it stands for."""
    found: dict[str, list[str]] = {}

    def add(name: str, path: str) -> None:
        if path not in found.setdefault(name, []):
            found[name].append(path)

    for key in ("seed", "replicates"):
        add(key, key)
    for key in ("size", "dropout", "no_show", "arrivals", "max_candidates"):
        add(f"cohort.{key}", f"cohort.{key}")
    for name in _mapping(data, "parameters"):
        add(name, f"parameters.{name}.value")
        add(f"parameters.{name}", f"parameters.{name}.value")
    for room, name, kind, prefix in _cast(data):
        if set(name) & set(".[]"):
            continue  # a path cannot say which of its dots part names
        try:
            component = components.load(room, kind, allow_plugins)
        except UsageError:
            continue  # the builder says what is wrong with it, at its line
        for parameter in component.parameters:
            # A scenario's own parameter goes before a component's of the same name.
            if parameter.name not in _mapping(data, "parameters"):
                add(parameter.name, f"{prefix}.{parameter.name}")
            add(f"{name}.{parameter.name}", f"{prefix}.{parameter.name}")
            add(f"{prefix}.{parameter.name}", f"{prefix}.{parameter.name}")
    return found


def _mapping(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    here: Any = data
    for key in keys:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else {}


def _cast(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(room, name, kind, path of its parameters) of the disease and of every drug that the scenario mentions."""
    found = []
    disease = _mapping(data, "cohort").get("disease")
    if isinstance(disease, str):
        found.append(("disease", disease, disease, "cohort"))
    drugs = dict.fromkeys(_mapping(data, "drugs"))
    for state in _mapping(data, "protocol", "states").values():
        drugs |= dict.fromkeys(_mapping(state, "treatment")) if isinstance(state, Mapping) else {}
    for drug in drugs:
        kind = _mapping(data, "drugs", drug).get("kind", drug)
        found.append(("drug", drug, str(kind), f"drugs.{drug}"))
    return found


def _may_hold(data: Mapping[str, Any], steps: Sequence[str]) -> bool:
    """Whether something stands at this path, or could: a key of a mapping that stands there (not of the whole)."""
    here: Any = data
    for number, step in enumerate(steps):
        if isinstance(here, Mapping) and step in here:
            here = here[step]
        elif isinstance(here, list) and step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(here):
            here = here[int(step)]
        else:
            return isinstance(here, Mapping) and 0 < number == len(steps) - 1
    return True
