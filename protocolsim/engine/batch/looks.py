"""Looks at trials that were simulated at full length, many together, and the trials as they were with them.

A stop only truncates: who began after it is left out. Where it is an event in the courses of living subjects, these
trials are simulated again from the beginning: a subject's past comes out equal, so that no state needs to be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.engine.base import Trial
from protocolsim.engine.batch.buffers import Buffers
from protocolsim.engine.batch.scheduler import simulated
from protocolsim.engine.batch.screening import Announcement, Candidates, Readmission, Screening
from protocolsim.engine.batch.tables import Part, tables_of
from protocolsim.engine.looks import closed_from, hold_all, obeyed, overrun, told
from protocolsim.engine.snapshot import until_stopped
from protocolsim.protocol.conduct import Conduct, HeldLooks
from protocolsim.protocol.states import Protocol, State, Transition
from protocolsim.records import FAR, NEVER, SUBJECTS_TOGETHER, Records

MOST_SUBJECTS = 4 * SUBJECTS_TOGETHER
"""The largest cohort that is simulated in one piece, as a look needs it."""
_VARIES = -1  # where the time since the beginning is not the same for everybody


def unsupported(trial: Trial) -> str | None:
    """Why looks at this trial cannot be held here, as a sentence; None if they can."""
    if trial.cohort.size > MOST_SUBJECTS:
        return (
            f"a look needs a whole trial, and one of more than {MOST_SUBJECTS:,} subjects is simulated in parts; "
            "the des engine can do that"
        )
    for name in dated(trial.protocol):
        return (
            f"a place on the list of '{name}' depends on the date, since subjects are not all randomised at the same "
            "time after they began, and looks go by dates; the des engine can do that"
        )
    return None


def held_at(
    conduct: Conduct, records: Records, parts: Sequence[Part], screening: Screening, memory: Buffers
) -> Records:
    """The records of these trials as they were, from those at full length and their parts; with the tables of looks."""
    as_if = hold_all(conduct, records)
    held = obeyed(as_if)
    final = until_stopped(records, closed_from(conduct, held))
    events = told(conduct, held, final)
    if (events != NEVER).any():
        final = _again(conduct, final, held, events, parts, screening, memory)
    tables = conduct.tables(held, final, as_if, overrun(conduct, held, final))
    return replace(final, trial_tables=tables)


def _again(
    conduct: Conduct,
    final: Records,
    held: HeldLooks,
    events: Integers,
    parts: Sequence[Part],
    screening: Screening,
    memory: Buffers,
) -> Records:
    """The records with those trials simulated again whose living subjects are told of the stop."""
    trial, subjects = screening.trial, final["subjects"]
    of = final.trials()
    rows = np.flatnonzero(events[of] != NEVER)
    which = np.flatnonzero(events != NEVER)
    of, first = of[rows], final.begins()[rows]
    candidates = Candidates(
        np.column_stack([subjects["replicate"][rows], subjects["subject"][rows]]),
        subjects["site"][rows].astype(np.int64),
        first,
        np.searchsorted(which, of),
        Announcement(events[of], held.decision[of, held.ended_at[of]] + 1 - first),
    )
    again = Readmission(trial, screening.seed, which + final.first_replicate)
    room = len(rows) + 1  # of a single subject a chart would hold scalars
    part = simulated(trial.announcing, again, candidates, room, memory.workspace(len(parts)))
    closed = closed_from(conduct, held)
    latest = np.where(events != NEVER, NEVER, np.where(closed == NEVER, FAR, closed))
    parts = [*(_only(part, final.first_replicate, latest) for part in parts), part]
    return Records(trial.labels, tables_of(trial, parts, memory.tables), final.first_replicate, final.replicates)


def _only(part: Part, first: int, latest: Integers) -> Part:
    """The same part, of which only those are kept who began by the minute `latest` of their replicate."""
    columns, kept = part
    rows = np.flatnonzero(kept)
    there = np.zeros_like(kept)
    there[rows] = columns.begins[rows] <= latest[columns.who[rows, 0] - first]
    return columns, there


def dated(protocol: Protocol) -> list[str]:
    """The randomisations that do not take place at one time after the beginning, on every path to them.

    At one time: at the end of a state that lasts the same for everybody, or after the only visit with an assessment, of
    states that are entered at one time themselves.
    """
    entered: dict[int, int] = {0: 0}
    open_ = [0]
    while open_:
        state = protocol.states[open_.pop()]
        for transition in (t for group in state.groups for t in group.transitions):
            for to in () if transition.internal else transition.destinations:
                at = _left_at(state, transition, entered[state.number])
                if entered.get(to, at) != at:
                    at = _VARIES
                if entered.get(to) != at:
                    entered[to] = at
                    open_.append(to)
    found = []
    for randomisation in protocol.randomisations:
        users = [t for t in protocol.transitions if t.randomise is randomisation and t.source in entered]
        times = {_left_at(protocol.states[t.source], t, entered[t.source]) for t in users}
        if _VARIES in times or len(times) > 1:
            found.append(randomisation.name)
    return found


def _left_at(state: State, transition: Transition, entered: int) -> int:
    """The minute at which a transition is taken by whoever entered the state at this one, or _VARIES."""
    if entered == _VARIES:
        return _VARIES
    if state.at_end is not None and transition in state.at_end.transitions:
        return entered + state.lasts if isinstance(state.lasts, int) else _VARIES
    offsets = {
        visit.offset
        for visit in state.visits
        for assessment in visit.assessments
        if (group := state.tried_after(assessment, visit.offset)) is not None and transition in group.transitions
    }
    return entered + offsets.pop() if len(offsets) == 1 else _VARIES
