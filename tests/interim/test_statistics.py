"""Statistics that looks read: what every kind keeps, and published and worked-out values of each."""

from __future__ import annotations

import dataclasses
import itertools
import types
import typing
from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, betabinom, norm

from protocolsim.analysis.catalogue import kinds as analyses
from protocolsim.analysis.exact_binomial import ExactBinomial
from protocolsim.analysis.rate_ratio import RateRatio
from protocolsim.analysis.two_shares import TwoShares
from protocolsim.arrays import Floats, Integers
from protocolsim.endpoint.subjects.population import LazyPopulations, Population, populations
from protocolsim.engine.snapshot import as_of
from protocolsim.errors import UsageError
from protocolsim.interim.base import KEY, LookAt, Statistic
from protocolsim.interim.catalogue import kinds
from protocolsim.interim.design import Design, Information
from protocolsim.interim.statistics.conditional_power import ConditionalPower
from protocolsim.interim.statistics.information_of import InformationOf
from protocolsim.interim.statistics.number_of import NumberOf
from protocolsim.interim.statistics.posterior_probability import PosteriorProbability
from protocolsim.interim.statistics.predicted_probability import PredictedProbability
from protocolsim.interim.statistics.value_of import ValueOf
from protocolsim.interim.statistics.z_of import ZOf
from protocolsim.protocol.conduct import Count, Look, Trigger
from protocolsim.protocol.counting import dates, number_by
from protocolsim.records import Records
from protocolsim.scenario.file.yaml_reader import parse
from tests.analysis.test_analysis import OF, Enrolled, a_course, an_analysis
from tests.endpoint.test_endpoint import CHANGE, Course, made_records, minutes

FAR = minutes(500.0)
ANALYSES = [an_analysis(kind) for kind in analyses().values() if kind is not RateRatio]
BY_WHAT: dict[str, list[Any]] = {
    "endpoint or analysis": [*OF.values(), CHANGE, *ANALYSES],
    "analysis": ANALYSES,
    "endpoint of kind share": [OF["share"]],
    "population": ["enrolled", "screened", "ended"],
    "states": [("rescued",), ("rescued", "withdrawn")],
    "share or control": [("treated",), 0.4],
    "share": [0.9],
    "two numbers": [(1.0, 1.0), (0.2, 0.8)],
    "whole number": [2, 12, 40],
    "number": [60.0],
    "number or boundary": [1.96],
    "number or trend": ["trend", 1.5],
}
DECLARED = {"ended": Population(of="enrolled", ended_in=("completed", "withdrawn"))}
every = pytest.mark.parametrize("kind", kinds().values(), ids=[key.replace(" ", "_") for key in kinds()])
Trials = list[list[Course]]


def keys_of(kind: type[Statistic]) -> dict[str, tuple[str, str]]:
    """By key of the file: the field, and what it holds."""
    hints = typing.get_type_hints(kind, include_extras=True)
    shared = {f.name for f in dataclasses.fields(Statistic)}
    found = {}
    for field in dataclasses.fields(kind):
        if field.name not in shared:
            hint = hints[field.name]
            if typing.get_origin(hint) in (types.UnionType, typing.Union):
                hint = next(a for a in typing.get_args(hint) if typing.get_origin(a) is Annotated)
            found[field.metadata.get(KEY, field.name)] = (field.name, hint.__metadata__[0])
    return found


def some_of(kind: type[Statistic]) -> list[Any]:
    """Statistics of a kind, each field with each of some values."""
    fields = keys_of(kind).values()
    return [
        kind(name="s", **dict(zip([name for name, _ in fields], values, strict=True)))
        for values in itertools.product(*(BY_WHAT[what] for _, what in fields))
    ]


def read(statistic: Statistic, records: Records, cutoffs: Integers | None = None, information: float = 0.5) -> Floats:
    """What the statistic reads of these trials at their cut-offs; nan without a sign, as a design has it."""
    if cutoffs is None:
        cutoffs = np.full(records.replicates, FAR)
    known = as_of(records, cutoffs)
    at = LookAt(0, cutoffs, np.full(records.replicates, information), information, 120.0)
    found = statistic.values(known, populations(known, DECLARED), at)
    assert found.shape == (records.replicates,)
    assert found.dtype == np.float64
    return np.where(np.isnan(found), np.nan, found)


