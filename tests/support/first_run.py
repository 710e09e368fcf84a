"""A machine on which nothing is compiled yet, and what is asked of the kernels there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from protocolsim.kernels.machine_code import MachineCode


def nothing_compiled(folder: Path) -> dict[str, str]:
    """The environment of a process that finds no kernel, and keeps in a folder what it compiles."""
    return {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PROTOCOLSIM_BUILT_KERNELS": "0"}


@contextlib.contextmanager
def kernels_asked() -> Iterator[set[tuple[str, str, tuple[str, ...]]]]:
    """The kernels that Python calls for the first time meanwhile: module, name and types."""
    asked, original = set(), MachineCode.load_overload

    def load_overload(kernel: MachineCode, signature: tuple[Any, ...], context: Any) -> Any:
        if kernel.to_python:
            asked.add((kernel.function.__module__, kernel.function.__qualname__, tuple(map(str, signature))))
        return original(kernel, signature, context)

    MachineCode.load_overload = load_overload  # type: ignore[method-assign, assignment]
    try:
        yield asked
    finally:
        MachineCode.load_overload = original  # type: ignore[method-assign]
