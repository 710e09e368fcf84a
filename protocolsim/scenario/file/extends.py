"""One scenario on top of another: `extends: NAME`, and settings from outside.

Mappings merge key by key, and the extending file wins; a list or a single value replaces what it meets, as a whole
(`protocol.transitions` too, unless they are changed by name); null takes the inherited key away. What a file says of
itself beside others (`beside`, `findings`, `story`) is not inherited. Every value keeps the place it was written at.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from protocolsim.errors import ScenarioError, UsageError, digits
from protocolsim.scenario.file.library import find, is_path
from protocolsim.scenario.file.models import FOLDER, mapping, with_models
from protocolsim.scenario.file.named_transitions import TRANSITIONS, listed, numbered, with_changes, without, written
from protocolsim.scenario.file.path_check import why_unreadable
from protocolsim.scenario.file.yaml_reader import MAX_DEPTH, Address, Document, Place, read, spell, why_no_text, within

MAX_FILES = 10
SET = "--set"
_EXTENDS: Address = ("extends",)
_ITS_OWN = ("beside", "findings", "story")


def load_document(name_or_path: str) -> Document:
    """The scenario with all it extends.

    Raises UsageError for an unknown name, ScenarioError for files that cannot be read or joined.
    """
    path = find(name_or_path)
    return extended(read(path, name_or_path), path)


def extended(document: Document, path: Path | None = None) -> Document:
    """The document with all it extends; without the path of its file it may extend shipped scenarios only.

    Raises ScenarioError for a circle, more than ten files, and a parent that is missing or has faults.
    """
    chain = [document]
    trail = [path.resolve() if path is not None else None]
    while "extends" in chain[-1].data:
        last = chain[-1]
        parent, shown = _parent(last, path)
        if parent.resolve() in trail:
            circle = [d.source for d in chain[trail.index(parent.resolve()) :]]
            _refuse(last, f"goes in a circle: {' -> '.join([*circle, circle[0]])}")
        if len(chain) == MAX_FILES:
            _refuse(last, f"goes deeper than {MAX_FILES} files: {' -> '.join(d.source for d in chain)}")
        chain.append(read(parent, shown))
        trail.append(parent.resolve())
        path = parent
    # Each file's models are looked for beside it.
    chain = [with_models(d, p) for d, p in zip(chain, trail, strict=True)]
    merged = listed(chain.pop())
    while chain:
        merged = _merge(merged, chain.pop())
    return merged


def _parent(document: Document, path: Path | None) -> tuple[Path, str]:
    """The file that this document extends, and what to call it."""
    wanted = document.data["extends"]
    if not isinstance(wanted, str):
        _refuse(document, "must be the name of a scenario, or a path beside this file")
    if not is_path(wanted):
        try:
            return find(wanted), wanted
        except UsageError as error:
            _refuse(document, str(error))
    if path is None:
        _refuse(document, f"'{wanted}' is a path, and this scenario has no folder; name a shipped scenario")
    parent = path.parent / wanted
    reason = why_unreadable(parent)
    if reason is not None:
        _refuse(document, f"'{wanted}': {reason}")
    return parent, str(Path(document.source).parent / wanted) if is_path(document.source) else str(parent)


def _refuse(document: Document, message: str) -> NoReturn:
    raise ScenarioError(document.source, [document.fault(_EXTENDS, message)])


def _merge(base: Document, over: Document) -> Document:
    if isinstance(written(over), dict):
        if isinstance(written(base), list):
            base, over = with_changes(base, over, _overlaid), without(over)
        else:
            over = listed(over)
    replaced: set[Address] = {_EXTENDS, *((key,) for key in _ITS_OWN)}
    gone: set[Address] = {_EXTENDS}
    inherited = {key: value for key, value in base.data.items() if key not in _ITS_OWN}
    # A model that is whole replaces one of its name: two models key by key would be a third that nobody wrote.
    whole = [name for name, model in mapping(over.data, FOLDER).items() if "kind" in mapping(model)]
    if whole and FOLDER in inherited:
        inherited[FOLDER] = {name: m for name, m in mapping(inherited, FOLDER).items() if name not in whole}
        replaced |= {(FOLDER, name) for name in whole}
    data = _overlay(inherited, over.data, (), replaced, gone)
    data.pop("extends", None)
    places = {address: place for address, place in base.places.items() if not within(address, replaced)}
    places |= {address: place for address, place in over.places.items() if not within(address, gone)}
    return replace(over, data=data, places=places, attached={**base.attached, **over.attached})


def _overlaid(base: dict[str, Any], over: dict[str, Any], replaced: set[Address], gone: set[Address]) -> dict[str, Any]:
    return _overlay(base, over, (), replaced, gone)


def _overlay(
    base: dict[str, Any], over: dict[str, Any], address: Address, replaced: set[Address], gone: set[Address]
) -> dict[str, Any]:
    """The merged mapping; notes which of base's addresses were replaced and which of over's took something away."""
    merged = dict(base)
    for key, value in over.items():
        here = (*address, key)
        if key in base and value is None:
            del merged[key]
            gone.add(here)
            replaced.add(here)
        elif isinstance(base.get(key), dict) and isinstance(value, dict):
            merged[key] = _overlay(base[key], value, here, replaced, gone)
        else:
            merged[key] = value
            replaced.add(here)
    return merged


def with_settings(document: Document, settings: Mapping[str, object] | Mapping[Address, object]) -> Document:
    """The document with each dotted path ("cohort.size", "protocol.transitions.0.when") or address set to its value.

    Missing mappings are made on the way; what is set has the place (0, 0) and the source `--set`.
    Raises UsageError for a path that leads through a single value or past the end of a list.
    """
    data = deepcopy(document.data)
    places = dict(document.places)
    for where, value in settings.items():
        path = where if isinstance(where, str) else spell(where)
        plain = _plain(value, path)
        address, made = _set(data, path, _steps(where), plain)
        places = {a: p for a, p in places.items() if a[: len(address)] != address}
        for under in (*made, *_addresses(plain, address)):
            places[under] = Place(SET, 0, 0, 0, 0)
    return replace(document, data=data, places=places)


def _steps(where: str | Address) -> list[str]:
    """The steps of a path, each as it is written."""
    return where.replace("[", ".").replace("]", "").split(".") if isinstance(where, str) else list(map(str, where))


def _set(data: dict[str, Any], path: str, steps: list[str], value: Any) -> tuple[Address, list[Address]]:
    """Set one value in place; its address, and those of the mappings made on the way."""
    if not all(steps) or len(steps) > MAX_DEPTH:
        raise UsageError(f"'{path}' is not a path; write names with dots between, like cohort.size")
    if steps[0] == "extends":
        raise UsageError("extends cannot be set from outside; write it in a file")
    if steps[0] == FOLDER and "patients" in steps[2:3]:
        # The rows have been read with the file that names them.
        raise UsageError(f"{path}: a file of patients cannot be set from outside; write it in a file")
    here: Any = data
    address: Address = ()
    made: list[Address] = []
    for last, step in zip([*[False] * (len(steps) - 1), True], steps, strict=True):
        key = _step(here, step, address, path)
        address = (*address, key)
        if last:
            here[key] = value
            break
        if isinstance(here, dict) and here.get(key) is None:
            here[key] = {}
            made.append(address)
        here = here[key]
    return address, made


def _step(here: Any, step: str, address: Address, path: str) -> str | int:
    """The key or the list item's number that this step of the path means."""
    if isinstance(here, dict):
        return step
    at = spell(address)
    if not isinstance(here, list):
        raise UsageError(f"{path}: {at} is {str(here)[:60]!r}, and nothing stands below it")
    step = numbered(here, step) if address == TRANSITIONS else step
    if not (step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(here)):
        raise UsageError(f"{path}: {at} is a list; '{step}' is not a number from 0 to {len(here) - 1}")
    return int(step)


