"""Every kind of analysis, found by listing this folder: a new kind is one new file ending in `KIND = ...`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from protocolsim.analysis.base import Analysis
from protocolsim.endpoint.catalogue import kinds_in


@cache
def kinds() -> dict[str, type[Analysis]]:
    """Each kind's name and its class, in alphabetical order."""
    return kinds_in("protocolsim.analysis", Path(__file__).parent)
