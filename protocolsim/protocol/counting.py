"""Of records: the calendar minutes from which subjects count for a trigger."""

from __future__ import annotations

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.protocol.conduct import FAR, Count
from protocolsim.records import NEVER, Records


def last_minute(records: Records) -> Integers:
    """The calendar minute by which every subject has finished, [replicates]; 0 where nobody came."""
    trials, last = records.trials(), np.zeros(records.replicates, dtype=np.int64)
    if len(trials):
        first = np.flatnonzero(np.diff(trials, prepend=-1))  # subjects stand in order of trials
        last[trials[first]] = np.maximum.reduceat(records.begins() + records["subjects"]["end_minute"], first)
    return last


def dates(count: Count, records: Records) -> Integers:
    """From when each subject counts, [replicates, n]: in order in each row, FAR behind the last."""

    def work_out() -> Integers:
        return _by_replicate(_calendar(count, records), records.trials(), records.replicates)

    result: Integers = records.once(("dates", count), work_out)
    return result


def number_by(count: Count, records: Records, cutoffs: Integers) -> Integers:
    """How many subjects count at each cut-off, [replicates]."""
    trial = records.trials()
    return np.bincount(trial[_calendar(count, records) <= cutoffs[trial]], minlength=records.replicates)


def _calendar(count: Count, records: Records) -> Integers:
    """From when each subject counts, [subjects]; FAR for those who never do."""

    def work_out() -> Integers:
        subjects = records["subjects"]
        minute = np.where(subjects["enrolled"], subjects["enrolled_minute"].astype(np.int64), FAR)
        if count.of == "entered":
            minute = np.maximum(minute, _first_entry(count, records))
        elif count.of == "event":
            minute = _first_event(count, records, minute)
        return np.where(minute >= FAR, FAR, records.begins() + minute + count.followed)

    result: Integers = records.once(("counts from", count), work_out)
    return result


def _first_entry(count: Count, records: Records) -> Integers:
    first = np.full(len(records["subjects"]["subject"]), FAR, dtype=np.int64)
    for state in count.states:
        entries = records.first_entries(state)
        first = np.where(entries == NEVER, first, np.minimum(first, entries))
    return first


def _first_event(count: Count, records: Records, enrolled: Integers) -> Integers:
    events = records["events"]
    rows = records.subject_rows("events")
    mine = (events["event"] == count.event) & (events["minute"] >= enrolled[rows]) & (enrolled[rows] != NEVER)
    first = np.full(len(enrolled), FAR, dtype=np.int64)
    np.minimum.at(first, rows[mine], events["minute"][mine].astype(np.int64))
    return first


def _by_replicate(calendar: Integers, trial: Integers, replicates: int) -> Integers:
    counts = np.bincount(trial, minlength=replicates)
    place = np.arange(len(trial)) - np.repeat(np.cumsum(counts) - counts, counts)  # subjects stand in order of trials
    dates = np.full((replicates, int(counts.max(initial=0))), FAR, dtype=np.int64)
    dates[trial, place] = calendar
    dates.sort(axis=1)
    return dates
