"""What installed packages add: diseases, drugs, kinds of endpoint, analysis, statistic, scenarios, views of the page.

A package says so by entry points, one group for each of GROUPS, and `pip install` is all that a user does. An installed
package is trusted as every installed package is, since it could run code of its own anyway; code that a *file* names
(`module:ATTRIBUTE`) is another matter, and is loaded only where the caller allows it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

from protocolsim.errors import UsageError, raised

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "disease": "protocolsim.diseases",
        "drug": "protocolsim.drugs",
        "endpoint": "protocolsim.endpoints",
        "analysis": "protocolsim.analyses",
        "statistic": "protocolsim.statistics",
        "scenario": "protocolsim.scenarios",
        "view": "protocolsim.views",
    }
)


@dataclass(frozen=True)
class Plugin:
    """One thing that an installed package offers, not loaded yet; `packages` has two names where two offer it."""

    room: str
    name: str
    value: str
    packages: tuple[str, ...]

    def __str__(self) -> str:
        return f"the installed {self.room} '{self.name}' ({', '.join(self.packages)})"

    def load(self) -> Any:
        """What its entry point names. Raises UsageError."""
        self._alone()
        try:
            return EntryPoint(self.name, self.value, GROUPS[self.room]).load()
        except Exception as error:  # noqa: BLE001 - code of another package may fail in any way
            raise UsageError(f"{self} cannot be loaded from {self.value}: {raised(error)}") from None

    def folder(self) -> Path:
        """Where the package that its entry point names lies; its code is not run. Raises UsageError."""
        self._alone()
        try:
            spec = importlib.util.find_spec(self.value)
        except (ImportError, ValueError) as error:
            raise UsageError(f"{self}: there is no package {self.value}: {error}") from None
        if spec is None or not spec.submodule_search_locations:
            raise UsageError(f"{self}: there is no package {self.value}")
        return Path(next(iter(spec.submodule_search_locations)))

    def _alone(self) -> None:
        if len(self.packages) > 1:
            raise UsageError(f"{self}: more than one installed package offers it; uninstall all but one of them")


@cache
def plugins(room: str) -> Mapping[str, Plugin]:
    """What installed packages offer of one room, by name, in alphabetical order."""
    offered: dict[str, Plugin] = {}
    for point in sorted(_points(), key=lambda p: (p.name, p.value)):
        if point.group != GROUPS[room]:
            continue
        known = offered.get(point.name)
        package = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        packages = (package,) if known is None else tuple(dict.fromkeys((*known.packages, package)))
        offered[point.name] = Plugin(room, point.name, point.value, packages)
    return MappingProxyType(offered)


def offered(group: str) -> bool:
    """Whether any installed package offers something to this group of entry points, of whatever library."""
    return bool(_all_points().select(group=group))


@cache
def _points() -> tuple[EntryPoint, ...]:
    points = _all_points()
    return tuple(point for group in GROUPS.values() for point in points.select(group=group))


@cache
def _all_points() -> Any:
    # Every package's file of entry points is read for this: once for all groups, and for libraries that would ask too.
    return entry_points()
