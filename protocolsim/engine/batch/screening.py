"""Recruitment: candidates are screened in batches, for many replicates at once, until every cohort is full."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Integers
from protocolsim.cohort.arrival import Desk, next_midnight
from protocolsim.engine.base import Trial, not_filled
from protocolsim.errors import SimulationError


@dataclass(frozen=True)
class Announcement:
    """An event that each of some candidates is told of: its code, NEVER for none, and the minute on the own clock."""

    event: Integers
    minute: Integers


@dataclass(frozen=True)
class Candidates:
    """A batch of candidates: (replicate, subject), site, first minute, and index of the replicate, of each."""

    who: Integers
    sites: Integers
    begins: Integers
    replicate: Integers
    announcement: Announcement | None = None


class Screening:
    """Recruitment state of some replicates: next candidates, numbers enrolled, positions on the allocation lists.

    `screened` is the ratio of candidates screened to subjects enrolled so far, which sizes the first batch; no result
    depends on it.
    """

    def __init__(self, trial: Trial, seed: int, replicates: range, screened: float) -> None:
        self.trial, self.seed, self.screened = trial, seed, screened
        self.replicates = np.array(replicates, dtype=np.int64)
        self.desk = Desk(trial.cohort.sites, seed, self.replicates)
        self.enrolled = np.zeros(len(self.replicates), dtype=np.int64)
        self.places: dict[tuple[int, int, int], int] = {}
        self.failed: dict[int, str] = {}  # error message of each failed replicate, by its index

    @property
    def wanted(self) -> Integers:
        """Free places in each replicate; a failed replicate keeps its free places."""
        free = self.trial.cohort.size - self.enrolled
        free[list(self.failed)] = 1
        return free

    @property
    def open(self) -> bool:
        """Whether any place is free."""
        return bool((self.wanted > 0).any())

    def enough(self, places: Integers, deviations: float = 0.0) -> Integers:
        """Number of candidates to screen for these places, with a margin of so many standard deviations.

        Over-recruited candidates are wasted work; a small second batch is cheaper.
        """
        expected = np.maximum(places, 0) * self.screened
        spare = deviations * np.sqrt(expected * (self.screened - 1.0))
        return np.where(places > 0, (expected + spare).astype(np.int64) + 1, 0)

    def spare(self, first: Candidates) -> int:
        """Additional rows to reserve for candidates of a second batch."""
        return len(first.who) // (4 if self.screened > 1.0 else 1) + 64

    def candidates(self, counts: Integers) -> Candidates:
        """The next counts[k] candidates of each replicate k with free places, up to `max_candidates`.

        Raises SimulationError if the first open replicate has no candidates left.
        """
        which = np.flatnonzero(self.wanted > 0)
        counts = np.minimum(counts, self.trial.cohort.max_candidates - self.desk.came)
        for k in which[counts[which] <= 0].tolist():
            self.failed.setdefault(k, not_filled(self.trial.cohort, int(self.replicates[k]), int(self.enrolled[k])))
        self.give_up()
        counts[list(self.failed)] = 0
        return self._next(which, counts[which])

    def more(self, missing: Integers, room: int) -> Candidates | None:
        """Candidates for the missing[k] places of each replicate k; None if they do not fit or none are left."""
        more = int((self.wanted - missing).sum() + self.enrolled.sum())
        self.screened = max(1.0, float(self.desk.came.sum()) / max(1, more))
        counts = np.minimum(self.enough(missing, 1.0), self.trial.cohort.max_candidates - self.desk.came)
        counts[list(self.failed)] = 0
        if not 0 < counts.sum() <= room:
            return None
        which = np.flatnonzero(counts)
        return self._next(which, counts[which])

    def _next(self, which: Integers, counts: Integers) -> Candidates:
        who, minutes, sites = self.desk.next(which, counts)
        return Candidates(who, sites, next_midnight(minutes), np.repeat(which, counts))

    def next_places(self, randomisation: int, replicates: Integers, strata: Integers) -> Integers:
        """Assign each subject, in order, the next position on the allocation list of its stratum."""
        places = np.empty(len(replicates), dtype=np.int64)
        for k, (replicate, stratum) in enumerate(zip(replicates.tolist(), strata.tolist(), strict=True)):
            places[k] = self.places.get((randomisation, replicate, stratum), 0)
            self.places[randomisation, replicate, stratum] = int(places[k]) + 1
        return places

    def give_up(self) -> None:
        """Raise the error of the first open replicate, if it failed; later failures wait until they are first."""
        which = np.flatnonzero(self.wanted > 0)
        if len(which) and which[0] in self.failed:
            raise SimulationError(self.failed[which[0]])


class Readmission(Screening):
    """Who has been admitted to some trials, and nobody else, once more; `replicates` need not follow each other."""

    def __init__(self, trial: Trial, seed: int, replicates: Integers) -> None:
        self.trial, self.seed, self.screened = trial, seed, 1.0
        self.replicates = replicates
        self.enrolled = np.zeros(len(replicates), dtype=np.int64)
        self.places: dict[tuple[int, int, int], int] = {}
        self.failed: dict[int, str] = {}

    @property
    def wanted(self) -> Integers:
        """There is a place for each of them, and for nobody else."""
        return np.full(len(self.replicates), self.trial.cohort.max_candidates, dtype=np.int64)

    def more(self, missing: Integers, room: int) -> Candidates | None:  # noqa: ARG002 - whatever is missing
        """None."""
        return None

    def give_up(self) -> None:
        """Raise the error of the first replicate that failed."""
        if self.failed:
            raise SimulationError(self.failed[min(self.failed)])


@kernel
def admit(eligible: NDArray[np.bool_], replicate: Integers, wanted: Integers, kept: NDArray[np.bool_]) -> None:
    """Mark in `kept` the subjects that each replicate screens until eligible subjects fill its wanted places.

    Rows of a replicate are in order of subject number, since later batches append later candidates.
    """
    taken = np.zeros(wanted.shape[0], dtype=np.int64)
    for i in range(eligible.shape[0]):
        # Candidates after the one who fills the cohort are not part of the trial.
        kept[i] = taken[replicate[i]] < wanted[replicate[i]]
        taken[replicate[i]] += eligible[i]
