"""Every kind of statistic: the files of `statistics/`, each ending in `KIND = ...`, and those of installed packages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from protocolsim.endpoint.catalogue import installed_kinds, kinds_in
from protocolsim.interim.base import Statistic


@cache
def kinds() -> dict[str, type[Statistic]]:
    """The key by which a file recognises each kind, and its class, in alphabetical order of files."""
    shipped = kinds_in("protocolsim.interim.statistics", Path(__file__).parent / "statistics", named="key")
    return shipped | installed_kinds("statistic", Statistic, shipped, named="key")
