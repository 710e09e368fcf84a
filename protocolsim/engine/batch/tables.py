"""Conversion of columns and logs into the five tables, sorted by replicate and subject across all rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Integers
from protocolsim.engine.base import Trial
from protocolsim.engine.batch.buffers import TablePool
from protocolsim.engine.batch.columns import Columns, in_order
from protocolsim.engine.batch.event_log import fill_events, fill_moves
from protocolsim.records import READ, SET, Table, columns_of
from protocolsim.units import MINUTES_PER_DAY

_PLANNED = "planned_minute"

Part = tuple[Columns, NDArray[np.bool_]]


def tables_of(trial: Trial, parts: Sequence[Part], memory: TablePool) -> dict[str, Table]:
    """The five tables of the kept subjects of these parts."""
    rows = [np.flatnonzero(kept) for _, kept in parts]
    layout = _RowPlacement(trial, [columns for columns, _ in parts], rows, memory)
    return {
        "subjects": layout.subjects(),
        "observations": layout.observations(),
        "doses": layout.doses(),
        "moves": layout.moves(),
        "events": layout.events(),
    }


class _RowPlacement:
    """The row range of each subject in the joint tables of several parts."""

    def __init__(self, trial: Trial, parts: Sequence[Columns], rows: Sequence[Integers], memory: TablePool) -> None:
        self.trial, self.parts, self.rows, self.memory = trial, parts, rows, memory
        self.order = in_order(np.concatenate([p.who[r] for p, r in zip(parts, rows, strict=True)]))

    def _places(self, counts: Sequence[Integers]) -> tuple[list[Integers], int]:
        """The first row of each subject, -1 for subjects left out, for each part; and the total number of rows."""
        together = np.concatenate([count[r] for count, r in zip(counts, self.rows, strict=True)])
        starts = exclusive_prefix_sum(together, self.order)
        places = []
        for count, r in zip(counts, self.rows, strict=True):
            mine = np.full(len(count), -1, dtype=np.int64)
            mine[r], starts = starts[: len(r)], starts[len(r) :]
            places.append(mine)
        return places, int(together.sum())

    def _table(self, name: str, rows: int) -> Table:
        kinds = columns_of(name, self.trial.labels)
        table = self.memory.table({c: kind for c, kind in kinds.items() if c != _PLANNED}, rows)
        # Without queues the planned and the actual minute are equal: one column serves for both.
        return {c: table["minute" if c == _PLANNED else c] for c in kinds}

    def subjects(self) -> Table:
        """The table of subjects."""
        places, total = self._places([np.ones(p.size, dtype=np.int64) for p in self.parts])
        table = self._table("subjects", total)
        labels = self.trial.labels
        for columns, rows, first in zip(self.parts, self.rows, places, strict=True):
            there = first[rows]
            enrolled = columns.chart.enrolled
            shown = {
                "replicate": columns.who[:, 0],
                "subject": columns.who[:, 1],
                "site": columns.sites,
                "arrival_day": columns.begins / MINUTES_PER_DAY,
                "enrolled": enrolled >= 0,
                "enrolled_minute": enrolled,
                "final_state": columns.state,
                "end_minute": columns.now,
                **{name: columns.allocated[k] for k, name in enumerate(labels.randomisations)},
                **{name: columns.traits[:, k] for k, name in enumerate(labels.traits)},
            }
            for name, column in table.items():
                put_rows(column, there, shown[name], rows)
        return table

    def observations(self) -> Table:
        """The table of observations."""
        shown = shown_variables(self.trial)
        # Every use of an assessment brings one observation for each of its variables.
        each = np.array([len(m.variables) for m in self.trial.assessments], dtype=np.int64)
        counts = [each @ p.indices for p in self.parts]
        places, total = self._places(counts)
        table = self._table("observations", total)
        for columns, first, count in zip(self.parts, places, counts, strict=True):
            columns.visit_log.fill_observations(table, first, count, columns.who, *shown)
        return table

    def doses(self) -> Table:
        """The table of doses."""
        counts = [p.dose_numbers.sum(axis=0) for p in self.parts]
        places, total = self._places(counts)
        table = self._table("doses", total)
        for columns, first, count in zip(self.parts, places, counts, strict=True):
            columns.visit_log.fill_doses(table, first, count, columns.who, len(self.trial.drugs))
        return table

    def moves(self) -> Table:
        """The table of moves."""
        places, total = self._places([p.moves.count for p in self.parts])
        labels = self.trial.labels
        kinds, reasons = columns_of("moves", labels), labels.reasons + len(labels.kept)
        # The values read and set are one 2-D array, since a kernel takes no list of columns; the table holds its rows.
        read = self.memory.table({"read": np.float64}, reasons * total)["read"].reshape(reasons, total)
        names = [*(f"{READ}{k}" for k in range(labels.reasons)), *(f"{SET}{name}" for name in labels.kept)]
        values = dict(zip(names, read, strict=True))
        table = self.memory.table({c: kind for c, kind in kinds.items() if c not in values}, total) | values
        for columns, first in zip(self.parts, places, strict=True):
            fill_moves(table, columns.moves, first, columns.who, read)
        return table

    def events(self) -> Table:
        """The table of events."""
        places, total = self._places([p.events.count for p in self.parts])
        table = self._table("events", total)
        for columns, first in zip(self.parts, places, strict=True):
            fill_events(table, columns.events, first, columns.who)
        return table


@kernel
def exclusive_prefix_sum(counts: Integers, order: Integers) -> Integers:
    """Exclusive prefix sum of `counts` in the given order."""
    starts = np.empty(counts.shape[0], dtype=np.int64)
    total = 0
    for k in order:
        starts[k] = total
        total += counts[k]
    return starts


@kernel
def put_rows(column: NDArray[Any], there: Integers, source: NDArray[Any], rows: Integers) -> None:
    """column[there[k]] = source[rows[k]]."""
    for k in range(rows.shape[0]):
        column[np.uint64(there[k])] = source[np.uint64(rows[k])]


def shown_variables(trial: Trial) -> tuple[Integers, Integers]:
    """Codes of each assessment's variables, [assessments, most variables]; and the assessment of each variable."""
    codes = np.zeros((len(trial.assessments), max((len(m.variables) for m in trial.assessments), default=1)), np.int64)
    shown_by = np.zeros(len(trial.labels.variables), dtype=np.int64)
    for a, measured in enumerate(trial.assessments):
        codes[a, : len(measured.variables)] = measured.variables
        shown_by[list(measured.variables)] = a
    return codes, shown_by
