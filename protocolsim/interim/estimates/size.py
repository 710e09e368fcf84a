"""How large trials become and how long they take, and what is known at each look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.interim.estimates.base import OperatingCharacteristic, pairs, rows_of_look
from protocolsim.protocol.conduct import Count
from protocolsim.protocol.counting import dates
from protocolsim.records import NEVER, Records
from protocolsim.units import MINUTES_PER_WEEK


@dataclass(frozen=True, kw_only=True)
class TrialMean(OperatingCharacteristic):
    """The mean of a column of trials, which are counted in `in_units`; minutes of the calendar are said in weeks."""

    column: str
    in_units: str

    @property
    def unit(self) -> str:
        """What it is counted in."""
        return self.in_units

    def of_trials(self, records: Records) -> Floats:
        """The number of each trial, and 1; 0 and 0 where it never came."""
        column = records["trials"][self.column].astype(np.float64)
        return pairs(column, column != NEVER)

    def value(self, sums: Floats) -> Floats:
        """The mean. Minutes are added, which are whole numbers, and their mean is divided."""
        return super().value(sums) / (MINUTES_PER_WEEK if self.in_units == "weeks" else 1)


@dataclass(frozen=True, kw_only=True)
class StudyDuration(TrialMean):
    """The mean of the minute by which every patient of a trial had ended and its decision was taken."""

    def of_trials(self, records: Records) -> Floats:
        """That minute of each trial, and 1."""
        trials = records["trials"]
        minute = np.maximum(trials[self.column], trials["decision_minute"])
        return pairs(minute.astype(np.float64), np.ones(len(minute), dtype=np.bool_))


@dataclass(frozen=True, kw_only=True)
class InformationFound(OperatingCharacteristic):
    """The mean information fraction found at a look, of the trials that hold it."""

    look: int

    @property
    def unit(self) -> str:
        """A share of the maximum information."""
        return "%"

    def of_trials(self, records: Records) -> Floats:
        """The fraction found in each trial, and 1; 0 and 0 where the look was not held."""
        rows = rows_of_look(records, self.look)
        return pairs(rows["value_information"], rows["held"].astype(np.bool_))


@dataclass(frozen=True, kw_only=True)
class InformationPlanned(OperatingCharacteristic):
    """The information fraction that is planned for a look, the same in every trial."""

    fraction: float

    @property
    def unit(self) -> str:
        """A share of the maximum information."""
        return "%"

    def of_trials(self, records: Records) -> Floats:
        """The fraction planned, and 1."""
        every = np.ones(records.replicates)
        return np.column_stack([self.fraction * every, every])


@dataclass(frozen=True, kw_only=True)
class Pipeline(OperatingCharacteristic):
    """The mean number of patients in the pipeline at the decision that ends the trial, or at its last.

    Those enrolled by then who have not been followed for as long as the look counts; `followed` is that count for each
    look, None where it counts nobody's follow-up: then those still in the trial.
    """

    followed: tuple[Count | None, ...]

    @property
    def unit(self) -> str:
        """A number of patients."""
        return "patients"

    def of_trials(self, records: Records) -> Floats:
        """The number in the pipeline of each trial, and 1; 0 and 0 where no look was held."""
        decided, look = records["trials"]["decision_minute"], _last_held(records)
        waiting = _by(dates(Count("enrolled"), records), decided)
        by_look = [_done(records, decided) if count is None else _by(dates(count, records), decided)
                   for count in self.followed]  # fmt: skip
        done = np.column_stack(by_look)[np.arange(records.replicates), look]
        return pairs((waiting - done).astype(np.float64), decided != NEVER)


def _last_held(records: Records) -> Integers:
    held = records["looks"]["held"].reshape(records.replicates, -1)
    return np.asarray(held.shape[1] - 1 - held[:, ::-1].argmax(axis=1), dtype=np.int64)


def _by(minutes: Integers, decided: Integers) -> Integers:
    return np.asarray((minutes <= decided[:, None]).sum(axis=1), dtype=np.int64)


def _done(records: Records, decided: Integers) -> Integers:
    """How many enrolled subjects have ended by then."""
    subjects = records["subjects"]
    trial = subjects["replicate"] - records.first_replicate
    done = subjects["enrolled"] & (records.begins() + subjects["end_minute"] <= decided[trial])
    return np.bincount(trial[done], minlength=records.replicates).astype(np.int64)
