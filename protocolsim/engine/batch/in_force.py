"""What is in force for subjects in their states: treatment levels and hazard rates, and the events that hazards bring.

Both are found out on entry into a state. Levels that are computed for each subject change when a variable is set and
when they are given; hazards change with these levels and, where they change on the grid, at grid minutes.
"""

from __future__ import annotations

import numpy as np

from protocolsim.arithmetic import kernel, unsigned
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.engine.base import find_rates
from protocolsim.engine.batch.advance import advance, with_other_event
from protocolsim.engine.batch.columns import Columns
from protocolsim.engine.batch.event_log import add_events
from protocolsim.protocol.states import State
from protocolsim.protocol.variables import Computed, amounts, whole_minutes


def enter(columns: Columns, rows: Integers, state: State) -> None:
    """Enter a state: chart the entry, set treatment levels and hazard rates."""
    if not state.final:
        advance(columns, rows, columns.now)
    columns.chart.enter(rows, state.number, columns.now, state.enrolled)
    put(columns.body, rows, columns.level_at, columns.levels[state.number])
    for drug, level in state.computed_levels:
        columns.body[rows, columns.level_at[drug]] = computed_doses(columns, rows, level)
    trial = columns.trial
    if trial.enrolment is not None and state.enrolled:
        columns.body[rows, trial.enrolment] = columns.chart.enrolled[rows]
    if trial.own_hazards is not None:
        _set_own_rates(columns, rows, state, trial.every_cause)
    elif trial.causes:
        columns.clocks.set_rates(rows, trial.rates[state.number], trial.awaited[state.number], columns.now)


def planned_ends(columns: Columns, rows: Integers, state: State) -> Integers:
    """The planned end of the state just entered, minute by subject; of the subjects in rows."""
    entered: Integers = columns.chart.entered[:, state.number]
    of, length = state.length, np.zeros(columns.size, dtype=np.int64)
    if isinstance(of, Computed):
        length[rows] = whole_minutes(of, columns.read(rows, of.reads), len(rows))
    else:
        assert of is not None
        length[rows] = of
    ends: Integers = length + entered
    return ends if state.until is None else np.maximum(entered, columns.chart.enrolled + length)


def computed_doses(columns: Columns, rows: Integers, level: Computed) -> Floats:
    """A computed dose, as it comes to for each subject now."""
    return amounts(level, columns.read(rows, level.reads), len(rows))


def change_levels(columns: Columns, rows: Integers, state: State) -> None:
    """After a variable was set: drugs and disease come to this minute on the old doses; now the new ones hold."""
    advance(columns, rows, columns.now)
    for drug, level in state.computed_levels:
        columns.body[rows, columns.level_at[drug]] = computed_doses(columns, rows, level)
    _follow_doses(columns, rows, state)


def change_dose(columns: Columns, rows: Integers, state: State, drug: int, doses: Floats) -> None:
    """Let the computed doses that are given now be in force."""
    changed = rows[columns.body[rows, columns.level_at[drug]] != doses]
    columns.body[rows, columns.level_at[drug]] = doses
    if len(changed):
        _follow_doses(columns, changed, state)


def change_hazards(columns: Columns, rows: Integers, state: State) -> None:
    """At the grid minute of each: record the events due by then that nothing waits for, and set hazards anew."""
    assert columns.trial.changing is not None
    if len(rows):
        advance(columns, rows, columns.grid)
        record_other_events(columns, rows, state)
        _set_own_rates(columns, rows, state, columns.trial.changing)


def _follow_doses(columns: Columns, rows: Integers, state: State) -> None:
    if columns.trial.following.any():
        record_other_events(columns, rows, state)
        _set_own_rates(columns, rows, state, columns.trial.following)


def _set_own_rates(columns: Columns, rows: Integers, state: State, which: Mask) -> None:
    """Find out the hazards of these causes as the subjects are now."""
    trial, now = columns.trial, columns.now
    assert trial.own_hazards is not None
    rates = np.empty((len(trial.causes), len(rows)))
    find_rates(trial, state, which, columns.body, rows, now, rates)
    awaited = trial.awaited[state.number]
    columns.clocks.set_own_rates(rows, rates, which, awaited, now, columns.chart.enrolled, trial.own_hazards)


def record_awaited_events(columns: Columns, rows: Integers, state: State) -> Integers:
    """Record the awaited event of each subject, after the other events due by then. Returns the causes."""
    clocks, given = columns.clocks, columns.trial.given
    causes = clocks.next_cause[rows]
    if given.any():
        first = rows[given[causes]]  # what is given comes before whatever else is due at its minute
        columns.now[first] -= 1
        record_other_events(columns, first, state)
        columns.now[first] += 1
        record_other_events(columns, rows[~given[causes]], state)
    else:
        record_other_events(columns, rows, state)
    _record_events(columns, rows, state, clocks.next_cause, columns.now)
    return causes


def record_other_events(columns: Columns, rows: Integers, state: State) -> None:
    """Record the events due by now that trigger no transition of the state."""
    clocks = columns.clocks
    while len(rows := with_other_event(columns, rows)):
        _record_events(columns, rows, state, clocks.other_cause, clocks.other_due)


def _record_events(columns: Columns, rows: Integers, state: State, causes: Integers, at: Integers) -> None:
    trial, clocks = columns.trial, columns.clocks
    add_events(*columns.events.entries(rows), rows, state.number, trial.happens, causes, at)
    which = (rows, causes, trial.streams, trial.awaited[state.number], columns.seed, columns.who, at)
    if trial.own_hazards is not None:
        clocks.record_own_event(*which, columns.chart.enrolled, trial.own_hazards)
    else:
        clocks.record_event(*which)


@kernel
def put(body: Floats, rows: Integers, columns: Integers, numbers: Floats) -> None:
    """body[i, columns[d]] = numbers[d]."""
    for d in range(columns.shape[0]):
        for i in unsigned(rows):
            body[i, columns[d]] = numbers[d]
