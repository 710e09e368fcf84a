"""Append-only log of transitions and events of many subjects, and its conversion into tables sorted by subject.

An entry is one row of `cells`. Its first cell packs three small codes; integers are stored as floats, exactly. Each
write appends a block of entries sorted by subject, so writing is sequential, and a table is a k-way merge of the
blocks, a few subjects at a time. No sort is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.engine.batch.buffers import Workspace
from protocolsim.records import Table

_CODE = 1 << 16
MOVE_READS = 2  # index of the first cell of a move that holds a value read by the rules
_TOGETHER = 64  # subjects whose rows of a table stay in the cache while the blocks are read

Codes = NDArray[np.int16]


class EventLog:
    """The log of one table: the subject (`owner`) and `cells` of each entry, and the number of rows per subject."""

    def __init__(self, name: str, subjects: int, room: int, width: int, memory: Workspace) -> None:
        self.name, self._memory = name, memory
        self.cells = memory.empty(name, (max(1, room), width))
        self.owner = memory.empty(f"{name}.owner", (max(1, room),), np.int64)
        self.count = memory.full(f"{name}.count", (subjects,), 0, np.int64)
        self._ends = [0]

    @property
    def blocks(self) -> Integers:
        """Offsets of the blocks, [blocks + 1]: each begin, then the end of the last."""
        return np.array(self._ends, dtype=np.int64)

    def open(self, entries: int) -> int:
        """Append a block of so many uninitialised entries. Returns the index of the first."""
        at = self._ends[-1]
        while at + entries > len(self.owner):
            self.cells = self._memory.grown(self.name, self.cells, axis=0)
            self.owner = self._memory.grown(f"{self.name}.owner", self.owner, axis=0)
        self._ends.append(at + entries)
        return at

    def entries(self, rows: Integers) -> tuple[Floats, int, Integers, Integers]:
        """Append a block, one entry for each of `rows`. Returns cells, index of the first entry, owners, row counts."""
        at = self.open(len(rows))
        return self.cells, at, self.owner, self.count


@kernel
def add_moves(
    cells: Floats,
    at: int,
    owner: Integers,
    count: Integers,
    rows: Integers,
    codes: tuple[int, int, int],
    now: Integers,
    read: Floats,
) -> int:
    """Write one move of each subject in rows: codes of state left, state entered, transition; minute; read[:, k].

    Undefined values are normalised to one canonical nan, since vectorised and scalar arithmetic may differ in its sign
    and payload. Returns the largest number of moves that any of these subjects has made.
    """
    most = 0
    code = float((codes[2] * _CODE + codes[1]) * _CODE + codes[0])
    for k in range(rows.shape[0]):
        i, e = np.uint64(rows[k]), np.uint64(at + k)
        owner[e] = i
        count[i] += 1
        most = max(most, count[i])
        cells[e, 0] = code
        cells[e, 1] = now[i]
        for c in range(MOVE_READS, cells.shape[1]):
            cells[e, c] = np.nan
        for c in range(read.shape[0]):
            if not np.isnan(read[c, k]):
                cells[e, MOVE_READS + c] = read[c, k]
    return most


@kernel
def add_events(
    cells: Floats,
    at: int,
    owner: Integers,
    count: Integers,
    rows: Integers,
    state: int,
    events: Integers,
    cause: Integers,
    now: Integers,
) -> None:
    """Write the event events[cause[i]] of each subject i in rows: codes of state and event; minute."""
    for k in range(rows.shape[0]):
        i, e = np.uint64(rows[k]), np.uint64(at + k)
        owner[e] = i
        count[i] += 1
        cells[e, 0] = events[cause[i]] * _CODE + state
        cells[e, 1] = now[i]


def fill_moves(table: Table, log: EventLog, places: Integers, who: Integers, read: Floats) -> None:
    """Write the moves of each subject i into rows places[i] onwards, -1: omit.

    `read` holds the columns value_k, then set_<name>.
    """
    columns = [table[c] for c in ("replicate", "subject", "minute", "from_state", "to_state", "transition")]
    gather_moves(log.cells, log.owner, log.blocks, places, who, read, *columns)


def fill_events(table: Table, log: EventLog, places: Integers, who: Integers) -> None:
    """Write the events of each subject i into rows places[i] onwards; -1 omits the subject."""
    columns = [table[c] for c in ("replicate", "subject", "minute", "state", "event")]
    gather_events(log.cells, log.owner, log.blocks, places, who, *columns)


@kernel
def gather_keys(
    cells: Floats,
    owner: Integers,
    blocks: Integers,
    places: Integers,
    who: Integers,
    replicate: Integers,
    subject: Integers,
    minute: Integers,
) -> Integers:
    """Fill the key columns of a table (replicate, subject, minute), merging the blocks by subject.

    Returns the row of each entry, -1 for entries left out. The merge is stable: a subject's entries keep their order.
    """
    place, reading = places.copy(), blocks.copy()
    goes = np.empty(blocks[-1], dtype=np.int64)
    for first in range(0, places.shape[0], _TOGETHER):
        for b in range(blocks.shape[0] - 1):
            k = reading[b]
            while k < blocks[b + 1] and owner[k] < first + _TOGETHER:
                i = owner[k]
                d = goes[k] = place[i]
                if d >= 0:
                    replicate[d], subject[d], minute[d] = who[i, 0], who[i, 1], int(cells[k, 1])
                    place[i] = d + 1
                k += 1
            reading[b] = k
    return goes


@kernel
def gather_moves(
    cells: Floats,
    owner: Integers,
    blocks: Integers,
    places: Integers,
    who: Integers,
    read: Floats,
    replicate: Integers,
    subject: Integers,
    minute: Integers,
    left: Codes,
    entered: Codes,
    transition: Codes,
) -> None:
    """Fill every column of the table of moves."""
    goes = gather_keys(cells, owner, blocks, places, who, replicate, subject, minute)
    for k in range(goes.shape[0]):
        d, code = goes[k], int(cells[k, 0])
        if d >= 0:
            left[d], entered[d], transition[d] = code % _CODE, code // _CODE % _CODE, code // (_CODE * _CODE)
            for c in range(read.shape[0]):
                read[c, d] = cells[k, MOVE_READS + c]


@kernel
def gather_events(
    cells: Floats,
    owner: Integers,
    blocks: Integers,
    places: Integers,
    who: Integers,
    replicate: Integers,
    subject: Integers,
    minute: Integers,
    state: Codes,
    event: Codes,
) -> None:
    """Fill every column of the table of events."""
    goes = gather_keys(cells, owner, blocks, places, who, replicate, subject, minute)
    for k in range(goes.shape[0]):
        d, code = goes[k], int(cells[k, 0])
        if d >= 0:
            state[d], event[d] = code % _CODE, code // _CODE