def ended(arm: str, met: int, of: int) -> list[Course]:
    """So many subjects of an arm, of whom `met` complete."""
    ends = ["completed"] * met + ["withdrawn"] * (of - met)
    return [Enrolled(path=(("baseline", 0), (arm, 12), (end, 30))) for end in ends]


def counts(*tables: tuple[int, int, int, int]) -> Records:
    """Trials by those who complete among all, of the arm (`rescued`) and of the control (`treated`)."""
    return made_records([ended("rescued", x1, n1) + ended("treated", x0, n0) for x1, n1, x0, n0 in tables])


def some_trials(seed: int = 1) -> Trials:
    """Trials of two arms and several sizes; the first has nobody enrolled, others an empty arm or none who changed."""
    rng = np.random.default_rng(seed)
    nobody = [Course(path=(("baseline", 0), ("screen_failure", 8)))]
    made: Trials = [nobody, [], ended("treated", 3, 5), ended("rescued", 2, 2), ended("rescued", 2, 4)]
    for size in (1, 2, 7, 30):
        courses = [a_course(rng, ("treated", "rescued")[k % 2]) for k in range(size)]
        made.append([Enrolled(c.path, c.seen) for c in courses])
    made.append([*made[-1], *nobody, Enrolled((("baseline", 0), ("treated", 12), ("rescued", 20), ("completed", 30)))])
    return made


@every
class TestEveryKind:
    def test_trials_do_not_touch_each_other(self, kind):
        """Read together, alone, in another order, or among others: the same bytes."""
        made = some_trials()
        mixed = np.random.default_rng(5).permutation(len(made))
        for statistic in some_of(kind):
            together = read(statistic, made_records(made))
            alone = [read(statistic, made_records([trial], first_replicate=7)) for trial in made]
            assert np.concatenate(alone).tobytes() == together.tobytes()
            other = read(statistic, made_records([made[k] for k in mixed], first_replicate=3))
            assert other.tobytes() == together[mixed].tobytes()

    def test_what_comes_later_does_not_matter(self, kind):
        """Courses that are the same up to the cut-off give the same bytes, whatever becomes of the subjects later."""
        rng = np.random.default_rng(6)
        ends = [float(w) for w in rng.uniform(16.0, 40.0, 40)]
        arms = [("treated", "rescued")[k % 2] for k in range(40)]

        def courses(after: int) -> list[Course]:
            last = ("completed", "withdrawn")
            return [
                Enrolled(
                    path=(("baseline", 0), (arm, 12), (last[k % 3 == 0], week))
                    if week <= 26.0
                    else (("baseline", 0), (arm, 12), (last[after], week + after)),
                    seen=(("baseline", 0, float(k)), (arm, 14, float(k % 5)), (arm, 27.0, float(k % (2 + after)))),
                )
                for k, (arm, week) in enumerate(zip(arms, ends, strict=True))
            ]

        at = np.array([minutes(26.0)])
        for statistic in some_of(kind):
            one, other = (read(statistic, made_records([courses(after)]), at) for after in (0, 1))
            assert one.tobytes() == other.tobytes()

    def test_values_are_within_its_limits(self, kind):
        """Whoever is in a trial: a value within the limits, or undefined, and a whole one where it says so."""
        for statistic in some_of(kind):
            for information in (0.0, 0.5, 1.0):
                found = read(statistic, made_records(some_trials()), information=information)
                defined = found[~np.isnan(found)]
                low, high = statistic.limits
                assert kind.domain[0] <= low <= high <= kind.domain[1]
                assert ((low <= defined) & (defined <= high)).all()
                assert not kind.whole or np.array_equal(defined, np.rint(defined))

    def test_it_says_what_it_is(self, kind):
        """Its docstring says who counts; its example uses its key, and no key that is not its own."""
        assert kind.meaning
        assert kind.__doc__
        assert [word for word in ("ithdr", "rescue", "missed", "ndefined") if word not in kind.__doc__] == []
        document = parse(kind.EXAMPLE, "example.yaml").data
        mine = [s for s in document["interim"]["statistics"].values() if kind.key in s]
        assert mine
        for written in mine:
            assert set(written) <= {*keys_of(kind), "followed for"}
        assert keys_of(kind)[kind.key][0] == "of"


