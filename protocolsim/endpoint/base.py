"""What an endpoint is: a number that a trial reports, its denominator, and what was published.

An endpoint reads records and nothing else. Each replicate (one simulated trial) leaves a few sums; the value
is a function of sums, so the value over many trials is the value of the added sums, and no result depends on
how replicates were split over workers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.component import Mark
from protocolsim.errors import UsageError, unknown
from protocolsim.records import Records

# What the names in a field refer to, so that a scenario can be checked before anything runs.
StateNames = Annotated[tuple[str, ...], "states"]
VariableName = Annotated[str, "variable"]
DrugName = Annotated[str, "drug"]
EventNames = Annotated[tuple[str, ...], "events"]
Minutes = Annotated[int, "minutes"]
Number = Annotated[float, "number"]
Text = Annotated[str, "text"]

Role = Literal["fitted", "checked", "not independent"]

_EXACT = float(1 << 24)

SCREENED, ENROLLED = "screened", "enrolled"
BUILT_IN = (SCREENED, ENROLLED)


@dataclass(frozen=True)
class Published:
    """What the real trial reported, and whether the model was fitted to it.

    `value` is in the endpoint's own terms (a share is 0 to 1), `text` is as printed ("9/13", "72 %").
    `fitted`: a parameter was chosen to match it, so agreement is no evidence. `checked`: no parameter was.
    `not independent`: the parameters come from data that include these patients. `same_as` is the endpoint whose
    published value is the same datum said otherwise (9/13 controlled, 4/13 not): both count as one. `explanation` says
    of one outside the simulated range what in the model makes it so.
    """

    value: float
    text: str
    role: Role
    source: str
    mark: Mark
    numerator: int | None = None
    denominator: int | None = None
    note: str = ""
    same_as: str | None = None
    explanation: str = ""


NO_KEY = "no key"
"""In the metadata of a kind's field: that the file does not say it."""


@dataclass(frozen=True, kw_only=True)
class Reported(ABC):
    """A number that one trial yields, and the same over many trials. Where `unit` is "%", it is a share (0 to 1).

    `among` says whom or what it is of, `label` is what a reader calls it.
    """

    name: str
    label: str
    among: str = ENROLLED
    published: Published | None = None

    @property
    @abstractmethod
    def unit(self) -> str:
        """What the value is counted in; "%" for a share."""

    @property
    @abstractmethod
    def counting(self) -> str:
        """One sentence for a reader: the denominator, and who is left out."""

    @abstractmethod
    def value(self, sums: Floats) -> Floats:
        """The number from sums [..., k] -> [...]; nan where it is undefined (nobody in the denominator)."""

    @abstractmethod
    def sums(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The sums of each replicate, [replicates, k]; `populations` are masks over rows of `subjects`.

        Those of a replicate that comes in parts are the sums of its parts' sums.
        """

    @property
    def decides(self) -> bool:
        """Whether one trial only says yes or no."""
        return False

    @property
    def over_trials(self) -> bool:
        """Whether it is of many trials together, such as a coverage, so that one trial alone has none."""
        return False

    def completed(self, sums: Floats) -> Floats:
        """The sums of all replicates, [replicates, k], with what only all of them together tell; most need nothing."""
        return sums


@dataclass(frozen=True, kw_only=True)
class Endpoint(Reported):
    """A number of a trial's subjects, each of whom adds something to it.

    Kinds are frozen dataclasses and final; each says in its docstring who is in the denominator and how
    withdrawal, rescue and missed assessments count. One that `decides` needs the contributions of all subjects of a
    trial together.
    """

    kind: ClassVar[str]
    meaning: ClassVar[str]
    EXAMPLE: ClassVar[str]
    """A scenario file that runs as it stands and uses this kind; it extends a shipped scenario to stay short."""

    @abstractmethod
    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """What each subject adds to the sums, [subjects, k]; `populations` are masks over rows of `subjects`.

        Of an endpoint that ranks: one column, nan for those who are not counted.
        """

    @property
    def ranks(self) -> bool:
        """Whether its value in one trial is the median of the contributions: parts of a trial cannot be added then."""
        return False

    @property
    def binary(self) -> bool:
        """Whether it is the share of subjects who meet something: the first sum counts those, the second all.

        Only then can a published n/N be set among trials of exactly N, and have arms an odds ratio.
        """
        return False

    @property
    def counted_at(self) -> tuple[float, float] | None:
        """From when to when, in minutes since enrolment, what it counts takes place; None where it is at any time."""
        return None

    def with_dose_units(self, units: Mapping[str, str | None]) -> Endpoint:  # noqa: ARG002 - most count no doses
        """The endpoint as it counts where doses of drugs are in these units (None: some per weight and some not).

        Raises UsageError for one that adds up doses of which there is no sum.
        """
        return self

    def sums(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The sums of each replicate, [replicates, k]."""
        trial = records["subjects"]["replicate"] - records.first_replicate
        return self.added(self.contributions(records, populations), trial, records.replicates)

    def added(self, contributions: Floats, trial: Integers, trials: int) -> Floats:
        """The sums of `trials` trials, [trials, k], from contributions [subjects, k] and the trial of each subject."""
        if self.ranks:
            return medians(contributions[:, 0], trial, trials)
        return np.column_stack([np.bincount(trial, weights=c, minlength=trials) for c in contributions.T])

    def members(self, populations: Mapping[str, Mask]) -> Mask:
        """Who is counted among. Raises UsageError where that population does not exist."""
        if self.among not in populations:
            raise UsageError(f"endpoint '{self.name}': {unknown('population', self.among, populations)}")
        return populations[self.among]


# Values this near a bound count as equal to it, as in every decision rule.
_EQUAL = 1e-9


def within_bounds(own: Floats, at_least: float | None, at_most: float | None) -> Mask:
    """Which values lie within bounds, which may be met; nan lies nowhere if there is a bound."""
    within: Mask = np.ones(own.shape, dtype=np.bool_)
    if at_least is not None:
        within &= own >= at_least - _EQUAL
    if at_most is not None:
        within &= own <= at_most + _EQUAL
    return within


def quotient(above: Floats, below: Floats) -> Floats:
    """One over the other, nan where `below` is zero."""
    undefined = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=np.asarray(below) != 0.0))


def counted_in(mask: Mask, weights: Floats | None = None) -> Floats:
    """What each subject in `mask` contributes (1 without weights); the others contribute 0.

    Contributions are rounded to a multiple of 2^-24 (whole numbers stay as they are). Such numbers add without error
    as long as their sum stays below 2^29, so no order of adding, and no splitting of a large replicate, changes a bit.
    """
    if weights is None:
        return mask.astype(np.float64)
    return np.where(mask, np.rint(weights * _EXACT) / _EXACT, 0.0)


def medians(own: Floats, trial: Integers, trials: int) -> Floats:
    """Per trial: the median of the subjects' own values and 1, or 0 and 0 where there is none; nan is left out."""
    counted = ~np.isnan(own)
    own, trial = own[counted], trial[counted]
    ordered = own[np.lexsort((own, trial))]
    number = np.bincount(trial, minlength=trials)
    start = np.cumsum(number) - number
    has = number > 0
    result = np.zeros((trials, 2))
    result[has, 0] = 0.5 * (ordered[(start + (number - 1) // 2)[has]] + ordered[(start + number // 2)[has]])
    result[has, 1] = 1.0
    return result
