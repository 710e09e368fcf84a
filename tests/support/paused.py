"""What is known at a minute, by two routes: the snapshot of finished records, and the reference engine paused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from protocolsim.engine.base import Trial
from protocolsim.engine.des import simulation as des
from protocolsim.engine.des.calendar import Calendar
from protocolsim.engine.snapshot import as_of
from protocolsim.records import TABLES, Records
from protocolsim.units import MINUTES_PER_DAY


def calendar(trial: Trial, seed: int, replicate: int = 0, screened: int | None = None) -> Calendar:
    """One replicate of a trial, on the calendar."""
    return Calendar(trial, des.protocol_machine(trial), seed, replicate, screened)


def begins(records: Records) -> np.ndarray:
    """The first minute of each subject, on the trial's calendar."""
    return (records["subjects"]["arrival_day"] * MINUTES_PER_DAY).astype(np.int64)


def due_minutes(records: Records) -> np.ndarray:
    """Every minute of the calendar at which something was recorded, in order."""
    first = begins(records)
    return np.unique(np.concatenate([first, *(
        first[records.subject_rows(table)] + records[table]["minute"] for table in TABLES[1:]
    )]))  # fmt: skip


def unlike(mine: Records, theirs: Records) -> list[str]:
    """The columns that differ, or that only one has. Hidden truth is left out where one has none."""
    truth = mine.labels.truth and theirs.labels.truth
    found = []
    for table in TABLES:
        for name in dict.fromkeys([*mine[table], *theirs[table]]):
            if not truth and name.startswith("truth"):
                continue
            both = name in mine[table] and name in theirs[table]
            if not both or mine[table][name].dtype != theirs[table][name].dtype or (
                mine[table][name].tobytes() != theirs[table][name].tobytes()
            ):  # fmt: skip
                found.append(f"{table}.{name}")
    return found


def at(records: Records, minute: int, data_lag: int = 0) -> Records:
    """What is known at one minute in all replicates."""
    return as_of(records, np.full(records.replicates, minute), data_lag)


def assert_paused_is_known(
    trial: Trial, seed: int, replicate: int, finished: Records, minutes: Iterable[int], lags: Sequence[int]
) -> int:
    """The law: paused at each of these minutes, the reference engine has what the snapshot shows. Returns how many."""
    paused = calendar(trial, seed, replicate, len(finished["subjects"]["subject"]))
    number = 0
    for minute in sorted(minutes):
        paused.advance(minute)
        there = paused.records()
        assert unlike(at(finished, minute), there) == [], minute
        for lag in lags:
            assert unlike(at(finished, minute, lag), at(there, minute, lag)) == [], (minute, lag)
            number += 1
    assert unlike(paused.finish(), finished) == []
    return number
