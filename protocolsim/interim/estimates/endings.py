"""How trials end: shares of trials that end with some conclusion, at some look or at any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.interim.estimates.base import OperatingCharacteristic, pairs
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class EndingShare(OperatingCharacteristic):
    """The share of trials whose `column` of conclusions is one of `codes`; of those that end at look `at`, if given.

    All trials are in the denominator: those that end without a conclusion too.
    """

    codes: frozenset[int]
    at: int | None = None
    column: str = "conclusion"

    @property
    def unit(self) -> str:
        """A share."""
        return "%"

    @property
    def decides(self) -> bool:
        """A trial ends so or does not."""
        return True

    def of_trials(self, records: Records) -> Floats:
        """Whether each trial ends so, and 1."""
        trials = records["trials"]
        ends = np.isin(trials[self.column], list(self.codes))
        if self.at is not None:
            ends &= trials["ended_at"] == self.at
        return pairs(ends.astype(np.float64), np.ones(len(ends), dtype=np.bool_))


@dataclass(frozen=True, kw_only=True)
class FlippedShare(OperatingCharacteristic):
    """The share of early stops that the overrun analysis contradicts; trials not stopped early do not count."""

    @property
    def unit(self) -> str:
        """A share."""
        return "%"

    @property
    def decides(self) -> bool:
        """A stop is contradicted or is not."""
        return True

    def of_trials(self, records: Records) -> Floats:
        """Whether each early stop is contradicted, and 1."""
        trials = records["trials"]
        return pairs(trials["flipped"].astype(np.float64), trials["stopped_early"].astype(np.bool_))
