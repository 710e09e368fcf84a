"""The batch engine: many subjects at once, several whole replicates together, or one large one in blocks of subjects.

Queues for scanners or chairs would couple subjects at every visit; trials with limited capacity are left to the
reference engine. For the event loop see `scheduler.py`, for looks at the trial itself `looks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.engine.base import Trial
from protocolsim.engine.batch import looks
from protocolsim.engine.batch.buffers import Buffers, Workspace, kept
from protocolsim.engine.batch.scheduler import simulated
from protocolsim.engine.batch.screening import Screening
from protocolsim.engine.batch.tables import Part, tables_of
from protocolsim.errors import UsageError
from protocolsim.protocol.states import Protocol, Randomisation, reachable
from protocolsim.records import SUBJECTS_TOGETHER, Records

_ROWS = 12288  # approximate number of subjects per group, whose columns should fit into the processor's cache
_ASSUMED_AT_FIRST = 2.0  # candidates per place, before any replicate has been screened


def unsupported(trial: Trial) -> str | None:
    """Why this engine cannot simulate a trial, as a sentence; None if it can."""
    if trial.limited:
        names = ", ".join(r.name for r in trial.cohort.capacity)
        return f"subjects wait for each other where capacity is limited ({names}); the des engine can do that"
    for randomisation in trial.protocol.randomisations:
        if _before_and_after_enrolment(trial.protocol, randomisation):
            return f"'{randomisation.name}' randomises both before and after enrolment; the des engine can do that"
    return None if trial.conduct is None else looks.unsupported(trial)


def _before_and_after_enrolment(protocol: Protocol, randomisation: Randomisation) -> bool:
    enrolling = [s.number for s in protocol.states if s.enrolled]
    users = {t.source for t in protocol.transitions if t.randomise is randomisation}
    return bool(users & protocol.before_enrolment) and bool(users & reachable(protocol.successors, enrolling))


def pieces(
    trial: Trial, seed: int, replicates: range, progress: Callable[[int], None] | None = None
) -> Iterator[Records]:
    """Records of these replicates in order: whole replicates together, or one large replicate in blocks of subjects.

    Raises UsageError if the trial has limited capacity, SimulationError if a cohort cannot be filled.
    """
    why = unsupported(trial)
    if why is not None:
        raise UsageError(f"the batch engine cannot run this: {why}")
    with kept() as memory:
        yield from _pieces(trial, seed, replicates, memory, progress or (lambda _: None))


def _pieces(
    trial: Trial, seed: int, replicates: range, memory: Buffers, progress: Callable[[int], object]
) -> Iterator[Records]:
    screened = 1.0  # candidates per place so far
    first = replicates.start
    while first < replicates.stop:
        # The rate of screen failures is unknown at first; the buffers of the first group are large enough for the rest.
        expected = max(screened, _ASSUMED_AT_FIRST) if first == replicates.start else screened
        together = max(1, int(_ROWS / (expected * trial.cohort.size)))
        group = range(first, min(first + together, replicates.stop))
        screening = Screening(trial, seed, group, screened)
        if len(group) == 1 and screened * trial.cohort.size > _ROWS and trial.conduct is None:
            while screening.open:
                part = _round(screening, np.array([SUBJECTS_TOGETHER]), memory.workspace(0), alone=True)
                yield Records(trial.labels, tables_of(trial, [part], memory.tables), first, 1, whole=False)
        else:
            records, parts = _replicates(screening, memory)
            screened = max(1.0, len(records["subjects"]["subject"]) / (len(group) * trial.cohort.size))
            yield records if trial.conduct is None else looks.held_at(trial.conduct, records, parts, screening, memory)
            del records, parts  # drop the last references, so that the pool can reuse its memory
        progress(len(group))
        first = group.stop


def _replicates(screening: Screening, memory: Buffers) -> tuple[Records, list[Part]]:
    """Records of whole replicates, and their parts: rounds of screening until every cohort is full, usually one."""
    parts: list[Part] = []
    while screening.open:
        parts.append(_round(screening, screening.enough(screening.wanted), memory.workspace(len(parts))))
    trial, replicates = screening.trial, screening.replicates
    tables = tables_of(trial, parts, memory.tables)
    return Records(trial.labels, tables, int(replicates[0]), len(replicates)), parts


def _round(screening: Screening, counts: Integers, memory: Workspace, *, alone: bool = False) -> Part:
    """Simulate the next counts[k] candidates of each replicate k with free places.

    Unless `alone`, a second batch is added if too few of them are enrolled. Returns the columns, and a mask of the
    subjects that are part of the trial.
    """
    first = screening.candidates(counts)
    room = len(first.who) + (0 if alone else screening.spare(first))
    return simulated(screening.trial, screening, first, room, memory)