def _plain(value: object, path: str, depth: int = 0) -> Any:
    """A copy of the value made of what a file can hold."""
    if depth > MAX_DEPTH:
        raise UsageError(f"{path}: nested deeper than {MAX_DEPTH}")
    numpy = sys.modules.get("numpy")  # nothing is of its kinds where nobody has imported it
    if numpy is not None and isinstance(value, numpy.generic | numpy.ndarray):
        value = value.tolist()
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {_text(key, path): _plain(below, path, depth + 1) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(below, path, depth + 1) for below in value]
    if isinstance(value, str):
        return _text(value, path)
    if value is None or isinstance(value, bool):
        return value
    # What only behaves like a number (an enumeration) becomes one.
    if isinstance(value, int) and abs(value) < 1 << 63:
        return int(value)
    if isinstance(value, float) and abs(value) < float("inf"):
        return float(value)
    raise UsageError(f"{path}: {digits(value)} is not a value that a scenario file could hold")


def _text(value: str, path: str) -> str:
    """A text that a scenario file could hold, as plain text."""
    why = why_no_text(value)
    if why is not None:
        raise UsageError(f"{path}: {why}")
    return str.__str__(value)


def _addresses(value: Any, address: Address) -> list[Address]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [address, *(addresses for key, inner in below for addresses in _addresses(inner, (*address, key)))]
