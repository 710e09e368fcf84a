"""Memory that is used again: large arrays are costly to get from the system, and each crowd needs the same ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Workspace:
    """Arrays by name. What stood in one is lost when the same name is asked for again."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    @property
    def size(self) -> int:
        """Bytes kept."""
        return sum(array.nbytes for array in self._kept.values())

    def empty(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """An array of this shape, with anything in it."""
        size = int(np.prod(shape))
        kept = self._kept.get(name)
        if kept is None or kept.size < size or kept.dtype != np.dtype(dtype):
            kept = self._kept[name] = np.empty(size, dtype=dtype)
        return kept[:size].reshape(shape)

    def full(self, name: str, shape: tuple[int, ...], value: Any, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """An array of this shape, filled."""
        array = self.empty(name, shape, dtype)
        if value:
            array.fill(value)
        else:
            array.view(np.uint8).fill(0)  # zeros are quickest byte by byte
        return array

    def grown(self, name: str, array: NDArray[Any], axis: int) -> NDArray[Any]:
        """The array with twice the room along an axis; the new half holds anything."""
        shape = list(array.shape)
        shape[axis] *= 2
        wider = np.empty(int(np.prod(shape)), dtype=array.dtype)
        self._kept[name] = wider
        taken = wider.reshape(shape)
        taken[tuple(slice(0, n) for n in array.shape)] = array
        return taken
