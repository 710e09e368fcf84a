"""What happened to many subjects: one slab per table, with room for so many rows of each subject.

`cells` is [subjects, room, width]; a row is a few neighbouring numbers, so that writing one touches one place in
memory. The first cell packs three small codes; whole numbers are kept as floats, exactly. Tables are made of slabs by
copying each subject's rows in order: nothing needs to be sorted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel
from protocolsim.component import Floats, Integers
from protocolsim.engine.workspace import Workspace

_CODE = 1 << 16


class Slab:
    """The rows of one table: how many of each subject, and what stands in them."""

    def __init__(self, name: str, subjects: int, room: int, width: int, workspace: Workspace) -> None:
        self.name, self._workspace = name, workspace
        self.cells = workspace.empty(name, (subjects, room, width))
        self.count = np.zeros(subjects, dtype=np.int64)

    def need(self, rows: Integers) -> None:
        """Make room for one more row of each subject in rows."""
        if not has_room(self.count, rows, self.cells.shape[1]):
            self.cells = self._workspace.grown(self.name, self.cells, axis=1)

    def add(self, rows: Integers, codes: tuple[Any, Any, Any], columns: list[Any]) -> None:
        """Add one row of each subject in rows: codes and columns are arrays over them, or constants."""
        self.need(rows)
        block = np.empty((len(rows), self.cells.shape[2]))
        block[:, 0] = packed(*codes)
        for k, column in enumerate(columns, start=1):
            block[:, k] = column
        add_block(self.cells, self.count, rows, block)

    def compact(self, rows: Integers, starts: Integers, out: Floats) -> None:
        """Copy the rows of the subjects in `rows`, the k-th one's from out[starts[k]] on."""
        compact(self.cells, self.count, rows, starts, out)


def packed(first: Any, second: Any = 0, third: Any = 0) -> Any:
    """Three codes (each below 65,536) in one number."""
    return (third * _CODE + second) * _CODE + first


def unpacked(code: Floats) -> tuple[Integers, Integers, Integers]:
    """The three codes again."""
    whole = code.astype(np.int64)
    return whole % _CODE, whole // _CODE % _CODE, whole // (_CODE * _CODE)


@kernel
def has_room(count: Integers, rows: Integers, room: int) -> bool:
    """Whether every subject in rows has room for one more row."""
    for i in rows:  # noqa: SIM110 - Numba compiles the loop, not `all` over a generator
        if count[i] >= room:
            return False
    return True


@kernel
def add_block(cells: Floats, count: Integers, rows: Integers, block: Floats) -> None:
    """Append block[k] to the rows of subject rows[k]."""
    for k in range(rows.shape[0]):
        i = rows[k]
        cells[i, count[i], :] = block[k, :]
        count[i] += 1


@kernel
def add_observations(
    cells: Floats,
    count: Integers,
    rows: Integers,
    code: int,
    index: Integers,
    planned: Integers,
    minute: Integers,
    value: Floats,
    truth: Floats,
    variables: int,
    made: bool,
) -> None:
    """Append one assessment of each subject in rows: code, index, planned minute, minute, then values, then truths."""
    for i in rows:
        k = count[i]
        count[i] = k + 1
        cells[i, k, 0] = code
        cells[i, k, 1] = index[i]
        cells[i, k, 2] = planned[i]
        cells[i, k, 3] = minute[i]
        for v in range(variables):
            cells[i, k, 4 + v] = value[i, v] if made else np.nan
            cells[i, k, 4 + variables + v] = truth[i, v] if made else np.nan


@kernel
def add_doses(
    cells: Floats,
    count: Integers,
    rows: Integers,
    code: int,
    index: Integers,
    planned: Integers,
    minute: Integers,
    dose: float,
    amount: Floats,
) -> None:
    """Append one dose of each subject in rows: code, index, planned minute, minute, mg/kg, mg."""
    for i in rows:
        k = count[i]
        count[i] = k + 1
        cells[i, k, 0] = code
        cells[i, k, 1] = index[i]
        cells[i, k, 2] = planned[i]
        cells[i, k, 3] = minute[i]
        cells[i, k, 4] = dose
        cells[i, k, 5] = amount[i]


@kernel
def compact(cells: Floats, count: Integers, rows: Integers, starts: Integers, out: Floats) -> None:
    """Copy each subject's rows to their place."""
    for r in range(rows.shape[0]):
        i = rows[r]
        for k in range(count[i]):
            out[starts[r] + k, :] = cells[i, k, :]


@kernel
def observation_counts(cells: Floats, count: Integers, rows: Integers, shown: Integers) -> Integers:
    """How many rows each subject has in the table of observations: one for each variable of each assessment."""
    counts = np.zeros(rows.shape[0], dtype=np.int64)
    for r in range(rows.shape[0]):
        i = rows[r]
        for k in range(count[i]):
            counts[r] += shown[int(cells[i, k, 0]) // _CODE % _CODE]
    return counts


@kernel
def expand_observations(
    cells: Floats,
    count: Integers,
    rows: Integers,
    starts: Integers,
    who: Integers,
    shown: Integers,
    variables: Integers,
    replicate: Integers,
    subject: Integers,
    state: NDArray[np.int16],
    assessment: NDArray[np.int16],
    variable: NDArray[np.int16],
    index: NDArray[np.int32],
    planned: Integers,
    minute: Integers,
    status: NDArray[np.int8],
    value: Floats,
    truth: Floats,
) -> None:
    """Write the table's columns: for each assessment one row for each of its variables.

    `shown` counts the variables of an assessment, `variables` lists their codes.
    """
    for r in range(rows.shape[0]):
        i = rows[r]
        d = starts[r]
        for k in range(count[i]):
            code = int(cells[i, k, 0])
            a = code // _CODE % _CODE
            for v in range(shown[a]):
                replicate[d] = who[i, 0]
                subject[d] = who[i, 1]
                state[d] = code % _CODE
                assessment[d] = a
                variable[d] = variables[a, v]
                index[d] = int(cells[i, k, 1])
                planned[d] = int(cells[i, k, 2])
                minute[d] = int(cells[i, k, 3])
                status[d] = code // (_CODE * _CODE)
                value[d] = cells[i, k, 4 + v]
                truth[d] = cells[i, k, 4 + shown[a] + v]
                d += 1
