"""Who meets a condition: a rule over seen traits and summaries, at the end of each subject's course.

The chart is written again from the records, and the protocol's own reader and rules read it, so that a summary means
for a population what it means for a decision; `within` counts back from the end of the course.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Integers, Mask
from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.observed import Chart
from protocolsim.protocol.states import Rule
from protocolsim.protocol.summaries import Observed, Reader
from protocolsim.protocol.variables import ProtocolVariable
from protocolsim.records import HIDDEN, MADE, SET, Records, leaving

_TOGETHER = 2048  # subjects whose charts are held at once


@dataclass(frozen=True)
class CourseCondition:
    """A rule and what it reads: the numbers of summaries. `factors`: of each variable, what the chart multiplies by.

    `variables` are the protocol's own, which the record of moves has.
    """

    rule: Rule
    reader: Reader
    reads: tuple[int, ...]
    factors: tuple[float, ...]
    variables: tuple[ProtocolVariable, ...] = ()

    def __call__(self, records: Records) -> Mask:
        """One truth value per row of `subjects`, at the end of each course; false where something is undefined."""
        subjects = records["subjects"]
        held = np.zeros(len(subjects["subject"]), dtype=np.bool_)
        made = [self.reader.summaries[k].made_by for k in self.reads]
        noted = sorted({m.variable for m in made if isinstance(m, Observed)})
        observations = records["observations"]
        wanted = np.flatnonzero((observations["status"] == MADE) & np.isin(observations["variable"], noted))
        by_subject = rows_of(records, "observations")[wanted]
        for first in range(0, len(held), _TOGETHER):
            part = slice(first, min(first + _TOGETHER, len(held)))
            chart = self._chart(records, part, wanted[(by_subject >= part.start) & (by_subject < part.stop)])
            ends = subjects["end_minute"][part].astype(np.int64)
            rows = np.arange(part.stop - part.start)
            with np.errstate(all="ignore"):
                values = self.reader.values(self.reads, chart, rows, ends)
                held[part] = np.broadcast_to(np.asarray(self.rule.evaluate(values), dtype=np.bool_), len(rows))
        return held

    def _chart(self, records: Records, part: slice, observed: Integers) -> Chart:
        """The charts of some subjects as they were at the end."""
        labels, subjects, many = records.labels, records["subjects"], part.stop - part.start
        starts = [v.start for v in self.variables]
        chart = Chart.empty(many, len(labels.variables), len(labels.states), 0, starts)
        chart.enrolled[:] = subjects["enrolled_minute"][part]
        seen = [name for name in labels.traits if not name.startswith(HIDDEN)]
        chart.traits = np.column_stack([subjects[name][part] for name in seen]) if seen else chart.traits
        self._observations(chart, records, part, observed)
        moves, rows = records["moves"], rows_of(records, "moves")
        mine = np.flatnonzero((rows >= part.start) & (rows < part.stop))
        for number, variable in enumerate(self.variables):
            values = moves[f"{SET}{variable.name}"][mine]
            there = values == values
            chart.variables[rows[mine[there]] - part.start, number] = values[there]  # of several the last stays
        mine = mine[leaving(records)[mine]]
        at, to = rows[mine] - part.start, moves["to_state"][mine]
        chart.entered[:, 0], chart.entries[:, 0] = 0, 1  # where every subject starts
        np.add.at(chart.entries, (at, to), 1)
        np.maximum.at(chart.entered, (at, to), moves["minute"][mine])
        return chart

    def _observations(self, chart: Chart, records: Records, part: slice, observed: Integers) -> None:
        table = records["observations"]
        row = rows_of(records, "observations")[observed] - part.start
        variable = table["variable"][observed].astype(np.int64)
        line = row * len(records.labels.variables) + variable
        order = np.argsort(line, kind="stable")  # of one subject and variable, in the order they were made
        line, observed, row, variable = line[order], observed[order], row[order], variable[order]
        begins = np.flatnonzero(np.diff(line, prepend=-1))
        counts = np.diff(np.append(begins, len(line)))
        place = np.arange(len(line)) - np.repeat(begins, counts)
        room = int(counts.max(initial=1))
        shape = (*chart.count.shape, room)
        chart.minute, chart.planned = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        chart.state, chart.value = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        here = row, variable, place
        chart.minute[here], chart.planned[here] = table["minute"][observed], table["planned_minute"][observed]
        chart.state[here] = table["state"][observed]
        chart.value[here] = table["value"][observed] * np.array(self.factors)[variable]
        np.add.at(chart.count, (row, variable), 1)
