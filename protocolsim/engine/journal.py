"""What happened to many subjects beside their visits, in the order it happened: one journal for each table.

An entry is one row of `cells`. Its first cell packs three small codes; whole numbers are kept as floats, exactly. All
that is written at a time is a block, whose entries are in the order of the subjects: writing runs through memory, and a
table is made by reading all blocks side by side, a few subjects at a time. Nothing else needs to be sorted.
"""

from __future__ import annotations

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.component import Floats, Integers
from protocolsim.engine.workspace import Workspace

_CODE = 1 << 16
MOVE_READS = 2  # the first cell of a move that holds a number read
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

    def entries(self, rows: Integers) -> tuple[Floats, int, Integers, Integers]:
        """Begin a block of one entry each: the cells, the place of the first, the owners, how many rows each has."""
        at = self.open(len(rows))
        return self.cells, at, self.owner, self.count


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
def add_moves(
    cells: Floats,
    at: int,
    owner: Integers,
    count: Integers,
    rows: Integers,
    state: Integers,
    to: int,
    transition: int,
    now: Integers,
) -> None:
    """Write one move of each subject in rows: codes of state left, state entered, transition; minute; nothing read."""
    for k in range(rows.shape[0]):
        i = rows[k]
        owner[at + k] = i
        count[i] += 1
        cells[at + k, 0] = (transition * _CODE + to) * _CODE + state[i]
        cells[at + k, 1] = now[i]
        for c in range(MOVE_READS, cells.shape[1]):
            cells[at + k, c] = np.nan


@kernel
def write_read(cells: Floats, at: int, column: int, rows: Integers, value: Floats) -> None:
    """Write what a rule read of each subject in rows beside the moves that begin at `at`.

    What is undefined stays the one nan written there: arithmetic on columns may leave another than on numbers.
    """
    for k in range(rows.shape[0]):
        if not np.isnan(value[rows[k]]):
            cells[at + k, column] = value[rows[k]]


@kernel
def add_events(
    cells: Floats,
    at: int,
    owner: Integers,
    count: Integers,
    rows: Integers,
    state: Integers,
    events: Integers,
    cause: Integers,
    now: Integers,
) -> None:
    """Write the event events[cause[i]] of each subject i in rows: codes of state and event; minute."""
    for k in range(rows.shape[0]):
        i = rows[k]
        owner[at + k] = i
        count[i] += 1
        cells[at + k, 0] = events[cause[i]] * _CODE + state[i]
        cells[at + k, 1] = now[i]


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
