"""What an analysis is: a test applied to every simulated trial, which rejects its null hypothesis or does not.

Over many trials the share that rejects is the power where there is an effect, and the type I error where there is none.
An analysis is an endpoint whose value in one trial is yes or no, so that it is estimated, swept and stored like the
others. It takes its population and its data from an endpoint that the scenario has already: rescue, withdrawal and
missed assessments count as they do there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from protocolsim.arithmetic import special_functions
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Endpoint, Number, StateNames, counted_in, quotient
from protocolsim.endpoint.criteria.dated import Criteria, in_one_arm
from protocolsim.endpoint.level import Level
from protocolsim.endpoint.reduction import Reduction
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.subjects.population import Population
from protocolsim.endpoint.subjects.rows import arms
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.errors import UsageError
from protocolsim.randomness import normal_quantile
from protocolsim.records import Records

# The endpoint that an analysis is of, by its name in the scenario.
OfReduction = Annotated[Reduction, "endpoint of kind reduction"]
OfShare = Annotated[Share, "endpoint of kind share"]
OfTimeTo = Annotated[TimeTo, "endpoint of kind time_to"]
# One that gives each subject a value of their own.
OfOwnValues = Annotated[Level | Reduction, "endpoint of kind level or reduction"]

_LEAST_P = 1e-300


@dataclass(frozen=True)
class CountedTest:
    """A test as a function of how many subjects meet some criteria.

    `z` and `information` are handed these numbers, [criteria, trials], and give to the bit what `Analysis.z_values` and
    `Analysis.information` do.
    """

    criteria: tuple[Criteria, ...]
    z: Callable[[Floats], Floats]
    information: Callable[[Floats], Floats]


@dataclass(frozen=True, kw_only=True)
class Analysis(Endpoint):
    """A test at a level. Kinds are frozen dataclasses and final; each says who is in it and how what goes wrong counts.

    A trial that rejects has p <= `level`. A trial in which the test cannot be made (nobody in an arm, no difference
    in anybody) does not reject, and counts.
    """

    no_effect_is_null: ClassVar[bool] = True
    """Whether arms (or times) that do not differ are where the null hypothesis just holds; not so where a margin is."""

    caution: ClassVar[str] = ""
    """What a reader of a trial that uses this kind must be warned of; nothing of most."""

    instead: ClassVar[str] = ""
    """What to do where it rejects too often although there is no effect; nothing is known of most."""

    level: Number = 0.05

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise UsageError(f"analysis '{self.name}': the level, {self.level:g}, is not between 0 and 1")

    @property
    def independent_increments(self) -> bool:
        """Whether z at looks has independent increments at its null hypothesis, on which spending rests (large trials).

        So it is of an efficient score or estimate, not of exact tails, nor of ranks corrected for continuity.
        """
        return False

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
    def at_null(self, rng: np.random.Generator, subjects: int) -> Floats:
        """Contributions of the subjects of one trial, [subjects, k], drawn where the null hypothesis just holds.

        It declares the null hypothesis in numbers: of such trials no more than `level` may be rejected, however many
        subjects they have (`type_one_error`).
        """

    @abstractmethod
    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial, [trials], from the contributions of those who count; nan where it cannot be made."""

    @abstractmethod
    def z_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """The test statistic of each trial, [trials]: standard normal at the null hypothesis; nan where there is no p.

        Positive in favour of the alternative, that of "greater" where the test is two-sided. Where p is not that of the
        normal law (exact tests, corrections for continuity), it is the value whose tail is the one-sided p on the side
        on which the data lie, and 0 where neither side has a p below one half.
        """

    @abstractmethod
    def information(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """Fisher information of each trial about the effect, [trials], found and not planned; nan where there is no z.

        On the scale on which z is the estimate times the root of the information: 1 over the estimate's variance.
        """

    def of_counts(self, declared: Mapping[str, Population]) -> CountedTest | None:  # noqa: ARG002 - of most it is not
        """The same from numbers alone, which looks at a trial count faster; None where it takes more than numbers.

        declared: the populations of the scenario.
        """
        return None

    def added(self, contributions: Floats, trial: Integers, trials: int) -> Floats:
        """Whether each trial rejects, and 1, [trials, 2]."""
        counts = ~np.isnan(contributions[:, 0])
        p = self.p_values(contributions[counts], trial[counts], trials)
        return np.column_stack([counted_in(p <= self.level), np.ones(trials)])

    def value(self, sums: Floats) -> Floats:
        """The share of trials that reject."""
        return quotient(sums[..., 0], sums[..., 1])


@dataclass(frozen=True, kw_only=True)
class BetweenArms(Analysis):
    """A test of what is in one arm against what is in another."""

    of: Endpoint
    arm: StateNames
    against: StateNames

    @property
    def versus(self) -> str:
        """The arms in words."""
        return f"{' or '.join(self.arm)} against {' or '.join(self.against)}"


@dataclass(frozen=True, kw_only=True)
class SidedTest(BetweenArms):
    """A test between arms on one side or on two.

    A kind has the `name_of_test` and the words of its `sides`, and gives the statistic that is positive where there is
    more in `arm` (`z_of_more`); p is that of the normal law unless a kind says otherwise.
    """

    name_of_test: ClassVar[str]
    """What the test is called: "... of the arms"."""

    sides: ClassVar[tuple[str, str]] = ("fewer", "more")
    """What `less` and `greater` are one-sided for."""

    alternative: Literal["two-sided", "less", "greater"] = "two-sided"

    @abstractmethod
    def z_of_more(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial, positive where there is more in `arm`; nan where there is no p."""

    @property
    def test(self) -> str:
        """Which arms, on which side."""
        less, greater = (f"one-sided for {side}" for side in self.sides)
        side = {"two-sided": "two-sided", "less": less, "greater": greater}[self.alternative]
        return f"{self.name_of_test} of {self.versus}, {side}"

    def p_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """p of each trial; nan where there is no z."""
        return normal_p(self.z_values(columns, trial, trials), two_sided=self.alternative == "two-sided")

    def z_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial, positive in favour of the alternative; nan where there is no p."""
        z = self.z_of_more(columns, trial, trials)
        return -z if self.alternative == "less" else z


@dataclass(frozen=True, kw_only=True)
class CompareRates(SidedTest):
    """What tests of a rate ratio between two arms share: who is in them, what was counted, and over how much."""

    of: OfReduction

    @property
    def independent_increments(self) -> bool:
        """Of the estimated ratio, in large trials."""
        return True

    @property
    def of_whom(self) -> str:
        """Those of the reduction, with or without a baseline."""
        return (
            f"over those {self.among} with an assessment in {' or '.join(self.of.during)}; withdrawal shortens the "
            "time, missed assessments are left out"
        )

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """What was counted, over how much, and the arm, [subjects, 3]; nan for who is not in the test."""
        rates = self.of.rates(records)
        counted = self.of.members(populations) & (rates.late_over > 0.0)
        late = np.where(counted, rates.late, np.nan)
        return in_both(late, rates.late_over, arms(records, self.arm, self.against))


@dataclass(frozen=True, kw_only=True)
class CompareShares(BetweenArms):
    """What tests of a share between two arms have in common: they know it by four numbers of each trial."""

    of: OfShare

    @abstractmethod
    def z_of(self, table: TwoByTwo) -> Floats:
        """z of each trial, positive in favour of the alternative; nan where there is no p."""

    @abstractmethod
    def information_of(self, table: TwoByTwo) -> Floats:
        """1 over the variance of the difference of the shares; nan where there is none."""

    @property
    def of_whom(self) -> str:
        """Those of the share."""
        return f"of all {self.among}; who withdrew or was rescued counts as in '{self.of.label}'"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Whether the conditions are met, and the arm, [subjects, 2]; nan for who is not in the test."""
        meets, among = self.of.contributions(records, populations).T
        return in_both(np.where(among > 0.0, meets, np.nan), arms(records, self.arm, self.against))

    def z_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """z of each trial; nan where there is no p."""
        return self.z_of(two_by_two(columns[:, 0], columns[:, 1], trial, trials))

    def information(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        """1 over the variance of the difference of the shares; nan where there is none."""
        return self.information_of(two_by_two(columns[:, 0], columns[:, 1], trial, trials))

    def of_counts(self, declared: Mapping[str, Population]) -> CountedTest | None:
        """Those who meet the conditions and all, in each arm; None where dates do not tell them."""
        counted = self.of.criteria(declared)
        if counted is None:
            return None
        both = ((self.arm, self.against), (self.against, self.arm))
        criteria = tuple(c & in_one_arm(*one) for one in both for c in counted)
        return CountedTest(criteria, lambda n: self.z_of(TwoByTwo(*n)), lambda n: self.information_of(TwoByTwo(*n)))


def type_one_error(analysis: Analysis, *, subjects: int, trials: int = 2000, seed: int = 1) -> tuple[float, float]:
    """The share of trials of so many subjects that reject although the analysis's null hypothesis just holds.

    Returns that share and its Monte Carlo standard error. Trials are drawn by `at_null`; no scenario is simulated.
    """
    rng = np.random.default_rng(seed)
    columns = np.concatenate([analysis.at_null(rng, subjects) for _ in range(trials)])
    sums = analysis.added(columns, np.repeat(np.arange(trials), subjects), trials)
    rejected = float(analysis.value(sums.sum(axis=0)))
    return rejected, float(np.sqrt(rejected * (1.0 - rejected) / trials))


def alternating(subjects: int) -> Floats:
    """The arms of so many subjects, 1 and 0 in turn."""
    return np.where(np.arange(subjects) % 2 == 0, 1.0, 0.0)


@dataclass(frozen=True)
class TwoByTwo:
    """Of each trial: those who meet the conditions and those in the test, in `arm` (k1, n1) and against it (k0, n0)."""

    k1: Floats
    n1: Floats
    k0: Floats
    n0: Floats


def two_by_two(meets: Floats, arm: Floats, trial: Integers, trials: int) -> TwoByTwo:
    """The table of each trial, from columns of 0 and 1."""
    parts = (arm * meets, arm, (1.0 - arm) * meets, 1.0 - arm)
    return TwoByTwo(*(np.bincount(trial, weights=p, minlength=trials).astype(np.float64) for p in parts))


def normal_p(z: Floats, *, two_sided: bool) -> Floats:
    """p of a standard normal statistic that is positive in favour of the alternative."""
    ndtr = special_functions().ndtr
    return np.asarray(2.0 * ndtr(-np.abs(z)) if two_sided else ndtr(-z))


def z_of_tails(above: Floats, below: Floats) -> Floats:
    """The standard normal value of P(so much or more) and P(so much or less) under the null hypothesis.

    Positive where the first is the smaller one; 0 where both exceed one half, which they may as both count what was
    seen. A p below 1e-300 counts as that.
    """
    tails, which = np.unique(np.clip(np.minimum(above, below), _LEAST_P, 0.5), return_inverse=True)
    z = np.array([-normal_quantile(tail) for tail in tails.tolist()], dtype=np.float64)[which]
    return np.where(above <= below, z, -z)


def in_both(*columns: Floats) -> Floats:
    """The columns side by side, with nan in all of a row where one has it."""
    both = np.empty((len(columns[0]), len(columns)))
    unknown = np.logical_or.reduce([np.isnan(column) for column in columns])
    for place, column in enumerate(columns):
        both[:, place] = np.where(unknown, np.nan, column)
    return both


def counts(mask: Floats, trial: Integers, trials: int) -> Integers:
    """The sum of a column of 0 and 1 in each trial."""
    return np.bincount(trial, weights=mask, minlength=trials).astype(np.int64)


def split(columns: Floats, trial: Integers, trials: int) -> list[Floats]:
    """The rows of each trial, in their order."""
    order = np.argsort(trial, kind="stable")
    ends = np.cumsum(np.bincount(trial, minlength=trials))[:-1]
    return list(np.split(columns[order], ends))
