"""Every kind of endpoint, found by listing this folder: a new kind is one new file ending in `KIND = ...`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from protocolsim.endpoint.base import Endpoint

_NOT_KINDS = ("base", "catalogue")


@cache
def kinds() -> dict[str, type[Endpoint]]:
    """Each kind's name and its class, in alphabetical order."""
    found: dict[str, type[Endpoint]] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)])):
        if module not in _NOT_KINDS:
            kind: type[Endpoint] = importlib.import_module(f"protocolsim.endpoint.{module}").KIND
            found[kind.kind] = kind
    return found
