"""Published counts among trials of their own size, one datum once, and the error of the ends of a range."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from protocolsim.errors import ScenarioError, UsageError
from protocolsim.report.style import numbers
from protocolsim.scenario.load import load
from protocolsim.study.denominators import MOST_TIMES, of_published_size, shares_of, validated_replicates
from protocolsim.study.estimation.trial_range import range_of, ranks
from protocolsim.study.run import run
from protocolsim.study.validation import data, published_rows, validation_plan

SIX_MONTHS = "response_by_six_months"


def validated(scenario, replicates=300, seed=None):
    plan = validation_plan(scenario, replicates, seed, "auto", where=scenario.name)
    return run(scenario, replicates=plan.replicates, seed=plan.seed, published_size=plan.published_size)


def rows_of(result):
    return {row.estimate.name: row for row in published_rows(result)}


@pytest.fixture(scope="module")
def anaemia(tmp_path_factory):
    """The trial of 17 with a count of 45 that was made up: 12/45 in place of 21/45."""
    file = tmp_path_factory.mktemp("made_up") / "made_up.yaml"
    file.write_text(f"extends: maa_daclizumab\ntitle: Made up\npublished:\n  {SIX_MONTHS}: {{value: 12/45}}\n")
    return validated(load(str(file)))


class TestDenominators:
    def test_a_count_of_45_is_judged_among_trials_of_45(self, anaemia):
        """12 of 45 is inside among trials of 16 and outside among trials of 45, which is what was published."""
        as_simulated = anaemia.estimates[SIX_MONTHS]
        assert as_simulated.lo <= 12 / 45 <= as_simulated.hi
        row = rows_of(anaemia)[SIX_MONTHS]
        assert (row.size, row.verdict, row.within_error) == (45, "outside", False)
        assert numbers.verdict(anaemia).count("Outside:") == 1

    def test_every_trial_counts_exactly_so_many(self, anaemia):
        """Shares move in steps of 1/N, and their mean is that of all trials, within its error."""
        for name, row in rows_of(anaemia).items():
            assert row.size == row.published.denominator, name
            trials = shares_of(name, row.size, (anaemia.enlarged or anaemia).sums[name], anaemia.seed)
            trials = trials[~np.isnan(trials)]
            assert np.allclose(trials * row.size, np.rint(trials * row.size)), name
            assert len(trials) > 0.95 * anaemia.replicates, name
            whole = anaemia.estimates[name]
            error = np.hypot(trials.std() / np.sqrt(len(trials)), whole.mcse)
            assert abs(trials.mean() - whole.value) < 4.5 * error, name

    def test_the_range_is_that_of_independent_patients(self, anaemia):
        """Patients here owe nothing to each other: the ends of 45 are those of a binomial, one patient more or less."""
        row, p = rows_of(anaemia)[SIX_MONTHS], anaemia.estimates[SIX_MONTHS].value
        for end, share in ((row.range.lo, 0.05), (row.range.hi, 0.95)):
            assert abs(45 * end - binom.ppf(share, 45, p)) <= 1.01

    @settings(max_examples=25, deadline=None)
    @given(st.integers(1, 12), st.integers(0, 12), st.integers(0, 2**31))
    def test_members_are_drawn_as_from_an_urn(self, size, meets, seed):
        """Of m members of whom k meet it, N are drawn without replacement: all of them where N is m."""
        members = 12
        sums = np.tile([float(meets), float(members)], (200, 1))
        trials = shares_of("e", size, sums, seed)
        counts = np.arange(size + 1)
        chances = hypergeom.pmf(counts, members, meets, size)
        mean = (counts * chances).sum()
        variance = (counts**2 * chances).sum() - mean**2
        assert abs(trials.mean() * size - mean) <= 5.0 * np.sqrt(max(variance, 0.0) / 200) + 1e-6
        assert (shares_of("e", members, sums, seed) == meets / members).all()
        assert np.isnan(shares_of("e", members + 1, sums, seed)).all()

    def test_what_exactly_all_trials_count_takes_no_other_run(self):
        """Where every trial counts as many as were published its own trials judge, and their range is the run's."""
        scenario = load("ms_daclizumab")
        plan = of_published_size(scenario, scenario.seed, "auto")
        assert {"adverse_events", "stopped_for_adverse_event"} == plan.own
        assert plan.sizes["controlled_on_monotherapy"] == 13
        assert plan.enlarged is not None
        assert 15 < plan.enlarged.trial.cohort.size < 22
        result = validated(scenario, 60)
        for name in plan.own:
            assert rows_of(result)[name].estimate.lo == result.estimates[name].lo

    def test_where_it_cannot_be_done_the_row_says_so(self, tmp_path):
        """A denominator that takes too large a cohort is judged as before, and a warning says why."""
        file = tmp_path / "odd.yaml"
        file.write_text(f"extends: maa_daclizumab\ntitle: Odd\npublished: {{{SIX_MONTHS}: {{value: 1/99999}}}}\n")
        result = validated(load(str(file)), 20)
        row = rows_of(result)[SIX_MONTHS]
        assert row.size is None
        assert row.estimate.lo == result.estimates[SIX_MONTHS].lo
        (line,) = [line for line in numbers.warnings_of([row]) if "not of that size" in line]
        assert "in place of 17" in line

    def test_looks_belong_to_one_size(self):
        """A trial with looks at its data is not enlarged."""
        scenario = load("ms_daclizumab")
        looked = dataclasses.replace(scenario, interim=load("ms_group_sequential").interim)
        plan = of_published_size(looked, scenario.seed, "auto")
        assert "looks" in plan.not_possible["controlled_on_monotherapy"]
        assert plan.enlarged is None
        assert MOST_TIMES > 1


