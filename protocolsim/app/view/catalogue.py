"""All views: each file of this folder but two is one, found by its name; it ends in `VIEW = View(...)`."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from protocolsim.app.described import DescribedPart
from protocolsim.app.view.base import Part, View
from protocolsim.errors import UsageError

_NO_VIEWS = ("__init__", "base", "catalogue")


@cache
def views() -> tuple[View, ...]:
    """All views, in their order."""
    found = (p.stem for p in Path(__file__).parent.glob("*.py"))
    named = [name for name in found if name not in _NO_VIEWS]
    loaded = [importlib.import_module(f"protocolsim.app.view.{name}").VIEW for name in named]
    return tuple(sorted(loaded, key=lambda view: int(view.place)))


def part_of(view: str, part: str) -> Part:
    """A part by its names. Raises UsageError where there is none."""
    if (view, part) == ("", DescribedPart.name):
        return DescribedPart()
    found = next((p for v in views() if v.name == view for p in v.parts if p.name == part), None)
    if found is None:
        raise UsageError(f"no view '{view[:40]}' with a part '{part[:40]}'")
    return found
