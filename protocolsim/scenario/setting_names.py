"""Names of what can be set from outside (`--set name=value`): which place of the scenario a name means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from protocolsim.errors import UsageError, digits, nearest
from protocolsim.names import shown
from protocolsim.scenario.build.cast import components
from protocolsim.scenario.file.models import cast_of, mapping
from protocolsim.scenario.file.named_transitions import TRANSITIONS, numbered
from protocolsim.scenario.file.templates import expanded_where_sound
from protocolsim.scenario.file.yaml_reader import Document, why_no_text

_IN_PATHS = frozenset(".[]")


def key_of(component: str, parameter: str, path: str) -> str:
    """The name for --set of a parameter of what the file calls so, which no other has; `path` is its place there."""
    return path if set(component) & _IN_PATHS else f"{component}.{parameter}"


def settings(
    document: Document,
    given: Mapping[str, Any],
    allow_plugins: bool,
    places: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """The given values by dotted path. Raises UsageError for a name that means nothing here, or several things.

    `places` is what `places_of` says of the document, where that is known already.
    """
    if places is None:
        places = places_of(document, allow_plugins)
    result: dict[str, Any] = {}
    for name, value in given.items():
        if not isinstance(name, str):
            raise UsageError(f"--set {digits(name)}: expected the name of what is set, as text, such as 'cohort.size'")
        if why_no_text(name) is not None:
            raise UsageError(f"--set {shown(name)}: {why_no_text(name)}")
        path = _path(name, places, document.data)
        if path in result:
            raise UsageError(f"--set {name}: {path} is set twice")
        result[path] = value
    return result


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
    own = ", ".join(mapping(data, "parameters")) or "none"
    raise UsageError(
        f"--set {name}: there is no such name; this scenario's parameters: {own}; or a path like cohort.size"
    )


def places_of(document: Document, allow_plugins: bool) -> dict[str, list[str]]:
    """Every name that can be set, and the path (or paths) it stands for."""
    data = expanded_where_sound(document).data
    places: dict[str, list[str]] = {}

    def add(name: str, path: str) -> None:
        if path not in places.setdefault(name, []):
            places[name].append(path)

    for key in ("seed", "replicates"):
        add(key, key)
    for key in ("size", "dropout", "no_show", "arrivals", "max_candidates"):
        add(f"cohort.{key}", f"cohort.{key}")
    own = {**mapping(data, "parameters"), **mapping(data, "protocol", "variables")}
    for key in ("population", "arrives_on"):
        if key not in own:
            add(key, f"cohort.{key}")
        add(f"cohort.{key}", f"cohort.{key}")
    for name in mapping(data, "parameters"):
        add(name, f"parameters.{name}.value")
        add(f"parameters.{name}", f"parameters.{name}.value")
    for name in mapping(data, "protocol", "variables"):
        add(name, f"protocol.variables.{name}.start")
    for room, name, kind, prefix in cast_of(data):
        if set(name) & _IN_PATHS:
            continue  # a path cannot say which of its dots part names
        for parameter in _parameters_of(data, room, kind, allow_plugins):
            # A scenario's own parameter or variable goes before a component's of the same name.
            if parameter not in own:
                add(parameter, f"{prefix}.{parameter}")
            add(f"{name}.{parameter}", f"{prefix}.{parameter}")
            add(f"{prefix}.{parameter}", f"{prefix}.{parameter}")
    return places


def _parameters_of(data: Mapping[str, Any], room: str, kind: str, allow_plugins: bool) -> list[str]:
    """The names of a component's parameters; of a declared model those that stand in the file."""
    if kind in mapping(data, "models"):
        return list(mapping(data, "models", kind, "parameters"))
    try:
        return [p.name for p in components.load(room, kind, allow_plugins).parameters]
    except UsageError:
        return []  # the builder says what is wrong with it, at its line


def _may_hold(data: Mapping[str, Any], steps: Sequence[str]) -> bool:
    """Whether something stands at this path, or could: a key of a mapping that stands there (not of the whole)."""
    here: Any = data
    for number, step in enumerate(steps):
        if isinstance(here, Mapping) and step in here:
            here = here[step]
        elif isinstance(here, list) and tuple(steps[:number]) == TRANSITIONS and numbered(here, step) != step:
            here = here[int(numbered(here, step))]
        elif isinstance(here, list) and step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(here):
            here = here[int(step)]
        else:
            return isinstance(here, Mapping) and 0 < number == len(steps) - 1
    return True
