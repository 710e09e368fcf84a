"""Diseases and drugs by name: the shipped ones, and, where allowed, code from outside.

An installed package offers components by entry points (`protocolsim.plugins`), found by their name like shipped ones.
A shipped component is the file of its own name in `disease/` or `drug/`, which ends in `COMPONENT = Disease(...)` or
`COMPONENT = Drug(...)`, or a declared model in `scenarios/models/`. Code from outside is named
`your.module:YOUR_COMPONENT`, and is imported only where the caller allowed plugins.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

import protocolsim.disease as disease_room
import protocolsim.drug as drug_room
from protocolsim.component import Component
from protocolsim.disease.base import Disease
from protocolsim.drug.base import Drug
from protocolsim.errors import ScenarioError, UsageError, unknown
from protocolsim.plugins import plugins
from protocolsim.randomness import FIRST_OUTSIDE
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.checks.declared import undone
from protocolsim.scenario.file.library import model_file, models
from protocolsim.scenario.file.model_schema import ModelPart
from protocolsim.scenario.file.shape_check import check_as
from protocolsim.scenario.file.yaml_reader import Document, read
from protocolsim.scenario.models.declared import DeclaredModel

_ROOMS = {"disease": disease_room, "drug": drug_room}
_TYPES: dict[str, type[Component]] = {"disease": Disease, "drug": Drug}


def disease_names() -> list[str]:
    """The shipped diseases."""
    return _names("disease")


def drug_names() -> list[str]:
    """The shipped drugs."""
    return _names("drug")


def _names(room: str) -> list[str]:
    return sorted({*_with_code(room), *(n for n in models() if _declared(n).data.get("kind") == room)})


@cache
def _declared(name: str) -> Document:
    """The file of a shipped declared model."""
    path = model_file(name)
    assert path is not None
    return read(path, path.name)


@cache
def _with_code(room: str) -> tuple[str, ...]:
    # A file whose name begins with "_" belongs to the kind of that name.
    names = (m.name for m in pkgutil.iter_modules(_ROOMS[room].__path__))
    return tuple(sorted(name for name in names if name != "base" and not name.startswith("_")))


def python_names(room: str) -> list[str]:
    """The diseases or drugs that have code, shipped or installed."""
    return [*_with_code(room), *plugins(room)]


@cache
def load_shipped(room: str, name: str) -> Component:
    """The shipped component of that name; it must exist."""
    if name in _with_code(room):
        component: Component = importlib.import_module(f"protocolsim.{room}.{name}").COMPONENT
        return component
    return model_of(_declared(name), name)


def shipped_model(name: str) -> ModelPart | None:
    """What the file of a shipped declared model says; None for a component of code."""
    return ModelPart.model_validate(_declared(name).data) if name in models() else None


def model_of(document: Document, name: str) -> Component:
    """The component of a file that is one declared model. Raises ScenarioError with every fault."""
    shape = check_as(ModelPart, document.data)
    faults = Faults(document, shape.mended)
    faults.extend(shape.said)
    component = None if shape.part is None else DeclaredModel(name, shape.part, faults, ()).build()
    if faults or component is None:
        raise ScenarioError(document.source, faults.reported)
    return component


def load(room: str, name: str, allow_plugins: bool, also: Iterable[str] = ()) -> Component:
    """A component by name. Raises UsageError for one that is unknown, not allowed, or not a component.

    `also`: further names that could be meant where this one is unknown.
    """
    if ":" not in name:
        # Files of declared models are read only where a name may be one of theirs.
        if name in _with_code(room) or (name in models() and _declared(name).data.get("kind") == room):
            return load_shipped(room, name)
        if name in plugins(room):
            return _installed(room, name)
        raise UsageError(unknown(room, name, (*_names(room), *plugins(room), *also)))
    if not allow_plugins:
        raise UsageError(f"'{name}' is code from outside; it is loaded only with --allow-plugins")
    module, _, attribute = name.partition(":")
    try:
        result = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # noqa: BLE001 - code from outside may fail in any way
        raise UsageError(f"cannot load '{name}': {type(error).__name__}: {error}") from None
    return _sound(_value(result, name, _TYPES[room]), name)


@cache
def _installed(room: str, name: str) -> Component:
    """The component that an installed package offers. Raises UsageError for one that cannot be used."""
    plugin = plugins(room)[name]
    installed = plugin.load()
    if not isinstance(installed, _TYPES[room]):
        raise UsageError(f"{plugin}: {plugin.value} is not a {_TYPES[room].__name__}")
    if installed.name != name:
        raise UsageError(f"{plugin} calls itself '{installed.name}'; its entry point must have the same name")
    if installed.stream < FIRST_OUTSIDE:
        raise UsageError(
            f"{plugin} draws from stream {installed.stream:,} on, and those below {FIRST_OUTSIDE:,} are taken: "
            f"take stream_block('{name}')"
        )
    return _sound(installed, name)


def _sound(component: Component, name: str) -> Component:
    wrong = list(undone(component))
    if wrong:
        raise UsageError(f"'{name}' cannot be used: {'; '.join(wrong)}")
    return component


def _value(value: object, name: str, wanted: type[Component]) -> Component:
    """What a name leads to, if it is a component of the wanted type. Raises UsageError."""
    if isinstance(value, wanted):
        return value
    kind, attribute = wanted.__name__, name.rpartition(":")[2]
    if isinstance(value, type):
        raise UsageError(
            f"'{name}' is a class, and a component is a value: write {attribute.upper()} = {kind}(name=..., "
            f"start=..., ...) in its module, and name '{name.rpartition(':')[0]}:{attribute.upper()}' here"
        )
    raise UsageError(f"'{name}' is not a {kind}")
