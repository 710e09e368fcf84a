"""What is known at a minute of the trial's calendar, and a trial whose screening was stopped there.

Both are functions of finished records: nothing before a cut-off depends on what comes after it. A look is handed a
`Snapshot`, whose tables take a column from the finished ones when it is first read. Endpoints, populations and analyses
run on it as on finished records. The reference engine paused at that minute (`engine/des/calendar.py`) is its witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from protocolsim.arrays import Integers, Mask
from protocolsim.errors import UsageError
from protocolsim.records import (
    FAR,
    NEVER,
    TABLES,
    Column,
    Labels,
    Records,
    Seen,
    columns_of,
)


def as_of(records: Records, cutoffs: Integers, data_lag: int = 0) -> Snapshot:
    """What is known of these replicates at their cut-offs.

    records: of whole replicates, to the end of every course. cutoffs: a minute of the trial's calendar for each
    replicate, [replicates]; what happened at that minute counts. data_lag: an observation is known so many minutes
    after it was made or missed; all else is known at once.

    Those are in it who have begun. Their states are the present ones; who is still in the trial has the cut-off as
    `end_minute`. Randomisations hold the arm of who has been randomised. No hidden truth has a column.
    Raises UsageError for parts of a replicate, for another number of cut-offs, and for a negative lag.
    """
    if not records.whole:
        raise UsageError("a snapshot is of whole replicates, and these records are a part of one")
    _check_number(records, cutoffs, "cut-offs")
    if data_lag < 0:
        raise UsageError(f"the data lag is {data_lag} minutes; it cannot be negative")
    among = None
    if isinstance(records, _Truncated):  # what was found out of all subjects is known already
        among, records = records.kept.kept, records.kept.records
    known = _KnownRows(records, np.asarray(cutoffs, dtype=np.int64), data_lag, among)
    labels = records.labels.without_truth
    return Snapshot(
        labels,
        {table: _KnownTable(known, table, labels) for table in TABLES},
        records.first_replicate,
        records.replicates,
        known=known,
    )


def until_stopped(records: Records, stopped: Integers) -> Records:
    """The records of the same trials had they screened no subject who begins after these minutes of the calendar.

    stopped: a minute for each replicate, [replicates], NEVER where screening was not stopped. Those who began by then
    have all their rows, to the end of their courses. Where that is everybody, the records are returned as they are.
    Raises UsageError for another number of minutes.
    """
    _check_number(records, stopped, "minutes")
    stopped = np.asarray(stopped, dtype=np.int64)
    minutes = np.where(stopped == NEVER, np.iinfo(np.int64).max, stopped)
    kept = records.begins() <= minutes[records.trials()]
    if kept.all():
        return records
    rows = _KeptRows(records, kept)
    tables = {table: _KeptTable(rows, table) for table in TABLES}
    return _Truncated(
        records.labels, tables, records.first_replicate, records.replicates, records.whole, kept=rows
    )  # fmt: skip


def _check_number(records: Records, minutes: Integers, what: str) -> None:
    if np.shape(minutes) != (records.replicates,):
        raise UsageError(f"{records.replicates} replicates need as many {what}; {np.shape(minutes)} is their shape")


@dataclass(frozen=True)
class Snapshot(Records):
    """Records as they are known at a cut-off, taken from the finished ones column by column."""

    known: _KnownRows = field(kw_only=True, repr=False, compare=False)

    def subject_rows(self, table: str) -> Integers:
        """See Records."""
        rows: Integers = self.once(("rows", table), lambda: self.known.subject_rows(table))
        return rows

    def _find_begins(self) -> Integers:
        return self.known.of(self.known.records.begins())

    def _find_trials(self) -> Integers:
        return self.known.of(self.known.records.trials())

    def _find_first_states(self) -> Integers:
        return self.known.of(self.known.records.first_states())

    def _find_first_entries(self, state: int) -> Integers:
        entries = self.known.of(self.known.records.first_entries(state))
        return np.where(entries <= self.known.own, entries, NEVER)

    def _find_was_in(self, state: int) -> Mask:
        return self.known.by_then(self.known.records.first_entries(state), state)

    def _find_seen(self, variable: int) -> Seen:
        return self.known.seen(variable)


class _KnownRows:
    """Which rows of finished records are known at the cut-offs. Each table is looked through once.

    among: those subjects who were screened at all; None where all were.
    """

    def __init__(self, records: Records, cutoffs: Integers, data_lag: int, among: Mask | None = None) -> None:
        self.records, self.cutoffs, self.data_lag, self._among = records, cutoffs, data_lag, among

    @cached_property
    def begun(self) -> Integers:
        """The rows of those subjects who have begun."""
        begun = self.records.begins() <= self.cutoffs[self.records.trials()]
        return np.flatnonzero(begun if self._among is None else begun & self._among)

    def of(self, column: Column) -> Column:
        """What a column of the subjects holds of those who have begun."""
        return column if len(self.begun) == len(column) else column.take(self.begun)

    @cached_property
    def latest(self) -> Integers:
        """The cut-off of each subject who has begun."""
        return self.cutoffs[self.of(self.records.trials())]

    @cached_property
    def own(self) -> Integers:
        """The cut-off on the own clock of each subject who has begun."""
        return self.latest - self.of(self.records.begins())

    @cached_property
    def moved(self) -> Mask:
        """Which moves have been made."""
        return self._by_then("moves")

    @cached_property
    def _rows(self) -> dict[str, Integers]:
        return {"subjects": self.begun}

    def rows(self, table: str) -> Integers:
        """The rows of a table that are known."""
        if table not in self._rows:
            self._rows[table] = np.flatnonzero(self.moved if table == "moves" else self._by_then(table))
        return self._rows[table]

    def _by_then(self, table: str) -> Mask:
        """Which rows of a table of what happens are known."""
        latest = self.cutoffs - self.data_lag if table == "observations" else self.cutoffs
        mask: Mask = _calendar(self.records, table) <= np.repeat(latest, _rows_of_replicates(self.records, table))
        return mask if self._among is None else mask & self._among[self.records.subject_rows(table)]

    @cached_property
    def _places(self) -> Integers:
        """The row in the snapshot of each subject who has begun, by the row in the finished records."""
        places = np.full(len(self.records.begins()), NEVER, dtype=np.int64)
        places[self.begun] = np.arange(len(self.begun))
        return places

    def subject_rows(self, table: str) -> Integers:
        """For each known row of a table, the row of its subject in the snapshot."""
        return self._places.take(self.records.subject_rows(table).take(self.rows(table)))

    def seen(self, variable: int) -> Seen:
        """What is known of a variable."""
        seen = self.records.seen(variable)
        places = self._places[seen.row]
        known = np.flatnonzero(places != NEVER)
        known = known[seen.minute[known] <= self.own[places[known]] - self.data_lag]
        return Seen(places[known], seen.state[known], seen.minute[known], seen.value[known])

    # The columns of subjects that change in the course of a trial -----------------------------------------------------

    def enrolled(self) -> Column:
        """Who has been enrolled."""
        return self._enrolled

    @cached_property
    def _enrolled(self) -> Mask:
        return self.by_then(self.records["subjects"]["enrolled_minute"], "enrolled")

    def by_then(self, minute: Integers, key: object) -> Mask:
        """Who had by the cut-off what came at these minutes, NEVER for those to whom it does not come."""
        calendar = _once(
            self.records, ("calendar of", key), lambda: np.where(minute == NEVER, FAR, self.records.begins() + minute)
        )
        had: Mask = self.of(calendar) <= self.latest
        return had

    def enrolled_minute(self) -> Column:
        """When, NEVER for the others."""
        return np.where(self._enrolled, self.of(self.records["subjects"]["enrolled_minute"]), NEVER)

    def end_minute(self) -> Column:
        """When the final state was entered, for the others the cut-off on their own clocks."""
        return np.minimum(self.of(self.records["subjects"]["end_minute"]), self.own)

    def final_state(self) -> Column:
        """The present state."""
        subjects = self.records["subjects"]
        state = subjects["final_state"][self.begun]
        going_on = np.flatnonzero(self.of(subjects["end_minute"]) > self.own)
        rows = self.begun[going_on]
        bounds = _bounds_of_moves(self.records)
        sofar = np.concatenate([[0], np.cumsum(self.moved)])
        count = sofar[bounds[rows + 1]] - sofar[bounds[rows]]
        state[going_on] = self.records.first_states()[rows]
        has = count > 0
        last = bounds[rows[has]] + count[has] - 1  # a subject's moves stand in order of time
        state[going_on[has]] = self.records["moves"]["to_state"][last]
        return state

    def allocated(self, number: int) -> Column:
        """The arm of each subject in a randomisation, NEVER for those who have not been randomised."""
        name = self.records.labels.randomisations[number]
        arms = np.full(len(self.begun), NEVER, dtype=self.records["subjects"][name].dtype)
        by_it = _moves_by(self.records, number)
        made = by_it[self.moved[by_it]]
        # Of repeated places the last assignment stays: who was randomised again is where that led.
        arms[self._places[self.records.subject_rows("moves")[made]]] = self.records["moves"]["to_state"][made]
        return arms


class _KnownTable(Mapping[str, Column]):
    """One table of a snapshot; a column is taken from the finished table when it is first read."""

    def __init__(self, known: _KnownRows, table: str, labels: Labels) -> None:
        self._known, self._table, self._labels = known, table, labels
        self._columns: dict[str, Column] = {}

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(columns_of(self._table, self._labels))

    @cached_property
    def _made(self) -> dict[str, Callable[[], Column]]:
        """How the columns are made that change in the course of a trial."""
        if self._table != "subjects":
            return {}
        known = self._known
        return {
            "enrolled": known.enrolled,
            "enrolled_minute": known.enrolled_minute,
            "final_state": known.final_state,
            "end_minute": known.end_minute,
        } | {name: partial(known.allocated, number) for number, name in enumerate(self._labels.randomisations)}

    def __getitem__(self, name: str) -> Column:
        if name not in self._columns:
            if name not in self._names:
                raise KeyError(name)
            made = self._made.get(name)
            self._columns[name] = made() if made else self._take(name)
        return self._columns[name]

    def _take(self, name: str) -> Column:
        column = self._known.records[self._table][name]
        return self._known.of(column) if self._table == "subjects" else column.take(self._known.rows(self._table))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


# Of a trial whose screening was stopped ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Truncated(Records):
    """Records of some of the subjects, taken from those of all column by column."""

    kept: _KeptRows = field(kw_only=True, repr=False, compare=False)

    def taken_from(self) -> tuple[Records, Mask | None]:
        """See Records."""
        return self.kept.records, self.kept.kept

    def subject_rows(self, table: str) -> Integers:
        """See Records."""
        rows: Integers = self.once(("rows", table), lambda: self.kept.subject_rows(table))
        return rows

    def _find_begins(self) -> Integers:
        return self.kept.of("subjects", self.kept.records.begins())

    def _find_trials(self) -> Integers:
        return self.kept.of("subjects", self.kept.records.trials())

    def _find_first_states(self) -> Integers:
        return self.kept.of("subjects", self.kept.records.first_states())

    def _find_first_entries(self, state: int) -> Integers:
        return self.kept.of("subjects", self.kept.records.first_entries(state))

    def _find_seen(self, variable: int) -> Seen:
        return self.kept.seen(variable)


class _KeptRows:
    """Which rows are those of the subjects kept: in each table some runs, mostly one of each replicate."""

    def __init__(self, records: Records, kept: Mask) -> None:
        self.records, self.kept = records, kept
        edges = np.flatnonzero(np.diff(kept, prepend=False, append=False))
        self._first, self._stop = edges[::2], edges[1::2]
        self._runs: dict[str, list[slice]] = {}

    def of(self, table: str, column: Column) -> Column:
        """What is kept of a column of a table."""
        if table not in self._runs:
            first, stop = self._first, self._stop
            if table != "subjects":
                rows = self.records.subject_rows(table)  # in order
                first, stop = np.searchsorted(rows, first), np.searchsorted(rows, stop)
            self._runs[table] = [slice(a, b) for a, b in zip(first.tolist(), stop.tolist(), strict=True)]
        runs = self._runs[table]
        return np.concatenate([column[run] for run in runs]) if runs else column[:0]

    @cached_property
    def _places(self) -> Integers:
        """The row among those kept of each subject, by the row among all."""
        return np.cumsum(self.kept) - 1

    def subject_rows(self, table: str) -> Integers:
        """For each row kept of a table, the row of its subject."""
        return self._places.take(self.of(table, self.records.subject_rows(table)))

    def seen(self, variable: int) -> Seen:
        """What was seen of a variable in those kept."""
        seen = self.records.seen(variable)
        known = np.flatnonzero(self.kept[seen.row])
        return Seen(self._places[seen.row[known]], seen.state[known], seen.minute[known], seen.value[known])


class _KeptTable(Mapping[str, Column]):
    """One table of the subjects kept; a column is taken when it is first read, and two that were one still are."""

    def __init__(self, kept: _KeptRows, table: str) -> None:
        self._kept, self._table = kept, table
        self._source = kept.records[table]
        self._columns: dict[int, Column] = {}

    def __getitem__(self, name: str) -> Column:
        whole = self._source[name]
        if id(whole) not in self._columns:
            self._columns[id(whole)] = self._kept.of(self._table, whole)
        return self._columns[id(whole)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)

    def __contains__(self, name: object) -> bool:
        return name in self._source


# Of finished records, whatever the cut-off: found once ---------------------------------------------------------------


def _once(records: Records, key: object, work_out: Callable[[], Integers]) -> Integers:
    found: Integers = records.once(("snapshot", key), work_out)
    return found


def _calendar(records: Records, table: str) -> Integers:
    """The minute of each row of a table, in the trial's calendar."""
    return _once(records, table, lambda: records.begins().take(records.subject_rows(table)) + records[table]["minute"])


def _rows_of_replicates(records: Records, table: str) -> Integers:
    """How many rows of a table each replicate has."""
    firsts = np.arange(records.replicates + 1) + records.first_replicate
    return _once(records, ("rows", table), lambda: np.diff(np.searchsorted(records[table]["replicate"], firsts)))


def _bounds_of_moves(records: Records) -> Integers:
    """Where the moves of each subject begin, and at last where they end."""

    def find() -> Integers:
        counts = np.bincount(records.subject_rows("moves"), minlength=len(records.begins()))
        return np.concatenate([[0], np.cumsum(counts)])

    return _once(records, "bounds", find)


def _moves_by(records: Records, number: int) -> Integers:
    """The moves by which a randomisation allocates."""
    by = list(records.labels.allocating[number])
    return _once(records, ("by", number), lambda: np.flatnonzero(np.isin(records["moves"]["transition"], by)))
