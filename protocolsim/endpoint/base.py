"""What an endpoint is: a number that a trial reports, its denominator, and what was published.

An endpoint reads records and nothing else. Each replicate (one simulated trial) leaves a few sums; the value
is a function of sums, so the value over many trials is the value of the added sums, and no result depends on
how replicates were split over workers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.component import Mark
from protocolsim.errors import UsageError, unknown
from protocolsim.records import NEVER, Labels, Records, Seen

# What the names in a field refer to, so that a scenario can be checked before anything runs.
StateNames = Annotated[tuple[str, ...], "states"]
VariableName = Annotated[str, "variable"]
DrugName = Annotated[str, "drug"]
EventNames = Annotated[tuple[str, ...], "events"]
Minutes = Annotated[int, "minutes"]
Number = Annotated[float, "number"]

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


@dataclass(frozen=True)
class Population:
    """Who counts: the members of another population that meet every condition given.

    A tuple of states means any of them: `entered` any, `not_entered` none, `ended_in` one, `not_ended_in` none.
    `where`: a condition on each subject's chart, one truth value per row of `subjects`.
    """

    of: str | None = None
    entered: StateNames = ()
    not_entered: StateNames = ()
    ended_in: StateNames = ()
    not_ended_in: StateNames = ()
    where: Callable[[Records], Mask] | None = None

    def members(self, records: Records, known: Mapping[str, Mask]) -> Mask:
        """One truth value per row of `subjects`; `known` holds the population that this one is part of."""
        within = known[self.of] if self.of is not None else known[SCREENED]
        within = within & course_mask(records, self.entered, self.not_entered, self.ended_in, self.not_ended_in)
        return within if self.where is None else within & self.where(records)


def populations(
    records: Records, declared: Mapping[str, Population], wanted: Iterable[str] | None = None
) -> dict[str, Mask]:
    """Every population by name: `screened`, `enrolled` and the declared ones, in any order of declaration.

    wanted: only these, and those that they are part of.
    Raises UsageError for a name that is not declared, is declared twice, or is part of itself.
    """
    subjects = records["subjects"]
    known: dict[str, Mask] = {
        SCREENED: np.ones(len(subjects["subject"]), dtype=np.bool_),
        ENROLLED: subjects["enrolled"].astype(np.bool_),
    }
    for name in declared:
        if name in BUILT_IN:
            raise UsageError(f"the population '{name}' is built in and cannot be declared again")
    for name in declared if wanted is None else wanted:
        _resolve(name, declared, records, known, ())
    return known


@dataclass(frozen=True, eq=False)
class LazyPopulations(Mapping[str, Mask]):
    """The same, each found when it is first asked for; of declarations that the builder has checked.

    `narrowed` leaves out who is not in it, of all of them.
    """

    records: Records
    declared: Mapping[str, Population]
    narrowed: Mask | None = None
    found: dict[str, Mask] = field(default_factory=dict)

    def within(self, mask: Mask) -> LazyPopulations:
        """All of them without those who are not in the mask."""
        return LazyPopulations(self.records, self.declared, mask, self.found)

    def __getitem__(self, name: str) -> Mask:
        if name not in self:
            raise KeyError(name)
        if not self.found:
            self.found.update(populations(self.records, {}))
        _resolve(name, self.declared, self.records, self.found, ())
        return self.found[name] if self.narrowed is None else self.found[name] & self.narrowed

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or name in self.declared

    def __iter__(self) -> Iterator[str]:
        return iter((*BUILT_IN, *self.declared))

    def __len__(self) -> int:
        return len(BUILT_IN) + len(self.declared)


def _resolve(
    name: str, declared: Mapping[str, Population], records: Records, known: dict[str, Mask], above: tuple[str, ...]
) -> None:
    if name in known:
        return
    if name in above:
        raise UsageError(f"the population '{name}' is part of itself: {' of '.join((*above, name))}")
    if name not in declared:
        raise UsageError(unknown("population", name, (*BUILT_IN, *declared)))
    part_of = declared[name].of
    if part_of is not None:
        _resolve(part_of, declared, records, known, (*above, name))
    known[name] = declared[name].members(records, known)


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


def arms(records: Records, arm: StateNames, against: StateNames) -> Floats:
    """1 for those who ever entered a state of `arm`, 0 of `against`, nan for those of neither or of both."""
    one, other = entered(records, arm), entered(records, against)
    return np.where(one & ~other, 1.0, np.where(other & ~one, 0.0, np.nan))


def quotient(above: Floats, below: Floats) -> Floats:
    """One over the other, nan where `below` is zero."""
    undefined = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=np.asarray(below) != 0.0))


def codes(names: Iterable[str], labels: Sequence[str], what: str) -> Integers:
    """The codes of names. Raises UsageError, with the nearest right word, for a name nobody knows."""
    result = []
    for name in names:
        if name not in labels:
            raise UsageError(unknown(what, name, labels))
        result.append(labels.index(name))
    return np.array(result, dtype=np.int64)


def rows_of(records: Records, table: str, chosen: Mask | slice = slice(None)) -> Integers:
    """For each chosen row of a table, the row of its subject in `subjects`."""
    return records.subject_rows(table)[chosen]


def seen(records: Records, variable: str) -> Seen:
    """What was seen of a variable, in the order of subjects and time; what was missed or shows nothing is left out."""
    return records.seen(int(codes([variable], records.labels.variables, "variable")[0]))


def per_subject(records: Records, rows: Integers, weights: NDArray[Any] | None = None) -> Floats:
    """Sums (or counts) by subject row, added in row order."""
    size = len(records["subjects"]["subject"])
    return np.bincount(rows, weights=weights, minlength=size).astype(np.float64)


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


def entered(records: Records, states: Iterable[str]) -> Mask:
    """Who was ever in one of these states, be it as the first one."""
    each = [records.was_in(state) for state in codes(states, records.labels.states, "state").tolist()]
    was_in: Mask = np.logical_or.reduce(each) if each else np.zeros(len(records["subjects"]["subject"]), dtype=np.bool_)
    return was_in


def course_mask(
    records: Records,
    entered_states: Sequence[str],
    not_entered: Sequence[str],
    ended_in: Sequence[str],
    not_ended_in: Sequence[str],
) -> Mask:
    """Whose course meets every condition given; an empty tuple asks nothing."""
    subjects = records["subjects"]
    mask: Mask = np.ones(len(subjects["subject"]), dtype=np.bool_)
    if entered_states:
        mask &= entered(records, entered_states)
    if not_entered:
        mask &= ~entered(records, not_entered)
    if ended_in:
        mask &= in_states(subjects["final_state"], records.labels, ended_in)
    if not_ended_in:
        mask &= ~in_states(subjects["final_state"], records.labels, not_ended_in)
    return mask


def in_states(state: NDArray[Any], labels: Labels, states: Sequence[str]) -> Mask:
    """Which of these codes of states stand for one of the named states."""
    named = np.zeros(len(labels.states), dtype=np.bool_)
    named[codes(states, labels.states, "state")] = True
    mask: Mask = named[state]
    return mask


def since_enrolment(records: Records, rows: Integers, minute: NDArray[Any]) -> tuple[Integers, Mask]:
    """Minutes since each row's subject was enrolled, and whether that subject ever was."""
    enrolled = records["subjects"]["enrolled_minute"][rows]
    return (minute.astype(np.int64) - enrolled).astype(np.int64), enrolled != NEVER
