"""Every kind of endpoint, found by listing this folder: a new kind is one new file ending in `KIND = ...`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import Any

from protocolsim.endpoint.base import Endpoint

_NOT_KINDS = ("base", "catalogue")


@cache
def kinds() -> dict[str, type[Endpoint]]:
    """Each kind's name and its class, in alphabetical order."""
    return kinds_in("protocolsim.endpoint", Path(__file__).parent)


def kinds_in(package: str, folder: Path) -> dict[str, Any]:
    """The kinds that stand in a folder laid out like this one: each file's `KIND`, by its name."""
    modules = sorted(m.name for m in pkgutil.iter_modules([str(folder)]) if m.name not in _NOT_KINDS)
    kinds_there = [importlib.import_module(f"{package}.{module}").KIND for module in modules]
    return {kind.kind: kind for kind in kinds_there}
