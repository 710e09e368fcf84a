"""Every kind of endpoint: the files of this folder, each ending in `KIND = ...`, and those of installed packages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from protocolsim.endpoint.base import Endpoint
from protocolsim.errors import UsageError
from protocolsim.notices import tell
from protocolsim.plugins import Plugin, plugins

_NOT_KINDS = ("base", "catalogue")


@cache
def kinds() -> dict[str, type[Endpoint]]:
    """Each kind's name and its class, in alphabetical order."""
    shipped = kinds_in("protocolsim.endpoint", Path(__file__).parent)
    return shipped | installed_kinds("endpoint", Endpoint, shipped)


def kinds_in(package: str, folder: Path, named: str = "kind") -> dict[str, Any]:
    """The kinds that stand in a folder laid out like this one: each file's `KIND`, by its attribute `named`.

    What kinds share stands in folders of its own.
    """
    modules = sorted(m.name for m in pkgutil.iter_modules([str(folder)]) if m.name not in _NOT_KINDS and not m.ispkg)
    kinds_there = [importlib.import_module(f"{package}.{module}").KIND for module in modules]
    return {getattr(kind, named): kind for kind in kinds_there}


def installed_kinds(room: str, wanted: type[Any], shipped: Mapping[str, Any], named: str = "kind") -> dict[str, Any]:
    """The kinds that installed packages offer, by name. One that cannot be used is left out, and a notice says why."""
    offered = {}
    for name, plugin in plugins(room).items():
        try:
            offered[name] = _sound(plugin, wanted, shipped, named)
        except UsageError as error:
            tell(f"{error}; it is left out", once=str(plugin))
    return offered


def _sound(plugin: Plugin, wanted: type[Any], shipped: Mapping[str, Any], named: str) -> Any:
    """The class that a plugin offers. Raises UsageError where it is no kind, or not complete."""
    if plugin.name in shipped:
        raise UsageError(f"{plugin} has the name of a kind that comes with protocolsim")
    kind: Any = plugin.load()
    if not (_is_class(kind, wanted) and "__dataclass_params__" in vars(kind)):
        raise UsageError(f"{plugin} is no frozen dataclass derived from {wanted.__name__}")
    missing = [word for word in (named, "meaning", "EXAMPLE") if not isinstance(getattr(kind, word, None), str)]
    missing += sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        raise UsageError(f"{plugin} does not say its {', '.join(missing)}")
    own_name = getattr(kind, named)
    if own_name != plugin.name:
        raise UsageError(f"{plugin} calls itself '{own_name}'; its entry point must have the same name")
    return kind


def _is_class(thing: Any, wanted: type[Any]) -> bool:
    return isinstance(thing, type) and issubclass(thing, wanted)
