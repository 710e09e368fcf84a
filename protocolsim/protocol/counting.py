"""Of records: the calendar minutes from which subjects count, for a trigger or for what a look reads."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Integers
from protocolsim.endpoint.criteria.dated import Criteria
from protocolsim.protocol.conduct import Count
from protocolsim.records import FAR, NEVER, Records


def last_minute(records: Records) -> Integers:
    """The calendar minute by which every subject has finished, [replicates]; 0 where nobody came."""
    minutes: Integers = records.once("last minute", lambda: _last_minute(records))
    return minutes


def _last_minute(records: Records) -> Integers:
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


def numbers_at(
    counts: Iterable[Count | Criteria], records: Records, cutoffs: Integers
) -> dict[Count | Criteria, Integers]:
    """How many subjects count at each of several cut-offs of finished trials, [replicates, looks] each.

    cutoffs: [replicates, looks], NEVER where no subject counts. Criteria of which dates do not tell are left out.
    """
    every, kept = records.taken_from()  # whose dates may have been found before
    ends = every.once("rows of trials", lambda: np.searchsorted(every.trials(), np.arange(every.replicates + 1)))
    cutoffs, found = np.ascontiguousarray(cutoffs), {}
    for counted in counts:
        if isinstance(counted, Count):
            since, until = _calendar(counted, every), _never(every)
        elif counted.dated(every.labels):
            since, until = counted.dates(every)
        else:
            continue
        found[counted] = np.empty(cutoffs.shape, dtype=np.int64)
        count_at(ends, since if kept is None else np.where(kept, since, FAR), until, cutoffs, found[counted])
    return found


@kernel
def count_at(ends: Integers, since: Integers, until: Integers, cutoffs: Integers, number: Integers) -> None:
    """Into number[trial, look]: of rows ends[trial] to ends[trial + 1], those with since <= the cut-off < until."""
    for trial in range(cutoffs.shape[0]):
        first, last = ends[trial], ends[trial + 1]
        for look in range(cutoffs.shape[1]):
            at = cutoffs[trial, look]
            found = np.int64(0)
            for row in range(first, last if at >= 0 else first):
                found += np.int64(since[np.uint64(row)] <= at) & np.int64(at < until[np.uint64(row)])
            number[trial, look] = found


def _never(records: Records) -> Integers:
    minutes: Integers = records.once("far", lambda: np.full(len(records.begins()), FAR, dtype=np.int64))
    return minutes


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
