"""What a study keeps of each subject: columns by name, each in memory or spilled to disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.study.estimation.disk_array import Spill

ColumnName = tuple[str, str]
"""What a column is, and of which endpoint or definition; "" where there is only one."""


class GrowingColumns:
    """Arrays of rows that grow, [rows, width] each, by name. Those of later replicates are appended."""

    def __init__(self) -> None:
        self._spills: dict[ColumnName, Spill] = {}

    def add(self, what: str, name: str, rows: NDArray[Any]) -> None:
        """Append rows, [any number, width] (or plain numbers), to a column; the first ones give its type."""
        width = 1 if rows.ndim == 1 else rows.shape[1]
        self._spills.setdefault((what, name), Spill(width, rows.dtype)).add(rows)

    def merge(self, later: GrowingColumns) -> None:
        """Append the columns of the replicates that follow."""
        if not self._spills:
            self._spills = later._spills  # of a study of one chunk nothing is copied
            return
        for key, spill in later._spills.items():
            self._spills[key].extend(spill)

    def rows(self, what: str, name: str = "") -> NDArray[Any]:
        """A column, [rows, width]."""
        return self._spills[what, name].rows()

    def column(self, what: str, name: str = "") -> NDArray[Any]:
        """A column of width 1, as plain numbers."""
        return self._spills[what, name].column()

    def items(self) -> Iterator[tuple[ColumnName, NDArray[Any]]]:
        """Every column, in the order in which they came, [rows, width] each."""
        return ((key, np.asarray(spill.rows())) for key, spill in self._spills.items())
