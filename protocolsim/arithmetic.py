"""The only place where exp, log and power come from, and how a kernel is compiled.

NumPy's `exp`, `log` and `power` differ in their last bits between array layouts and processors, and
`math` differs from both. Two engines that must agree to the last bit therefore compute them in one
place: compiled by Numba, without `fastmath`, over columns of subjects. The reference engine calls the
same kernels with columns of length one.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

P = ParamSpec("P")
R = TypeVar("R")

# What kernels are made of. Numba's cache looks only at the file a kernel stands in; a kernel also
# inlines others from these rooms, so their text is part of the cache's key.
_ROOMS = ("*.py", "cohort/*.py", "disease/*.py", "drug/*.py", "protocol/*.py", "engine/*.py")


def _fingerprint() -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted(package.glob(room)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


_FINGERPRINT = _fingerprint()


class _SourceCache(FunctionCache):  # type: ignore[misc]
    """Numba's cache on disk, renewed also when a file that kernels inline from has changed."""

    def _index_key(self, sig: object, codegen: object) -> tuple[object, ...]:
        return (*super()._index_key(sig, codegen), _FINGERPRINT)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over columns; the same bits for one row and for a million."""
    compiled: Any = njit(error_model="numpy", fastmath=False)(function)
    # Where there is no folder to cache in (a read-only home), each process compiles anew.
    with contextlib.suppress(RuntimeError):
        compiled._cache = _SourceCache(compiled.py_func)  # noqa: SLF001 - there is no public way to give a cache
    return cast("Callable[P, R]", compiled)


@kernel
def exp(x: float) -> float:
    """e to the power x."""
    return math.exp(x)


@kernel
def log(x: float) -> float:
    """Natural logarithm; -inf at 0."""
    return math.log(x)


@kernel
def power(x: float, y: float) -> float:
    """x to the power y, x >= 0."""
    return math.pow(x, y)


@kernel
def sqrt(x: float) -> float:
    """Square root, exact to the last bit by IEEE 754."""
    return math.sqrt(x)
