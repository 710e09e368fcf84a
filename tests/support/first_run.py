"""A machine on which nothing is compiled yet."""

from __future__ import annotations

import os
from pathlib import Path


def nothing_compiled(folder: Path) -> dict[str, str]:
    """The environment of a process that finds no kernel, and keeps in a folder what it compiles."""
    return {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PROTOCOLSIM_BUILT_KERNELS": "0"}
