"""What a statistic of a look is: a number of each replicate, from what is known at a cut-off and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from protocolsim.analysis.base import Analysis
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.criteria.dated import Criteria
from protocolsim.endpoint.subjects.population import Population
from protocolsim.records import Records

# What the names in a field refer to, as for endpoints (endpoint/base.py).
OfEndpoint = Annotated[Endpoint, "endpoint or analysis"]
OfAnalysis = Annotated[Analysis, "analysis"]
PopulationName = Annotated[str, "population"]
Fraction = Annotated[float, "share"]
# A share, or the states of the control arm: what a share is compared with.
ShareOrControl = Annotated[float | tuple[str, ...], "share or control"]
Prior = Annotated[tuple[float, float], "two numbers"]
WholeNumber = Annotated[int, "whole number"]
NumberOrBoundary = Annotated[float, "number or boundary"]
NumberOrTrend = Annotated[float | Literal["trend"], "number or trend"]

KEY = "key"
"""In the metadata of a kind's field: the key of the file where the field cannot have its name (`in`, `is above`)."""


@dataclass(frozen=True)
class LookAt:
    """What a statistic knows of its look: number, cut-off of each replicate, and information fractions.

    `information` is the fraction of the maximum found at each cut-off, [replicates]; `planned` the one planned.
    """

    look: int
    cutoffs: Integers
    information: Floats
    planned: float
    maximum: float = float("nan")
    """The maximum of the information, in what it is counted in."""


@dataclass(frozen=True)
class OfCounts:
    """A statistic as a function of how many subjects meet some criteria at the cut-off.

    `value` is handed these numbers, [criteria, n], the fraction of the maximum information found, [n], and that
    maximum. It gives to the bit what `Statistic.values` does, of any n replicates at any looks, each from its own.
    """

    criteria: tuple[Criteria, ...]
    value: Callable[[Floats, Floats, float], Floats]


@dataclass(frozen=True, kw_only=True)
class Statistic(ABC):
    """A number that a look reads. Kinds are frozen dataclasses and final; a file recognises a kind by its `key`.

    The file's keys are the fields of a kind, by their names or by what their metadata say under KEY; that of what it is
    of is `key`. The value in a replicate depends on that replicate's records alone, to the bit.

    `followed_for`: minutes of potential follow-up that a subject needs to be counted. None: every member of the
    population counts (an analysis of times to an event censors who is followed for less).
    """

    key: ClassVar[str]
    """The key that holds what it is of, such as "z of"."""
    meaning: ClassVar[str]
    EXAMPLE: ClassVar[str]
    """A scenario file that runs as it stands and uses this kind; it extends a shipped scenario to stay short."""
    domain: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    """The least and the greatest value it can take, which `check` relies on."""
    whole: ClassVar[bool] = False
    """Whether it is always a whole number."""

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value of this one, within the domain of its kind."""
        return self.domain

    name: str
    followed_for: int | None = None

    @abstractmethod
    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """The value in each replicate, [replicates]; nan where it is undefined.

        known: what is known at the cut-offs. populations: masks over rows of `subjects`, already without those who have
        not been followed long enough.
        """

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:  # noqa: ARG002 - of most it is not
        """The same from numbers alone, which are found for all looks at once; None where it takes more than numbers.

        declared: the populations of the scenario. Members who have not been followed long enough are left out later.
        """
        return None


def trial_of(known: Records) -> Integers:
    """The place of each subject's replicate among those of the records, [subjects]."""
    return known.trials()


def tested(analysis: Analysis, known: Records, populations: Mapping[str, Mask]) -> tuple[Floats, Integers]:
    """The contributions of those who count in an analysis, and the trial of each."""
    contributions = analysis.contributions(known, populations)
    rows = np.flatnonzero(~np.isnan(contributions[:, 0]))
    return contributions.take(rows, axis=0), trial_of(known).take(rows)
