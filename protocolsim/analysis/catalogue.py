"""Every kind of analysis: the files of this folder, each ending in `KIND = ...`, and those of installed packages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from protocolsim.analysis.base import Analysis
from protocolsim.endpoint.catalogue import installed_kinds, kinds_in


@cache
def kinds() -> dict[str, type[Analysis]]:
    """Each kind's name and its class, in alphabetical order."""
    shipped = kinds_in("protocolsim.analysis", Path(__file__).parent)
    return shipped | installed_kinds("analysis", Analysis, shipped)
