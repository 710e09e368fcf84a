"""All views of the page: each file of this folder but two, and what installed packages add by entry points.

A file is found by its name; it ends in `VIEW = View(...)`.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from protocolsim.app.described import DescribedPart
from protocolsim.app.view.base import Part, View
from protocolsim.errors import UsageError
from protocolsim.notices import tell
from protocolsim.plugins import Plugin, plugins

_NO_VIEWS = ("__init__", "base", "catalogue")


@cache
def views() -> tuple[View, ...]:
    """All views, in their order."""
    result = (p.stem for p in Path(__file__).parent.glob("*.py"))
    loaded = [importlib.import_module(f"protocolsim.app.view.{n}").VIEW for n in result if n not in _NO_VIEWS]
    loaded += _installed({view.name for view in loaded})
    return tuple(sorted(loaded, key=lambda view: int(view.place)))


def _installed(taken: set[str]) -> list[View]:
    """The views of installed packages. One that cannot be used is left out, and a notice says why."""
    installed: list[View] = []
    for plugin in plugins("view").values():
        try:
            installed.append(_sound(plugin, plugin.load(), taken))
        except UsageError as error:
            tell(f"{error}; it is left out", once=str(plugin))
    return installed


def _sound(plugin: Plugin, view: object, taken: set[str]) -> View:
    """What a plugin offers as a view. Raises UsageError where it is none."""
    if not isinstance(view, View) or view.name != plugin.name:
        raise UsageError(f"{plugin}: {plugin.value} is no View called '{plugin.name}'")
    if plugin.name in taken:
        raise UsageError(f"{plugin} has the name of a view that comes with protocolsim")
    return view


def part_of(view: str, part: str) -> Part:
    """A part by its names. Raises UsageError where there is none."""
    hidden = DescribedPart()
    shown = (p for v in views() if v.name == view for p in v.parts)
    result = next((p for p in ([hidden] if view == "" else shown) if p.name == part), None)
    if result is None:
        raise UsageError(f"no view '{view[:40]}' with a part '{part[:40]}'")
    return result
