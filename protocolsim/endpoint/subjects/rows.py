"""What records hold of each subject: states passed through, observations, and sums over rows of a subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.errors import UsageError, unknown
from protocolsim.records import NEVER, Labels, Records, Seen, leaving


def codes(names: Iterable[str], labels: Sequence[str], what: str) -> Integers:
    """The codes of names. Raises UsageError, with the nearest right word, for a name nobody knows."""
    result = []
    for name in names:
        if name not in labels:
            raise UsageError(unknown(what, name, labels))
        result.append(labels.index(name))
    return np.array(result, dtype=np.int64)


def rows_of(records: Records, table: str, chosen: Mask | slice = slice(None)) -> Integers:
    """For each chosen row of a table, the row of its subject in `subjects`."""
    return records.subject_rows(table)[chosen]


def seen(records: Records, variable: str) -> Seen:
    """What was seen of a variable, in the order of subjects and time; what was missed or shows nothing is left out."""
    return records.seen(int(codes([variable], records.labels.variables, "variable")[0]))


def per_subject(records: Records, rows: Integers, weights: NDArray[Any] | None = None) -> Floats:
    """Sums (or counts) by subject row, added in row order."""
    size = len(records["subjects"]["subject"])
    return np.bincount(rows, weights=weights, minlength=size).astype(np.float64)


def since_enrolment(records: Records, rows: Integers, minute: NDArray[Any]) -> tuple[Integers, Mask]:
    """Minutes since each row's subject was enrolled, and whether that subject ever was."""
    enrolled = records["subjects"]["enrolled_minute"][rows]
    return (minute.astype(np.int64) - enrolled).astype(np.int64), enrolled != NEVER


def in_states(state: NDArray[Any], labels: Labels, states: Sequence[str]) -> Mask:
    """Which of these codes of states stand for one of the named states."""
    named = np.zeros(len(labels.states), dtype=np.bool_)
    named[codes(states, labels.states, "state")] = True
    mask: Mask = named[state]
    return mask


def entered(records: Records, states: Iterable[str]) -> Mask:
    """Who was ever in one of these states, be it as the first one."""
    each = [records.was_in(state) for state in codes(states, records.labels.states, "state").tolist()]
    was_in: Mask = np.logical_or.reduce(each) if each else np.zeros(len(records["subjects"]["subject"]), dtype=np.bool_)
    return was_in


def stays(records: Records, chosen: Iterable[int]) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
    """Of each chosen row of `subjects`: the row, and each stay in a state, from when to when on the subject's clock."""
    moves, ends, first = records["moves"], records["subjects"]["end_minute"], records.first_states()
    rows, into = records.subject_rows("moves"), leaving(records)
    for row in chosen:
        mine = np.flatnonzero((rows == row) & into)
        states = [int(first[row]), *moves["to_state"][mine].tolist()]
        edges = [0, *moves["minute"][mine].tolist(), int(ends[row])]
        yield row, list(zip(states, edges, edges[1:], strict=False))


def arms(records: Records, arm: Sequence[str], against: Sequence[str]) -> Floats:
    """1 for those who ever entered a state of `arm`, 0 of `against`, nan for those of neither or of both."""
    one, other = entered(records, arm), entered(records, against)
    return np.where(one & ~other, 1.0, np.where(other & ~one, 0.0, np.nan))


def course_mask(
    records: Records,
    entered_states: Sequence[str],
    not_entered: Sequence[str],
    ended_in: Sequence[str],
    not_ended_in: Sequence[str],
) -> Mask:
    """Whose course meets every condition given; an empty tuple asks nothing."""
    subjects = records["subjects"]
    mask: Mask = np.ones(len(subjects["subject"]), dtype=np.bool_)
    if entered_states:
        mask &= entered(records, entered_states)
    if not_entered:
        mask &= ~entered(records, not_entered)
    if ended_in:
        mask &= in_states(subjects["final_state"], records.labels, ended_in)
    if not_ended_in:
        mask &= ~in_states(subjects["final_state"], records.labels, not_ended_in)
    return mask
