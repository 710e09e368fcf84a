"""What an analysis is: a test applied to every simulated trial, which rejects its null hypothesis or does not.

Over many trials the share that rejects is the power where there is an effect, and the type I error where there is none.
An analysis is an endpoint whose value in one trial is yes or no, so that it is estimated, swept and stored like the
others. It takes its population and its data from an endpoint that the scenario has already: rescue, withdrawal and
missed assessments count as they do there.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.endpoint.base import Endpoint, Number, StateNames, counted_in, entered, quotient
from protocolsim.endpoint.reduction import Reduction
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.errors import UsageError
from protocolsim.records import Records

# The endpoint that an analysis is of, by its name in the scenario.
OfReduction = Annotated[Reduction, "endpoint of kind reduction"]
OfShare = Annotated[Share, "endpoint of kind share"]
OfTimeTo = Annotated[TimeTo, "endpoint of kind time_to"]


@dataclass(frozen=True, kw_only=True)
class Analysis(Endpoint):
    """A test at a level. Kinds are frozen dataclasses and final; each says who is in it and how what goes wrong counts.

    A trial that rejects has p <= `level`. A trial in which the test cannot be made (nobody in an arm, no difference
    in anybody) does not reject, and counts.
    """

    level: Number = 0.05

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise UsageError(f"analysis '{self.name}': the level, {self.level:g}, is not between 0 and 1")

    @property
    def unit(self) -> str:
        """The share of trials that reject."""
        return "%"

    @property
    def decides(self) -> bool:
        """Each trial says yes or no."""
        return True

    @property
    @abstractmethod
    def test(self) -> str:
        """The test in words: what is compared with what, and on which side."""

    @property
    @abstractmethod
    def of_whom(self) -> str:
        """Its population, and how rescue, withdrawal and missed assessments count."""

    @property
    def counting(self) -> str:
        """The test, its population and its level."""
        return f"share of trials with p <= {100.0 * self.level:g} %; {self.test}; {self.of_whom}"

    @abstractmethod
    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial, [trials], from the contributions of those who count; nan where it cannot be made."""

    def added(self, contributions: Floats, trial: Integers, trials: int) -> Floats:
        """Whether each trial rejects, and 1, [trials, 2]."""
        counts = ~np.isnan(contributions[:, 0])
        p = self.p_values(contributions[counts], trial[counts], trials)
        return np.column_stack([counted_in(p <= self.level), np.ones(trials)])

    def value(self, sums: Floats) -> Floats:
        """The share of trials that reject."""
        return quotient(sums[..., 0], sums[..., 1])


def arms(records: Records, arm: StateNames, against: StateNames) -> Floats:
    """1 for those who ever entered a state of `arm`, 0 of `against`, nan for those of neither or of both."""
    one, other = entered(records, arm), entered(records, against)
    return np.where(one & ~other, 1.0, np.where(other & ~one, 0.0, np.nan))


def in_both(*columns: Floats) -> Floats:
    """The columns side by side, with nan in all of a row where one has it."""
    found = np.column_stack(columns)
    found[np.isnan(found).any(axis=1)] = np.nan
    return found


def counts(mask: Floats, trial: Integers, trials: int) -> Integers:
    """The sum of a column of 0 and 1 in each trial."""
    return np.bincount(trial, weights=mask, minlength=trials).astype(np.int64)


def split(columns: Floats, trial: Integers, trials: int) -> list[Floats]:
    """The rows of each trial, in their order."""
    order = np.argsort(trial, kind="stable")
    ends = np.cumsum(np.bincount(trial, minlength=trials))[:-1]
    return list(np.split(columns[order], ends))
