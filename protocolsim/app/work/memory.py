"""Memory that is free goes back to the system, since a page is open for days."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any


def give_back() -> None:
    """Give back what was freed, where the system's allocator would keep it: glibc does, a third of a worker's memory.

    It takes a few milliseconds, and does nothing elsewhere.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


def held() -> int:
    """Bytes of memory that this process occupies; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


@cache
def _trim() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
