"""What a statistic of a look is: a number of each replicate, from what is known at a cut-off and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from protocolsim.analysis.base import Analysis
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Endpoint
from protocolsim.records import Records

# What the names in a field refer to, as for endpoints (endpoint/base.py).
OfEndpoint = Annotated[Endpoint, "endpoint or analysis"]
OfAnalysis = Annotated[Analysis, "analysis"]
PopulationName = Annotated[str, "population"]


@dataclass(frozen=True)
class LookAt:
    """What a statistic knows of its look: number, cut-off of each replicate, and information fractions.

    `information` is the fraction of the maximum found at each cut-off, [replicates]; `planned` the one planned.
    """

    look: int
    cutoffs: Integers
    information: Floats
    planned: float


@dataclass(frozen=True, kw_only=True)
class Statistic(ABC):
    """A number that a look reads. Kinds are frozen dataclasses and final; a file recognises a kind by its `key`.

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

    name: str
    followed_for: int | None = None

    @abstractmethod
    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """The value in each replicate, [replicates]; nan where it is undefined.

        known: what is known at the cut-offs. populations: masks over rows of `subjects`, already without those who have
        not been followed long enough.
        """
