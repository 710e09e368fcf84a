"""The medical chart: observations and state entries that decision rules may read, as opposed to the hidden truth.

A chart holds columns of subjects; the reference engine keeps charts of one. The true state of a subject is in its
`body`, to which rules have no access.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import kernel, unsigned
from protocolsim.arrays import Floats, Integers

CHART_ROOM = 32  # initial capacity, in observations of one variable


@dataclass
class Chart:
    """Observations made so far, entries into states, traits that a clinic can see, and what the protocol keeps.

    minute, state, value   [subjects, variables, observations]   in the order they were made
    planned                [subjects, variables, observations]   the minute each was planned for; `minute` itself where
                                                                 no visit can be late
    count                  [subjects, variables]                 how many there are
    entered, entries       [subjects, states]                    minute of the last entry (-1: never), number of entries
    enrolled               [subjects]                            minute of enrolment, -1 before it
    traits                 [subjects, traits]
    variables              [subjects, variables of the protocol]     their present values
    """

    minute: Integers
    planned: Integers
    state: Integers
    value: Floats
    count: Integers
    entered: Integers
    entries: Integers
    enrolled: Integers
    traits: Floats
    variables: Floats

    @classmethod
    def empty(
        cls,
        subjects: int,
        variables: int,
        states: int,
        traits: int,
        starts: Sequence[float] = (),
        *,
        late: bool = False,
    ) -> Chart:
        """An empty chart; `starts` is where the variables of the protocol begin.

        `late`: visits may be late, so that planned minutes are kept apart.
        """
        # A few numbers of many subjects are read at once: subjects are contiguous.
        shape = (subjects, variables, CHART_ROOM)
        minute = np.zeros(shape, dtype=np.int64, order="F")
        return cls(
            minute=minute,
            planned=minute.copy(order="F") if late else minute,
            state=np.zeros(shape, dtype=np.int16, order="F"),
            value=np.zeros(shape, order="F"),
            count=np.zeros((subjects, variables), dtype=np.int64, order="F"),
            entered=np.full((subjects, states), -1, dtype=np.int64, order="F"),
            entries=np.zeros((subjects, states), dtype=np.int64, order="F"),
            enrolled=np.full(subjects, -1, dtype=np.int64),
            traits=np.zeros((subjects, traits), order="F"),
            variables=np.full((subjects, len(starts)), np.array(starts, dtype=np.float64), order="F"),
        )

    @property
    def late(self) -> bool:
        """Whether visits may be late."""
        return self.planned is not self.minute

    def plan(self, row: int, variable: int, planned: int) -> None:
        """The last observation of this variable was planned for this minute."""
        if self.late:
            self.planned[row, variable, self.count[row, variable] - 1] = planned

    def note(self, rows: Integers, variable: int, minute: Integers, state: int, value: Floats, column: int) -> None:
        """Add one observation of a variable for each subject in rows: value[k, column] made at minute[rows[k]]."""
        columns = (self.minute, self.state, self.value, self.count)
        noted = note(*columns, rows, variable, minute, state, value, column)
        if noted < len(rows):
            self._grow()
            self.note(rows[noted:], variable, minute, state, value[noted:], column)

    def enter(self, rows: Integers, state: int, minute: Integers, enrols: bool) -> None:
        """The subjects in rows enter a state, each at its own minute."""
        enter(self.entered, self.entries, self.enrolled, rows, state, minute, enrols)

    def keep(self, rows: Integers, variable: int, values: Floats) -> None:
        """Set a variable of the protocol to values[k] for each subject rows[k]; nan leaves it as it was."""
        known = ~np.isnan(values)
        self.variables[rows[known], variable] = values[known]

    def _grow(self) -> None:
        late = self.late
        for name in ("minute", "state", "value", *(("planned",) if late else ())):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)], axis=2))
        if not late:
            self.planned = self.minute


@kernel
def enter(
    entered: Integers, entries: Integers, enrolled: Integers, rows: Integers, state: int, minute: Integers, enrols: bool
) -> None:
    """Record an entry of each subject in rows into a state; the first that enrols dates the enrolment."""
    for i in unsigned(rows):
        entered[i, state] = minute[i]
        entries[i, state] += 1
        if enrols and enrolled[i] < 0:
            enrolled[i] = minute[i]


@kernel
def note(
    minutes: Integers,
    states: Integers,
    values: Floats,
    counts: Integers,
    rows: Integers,
    variable: int,
    minute: Integers,
    state: int,
    value: Floats,
    column: int,
) -> int:
    """Append one observation for each subject in rows, stopping at a full chart. Returns how many were written."""
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        if np.isnan(value[k, column]):
            continue  # nothing was seen
        n = np.uint64(counts[i, variable])
        if n >= minutes.shape[2]:
            return k
        minutes[i, variable, n] = minute[i]
        states[i, variable, n] = state
        values[i, variable, n] = value[k, column]
        counts[i, variable] += 1
    everybody: int = rows.shape[0]
    return everybody
