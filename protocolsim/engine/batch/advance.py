"""Subjects advance in time: the clock of each, and drugs and disease where they must be known.

Each function partitions the rows it is given, or moves them on. The row lists it returns are in the order of `rows`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel, unsigned
from protocolsim.arrays import Integers
from protocolsim.engine.batch.columns import Columns

_STAYING, _MOVING, _WITH_EVENT = range(3)  # lines of Columns.lists


def advance_to_visit(columns: Columns, rows: Integers, state: int, offset: int) -> tuple[Integers, Integers]:
    """Advance subjects to a visit, due at due[i], `offset` minutes after entry into the state.

    Returns the subjects who reach it, with drugs and disease advanced, and, unchanged, those with an awaited event
    at or before that minute.
    """
    with_event, moving = come(
        rows, columns.chart.entered, state, offset, columns.clocks.next_due,
        columns.due, columns.now, columns.since, columns.reached, columns.lists,
    )  # fmt: skip
    there = _first(columns, _STAYING, len(rows) - with_event, rows)
    _advance_parts(columns, _first(columns, _MOVING, moving, there))
    return there, _first(columns, _WITH_EVENT, with_event, rows)


def advance(columns: Columns, rows: Integers, to: Integers) -> None:
    """Set the clock of each subject to to[i], and advance drugs and disease to it."""
    moving = set_now(rows, to, columns.now, columns.since, columns.reached, columns.lists[_MOVING])
    _advance_parts(columns, _first(columns, _MOVING, moving, rows))


def wait(columns: Columns, rows: Integers, to: Integers) -> None:
    """Set the clock of each subject to to[i]; drugs and disease do not advance."""
    copy(rows, to, columns.now)


def split_by_next_event(columns: Columns, rows: Integers, due: Integers) -> tuple[Integers, Integers]:
    """Partition rows: subjects whose next awaited event falls after due[i], and those at or before it."""
    with_event = split(rows, columns.clocks.next_due, due, columns.lists)
    staying = len(rows) - with_event
    return _first(columns, _STAYING, staying, rows), _first(columns, _WITH_EVENT, with_event, rows)


def with_other_event(columns: Columns, rows: Integers) -> Integers:
    """The rows of subjects to whom an event that triggers no transition of their state is due by now."""
    return _first(columns, _WITH_EVENT, split(rows, columns.clocks.other_due, columns.now, columns.lists), rows)


def split_by_next_moment(columns: Columns, rows: Integers, due: Integers) -> tuple[Integers, Integers, Integers]:
    """Partition rows by what comes first: due[i], or by then an awaited event, or a grid minute (now in `grid`)."""
    step, which = columns.trial.step, np.empty(len(rows), dtype=np.int64)
    assert step is not None
    find_moments(rows, columns.clocks.next_due, due, columns.reached, step, columns.grid, which)
    return rows[which == 0], rows[which == 1], rows[which == 2]


def not_left(columns: Columns, rows: Integers) -> Integers:
    """The rows of subjects who have not left their state."""
    return _first(columns, _STAYING, still(rows, columns.away, columns.lists[_STAYING]), rows)


def _first(columns: Columns, line: int, count: int, rows: Integers) -> Integers:
    """The first `count` entries of a scratch list; `rows` itself, without a copy, where none were filtered out."""
    return rows if count == len(rows) else columns.lists[line, :count].copy()


def _advance_parts(columns: Columns, moving: Integers) -> None:
    trial = columns.trial
    if trial.step is not None:
        _advance_on_grid(columns, moving, trial.step)
    elif len(moving):
        for move, links, constants in trial.advancing:
            move(columns.body, moving, links, constants, columns.since, columns.now)


def _advance_on_grid(columns: Columns, moving: Integers, step: int) -> None:
    """Advance drugs and disease from since[i] to now[i] by way of every grid minute in between."""
    while len(moving):
        going = next_piece(moving, columns.since, columns.now, step, columns.piece, columns.lists[_MOVING])
        moving = _first(columns, _MOVING, going, moving)
        if going:
            for move, links, constants in columns.trial.advancing:
                move(columns.body, moving, links, constants, columns.since, columns.piece)
            copy(moving, columns.piece, columns.since)


@kernel
def come(
    rows: Integers,
    entered: Integers,
    state: int,
    offset: int,
    event_due: Integers,
    due: Integers,
    now: Integers,
    since: Integers,
    reached: Integers,
    lists: Integers,
) -> tuple[int, int]:
    """Advance each clock to a visit at due[i] = entered[i, state] + offset, unless an awaited event comes first.

    Lists those who reach the visit, those of them whose time has advanced (since[i] to reached[i]), and those whose
    event is due at or before it. Returns how many events are due, and how many subjects advanced.
    """
    there = moving = with_event = 0
    for i in unsigned(rows):
        due[i] = entered[i, state] + offset
        lists[_WITH_EVENT, with_event] = i
        if event_due[i] <= due[i]:
            with_event += 1
            continue
        since[i] = reached[i]
        now[i] = reached[i] = due[i]
        lists[_STAYING, there] = lists[_MOVING, moving] = i
        there += 1
        moving += reached[i] != since[i]
    return with_event, moving


@kernel
def set_now(rows: Integers, to: Integers, now: Integers, since: Integers, reached: Integers, integers: Integers) -> int:
    """since[i] = reached[i], then now[i] = reached[i] = to[i]. Lists those that advanced, returns how many."""
    count = 0
    for i in unsigned(rows):
        since[i] = reached[i]
        now[i] = reached[i] = to[i]
        integers[count] = i
        count += reached[i] != since[i]
    return count


@kernel
def next_piece(rows: Integers, since: Integers, until: Integers, step: int, to: Integers, integers: Integers) -> int:
    """to[i] = the first grid minute after since[i], or until[i] if that is earlier. Lists those with since < until."""
    count = 0
    for i in unsigned(rows):
        to[i] = min(until[i], (since[i] // step + 1) * step)
        integers[count] = i
        count += since[i] != until[i]
    return count


@kernel
def copy(rows: Integers, source: Integers, target: Integers) -> None:
    """target[i] = source[i]."""
    for i in unsigned(rows):
        target[i] = source[i]


@kernel
def split(rows: Integers, event_due: Integers, due: Integers, lists: Integers) -> int:
    """Partition rows by whether the event falls after due[i] or not. Returns how many events are due by then."""
    staying = with_event = 0
    for i in unsigned(rows):
        lists[_STAYING, staying] = lists[_WITH_EVENT, with_event] = i
        has_event = event_due[i] <= due[i]
        staying += not has_event
        with_event += has_event
    return with_event


@kernel
def find_moments(
    rows: Integers, event_due: Integers, due: Integers, reached: Integers, step: int, grid: Integers, which: Integers
) -> None:
    """grid[i] = the next grid minute; which[k] = what comes first to rows[k]: 0 due[i], 1 the event, 2 the grid."""
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        grid[i] = (reached[i] // step + 1) * step
        first = min(event_due[i], grid[i])
        which[k] = 0 if first > due[i] else (1 if event_due[i] <= grid[i] else 2)


@kernel
def still(rows: Integers, away: NDArray[np.bool_], integers: Integers) -> int:
    """List the subjects who have not left their state. Returns their number."""
    count = 0
    for i in unsigned(rows):
        integers[count] = i
        count += not away[i]
    return count