class TestOfEndpointsAndAnalyses:
    @pytest.mark.parametrize("endpoint", BY_WHAT["endpoint or analysis"], ids=lambda e: e.kind)
    def test_value_is_the_endpoints(self, endpoint):
        """When all has been seen, the value in each trial is what the endpoint says of that trial alone."""
        made = some_trials(2)
        found = read(ValueOf(name="v", of=endpoint), made_records(made))
        for value, trial in zip(found, made, strict=True):
            records = made_records([trial])
            sums = endpoint.sums(records, populations(records, {}))
            np.testing.assert_equal(value, float(endpoint.value(sums[0])))

    def test_z_and_information_are_the_analysis(self):
        """9 of 14 against 3 of 15 by hand: the difference over its pooled standard error, and 1 over its square."""
        pooled = 12.0 / 29.0
        variance = pooled * (1.0 - pooled) * (1.0 / 14.0 + 1.0 / 15.0)
        records, analysis = counts((9, 14, 3, 15)), an_analysis(TwoShares)
        z, found = (read(kind(name="s", of=analysis), records)[0] for kind in (ZOf, InformationOf))
        assert z == pytest.approx((9.0 / 14.0 - 3.0 / 15.0) / np.sqrt(variance))
        assert found == pytest.approx(1.0 / variance)

    def test_undefined_is_so_to_the_bit(self):
        """What a design reads is nan of one form; its sign would depend on the replicates beside it."""
        statistics = [InformationOf(name="i", of=analysis) for analysis in ANALYSES]
        look = Look("look", Trigger(None))
        design = Design((look,), tuple(statistics), (), (), (), Information(Count("enrolled"), 1.0), {})
        made = some_trials()
        for seed in range(5):
            mixed = np.random.default_rng(seed).permutation(len(made))
            at = np.full(len(made), FAR)
            found = design.read(0, as_of(made_records([made[k] for k in mixed]), at), at)
            assert np.isnan(found).any()
            assert {value.tobytes() for value in found[np.isnan(found)]} == {np.float64("nan").tobytes()}

    def test_number_is_of_members_by_then(self):
        """Those who have entered the population's states by the cut-off, and none of who will."""
        records = made_records([ended("rescued", 3, 5), ended("treated", 0, 2)])
        before, after = np.array([minutes(29.0)] * 2), np.array([minutes(30.0)] * 2)
        number = NumberOf(name="n", of="ended")
        assert read(number, records, before).tolist() == [0.0, 0.0]
        assert read(number, records, after).tolist() == [5.0, 2.0]

    def test_only_who_has_been_followed_counts(self):
        """A look hands on members enrolled long enough ago: early failures of the others are left out."""
        early: list[Course] = [Enrolled(path=(("baseline", 0), ("rescued", 12), ("withdrawn", 14)))] * 3
        records = made_records([ended("rescued", 2, 4) + early])
        records["subjects"]["arrival_day"][4:] = 7.0 * 14  # these are followed for 4 weeks at week 30
        look = Look("look", Trigger(None, minute=minutes(30.0)))
        value = ValueOf(name="v", of=OF["share"], followed_for=minutes(18.0))
        everybody = dataclasses.replace(value, name="e", followed_for=None)
        design = Design((look,), (value, everybody), (), (), (), Information(Count("enrolled"), 7.0), {})
        at = np.array([minutes(30.0)])
        assert design.read(0, as_of(records, at), at)[0, :2] == pytest.approx([2.0 / 4.0, 2.0 / 7.0])


def test_populations_asked_for_are_those_of_all():
    """A population found when it is asked for is that found with all others, without who has not been followed."""
    records = made_records(some_trials())
    declared = {"late": Population(of="ended", entered=("rescued",)), **DECLARED}
    known, lazy = populations(records, declared), LazyPopulations(records, declared)
    within = np.arange(len(known["enrolled"])) % 2 == 0
    narrower = lazy.within(within)
    assert set(lazy) == set(narrower) == set(known)
    for name, mask in known.items():
        assert np.array_equal(narrower[name], mask & within)
        assert np.array_equal(lazy[name], mask)
    with pytest.raises(UsageError, match="did you mean 'late'"):
        dataclasses.replace(OF["share"], among="lat").members(lazy)


def test_a_number_by_a_date_is_of_the_dates_before_it():
    """How many count at a cut-off is how many dates are no later, with or without follow-up and whatever counts."""
    records = made_records(some_trials())
    records["subjects"]["arrival_day"][:] = np.arange(len(records["subjects"]["subject"])) % 50
    at = np.arange(records.replicates) * minutes(9.0)
    rescued = frozenset([records.labels.states.index("rescued")])
    for count in (Count("enrolled"), Count("enrolled", followed=minutes(4.0)), Count("entered", rescued)):
        found = dates(count, records)
        assert (np.diff(found, axis=1) >= 0).all()
        assert np.array_equal(number_by(count, records, at), (found <= at[:, None]).sum(axis=1))


