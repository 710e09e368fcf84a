"""What an operating characteristic of looks is: a number of each trial, read from the tables of looks and trials.

Sums are whole numbers, or multiples of 2^-24, so that they add without error in any order: the numbers of a run and
those of every boundary at once are the same to the last bit.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Reported, counted_in, quotient
from protocolsim.records import Records, Table

TRIALS = "trials"
"""What these numbers are of."""


@dataclass(frozen=True, kw_only=True)
class OperatingCharacteristic(Reported):
    """A number of a design's looks. Kinds are frozen dataclasses; names have brackets, which names of users have not.

    `said` is one sentence for a reader: how it is counted.
    """

    among: str = TRIALS
    said: str = ""

    @property
    def counting(self) -> str:
        """How it is counted."""
        return self.said

    @property
    def width(self) -> int:
        """How many sums it has."""
        return 2

    @abstractmethod
    def of_trials(self, records: Records) -> Floats:
        """The sums of each replicate, [replicates, width], from records that have the tables of looks and trials."""

    def sums(self, records: Records, populations: Mapping[str, Mask]) -> Floats:  # noqa: ARG002 - no subjects count
        """See Reported; 0 for the parts of a replicate in which its looks do not stand."""
        if not records.trial_tables:
            return np.zeros((records.replicates, self.width))
        return self.of_trials(records)

    def value(self, sums: Floats) -> Floats:
        """The first sum over the second."""
        return quotient(sums[..., 0], sums[..., 1])


def pairs(above: Floats, counts: Mask) -> Floats:
    """What each trial adds to a mean over those that count: its number and 1, or 0 and 0."""
    return np.column_stack([counted_in(counts, np.where(counts, above, 0.0)), counted_in(counts)])


def rows_of_look(records: Records, look: int) -> Table:
    """The rows of one look, a row for each replicate."""
    looks = records["looks"]
    rows = np.flatnonzero(looks["look"] == look)
    return {name: column[rows] for name, column in looks.items()}
