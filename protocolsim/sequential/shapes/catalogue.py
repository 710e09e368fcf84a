"""Every boundary shape: the files of this folder, each ending in `KIND = ...`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from protocolsim.errors import UsageError, unknown
from protocolsim.sequential.shapes.base import BoundaryShape

_NOT_KINDS = ("base", "catalogue")


@cache
def shapes() -> dict[str, BoundaryShape]:
    """Each shape by its name, in alphabetical order."""
    modules = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name not in _NOT_KINDS)
    found = [importlib.import_module(f"protocolsim.sequential.shapes.{module}").KIND for module in modules]
    return {shape.kind: shape for shape in found}


def shape_named(name: str) -> BoundaryShape:
    """The shape of this name. Raises UsageError where there is none, with the nearest name."""
    if name not in shapes():
        raise UsageError(unknown("boundary shape", name, shapes()))
    return shapes()[name]
