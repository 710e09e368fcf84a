"""What happened to many subjects, written down in the order it happened: one journal for each table.

An entry is one row of `cells`. Its first cell packs three small codes; whole numbers are kept as floats, exactly. All
that is written at a time is a block, whose entries are in the order of the subjects: writing runs through memory, and a
table is made by reading all blocks side by side, a few subjects at a time. Nothing else needs to be sorted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel
from protocolsim.component import Floats, Integers
from protocolsim.engine.workspace import Workspace

_CODE = 1 << 16
_TOGETHER = 64  # subjects whose rows of a table stay in the cache while the blocks are read


class Journal:
    """The entries of one table: whose they are, what they say, and how many rows of the table each subject has."""

    def __init__(self, name: str, subjects: int, room: int, width: int, memory: Workspace) -> None:
        self.name, self._memory = name, memory
        self.cells = memory.empty(name, (max(1, room), width))
        self.owner = memory.empty(f"{name}.owner", (max(1, room),), np.int64)
        self.count = np.zeros(subjects, dtype=np.int64)
        self._ends = [0]

    @property
    def blocks(self) -> Integers:
        """Where each block begins, and after them where the last one ends."""
        return np.array(self._ends, dtype=np.int64)

    def open(self, entries: int) -> int:
        """Begin a block of so many entries. Returns the place of the first."""
        at = self._ends[-1]
        while at + entries > len(self.owner):
            self.cells = self._memory.grown(self.name, self.cells, axis=0)
            self.owner = self._memory.grown(f"{self.name}.owner", self.owner, axis=0)
        self._ends.append(at + entries)
        return at

    def add(self, rows: Integers, codes: tuple[Any, Any, Any], columns: list[Any]) -> None:
        """Add one row of each subject in rows: codes and columns are arrays over them, or constants."""
        at = self.open(len(rows))
        block = self.cells[at : at + len(rows)]
        block[:, 0] = packed(*codes)
        for k, column in enumerate(columns, start=1):
            block[:, k] = column
        if not in_order(rows):
            order = np.argsort(rows)
            rows, block[:] = rows[order], block[order]
        self.owner[at : at + len(rows)] = rows
        self.count[rows] += 1


def packed(first: Any, second: Any = 0, third: Any = 0) -> Any:
    """Three codes (each below 65,536) in one number."""
    return (third * _CODE + second) * _CODE + first


def unpacked(code: Floats) -> tuple[Integers, Integers, Integers]:
    """The three codes again."""
    whole = code.astype(np.int64)
    return whole % _CODE, whole // _CODE % _CODE, whole // (_CODE * _CODE)


def ordered(rows: Integers) -> Integers:
    """The rows in the order of the subjects."""
    return rows if in_order(rows) else np.sort(rows)


@kernel
def in_order(rows: Integers) -> bool:
    """Whether the rows are in the order of the subjects."""
    for k in range(1, rows.shape[0]):  # noqa: SIM110 (Numba compiles the loop, not `all` over a generator)
        if rows[k] < rows[k - 1]:
            return False
    return True


@kernel
def add_observations(
    cells: Floats,
    owner: Integers,
    at: int,
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
    """Write one assessment of each subject in rows: code, index, planned minute, minute, then values, then truths."""
    for k in range(rows.shape[0]):
        i = rows[k]
        count[i] += variables
        owner[at + k] = i
        cells[at + k, 0] = code
        cells[at + k, 1] = index[i]
        cells[at + k, 2] = planned[i]
        cells[at + k, 3] = minute[i]
        for v in range(variables):
            cells[at + k, 4 + v] = value[i, v] if made else np.nan
            cells[at + k, 4 + variables + v] = truth[i, v] if made else np.nan


@kernel
def add_doses(
    cells: Floats,
    owner: Integers,
    at: int,
    count: Integers,
    rows: Integers,
    code: int,
    index: Integers,
    planned: Integers,
    minute: Integers,
    dose: float,
    amount: Floats,
) -> None:
    """Write one dose of each subject in rows: code, index, planned minute, minute, mg/kg, mg."""
    for k in range(rows.shape[0]):
        i = rows[k]
        count[i] += 1
        owner[at + k] = i
        cells[at + k, 0] = code
        cells[at + k, 1] = index[i]
        cells[at + k, 2] = planned[i]
        cells[at + k, 3] = minute[i]
        cells[at + k, 4] = dose
        cells[at + k, 5] = amount[i]


@kernel
def gather(cells: Floats, owner: Integers, blocks: Integers, places: Integers, out: Floats, of: Integers) -> None:
    """Copy the entries of each subject i to out[places[i]] and on (not where it is -1), in order; of[row] = i."""
    place, reading = places.copy(), blocks.copy()
    for first in range(0, places.shape[0], _TOGETHER):
        for b in range(blocks.shape[0] - 1):
            k = reading[b]
            while k < blocks[b + 1] and owner[k] < first + _TOGETHER:
                i = owner[k]
                d = place[i]
                if d >= 0:
                    for c in range(cells.shape[1]):
                        out[d, c] = cells[k, c]
                    of[d] = i
                    place[i] = d + 1
                k += 1
            reading[b] = k


@kernel
def gather_doses(
    cells: Floats,
    owner: Integers,
    blocks: Integers,
    places: Integers,
    who: Integers,
    replicate: Integers,
    subject: Integers,
    state: NDArray[np.int16],
    drug: NDArray[np.int16],
    index: NDArray[np.int32],
    planned: Integers,
    minute: Integers,
    status: NDArray[np.int8],
    dose: Floats,
    amount: Floats,
) -> None:
    """Write the table's columns, subject i from row places[i] on (not where it is -1)."""
    place, reading = places.copy(), blocks.copy()
    for first in range(0, places.shape[0], _TOGETHER):
        for b in range(blocks.shape[0] - 1):
            k, end = reading[b], blocks[b + 1]
            while k < end and owner[k] < first + _TOGETHER:
                i = owner[k]
                d = place[i]
                if d >= 0:
                    code = int(cells[k, 0])
                    replicate[d], subject[d] = who[i, 0], who[i, 1]
                    state[d], drug[d], status[d] = code % _CODE, (code // _CODE) % _CODE, code // (_CODE * _CODE)
                    index[d], planned[d], minute[d] = int(cells[k, 1]), int(cells[k, 2]), int(cells[k, 3])
                    dose[d], amount[d] = cells[k, 4], cells[k, 5]
                    place[i] = d + 1
                k += 1
            reading[b] = k


@kernel
def gather_observations(
    cells: Floats,
    owner: Integers,
    blocks: Integers,
    places: Integers,
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
    """Write the table's columns, subject i from row places[i] on (not where it is -1): one row for each variable.

    `shown` counts the variables of an assessment, `variables` lists their codes.
    """
    place, reading = places.copy(), blocks.copy()
    for first in range(0, places.shape[0], _TOGETHER):
        for b in range(blocks.shape[0] - 1):
            k, end = reading[b], blocks[b + 1]
            while k < end and owner[k] < first + _TOGETHER:
                i = owner[k]
                d = place[i]
                if d >= 0:
                    code = int(cells[k, 0])
                    a, made_in, how = (code // _CODE) % _CODE, code % _CODE, code // (_CODE * _CODE)
                    count = shown[a]
                    number, due, when = int(cells[k, 1]), int(cells[k, 2]), int(cells[k, 3])
                    for v in range(count):
                        replicate[d] = who[i, 0]
                        subject[d] = who[i, 1]
                        state[d] = made_in
                        assessment[d] = a
                        variable[d] = variables[a, v]
                        index[d] = number
                        planned[d] = due
                        minute[d] = when
                        status[d] = how
                        value[d] = cells[k, 4 + v]
                        truth[d] = cells[k, 4 + count + v]
                        d += 1
                    place[i] = d
                k += 1
            reading[b] = k