class TestOneDatum:
    def test_nine_and_four_of_thirteen_count_once(self):
        """9/13 and 4/13 are one datum: of the five published rows four count."""
        result = run(load("ms_daclizumab"), replicates=60)
        rows = published_rows(result)
        assert (len(rows), len(data(rows))) == (5, 4)
        told = numbers.verdict(result)
        assert "All 4 published results" in told
        assert "Counted as one datum: 9/13 and 4/13" in told

    @pytest.mark.parametrize(
        ("same", "why"),
        [
            ("controled_on_monotherapy", "controlled_on_monotherapy"),
            ("adverse_events", "name that one"),
        ],
    )
    def test_faults(self, tmp_path, same, why):
        """A name that nothing has, and a datum that points elsewhere itself, are faults at their line."""
        file = tmp_path / "fault.yaml"
        file.write_text(
            "extends: ms_daclizumab\ntitle: F\npublished:\n  needed_combination_again:\n"
            f"    same as: {same}\n  adverse_events: {{same as: stopped_for_adverse_event}}\n"
        )
        with pytest.raises(ScenarioError) as error:
            load(str(file))
        (fault,) = error.value.faults
        assert why in fault.message
        assert fault.line == 5


class TestEnds:
    @pytest.mark.parametrize("share", [0.05, 0.95])
    @pytest.mark.parametrize("number", [20, 200, 2000])
    def test_the_interval_of_an_end_covers_the_true_quantile(self, number, share):
        """The number below a quantile is binomial: between the ranks it lies with 95 % at least, not much more."""
        low, high = ranks(number, share)
        held = binom.cdf(high - 1, number, share) - binom.cdf(low - 1, number, share)
        assert 0.95 <= held <= (0.99 if number == 20 else 0.975)

    def test_an_end_moves_within_its_error(self):
        """Of 400 studies of 200 trials each, the interval holds the true 5 % point in about 95 %."""
        rng = np.random.default_rng(5)
        found = [range_of(rng.normal(size=200)).lo_error for _ in range(400)]
        held = np.mean([low <= -1.6448536 <= high for low, high in found])
        assert 0.92 <= held <= 0.99

    def test_a_range_of_counts_says_what_it_holds(self):
        """The 5-95 % range of a binomial of 15 patients holds more than 90 %, and says how much: the exact sum."""
        trials = binom.rvs(15, 0.3, size=20_000, random_state=np.random.default_rng(1)) / 15
        found = range_of(trials)
        exact = binom.cdf(round(15 * found.hi), 15, 0.3) - binom.cdf(round(15 * found.lo) - 1, 15, 0.3)
        assert found.holds == pytest.approx(exact, abs=0.01)
        assert found.holds > 0.92

    def test_a_verdict_that_could_turn_is_warned_about(self):
        """A value just inside the 5 % end is inside, but within the error of the end; far inside nothing is said."""
        result = run(load("ms_daclizumab"), replicates=200)
        name = "new_cel_inhibition"
        (row,) = [r for r in published_rows(result) if r.estimate.name == name]
        assert row.range is not None
        assert not row.within_error
        near = dataclasses.replace(row.published, value=row.range.lo + 1e-6)
        close = dataclasses.replace(row, published=near, estimate=dataclasses.replace(row.estimate, published=near))
        assert close.within_error
        (line,) = numbers.warnings_of([close])
        assert "inside, but within the error of the end" in line

    def test_replicates_enough_for_the_ends(self):
        """Two thousand trials of 15, fewer of a large cohort, never fewer than the scenario's own."""
        assert validated_replicates(load("ms_daclizumab")) == 2000
        large = load("ms_large")
        assert validated_replicates(large) == max(large.replicates, 100_000 // large.trial.cohort.size)
        with pytest.raises(UsageError):
            validation_plan(load("ms_daclizumab"), 0, None, "auto", where="x")
