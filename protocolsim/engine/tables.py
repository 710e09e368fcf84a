"""From columns of subjects to the five tables, by replicate and subject, whatever the rounds they were simulated in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.component import Integers
from protocolsim.engine.base import Trial
from protocolsim.engine.columns import Columns
from protocolsim.engine.slab import Slab, expand_observations, observation_counts, unpacked
from protocolsim.records import Table, columns_of
from protocolsim.units import MINUTES_PER_DAY

Part = tuple[Columns, NDArray[np.bool_]]


def tables_of(trial: Trial, parts: Sequence[Part]) -> dict[str, Table]:
    """The tables of all subjects kept in these parts."""
    rows = [np.flatnonzero(kept) for _, kept in parts]
    who = np.concatenate([columns.who[r] for (columns, _), r in zip(parts, rows, strict=True)])
    order = np.lexsort((who[:, 1], who[:, 0])) if len(parts) > 1 else np.arange(len(who))
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

    def _starts(self, counts: Sequence[Integers]) -> tuple[list[Integers], int]:
        """The first place of each subject's rows, part by part, and how many there are."""
        together = np.concatenate(counts)
        ends = np.cumsum(together[self.order])
        starts = np.empty(len(together), dtype=np.int64)
        starts[self.order] = ends - together[self.order]
        return np.split(starts, np.cumsum([len(c) for c in counts])[:-1]), int(ends[-1]) if len(ends) else 0

    def _cells(self, slabs: Sequence[Slab]) -> tuple[NDArray[Any], dict[str, Integers]]:
        starts, total = self._starts([s.count[r] for s, r in zip(slabs, self.rows, strict=True)])
        out = np.empty((total, slabs[0].cells.shape[2]))
        who = np.empty((total, 2), dtype=np.int64)
        for columns, slab, r, first in zip(self.parts, slabs, self.rows, starts, strict=True):
            slab.compact(r, first, out)
            places = np.repeat(first - np.cumsum(slab.count[r]) + slab.count[r], slab.count[r])
            who[places + np.arange(len(places))] = np.repeat(columns.who[r], slab.count[r], axis=0)
        return out, {"replicate": who[:, 0], "subject": who[:, 1]}

    def _typed(self, table: str, columns: dict[str, Any]) -> Table:
        kinds = columns_of(table, self.trial.labels)
        return {name: np.ascontiguousarray(columns[name]).astype(kind) for name, kind in kinds.items()}

    def doses(self) -> Table:
        """The table of doses."""
        cells, columns = self._cells([p.doses for p in self.parts])
        state, drug, status = unpacked(cells[:, 0])
        names = ("index", "planned_minute", "minute", "dose", "amount")
        columns |= {"state": state, "drug": drug, "status": status}
        columns |= {name: cells[:, k] for k, name in enumerate(names, start=1)}
        return self._typed("doses", columns)

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
        shown, variables = shown_variables(self.trial)
        slabs = [p.observations for p in self.parts]
        counts = [observation_counts(s.cells, s.count, r, shown) for s, r in zip(slabs, self.rows, strict=True)]
        starts, total = self._starts(counts)
        kinds = columns_of("observations", self.trial.labels)
        table: Table = {name: np.empty(total, dtype=kind) for name, kind in kinds.items()}
        for columns, slab, r, first in zip(self.parts, slabs, self.rows, starts, strict=True):
            expand_observations(
                slab.cells, slab.count, r, first, columns.who, shown, variables,
                *(table[n] for n in ("replicate", "subject", "state", "assessment", "variable", "index",
                                     "planned_minute", "minute", "status", "value", "truth")),
            )  # fmt: skip
        return table


def shown_variables(trial: Trial) -> tuple[Integers, Integers]:
    """How many variables each assessment shows, and their codes, [assessments, most variables]."""
    shown = np.array([len(m.variables) for m in trial.assessments], dtype=np.int64)
    codes = np.zeros((len(shown), max(1, int(shown.max(initial=0)))), dtype=np.int64)
    for a, measured in enumerate(trial.assessments):
        codes[a, : shown[a]] = measured.variables
    return shown, codes
