"""What was observed and given at the visits of many subjects, and how it becomes tables.

A page of the diary says who came to a visit, in the order of their numbers, and when: there are no queues here, so
everything happens at its planned minute. All that was done with them is one entry each: an assessment, or a dose. What
is the same for everybody on the page stands once; only values, truths and amounts are kept one by one. An index counts
the uses before it, so it is counted again while a table is made. A table is made by reading all entries side by side, a
few subjects at a time, so that nothing needs to be sorted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.engine.batch.buffers import Workspace
from protocolsim.records import Table

Owners = NDArray[np.int32]

_TOGETHER = 192  # subjects whose rows of a table stay in the cache while the entries are read
# What an entry says: its page, where its numbers begin (NOTHING where it was not made), how many variables it has
# (1 for a dose), and three codes.
_FIRST, _LAST, _NUMBERS, _VARIABLES, _STATE, _WHAT, _STATUS = range(7)
_ENTRY = 7
NOTHING = -1
_MOST_CODES = 2**15  # of any kind, in the tables too
_MOMENT = ("index", "minute", "status")
_OBSERVATIONS = ("state", "assessment", "variable", *_MOMENT, "value", "truth")
_DOSES = ("state", "drug", *_MOMENT, "dose", "amount")


class Diary:
    """The entries of some subjects."""

    def __init__(self, subjects: int, visits: int, numbers: int, memory: Workspace) -> None:
        self._memory = memory
        self.owner: Owners = memory.empty("diary.owner", (max(1, subjects * visits),), np.int32)
        self.minute: Integers = memory.empty("diary.minute", (max(1, subjects * visits),), np.int64)
        self.numbers: Floats = memory.empty("diary.numbers", (max(1, subjects * numbers),))
        self._page: tuple[int, int] = (0, 0)
        self._on_page: Integers | None = None
        self._numbers = 0
        self._observed: list[tuple[int, ...]] = []
        self._given: list[tuple[int, ...]] = []
        self._amounts: list[float] = []

    def turn(self) -> None:
        """Begin a new visit: the next subjects are written to a new block."""
        self._on_page = None

    def _turn_to(self, rows: Integers, now: Integers) -> None:
        """Start a new visit block for these subjects, unless the current block is theirs."""
        if self._on_page is rows:
            return
        first = self._page[1]
        last = first + len(rows)
        while last > len(self.owner):
            self.owner = self._memory.grown("diary.owner", self.owner, axis=0)
            self.minute = self._memory.grown("diary.minute", self.minute, axis=0)
        write_page(rows, now, self.owner[first:last], self.minute[first:last])
        self._page, self._on_page = (first, last), rows

    def _room_for(self, numbers: int) -> Floats:
        at = self._numbers
        self._numbers += numbers
        while self._numbers > len(self.numbers):
            self.numbers = self._memory.grown("diary.numbers", self.numbers, axis=0)
        return self.numbers[at : self._numbers]

    def observe(
        self, rows: Integers, now: Integers, codes: tuple[int, int, int], variables: int, *, made: bool
    ) -> tuple[Floats, Floats]:
        """One assessment of all in rows, which are in order: codes of state, assessment, status.

        Returns where values and truths go, [subjects, variables] (of nobody, where it is not made).
        """
        self._turn_to(rows, now)
        self._observed.append((*self._page, self._numbers if made else NOTHING, variables, *codes))
        subjects = len(rows) if made else 0
        room = self._room_for(2 * subjects * variables).reshape(2, subjects, variables)
        return room[0], room[1]

    def give(self, rows: Integers, now: Integers, codes: tuple[int, int, int], dose: float, *, given: bool) -> Floats:
        """One dose (mg/kg) of all in rows, which are in order: codes of state, drug, status.

        Returns where the amounts go, in mg (of nobody, where nothing is given).
        """
        self._turn_to(rows, now)
        self._given.append((*self._page, self._numbers if given else NOTHING, 1, *codes))
        self._amounts.append(dose)
        return self._room_for(len(rows) if given else 0)

    def fill_observations(
        self, table: Table, places: Integers, count: Integers, who: Integers, variables: Integers, shown_by: Integers
    ) -> None:
        """Write the count[i] rows of the subjects i with places[i] >= 0, from there on.

        variables[a] lists the codes that assessment a shows, shown_by[v] is the assessment that shows variable v.
        """
        entries = np.array(self._observed, dtype=np.int64).reshape(-1, _ENTRY)
        fill_who(places, count, who, table["replicate"], table["subject"])
        columns = [table[c] for c in _OBSERVATIONS]
        fill_observations(entries, self.owner, self.minute, self.numbers, places, count, variables, shown_by, *columns)

    def fill_doses(self, table: Table, places: Integers, count: Integers, who: Integers, drugs: int) -> None:
        """Write the count[i] rows of the subjects i with places[i] >= 0, from there on."""
        entries = np.array(self._given, dtype=np.int64).reshape(-1, _ENTRY)
        fill_who(places, count, who, table["replicate"], table["subject"])
        columns = [table[c] for c in _DOSES]
        fill_doses(entries, np.array(self._amounts), self.owner, self.minute, self.numbers, places, drugs, *columns)


@kernel
def write_page(rows: Integers, now: Integers, owner: Owners, minute: Integers) -> None:
    """Write the subjects of a visit, and the minute of each."""
    for k in range(rows.shape[0]):
        owner[k], minute[k] = rows[k], now[np.uint64(rows[k])]


@kernel
def fill_who(places: Integers, count: Integers, who: Integers, replicate: Integers, subject: Integers) -> None:
    """Write replicate and subject number into all rows of each subject i with places[i] >= 0."""
    for i in range(places.shape[0]):
        if places[i] >= 0:
            replicate[places[i] : places[i] + count[i]] = who[i, 0]
            subject[places[i] : places[i] + count[i]] = who[i, 1]


@kernel
def fill_observations(
    entries: Integers,
    owner: Owners,
    minutes: Integers,
    numbers: Floats,
    places: Integers,
    count: Integers,
    variables: Integers,
    shown_by: Integers,
    state: NDArray[np.int16],
    assessment: NDArray[np.int16],
    variable: NDArray[np.int16],
    index: NDArray[np.int32],
    minute: Integers,
    status: NDArray[np.int8],
    value: Floats,
    truth: Floats,
) -> None:
    """Write the other columns of observations; entries in order, a few subjects at a time."""
    place, reading = places.astype(np.uint64), entries[:, _FIRST].astype(np.uint64)
    uses = np.zeros(_TOGETHER * variables.shape[0], dtype=np.int64)
    # Of these few subjects: the codes of all rows, one subject's after the other's, and how far from their places.
    codes, back = np.empty(0, dtype=np.int64), np.empty(_TOGETHER, dtype=np.uint64)
    for first in range(0, places.shape[0], _TOGETHER):
        last = min(first + _TOGETHER, places.shape[0])
        uses[:] = 0
        total = 0
        for subject in range(first, last):
            back[subject - first] = places[subject] - total
            total += count[subject] if places[subject] >= 0 else 0
        if total > codes.shape[0]:
            codes = np.empty(2 * total, dtype=np.int64)
        for e in range(entries.shape[0]):
            # Unsigned: Numba need not ask whether a place counts from the end.
            k: Any = reading[e]
            begin, end, a = np.uint64(entries[e, _FIRST]), np.uint64(entries[e, _LAST]), np.uint64(entries[e, _WHAT])
            made, at = entries[e, _NUMBERS] >= 0, np.uint64(max(0, entries[e, _NUMBERS]))
            rows, size = np.uint64(entries[e, _VARIABLES]), end - begin
            told = (entries[e, _STATUS] << 30) + (entries[e, _STATE] << 15)
            while k < end and owner[k] < last:
                i = np.uint64(owner[k])
                mine = i - np.uint64(first)
                number = uses[a * np.uint64(_TOGETHER) + mine] + 1
                uses[a * np.uint64(_TOGETHER) + mine] = number
                if places[i] >= 0:
                    d: Any = place[i]
                    place[i] = d + rows
                    here: Any = at + (k - begin) * rows
                    for v in range(rows):
                        minute[d] = minutes[k]
                        codes[d - back[mine]] = (number << 32) + told + variables[a, v]
                        value[d] = numbers[here] if made else np.nan
                        truth[d] = numbers[here + rows * size] if made else np.nan
                        here += np.uint64(1)
                        d += np.uint64(1)
                k += np.uint64(1)
            reading[e] = k
        # Mostly the rows of one subject are followed by those of the next: they are written together.
        begins = ends = written = 0
        for subject in range(first, last + 1):
            if subject < last and (places[subject] < 0 or places[subject] == ends):
                ends += count[subject] if places[subject] >= 0 else 0
                continue
            of, packed = slice(begins, ends), codes[written : written + ends - begins]
            take_apart(packed, shown_by, state[of], assessment[of], variable[of], index[of], status[of])
            written += ends - begins
            if subject < last:
                begins = places[subject]
                ends = begins + count[subject]


@kernel
def take_apart(
    packed: Integers,
    shown_by: Integers,
    state: NDArray[np.int16],
    assessment: NDArray[np.int16],
    variable: NDArray[np.int16],
    index: NDArray[np.int32],
    status: NDArray[np.int8],
) -> None:
    """The codes in each number, from the last bits on: 15 of the variable, 15 of the state, 2 of the status, index."""
    for d in range(packed.shape[0]):
        code = packed[d]
        variable[d], state[d] = code & (_MOST_CODES - 1), (code >> 15) & (_MOST_CODES - 1)
        status[d], index[d] = (code >> 30) & 3, code >> 32
    for d in range(packed.shape[0]):
        assessment[d] = shown_by[variable[d]]


@kernel
def fill_doses(
    entries: Integers,
    doses: Floats,
    owner: Owners,
    minutes: Integers,
    numbers: Floats,
    places: Integers,
    drugs: int,
    state: NDArray[np.int16],
    drug: NDArray[np.int16],
    index: NDArray[np.int32],
    minute: Integers,
    status: NDArray[np.int8],
    dose: Floats,
    amount: Floats,
) -> None:
    """Write the other columns of doses; entries in order, a few subjects at a time."""
    entry = np.full(minute.shape[0], NOTHING, dtype=np.int32)
    place, reading = places.astype(np.uint64), entries[:, _FIRST].astype(np.uint64)
    uses = np.zeros(_TOGETHER * drugs, dtype=np.int64)
    for first in range(0, places.shape[0], _TOGETHER):
        last = min(first + _TOGETHER, places.shape[0])
        uses[:] = 0
        for e in range(entries.shape[0]):
            k: Any = reading[e]
            begin, end = np.uint64(entries[e, _FIRST]), np.uint64(entries[e, _LAST])
            which = np.uint64(entries[e, _WHAT])
            given, at = entries[e, _NUMBERS] >= 0, np.uint64(max(0, entries[e, _NUMBERS]))
            while k < end and owner[k] < last:
                i = np.uint64(owner[k])
                mine = which * np.uint64(_TOGETHER) + i - np.uint64(first)
                uses[mine] += 1
                if places[i] >= 0:
                    d = place[i]
                    minute[d], index[d], entry[d] = minutes[k], uses[mine], e
                    amount[d] = numbers[at + k - begin] if given else 0.0
                    place[i] = d + np.uint64(1)
                k += np.uint64(1)
            reading[e] = k
    for d in range(entry.shape[0]):
        e = entry[d]
        if e != NOTHING:
            state[d], drug[d], status[d] = entries[e, _STATE], entries[e, _WHAT], entries[e, _STATUS]
            dose[d] = doses[e]
