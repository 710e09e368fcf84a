"""Append-only log of the visits of many subjects, and its conversion into the tables of observations and doses.

A visit block holds the subjects at one visit, sorted, and the minute of each; without queues the actual minute is the
planned one. Each assessment or dose of the visit is one entry that refers to the block. Constants of the entry are
stored once; only values, truths and amounts are stored per subject. The index (how often a subject has had this
assessment or drug) is recomputed while a table is made. A table is a k-way merge of all entries, a few subjects at a
time, so that no sort is needed.
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
# Columns of an entry: its visit block, the offset of its numbers (NOTHING if it was not made), the number of variables
# (of a dose: whether it is the same for all), and three codes.
_FIRST, _LAST, _NUMBERS, _VARIABLES, _STATE, _WHAT, _STATUS = range(7)
_ENTRY = 7
NOTHING = -1
_SAME, _OWN = 1, 2  # a dose of all subjects; or each subject's own, behind the amounts
_MOST_CODES = 2**15  # codes of one kind: they are packed into 15 bits here, and int16 in the tables
_MOMENT = ("index", "minute", "status")
_OBSERVATIONS = ("state", "assessment", "variable", *_MOMENT, "value", "truth")
_DOSES = ("state", "drug", *_MOMENT, "dose", "amount")


class VisitLog:
    """The log of a column of subjects, with initial capacity for so many visits and numbers per subject."""

    def __init__(self, subjects: int, visits: int, numbers: int, memory: Workspace) -> None:
        self._memory = memory
        self.owner: Owners = memory.empty("visit_log.owner", (max(1, subjects * visits),), np.int32)
        self.minute: Integers = memory.empty("visit_log.minute", (max(1, subjects * visits),), np.int64)
        self.numbers: Floats = memory.empty("visit_log.numbers", (max(1, subjects * numbers),))
        self._block: tuple[int, int] = (0, 0)
        self._block_rows: Integers | None = None
        self._numbers = 0
        self._observed: list[tuple[int, ...]] = []
        self._given: list[tuple[int, ...]] = []
        self._amounts: list[float] = []

    def start_visit(self) -> None:
        """Begin a new visit: the next subjects are written to a new block."""
        self._block_rows = None

    def _start_block(self, rows: Integers, now: Integers) -> None:
        """Start a new visit block for these subjects, unless the current block is theirs."""
        if self._block_rows is rows:
            return
        first = self._block[1]
        last = first + len(rows)
        while last > len(self.owner):
            self.owner = self._memory.grown("visit_log.owner", self.owner, axis=0)
            self.minute = self._memory.grown("visit_log.minute", self.minute, axis=0)
        write_page(rows, now, self.owner[first:last], self.minute[first:last])
        self._block, self._block_rows = (first, last), rows

    def _allocate(self, numbers: int) -> Floats:
        at = self._numbers
        self._numbers += numbers
        while self._numbers > len(self.numbers):
            self.numbers = self._memory.grown("visit_log.numbers", self.numbers, axis=0)
        return self.numbers[at : self._numbers]

    def observe(
        self, rows: Integers, now: Integers, codes: tuple[int, int, int], variables: int, *, made: bool
    ) -> tuple[Floats, Floats]:
        """Append an assessment of the subjects in `rows`, sorted; codes of state, assessment, status.

        Returns the arrays of values and truths to fill, [subjects, variables] each; empty if it was not made.
        """
        self._start_block(rows, now)
        self._observed.append((*self._block, self._numbers if made else NOTHING, variables, *codes))
        subjects = len(rows) if made else 0
        room = self._allocate(2 * subjects * variables).reshape(2, subjects, variables)
        return room[0], room[1]

    def give(
        self, rows: Integers, now: Integers, codes: tuple[int, int, int], dose: float | Floats, *, given: bool
    ) -> Floats:
        """Append a dose of the subjects in `rows`, sorted: the same for all, or [subjects].

        codes: of state, drug, status. Returns the array of amounts to fill, [subjects]; empty if nothing is given.
        """
        self._start_block(rows, now)
        own = isinstance(dose, np.ndarray)
        self._given.append((*self._block, self._numbers if given else NOTHING, _OWN if own else _SAME, *codes))
        self._amounts.append(0.0 if isinstance(dose, np.ndarray) else dose)
        room = self._allocate((len(rows) if given else 0) * (2 if own else 1))
        if isinstance(dose, np.ndarray):
            room[len(rows) :] = dose
        return room[: len(rows)]

    def fill_observations(
        self, table: Table, places: Integers, count: Integers, who: Integers, variables: Integers, shown_by: Integers
    ) -> None:
        """Write the count[i] observations of each subject i into rows places[i] onwards; -1 omits the subject.

        variables[a] lists the codes that assessment a shows, shown_by[v] is the assessment that shows variable v.
        """
        entries = np.array(self._observed, dtype=np.int64).reshape(-1, _ENTRY)
        fill_who(places, count, who, table["replicate"], table["subject"])
        columns = [table[c] for c in _OBSERVATIONS]
        fill_observations(entries, self.owner, self.minute, self.numbers, places, count, variables, shown_by, *columns)

    def fill_doses(self, table: Table, places: Integers, count: Integers, who: Integers, drugs: int) -> None:
        """Write the count[i] doses of each subject i into rows places[i] onwards; -1 omits the subject."""
        entries = np.array(self._given, dtype=np.int64).reshape(-1, _ENTRY)
        fill_who(places, count, who, table["replicate"], table["subject"])
        columns = [table[c] for c in _DOSES]
        fill_doses(entries, np.array(self._amounts), self.owner, self.minute, self.numbers, places, drugs, *columns)


@kernel
def write_page(rows: Integers, now: Integers, owner: Owners, minute: Integers) -> None:
    """Write a visit block: the subjects, and the minute of each."""
    for k in range(rows.shape[0]):
        owner[k], minute[k] = rows[k], now[np.uint64(rows[k])]


@kernel
def fill_who(places: Integers, count: Integers, who: Integers, replicate: Integers, subject: Integers) -> None:
    """Fill the replicate and subject columns, for each subject i with places[i] >= 0."""
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
    """Fill the other columns of observations: a merge of the entries, a few subjects at a time."""
    place, reading = places.astype(np.uint64), entries[:, _FIRST].astype(np.uint64)
    uses = np.zeros(_TOGETHER * variables.shape[0], dtype=np.int64)
    # For the current group of subjects: packed codes, contiguous by subject; offsets from there into the table.
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
            # Unsigned indices: Numba omits the check for negative (wraparound) indexing.
            k: Any = reading[e]
            begin, end, a = np.uint64(entries[e, _FIRST]), np.uint64(entries[e, _LAST]), np.uint64(entries[e, _WHAT])
            made, at = entries[e, _NUMBERS] >= 0, np.uint64(max(0, entries[e, _NUMBERS]))
            rows, size = np.uint64(entries[e, _VARIABLES]), end - begin
            fixed_codes = (entries[e, _STATUS] << 30) + (entries[e, _STATE] << 15)
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
                        codes[d - back[mine]] = (number << 32) + fixed_codes + variables[a, v]
                        value[d] = numbers[here] if made else np.nan
                        truth[d] = numbers[here + rows * size] if made else np.nan
                        here += np.uint64(1)
                        d += np.uint64(1)
                k += np.uint64(1)
            reading[e] = k
        # Rows of consecutive subjects are mostly adjacent in the table: unpack such runs in one call.
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
    """Unpack codes, from the least significant bit: 15 of variable, 15 of state, 2 of status, the rest index."""
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
    """Fill the other columns of doses: a merge of the entries, a few subjects at a time."""
    entry = np.full(minute.shape[0], NOTHING, dtype=np.int32)
    place, reading = places.astype(np.uint64), entries[:, _FIRST].astype(np.uint64)
    uses = np.zeros(_TOGETHER * drugs, dtype=np.int64)
    for first in range(0, places.shape[0], _TOGETHER):
        last = min(first + _TOGETHER, places.shape[0])
        uses[:] = 0
        for e in range(entries.shape[0]):
            k: Any = reading[e]
            begin, end = np.uint64(entries[e, _FIRST]), np.uint64(entries[e, _LAST])
            size, own = end - begin, entries[e, _VARIABLES] == _OWN
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
                    if own:
                        dose[d] = numbers[at + size + k - begin]
                    place[i] = d + np.uint64(1)
                k += np.uint64(1)
            reading[e] = k
    for d in range(entry.shape[0]):
        e = entry[d]
        if e != NOTHING:
            state[d], drug[d], status[d] = entries[e, _STATE], entries[e, _WHAT], entries[e, _STATUS]
            if entries[e, _VARIABLES] == _SAME:
                dose[d] = doses[e]
