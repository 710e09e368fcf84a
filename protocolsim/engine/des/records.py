"""Conversion of simulated subjects into records, a few thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from protocolsim.engine.base import Trial
from protocolsim.engine.des.subject import Course
from protocolsim.records import SUBJECTS_TOGETHER, TABLES, Records, table_from_rows

_AT_ONCE = 2000


def records_of(
    trial: Trial, replicates: Iterable[tuple[int, Iterator[Course]]], progress: Callable[[int], None] | None
) -> Iterator[Records]:
    """Records of a stream of (replicate, subjects), in order: whole replicates, or a large one in blocks."""
    waiting: list[Course] = []
    first: int | None = None
    for replicate, courses in replicates:
        first = replicate if first is None else first
        whole = True
        for course in courses:
            if course.subject and course.subject % SUBJECTS_TOGETHER == 0:
                if whole and first < replicate:
                    # Flush the replicates before this large one.
                    before = [c for c in waiting if c.replicate < replicate]
                    yield records_from(trial, before, first, replicate - first, whole=True)
                    first, waiting = replicate, waiting[len(before) :]
                whole = False
                yield records_from(trial, waiting, replicate, 1, whole=False)
                waiting = []
            waiting.append(course)
        if not whole or len(waiting) >= _AT_ONCE:
            yield records_from(trial, waiting, first, replicate + 1 - first, whole=whole)
            first, waiting = None, []
        if progress is not None:
            progress(1)
    if waiting and first is not None:
        yield records_from(trial, waiting, first, waiting[-1].replicate + 1 - first, whole=True)


def records_from(
    trial: Trial, courses: Sequence[Course], first: int, replicates: int, *, whole: bool, paused: int | None = None
) -> Records:
    """Records of these subjects, in their order; `paused` is the minute of the calendar where they are not finished."""
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    for course in courses:
        rows["subjects"].append(course.subject_row(paused))
        for table, of_subject in course.rows.items():
            rows[table].extend(of_subject)
    tables = {t: table_from_rows(t, trial.labels, rows[t]) for t in TABLES}
    return Records(trial.labels, tables, first, replicates, whole)
