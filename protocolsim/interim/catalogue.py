"""Every kind of statistic: the files of `statistics/`, each ending in `KIND = ...`, by the key that a file says."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from protocolsim.interim.base import Statistic


@cache
def kinds() -> dict[str, type[Statistic]]:
    """Each kind's key and its class, in alphabetical order of their files."""
    folder = Path(__file__).parent / "statistics"
    modules = sorted(m.name for m in pkgutil.iter_modules([str(folder)]) if not m.name.startswith("_"))
    found = [importlib.import_module(f"protocolsim.interim.statistics.{module}").KIND for module in modules]
    return {kind.key: kind for kind in found}
