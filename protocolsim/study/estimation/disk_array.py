"""A growing array that spills from memory to a temporary file, which is then read as a memory map.

The file is in Python's `tempfile` directory (environment variable TMPDIR) and is unlinked, so that nothing is left
however the process ends.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats

# Numbers kept in memory before they are written to the file.
IN_MEMORY = 1 << 19
_BLOCK = 1 << 20
_DIGITS, _BITS = 1 << 16, 16


class Spill:
    """An append-only array, [rows, width], in memory or in a temporary file."""

    def __init__(self, width: int, kind: Any = np.float64) -> None:
        self.width, self.kind = width, np.dtype(kind)
        self._fresh: list[NDArray[Any]] = []
        self._waiting = 0
        self._written = 0
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return self._written + self._waiting

    @property
    def on_disk(self) -> bool:
        """Whether anything was written to the file."""
        return self._file is not None

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows, [any number, width] (or plain numbers where the width is 1)."""
        rows = np.ascontiguousarray(rows, dtype=self.kind).reshape(-1, self.width)
        if not len(rows):
            return
        self._fresh.append(rows)
        self._waiting += len(rows)
        if self._waiting * self.width > IN_MEMORY:
            self._write()

    def extend(self, other: Spill) -> None:
        """Append the rows of another, block by block."""
        rows = other.rows()
        for first in range(0, len(rows), _BLOCK):
            self.add(rows[first : first + _BLOCK])

    def __reduce__(self) -> tuple[Callable[[NDArray[Any]], Spill], tuple[NDArray[Any]]]:
        """Pickle as the rows; the copy spills again by itself."""
        return _holding, (np.asarray(self.rows()),)

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
            # An existing memory map stays valid after the file handle is closed.
            weakref.finalize(self, self._file.close)
        for rows in self._fresh:
            self._file.write(rows.data)
        self._written += self._waiting
        self._fresh, self._waiting = [], 0

    def rows(self) -> NDArray[Any]:
        """All rows: an array, or a memory map of the file."""
        if self._file is None:
            return np.concatenate(self._fresh) if self._fresh else np.empty((0, self.width), dtype=self.kind)
        if self._waiting:
            self._write()
        self._file.flush()
        return np.memmap(self._file, dtype=self.kind, mode="r", shape=(self._written, self.width))

    def column(self) -> NDArray[Any]:
        """All rows of a single column, as plain numbers."""
        return self.rows().reshape(-1)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """The rows of a single column, block by block."""
        whole = self.column()
        for first in range(0, len(whole), _BLOCK):
            yield np.asarray(whole[first : first + _BLOCK])

    def median(self) -> float:
        """The median of a single column of floats without nan; nan where it is empty. Exact, however many they are."""
        number = len(self)
        if number == 0:
            return float("nan")
        if not self.on_disk:
            return float(np.median(self.column()))
        low, high = (self._ranked(rank) for rank in ((number - 1) // 2, number // 2))
        return 0.5 * (low + high)

    def _ranked(self, rank: int) -> float:
        """The order statistic of this rank (0: minimum), by radix selection, which needs no memory for a sort."""
        ranked = 0
        for shift in range(64 - _BITS, -1, -_BITS):
            counts = np.zeros(_DIGITS, dtype=np.int64)
            for block in self.blocks():
                keys = _in_order(block)
                if shift < 64 - _BITS:
                    keys = keys[keys >> np.uint64(shift + _BITS) == np.uint64(ranked)]
                digits = (keys >> np.uint64(shift)) & np.uint64(_DIGITS - 1)
                counts += np.bincount(digits.astype(np.int64), minlength=_DIGITS)
            below = np.cumsum(counts)
            digit = int(np.searchsorted(below, rank, side="right"))
            rank -= int(below[digit - 1]) if digit else 0
            ranked = (ranked << _BITS) + digit
        sign = 1 << 63
        key = ranked - sign if ranked & sign else ~ranked & (2 * sign - 1)
        return float(np.array([key], dtype=np.uint64).view(np.float64)[0])


def _holding(rows: NDArray[Any]) -> Spill:
    """These rows, [rows, width]."""
    held = Spill(rows.shape[1], rows.dtype)
    held.add(rows)
    return held


def _in_order(numbers: Floats) -> NDArray[np.uint64]:
    """Order-preserving map of floats to unsigned integers."""
    bits = np.ascontiguousarray(numbers).view(np.uint64)
    sign = np.uint64(1 << 63)
    return np.where(bits & sign, ~bits, bits | sign)
