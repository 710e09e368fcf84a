"""Memory for tables, lent: used again as soon as nobody holds a column of the table any more.

Fresh memory costs the system as much time as filling it. While chunks stream by, each table is dropped once its numbers
have been added up, and the next one fits where it stood.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.records import Table

Piece = NDArray[np.uint8]

_KEPT = 32  # pieces of memory kept for later
_SPARE = 8  # of a piece that is new, one part in so many is left free: the next table may be a little longer
_ALIGNED = 64


class _Loan:
    """One piece of memory in use: NumPy keeps this alive for as long as any array looks into it."""

    def __init__(self, memory: Piece) -> None:
        self.__array_interface__ = memory.__array_interface__


class Lending:
    """Tables in memory that comes back."""

    def __init__(self) -> None:
        # By identity, so that a piece is taken and given back in one step each: tables are dropped by any thread, and
        # the garbage collector may do so between any two lines below.
        self._free: dict[int, Piece] = {}

    @property
    def size(self) -> int:
        """Bytes kept for later."""
        return sum(memory.nbytes for memory in list(self._free.values()))

    def table(self, kinds: Mapping[str, Any], rows: int) -> Table:
        """Columns of these kinds with so many rows, with anything in them."""
        sizes = {name: -(-rows * np.dtype(kind).itemsize // _ALIGNED) * _ALIGNED for name, kind in kinds.items()}
        memory = self._borrow(sum(sizes.values()))
        table, at = {}, 0
        for name, kind in kinds.items():
            table[name] = memory[at : at + rows * np.dtype(kind).itemsize].view(kind)
            at += sizes[name]
        return table

    def _borrow(self, size: int) -> Piece:
        fitting = [memory for memory in list(self._free.values()) if size <= len(memory) <= 2 * size]
        best = id(min(fitting, key=len)) if fitting else None
        memory = self._free.pop(best, None) if best is not None else None
        if memory is None:
            memory = np.empty(size + size // _SPARE, dtype=np.uint8)
        loan = _Loan(memory)
        weakref.finalize(loan, self._back, memory).atexit = False
        return np.asarray(loan)

    def _back(self, memory: Piece) -> None:
        self._free[id(memory)] = memory
        for oldest in list(self._free)[:-_KEPT]:
            self._free.pop(oldest, None)
