"""From columns of subjects to the five tables, by replicate and subject, whatever the rounds they were simulated in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.component import Integers
from protocolsim.engine.base import Trial
from protocolsim.engine.columns import Columns
from protocolsim.engine.journal import Journal, gather, unpacked
from protocolsim.records import Table, columns_of
from protocolsim.units import MINUTES_PER_DAY

Part = tuple[Columns, NDArray[np.bool_]]


def tables_of(trial: Trial, parts: Sequence[Part]) -> dict[str, Table]:
    """The tables of all subjects kept in these parts."""
    rows = [np.flatnonzero(kept) for _, kept in parts]
    who = np.concatenate([columns.who[r] for (columns, _), r in zip(parts, rows, strict=True)])
    simple = len(parts) == 1 and parts[0][0].in_order
    order = np.arange(len(who)) if simple else np.lexsort((who[:, 1], who[:, 0]))
    tables = {"subjects": _subjects(trial, parts, rows, order)}
    layout = _Layout(trial, [columns for columns, _ in parts], rows, order)
    tables["observations"] = layout.observations()
    tables["doses"] = layout.doses()
    tables["moves"] = layout.moves()
    tables["events"] = layout.events()
    return tables


def _subjects(trial: Trial, parts: Sequence[Part], rows: Sequence[Integers], order: Integers) -> Table:
    labels = trial.labels
    found = []
    for (columns, _), r in zip(parts, rows, strict=True):
        enrolled = columns.chart.enrolled[r]
        found.append(
            {
                "replicate": columns.who[r, 0],
                "subject": columns.who[r, 1],
                "site": columns.sites[r],
                "arrival_day": columns.begins[r] / MINUTES_PER_DAY,
                "enrolled": enrolled >= 0,
                "enrolled_minute": enrolled,
                "final_state": columns.state[r],
                "end_minute": columns.now[r],
                **{name: columns.allocated[k, r] for k, name in enumerate(labels.randomisations)},
                **{name: columns.traits[r, k] for k, name in enumerate(labels.traits)},
            }
        )
    return {
        name: np.concatenate([f[name] for f in found])[order].astype(kind)
        for name, kind in columns_of("subjects", labels).items()
    }


class _Layout:
    """Where each subject's rows go in the tables of several parts together."""

    def __init__(self, trial: Trial, parts: Sequence[Columns], rows: Sequence[Integers], order: Integers) -> None:
        self.trial, self.parts, self.rows, self.order = trial, parts, rows, order

    def _places(self, counts: Sequence[Integers]) -> tuple[list[Integers], int]:
        """The first place of the rows of each subject, -1 for who is left out, part by part; and how many there are."""
        together = np.concatenate([count[r] for count, r in zip(counts, self.rows, strict=True)])
        ends = np.cumsum(together[self.order])
        starts = np.empty(len(together), dtype=np.int64)
        starts[self.order] = ends - together[self.order]
        places = []
        for count, r in zip(counts, self.rows, strict=True):
            mine = np.full(len(count), -1, dtype=np.int64)
            mine[r], starts = starts[: len(r)], starts[len(r) :]
            places.append(mine)
        return places, int(ends[-1]) if len(ends) else 0

    def _cells(self, journals: Sequence[Journal]) -> tuple[NDArray[Any], dict[str, Integers]]:
        places, total = self._places([j.count for j in journals])
        out = np.empty((total, journals[0].cells.shape[1]))
        who = np.empty((total, 2), dtype=np.int64)
        of = np.empty(total, dtype=np.int64)
        for columns, journal, first in zip(self.parts, journals, places, strict=True):
            of.fill(-1)
            gather(journal.cells, journal.owner, journal.blocks, first, out, of)
            if len(journals) == 1:
                who = columns.who[of]
            else:
                mine = of >= 0
                who[mine] = columns.who[of[mine]]
        return out, {"replicate": who[:, 0], "subject": who[:, 1]}

    def _empty(self, table: str, rows: int) -> Table:
        kinds = columns_of(table, self.trial.labels)
        return {name: np.empty(rows, dtype=kind) for name, kind in kinds.items()}

    def _typed(self, table: str, columns: dict[str, Any]) -> Table:
        kinds = columns_of(table, self.trial.labels)
        return {name: np.ascontiguousarray(columns[name]).astype(kind) for name, kind in kinds.items()}

    def doses(self) -> Table:
        """The table of doses."""
        places, total = self._places([p.diary.doses for p in self.parts])
        table = self._empty("doses", total)
        for columns, first in zip(self.parts, places, strict=True):
            columns.diary.fill_doses(table, first, columns.who, len(self.trial.drugs))
        return table

    def moves(self) -> Table:
        """The table of moves."""
        cells, columns = self._cells([p.moves for p in self.parts])
        left, entered, transition = unpacked(cells[:, 0])
        columns |= {"from_state": left, "to_state": entered, "transition": transition, "minute": cells[:, 1]}
        columns |= {f"value_{k}": cells[:, 2 + k] for k in range(self.trial.labels.reasons)}
        return self._typed("moves", columns)

    def events(self) -> Table:
        """The table of events."""
        cells, columns = self._cells([p.events for p in self.parts])
        state, event, _ = unpacked(cells[:, 0])
        return self._typed("events", columns | {"state": state, "event": event, "minute": cells[:, 1]})

    def observations(self) -> Table:
        """The table of observations."""
        variables = shown_variables(self.trial)
        places, total = self._places([p.diary.observations for p in self.parts])
        table = self._empty("observations", total)
        for columns, first in zip(self.parts, places, strict=True):
            columns.diary.fill_observations(table, first, columns.who, variables)
        return table


def shown_variables(trial: Trial) -> Integers:
    """The codes of the variables that each assessment shows, [assessments, most variables]."""
    codes = np.zeros((len(trial.assessments), max((len(m.variables) for m in trial.assessments), default=1)), np.int64)
    for a, measured in enumerate(trial.assessments):
        codes[a, : len(measured.variables)] = measured.variables
    return codes