class TestPosteriorProbability:
    def test_arrest(self):
        """ARREST 2020 stopped at its first look, 6 of 14 against 1 of 15: posterior probability 0.9861."""
        better = PosteriorProbability(name="p", of=OF["share"], arm=("rescued",), above=("treated",))
        assert read(better, counts((6, 14, 1, 15)))[0] == pytest.approx(0.9861, abs=5e-5)

    @settings(max_examples=40)
    @given(data=st.data())
    def test_above_a_value_is_a_beta_tail(self, data):
        """Of one arm it is the tail of the posterior Beta; without `in` both arms are one."""
        n1, n0 = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
        x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
        prior = data.draw(st.sampled_from([(1.0, 1.0), (0.2, 0.8), (2.0, 5.0)]))
        records = counts((x1, n1, x0, n0))
        for arm, x, n in ((("rescued",), x1, n1), ((), x1 + x0, n1 + n0)):
            found = read(PosteriorProbability(name="p", of=OF["share"], arm=arm, above=0.3, prior=prior), records)
            assert found[0] == pytest.approx(beta.sf(0.3, prior[0] + x, prior[1] + n - x), abs=1e-12)

    def test_exchanged_arms_share_one(self):
        """P(arm > control) and P(control > arm) add up to 1, and equal counts give one half."""
        arms = (("rescued",), ("treated",))
        records = counts((6, 14, 1, 15), (3, 9, 3, 9), (0, 4, 8, 8))
        one, other = (
            read(PosteriorProbability(name="p", of=OF["share"], arm=a, above=b, prior=(0.5, 2.0)), records)
            for a, b in (arms, arms[::-1])
        )
        assert one + other == pytest.approx(1.0)
        assert one[1] == pytest.approx(0.5)

    def test_without_in_all_others_are_compared_with_control(self):
        """Who has not entered the control's states is in the arm; who entered both is in neither."""
        both = Enrolled(path=(("baseline", 0), ("treated", 12), ("rescued", 20), ("completed", 30)))
        named = PosteriorProbability(name="p", of=OF["share"], arm=("rescued",), above=("treated",))
        records = made_records([ended("rescued", 6, 14) + ended("treated", 1, 15) + [both]])
        assert read(named, records)[0] == pytest.approx(0.9861, abs=5e-5)
        # Against the control without `in`, who entered it and left is the control's.
        unnamed = dataclasses.replace(named, arm=())
        assert read(unnamed, records) == read(named, counts((6, 14, 2, 16)))

    def test_an_empty_arm_is_undefined(self):
        """With nobody in an arm nothing is said, not even what the prior says."""
        records = counts((0, 0, 1, 5), (1, 5, 0, 0))
        for above, known in ((("treated",), [False, False]), (0.2, [False, True])):
            found = read(PosteriorProbability(name="p", of=OF["share"], arm=("rescued",), above=above), records)
            assert (~np.isnan(found)).tolist() == known


