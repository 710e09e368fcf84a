"""Work buffers and table memory, kept between the runs of a process.

Fresh pages cost the system as much time as filling them, so a repeated run (the page, a worker, a sweep) takes 1.4 to
1.7 times as long without them (`benchmarks/buffers.py`). A table's block returns to the pool when the
last view of one of its columns is garbage-collected.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from protocolsim.records import Column

Piece = NDArray[np.uint8]

_KEPT = 32  # free blocks kept
_SPARE = 8  # a new block has one part in so many to spare: the next table may be a little longer
_ALIGNED = 64
_MOST_KEPT = 2**29  # bytes; what an unusually large trial has needed goes back to the system


class Workspace:
    """Scratch arrays by name. Asking for a name again returns the same memory and discards its content."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    @property
    def size(self) -> int:
        """Bytes kept."""
        return sum(array.nbytes for array in self._kept.values())

    def empty(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """An uninitialised array of this shape, as numpy.empty."""
        size = int(np.prod(shape))
        kept = self._kept.get(name)
        if kept is None or kept.size < size or kept.dtype != np.dtype(dtype):
            kept = self._kept[name] = np.empty(size, dtype=dtype)
        return kept[:size].reshape(shape)

    def full(self, name: str, shape: tuple[int, ...], value: Any, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """An array of this shape, filled with one value, as numpy.full."""
        array = self.empty(name, shape, dtype)
        if value:
            array.fill(value)
        else:
            array.view(np.uint8).fill(0)  # memset: the fastest way to write zeros
        return array

    def grown(self, name: str, array: NDArray[Any], axis: int) -> NDArray[Any]:
        """The array with twice the capacity along an axis; the new half is uninitialised."""
        shape = list(array.shape)
        shape[axis] *= 2
        wider = np.empty(int(np.prod(shape)), dtype=array.dtype)
        self._kept[name] = wider
        taken = wider.reshape(shape)
        taken[tuple(slice(0, n) for n in array.shape)] = array
        return taken


class _Loan:
    """Owner of a block in use: NumPy holds a reference to it for as long as any array is a view of the block."""

    def __init__(self, memory: Piece) -> None:
        self.__array_interface__ = memory.__array_interface__


class TablePool:
    """Memory pool for the columns of tables."""

    def __init__(self) -> None:
        # Keyed by identity, so that taking and returning a block are one atomic dict operation each: a table may be
        # dropped by any thread, and garbage collection may run between any two lines below.
        self._free: dict[int, Piece] = {}

    @property
    def size(self) -> int:
        """Bytes of free blocks."""
        return sum(memory.nbytes for memory in list(self._free.values()))

    def table(self, kinds: Mapping[str, Any], rows: int) -> dict[str, Column]:
        """A table of `rows` uninitialised rows, with these columns and dtypes."""
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


class Buffers:
    """All memory that one run uses: a workspace for each round of a chunk, and the pool of tables."""

    def __init__(self) -> None:
        self._workspaces: list[Workspace] = []
        self.tables = TablePool()

    def workspace(self, number: int) -> Workspace:
        """The workspace of this round."""
        while len(self._workspaces) <= number:
            self._workspaces.append(Workspace())
        return self._workspaces[number]

    @property
    def size(self) -> int:
        """Bytes kept between runs."""
        return self.tables.size + sum(w.size for w in self._workspaces)


_idle: list[Buffers] = []  # append and pop are atomic: runs may be in several threads


def release() -> None:
    """Free the memory that is kept for the next run."""
    _idle.clear()


@contextmanager
def kept() -> Iterator[Buffers]:
    """Buffers for the exclusive use of one run, reused from an earlier run where some are idle."""
    try:
        memory = _idle.pop()
    except IndexError:
        memory = Buffers()
    try:
        yield memory
    finally:
        if memory.size <= _MOST_KEPT:
            _idle.append(memory)
            del _idle[1:]
