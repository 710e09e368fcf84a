"""Bias at stopping: what a trial that may stop early estimates, beside what it would have without ever stopping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import quotient
from protocolsim.interim.estimates.base import OperatingCharacteristic, pairs
from protocolsim.records import AS_IF, READ, Records


@dataclass(frozen=True, kw_only=True)
class BiasAtStopping(OperatingCharacteristic):
    """The mean of a statistic where trials ended, minus its mean over the same trials at full length.

    `at`: only trials that end at this look; the mean at full length is that of all trials nevertheless: who ends early
    is chosen by what was found. A trial in which either is undefined does not count.
    """

    statistic: str
    in_units: str
    at: int | None = None

    @property
    def unit(self) -> str:
        """That of the statistic."""
        return self.in_units

    @property
    def width(self) -> int:
        """Two means."""
        return 4

    def of_trials(self, records: Records) -> Floats:
        """The value where each trial ended, and 1; the value at full length, and 1."""
        trials = records["trials"]
        found, full = trials[f"{READ}{self.statistic}"], trials[f"{AS_IF}{self.statistic}"]
        both = ~(np.isnan(found) | np.isnan(full))
        here = both if self.at is None else both & (trials["ended_at"] == self.at)
        return np.column_stack([pairs(found, here), pairs(full, both)])

    def value(self, sums: Floats) -> Floats:
        """One mean minus the other."""
        return np.asarray(quotient(sums[..., 0], sums[..., 1]) - quotient(sums[..., 2], sums[..., 3]))