class TestPredictedProbability:
    LEE_AND_LIU: typing.ClassVar[Any] = PredictedProbability(
        name="p", of=OF["share"], above=0.2, bound=0.9, last=36, prior=(0.2, 0.8)
    )

    def test_lee_and_liu(self):
        """Lee and Liu 2008, 20 v 40 %, 36 subjects: the numbers from which on so few successes stop, below 0.001."""
        first = {0: 10, 1: 17, 2: 21, 3: 24, 4: 27, 5: 29, 6: 31, 7: 33, 8: 34, 9: 35, 10: 36}
        stops = counts(*((x, n, 0, 0) for x, n in first.items()))
        goes_on = counts(
            *((x, n - 1, 0, 0) for x, n in first.items() if x), *((x + 1, n, 0, 0) for x, n in first.items())
        )
        assert (read(self.LEE_AND_LIU, stops) < 0.001).all()
        assert (read(self.LEE_AND_LIU, goes_on) >= 0.001).all()

    def test_at_the_end_it_is_the_verdict(self):
        """With all subjects known, and with more than planned: 1 where the posterior probability exceeds, else 0."""
        tables = [(x, n, 0, 0) for n in (36, 40) for x in range(8, 14)]
        posterior = read(PosteriorProbability(name="p", of=OF["share"], above=0.2, prior=(0.2, 0.8)), counts(*tables))
        assert np.array_equal(read(self.LEE_AND_LIU, counts(*tables)), (posterior > 0.9).astype(float))
        both = PredictedProbability(
            name="p", of=OF["share"], arm=("rescued",), above=("treated",), bound=0.975, last=29
        )
        assert read(both, counts((6, 14, 1, 15), (4, 14, 3, 15))).tolist() == [1.0, 0.0]

    def test_two_arms_by_enumeration(self):
        """Of 4 of 6 and 1 of 5, with 24 at the end: what comes is beta-binomial, 7 in the arm and 6 in the control."""
        total = 0.0
        for y1, y0 in itertools.product(range(8), range(7)):
            grid = (np.arange(20_000) + 0.5) / 20_000
            a, b = (5 + y1, 3 + 7 - y1), (2 + y0, 5 + 6 - y0)
            better = np.mean(beta.pdf(grid, *a) * beta.cdf(grid, *b))
            total += betabinom.pmf(y1, 7, 5, 3) * betabinom.pmf(y0, 6, 2, 5) * (better > 0.95)
        predicted = PredictedProbability(
            name="p", of=OF["share"], arm=("rescued",), above=("treated",), bound=0.95, last=24
        )
        assert read(predicted, counts((4, 6, 1, 5)))[0] == pytest.approx(total, abs=1e-9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GivenZ(ExactBinomial):
    """An analysis whose z is 1.4 wherever anybody is in it."""

    def z_values(self, columns: Floats, trial: Integers, trials: int) -> Floats:
        return np.where(np.bincount(trial, minlength=trials) > 0, 1.4, np.nan)


class TestConditionalPower:
    GIVEN: typing.ClassVar[Any] = GivenZ(name="a", label="A", of=OF["share"], target=0.5)

    def test_known_values(self):
        """z of 1.4 at half the information: 0.51125 with the trend, by the closed form with a drift."""
        records = counts((1, 2, 0, 0), (0, 0, 0, 0))
        trend = ConditionalPower(name="c", of=self.GIVEN, critical=1.959964)
        assert read(trend, records)[0] == pytest.approx(0.51125, abs=5e-6)
        assert np.isnan(read(trend, records)[1])
        drift = dataclasses.replace(trend, drift=3.0)
        known = norm.sf((1.959964 - 1.4 * np.sqrt(0.5) - 1.5) / np.sqrt(0.5))
        assert read(drift, records)[0] == pytest.approx(known)

    def test_the_end_is_where_it_says(self):
        """60 of 120 are half of 120, a quarter of 240 and all of 60, where it is the verdict itself."""
        records = counts((1, 2, 0, 0))
        power = ConditionalPower(name="c", of=self.GIVEN, full=240.0, critical=1.3)
        assert read(power, records)[0] == read(dataclasses.replace(power, full=None), records, information=0.25)[0]
        assert read(dataclasses.replace(power, full=60.0), records)[0] == 1.0
        assert read(dataclasses.replace(power, full=60.0, critical=1.5), records)[0] == 0.0

    @pytest.mark.parametrize(("alternative", "tail"), [("two-sided", 0.025), ("greater", 0.05)])
    def test_what_must_be_reached_is_the_level(self, alternative, tail):
        """Without `critical` it is the z at which the analysis rejects at its level, in favour of its alternative."""
        records = counts((1, 2, 0, 0))
        power = ConditionalPower(name="c", of=dataclasses.replace(self.GIVEN, alternative=alternative, level=0.05))
        assert read(power, records) == pytest.approx(
            read(dataclasses.replace(power, critical=float(norm.isf(tail))), records)
        )


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (PosteriorProbability, {"above": 1.2}, "1.2 is no share"),
        (PredictedProbability, {"above": -0.1, "bound": 0.9, "last": 36}, "-0.1 is no share"),
        (PredictedProbability, {"above": 0.2, "bound": 1.0, "last": 36}, "no probability can exceed 1"),
        (PredictedProbability, {"above": 0.2, "bound": 0.9, "last": 0}, "0 subjects are counted"),
        (ConditionalPower, {"full": 0.0}, "must be above 0"),
    ],
)
def test_what_cannot_be(kind, wrong, message):
    """What no statistic can be of is refused with its name."""
    with pytest.raises(UsageError, match=f"statistic 's': .*{message}"):
        kind(name="s", of=OF["share"], **wrong)
