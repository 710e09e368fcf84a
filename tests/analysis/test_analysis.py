"""Analyses of the trial: each test against something independent, and what every kind that is found keeps."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import binom, binomtest, hypergeom, nbinom, norm, wilcoxon

from protocolsim.analysis.base import Analysis, type_one_error
from protocolsim.analysis.before_after import BeforeAfter
from protocolsim.analysis.catalogue import kinds
from protocolsim.analysis.exact_binomial import ExactBinomial
from protocolsim.analysis.log_rank import LogRank
from protocolsim.analysis.non_inferiority import NonInferiority, restricted
from protocolsim.analysis.rate_ratio import RateRatio
from protocolsim.analysis.two_shares import TwoShares
from protocolsim.endpoint.level import Level
from protocolsim.endpoint.reduction import Reduction
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.subjects.population import Population, populations
from protocolsim.endpoint.subjects.rows import arms
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.records import TABLES, Records, concatenate
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.schema import OF_KIND, endpoint_fields
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.study.estimation.endpoint_sums import EndpointSums
from protocolsim.study.run import run
from protocolsim.study.sweep.sweep import sweep
from tests.endpoint.test_endpoint import Course, made_records
from tests.support import toys

OF: dict[str, Any] = {
    "reduction": Reduction(
        name="r", label="R", variable="count", baseline=("baseline",), during=("treated", "rescued")
    ),
    "level": Level(name="l", label="L", variable="count", during=("treated", "rescued")),
    "share": Share(name="s", label="S", ended_in=("completed",)),
    "time_to": TimeTo(name="t", label="T", start=("treated", "rescued"), to=("completed", "withdrawn")),
}


def an_analysis(kind: type[Analysis], **changes: Any) -> Any:
    """An analysis of any kind, from what its fields say they hold: `rescued` is one arm, `treated` the other."""
    values: dict[str, Any] = {"name": "a", "label": "A"}
    for field, (what, choices) in endpoint_fields(kind).items():
        if what.startswith(OF_KIND):
            values[field] = OF[what.removeprefix(OF_KIND).split(" or ")[0]]
        elif what == "states":
            values[field] = ("rescued",) if field == "arm" else ("treated",)
        elif what == "number" and field != "level":
            values[field] = 0.5 if kind.no_effect_is_null else 0.05
        elif what == "choice":
            values[field] = "two-sided" if "two-sided" in choices else choices[0]
    return kind(**(values | changes))


def a_course(
    rng: np.random.Generator, arm: str, mean: float = 2.0, completes: float = 0.5, weeks: float = 20.0
) -> Course:
    """A subject of one arm, whose counts have the same law before and after."""
    own = rng.gamma(2.0, mean / 2.0)
    seen = [("baseline", 4.0 * k, float(rng.poisson(own))) for k in range(3)]
    seen += [(arm, 12.0 + 4.0 * k, float(rng.poisson(own))) for k in range(3)]
    end = ("withdrawn", "completed")[int(rng.random() < completes)]
    stop = 26.0 + round(float(rng.exponential(weeks)), 2)
    return Course(path=(("baseline", 0), (arm, 12), (end, stop)), seen=tuple(seen))


@dataclasses.dataclass(frozen=True)
class Enrolled(Course):
    """Enrolled from whichever arm's state."""

    @property
    def enrolled(self) -> float | None:
        return 12.0


Courses = list[list[Course]]


def trials(number: int, size: int = 24, seed: int = 5, **other_arm: float) -> Records:
    """Trials of two arms of equal size; `other_arm` changes what holds of `rescued`."""
    rng = np.random.default_rng(seed)
    made: Courses = []
    for _ in range(number):
        courses = [a_course(rng, "treated") if k % 2 else a_course(rng, "rescued", **other_arm) for k in range(size)]
        made.append([Enrolled(c.path, c.seen) for c in courses])
    return made_records(made)


@cache
def without_effect() -> Records:
    return trials(400)


def verdicts(analysis: Analysis, records: Records) -> np.ndarray[Any, Any]:
    return analysis.sums(records, populations(records, {}))


def p_values(analysis: Analysis, records: Records) -> np.ndarray[Any, Any]:
    own = analysis.contributions(records, populations(records, {}))
    trial = records["subjects"]["replicate"] - records.first_replicate
    counted = ~np.isnan(own[:, 0])
    return analysis.p_values(own[counted], trial[counted], records.replicates)


def parts(records: Records, trial: int, size: int) -> list[Records]:
    """One trial of the records, in two parts as a large replicate comes."""
    found = []
    for low, high in ((0, size // 2), (size // 2, size)):
        tables = {}
        for name in TABLES:
            table = records[name]
            chosen = (table["replicate"] == trial) & (table["subject"] > low) & (table["subject"] <= high)
            tables[name] = {c: v[chosen] for c, v in table.items()}
        found.append(Records(records.labels, tables, trial, 1, whole=False))
    return found


@pytest.mark.parametrize("kind", kinds().values(), ids=kinds())
class TestEveryKind:
    def test_it_says_what_it_tests_and_of_whom(self, kind):
        """The sentence for a reader names the level, the population, and what becomes of who withdraws."""
        told = an_analysis(kind, level=0.025).counting
        assert "p <= 2.5 %" in told
        assert "enrolled" in told
        assert any(word in told for word in ("withdr", "leaving"))
        assert kind.__doc__
        assert all(word in kind.__doc__ for word in ("Population", "rescue", "ithdr", "missed", "Null hypothesis"))
        assert kind.meaning

    def test_without_an_effect_it_keeps_its_level(self, kind):
        """Where no effect is the null, trials without one reject no more often than the level and chance allow.

        Where the null hypothesis is a margin, trials without an effect are the alternative, and more than that reject.
        """
        for level in (0.05, 0.2):
            rejected = verdicts(an_analysis(kind, level=level), without_effect())[:, 0].mean()
            # The regression's Wald test is liberal in small trials: 24 subjects are few for its normal law.
            room = 0.03 if kind is RateRatio else 0.0
            limit = level + room + 3.0 * np.sqrt(level * (1.0 - level) / 400)
            assert (0.0 if kind.no_effect_is_null else level) < rejected
            assert rejected <= (limit if kind.no_effect_is_null else 1.0)

    def test_at_its_null_it_keeps_its_level(self, kind):
        """Where its own null hypothesis just holds, the level is kept within Monte Carlo error, and is made use of."""
        for level in (0.025, 0.1):
            rejected, _ = type_one_error(an_analysis(kind, level=level), subjects=120, trials=600)
            assert abs(rejected - level) <= 0.4 * level + 3.0 * np.sqrt(level * (1.0 - level) / 600)

    def test_levels_are_nested(self, kind):
        """What is rejected at a level is rejected at every higher one: the verdict is p against the level."""
        records = trials(40)
        p = p_values(an_analysis(kind), records)
        for level in (0.01, 0.1, 0.5):
            assert np.array_equal(verdicts(an_analysis(kind, level=level), records)[:, 0], p <= level)

    def test_a_trial_in_parts_is_the_same_trial(self, kind):
        """A large replicate that comes in parts is tested as a whole, as if it had come at once."""
        analysis = an_analysis(kind, level=0.5)
        few = trials(30)
        expected = verdicts(analysis, few)
        tally = EndpointSums({"a": analysis}, {})
        for trial in range(30):
            for part in parts(few, trial, 24):
                tally.add(part)
        assert np.array_equal(tally.sums()["a"], expected)
        assert 0.0 < expected[:, 0].sum() < 30.0

    def test_trials_do_not_touch_each_other(self, kind):
        """The verdict on a trial is the same alone as among others."""
        analysis = an_analysis(kind, level=0.5)
        few = trials(6)
        alone = np.concatenate([verdicts(analysis, concatenate(parts(few, t, 24))) for t in range(6)])
        assert np.array_equal(alone, verdicts(analysis, few))

    def test_nobody_is_no_rejection(self, kind):
        """A trial in which nobody counts does not reject, and counts as a trial."""
        nobody = made_records([[Course(path=(("baseline", 0), ("screen_failure", 8)))]])
        assert verdicts(an_analysis(kind), nobody).tolist() == [[0.0, 1.0]]

    def test_impossible_levels(self, kind):
        """A level is between 0 and 1."""
        for level in (0.0, 1.0, -0.05):
            with pytest.raises(UsageError, match="the level"):
                an_analysis(kind, level=level)


class TestBeforeAfter:
    @pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
    def test_against_every_change_of_signs(self, alternative):
        """Without ties p is the share of all 2^n changes of signs with a rank sum at least as extreme."""
        values = np.array([0.3, -1.1, 2.2, -0.7, 3.1, 4.0, -5.2, 6.5])
        ranks = np.argsort(np.argsort(np.abs(values))) + 1
        sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=8)]
        here = ranks[values > 0].sum()
        below, above = np.mean(np.array(sums) <= here), np.mean(np.array(sums) >= here)
        known = {"less": below, "greater": above, "two-sided": min(1.0, 2.0 * min(below, above))}[alternative]
        found = an_analysis(BeforeAfter, alternative=alternative).p_values(values[:, None], np.zeros(8, dtype=int), 1)
        assert found[0] == pytest.approx(known)

    def test_with_ties_it_is_the_normal_law(self):
        """With ties and zeros p is that of the normal approximation, corrected for ties and for continuity."""
        values = np.array([0.0, 1.0, 1.0, -1.0, 2.0, 3.0, 3.0, 5.0, 5.0, 5.0])
        ranks = np.array([2.0, 2.0, 2.0, 4.0, 5.5, 5.5, 8.0, 8.0, 8.0])
        n, above = 9, ranks[[0, 1, 3, 4, 5, 6, 7, 8]].sum()
        variance = n * (n + 1) * (2 * n + 1) / 24.0 - sum(t**3 - t for t in (3, 2, 3)) / 48.0
        z = (abs(above - n * (n + 1) / 4.0) - 0.5) / np.sqrt(variance)
        found = an_analysis(BeforeAfter).p_values(values[:, None], np.zeros(10, dtype=int), 1)
        assert found[0] == pytest.approx(2.0 * norm.sf(z))

    @pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
    def test_it_is_scipys_test(self, alternative):
        """Trials of every size, with and without ties and zeros, all at once: p is SciPy's of each, exact or normal."""
        rng = np.random.default_rng(8)
        rows = [rng.normal(0.3, 1.0, n) for n in [*range(1, 54), 200]]
        rows += [rng.integers(-4, 6, n).astype(float) for n in [*range(1, 30), 60, 200] for _ in range(4)]
        rows += [np.array([-1.0, 1.0]), np.array([2.0, 2.0]), np.array([0.0, 1.0, -2.0, 3.0])]
        p = np.empty(len(rows))
        for number, row in enumerate(rows):
            sizes = np.abs(row)
            exact = len(row) <= 50 and sizes.all() and len(np.unique(sizes)) == len(row)
            how = {"method": "exact" if exact else "asymptotic", "correction": not exact}
            p[number] = wilcoxon(row, alternative=alternative, **how).pvalue if row.any() else np.nan
        trial = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        mixed = rng.permutation(len(trial))
        analysis = an_analysis(BeforeAfter, alternative=alternative)
        found = analysis.p_values(np.concatenate(rows)[mixed, None], trial[mixed], len(rows))
        np.testing.assert_allclose(found, p, rtol=0.0, atol=1e-15)

    def test_only_those_seen_on_both_sides_count(self):
        """Rates are of made assessments; a baseline of zero counts, who was never seen later does not."""
        both = Course(seen=(("baseline", 0, 0.0), ("baseline", 4, None), ("treated", 16, 3.0)))
        never = Course(seen=(("baseline", 0, 2.0), ("treated", 16, None)))
        records = made_records([[both, never]])
        per_scan = dataclasses.replace(OF["reduction"], per="scan")
        own = an_analysis(BeforeAfter, of=per_scan).contributions(records, populations(records, {}))
        assert own[0, 0] == pytest.approx(3.0)
        assert np.isnan(own[1, 0])

    def test_a_fall_is_found_on_its_side_only(self):
        """Where rates fall in everybody, the test for a fall rejects and the test for a rise does not."""
        values = -np.arange(1.0, 9.0)[:, None]
        p = {
            a: an_analysis(BeforeAfter, alternative=a).p_values(values, np.zeros(8, dtype=int), 1)[0]
            for a in ("less", "greater")
        }
        assert (p["less"], p["greater"]) == (pytest.approx(2.0**-8), 1.0)

    def test_regression_to_the_mean_is_rejected_without_any_drug(self):
        """Of trials in which the drug does nothing, far more than 5 % reject, and more the larger they are."""
        frame = sweep("ms_no_drug", {"cohort.size": "15,45"}, replicates=120, seed=3)
        rates = frame[frame["estimate"] == "before_after_test"]
        assert (rates["value"] - 3.0 * rates["mcse"] > 0.05).all()
        small, large = rates["value"]
        assert large > small + 0.15


class TestExactBinomial:
    @pytest.mark.parametrize(("alternative", "tail"), [("greater", "sf"), ("less", "cdf")])
    def test_p_is_a_binomial_tail(self, alternative, tail):
        """One-sided p is the probability of so many or more (or fewer) at the target."""
        analysis = an_analysis(ExactBinomial, target=0.3, alternative=alternative)
        for k in range(14):
            column = np.array([1.0] * k + [0.0] * (13 - k))[:, None]
            known = binom.sf(k - 1, 13, 0.3) if tail == "sf" else binom.cdf(k, 13, 0.3)
            assert analysis.p_values(column, np.zeros(13, dtype=int), 1)[0] == pytest.approx(known)

    @pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
    @pytest.mark.parametrize("target", [0.02, 0.25, 1.0 / 3.0, 0.5, 0.9])
    def test_it_is_scipys_test(self, alternative, target):
        """p is SciPy's, for every count of some sizes, below and above the one from which on SciPy works it out."""
        analysis = an_analysis(ExactBinomial, target=target, alternative=alternative)
        for n in (1, 2, 7, 20, 100, 101):
            columns = np.concatenate([np.arange(n) < k for k in range(n + 1)]).astype(float)[:, None]
            found = analysis.p_values(columns, np.repeat(np.arange(n + 1), n), n + 1)
            known = [binomtest(k, n, target, alternative).pvalue for k in range(n + 1)]
            np.testing.assert_allclose(found, known, rtol=1e-12)

    def test_power_is_that_of_the_critical_value(self):
        """Of trials with a share of 0.6, as many reject a target of 0.3 as have the critical number."""
        records = trials(400, completes=0.6)
        analysis = an_analysis(ExactBinomial, target=0.3, level=0.05)
        rejected = verdicts(analysis, records)[:, 0].mean()
        # Half of the subjects complete with 0.5 (treated), half with 0.6 (rescued).
        critical = next(k for k in range(25) if binom.sf(k - 1, 24, 0.3) <= 0.05)
        total = np.convolve(binom.pmf(range(13), 12, 0.5), binom.pmf(range(13), 12, 0.6))
        power = total[critical:].sum()
        assert rejected == pytest.approx(power, abs=4.0 * np.sqrt(power * (1.0 - power) / 400))

    def test_a_target_is_a_share(self):
        """A target of 0, 1 or more cannot be tested against."""
        for target in (0.0, 1.0, 30.0):
            with pytest.raises(UsageError, match="the target"):
                an_analysis(ExactBinomial, target=target)


TWO_ARMS = """
summaries:
  drawn: {last of: chance}
randomisations: {arm: {between: {active: 1, control: 1}, block: 2}}
states:
  wait: {lasts: 1 days, assessments: {blood: {days: [0]}}}
  active: {enrolled: true, lasts: 2 days, assessments: {scan: {days: [1]}}}
  control: {enrolled: true, lasts: 2 days, assessments: {scan: {days: [1]}}}
  responded: {final: responded}
  failed: {final: failed}
transitions:
  - {from: wait, randomise: arm, otherwise: true}
  - {from: active, to: responded, when: drawn < 0.5}
  - {from: control, to: responded, when: drawn < 0.3}
  - {from: [active, control], to: failed, otherwise: true}
"""
ENDS = """
endpoints:
  response: {kind: share, ended_in: responded}
analysis:
  score: {kind: two_shares, of: response, arm: active, against: control, alternative: greater, level: 2.5 %}
  fisher: {kind: two_shares, of: response, arm: active, against: control, alternative: greater, level: 2.5 %, method: fisher}
"""  # noqa: E501 - a line of YAML


def two_arms(size: int):
    text = toys.TEXT.format(
        protocol="\n".join(f"  {line}" for line in TWO_ARMS.splitlines()),
        cohort=f"  size: {size}",
        infusion="",
        pill="",
        drugs="",
    )
    return build(parse(text + ENDS, "two_arms.yaml"), allow_plugins=True)


def exact_power(per_arm: int, p1: float, p0: float, rejects: Any) -> float:
    """The probability of all pairs of counts that a test rejects."""
    pairs = itertools.product(range(per_arm + 1), repeat=2)
    return float(sum(binom.pmf(a, per_arm, p1) * binom.pmf(b, per_arm, p0) for a, b in pairs if rejects(a, b)))


class TestTwoShares:
    @pytest.mark.slow
    @pytest.mark.parametrize("size", [100, 200])
    def test_textbook_power(self, size):
        """0.3 against 0.5, one-sided 2.5 %, n = 100 in all (and 100 in each arm): the power of the textbook.

        Within Monte Carlo error of all pairs of counts; the textbook's formula is the normal law of the same test.
        """
        per_arm = size // 2

        def z(a: int, b: int) -> float:
            pooled = (a + b) / size
            if pooled in (0.0, 1.0):
                return 0.0
            return float((a - b) / per_arm / np.sqrt(pooled * (1.0 - pooled) * 2.0 / per_arm))

        replicates = 1000
        result = run(two_arms(size), replicates=replicates, seed=8)
        known = {
            "score": exact_power(per_arm, 0.5, 0.3, lambda a, b: z(a, b) >= norm.isf(0.025)),
            "fisher": exact_power(per_arm, 0.5, 0.3, lambda a, b: hypergeom.sf(a - 1, size, a + b, per_arm) <= 0.025),
        }
        pooled, apart = np.sqrt(2.0 * 0.4 * 0.6 / per_arm), np.sqrt((0.5 * 0.5 + 0.3 * 0.7) / per_arm)
        textbook = norm.sf((norm.isf(0.025) * pooled - 0.2) / apart)
        assert known["score"] == pytest.approx(textbook, abs=0.03)
        for name, power in known.items():
            error = np.sqrt(power * (1.0 - power) / replicates)
            assert result.estimates[name].value == pytest.approx(power, abs=3.5 * error)
            assert result.estimates[name].mcse == pytest.approx(error, rel=0.15)

    def test_score_and_fisher_of_one_table(self):
        """Of 9/12 against 3/12 the score test is the normal law of the pooled share, Fisher's a hypergeometric tail."""
        meets = np.array([1.0] * 9 + [0.0] * 3 + [1.0] * 3 + [0.0] * 9)
        columns, trial = np.column_stack([meets, np.repeat([1.0, 0.0], 12)]), np.zeros(24, dtype=int)
        z = 0.5 / np.sqrt(0.5 * 0.5 * 2.0 / 12)
        for alternative, p in (("greater", norm.sf(z)), ("less", norm.cdf(z)), ("two-sided", 2 * norm.sf(z))):
            analysis = an_analysis(TwoShares, alternative=alternative)
            assert analysis.p_values(columns, trial, 1)[0] == pytest.approx(p)
        fisher = an_analysis(TwoShares, alternative="greater", method="fisher")
        assert fisher.p_values(columns, trial, 1)[0] == pytest.approx(hypergeom.sf(8, 24, 12, 12))

    def test_arms_are_the_states_entered(self):
        """Who entered neither arm, or both, is in no arm."""
        courses = [
            Course(path=(("baseline", 0), ("treated", 12), ("completed", 30))),
            Course(path=(("baseline", 0), ("rescued", 12), ("completed", 30))),
            Course(path=(("baseline", 0), ("treated", 12), ("rescued", 20), ("completed", 30))),
            Course(path=(("baseline", 0), ("screen_failure", 8))),
        ]
        found = arms(made_records([courses]), ("rescued",), ("treated",))
        assert found.tolist()[:2] == [0.0, 1.0]
        assert np.isnan(found[2:]).all()


class TestLogRank:
    def test_freireich(self):
        """Remission of 42 children with leukaemia (Freireich 1963): log-rank chi-square 16.79, as in every textbook."""
        mercaptopurine = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
        relapsed = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
        placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
        rows = [(t, r, 1.0) for t, r in zip(mercaptopurine, relapsed, strict=True)] + [(t, 1, 0.0) for t in placebo]
        columns = np.array(rows, dtype=np.float64)
        p = {
            a: an_analysis(LogRank, alternative=a).p_values(columns, np.zeros(42, dtype=int), 1)[0]
            for a in ("two-sided", "greater", "less")
        }
        assert norm.isf(p["two-sided"] / 2.0) ** 2 == pytest.approx(16.79, abs=0.01)
        assert p["less"] == pytest.approx(p["two-sided"] / 2.0)
        assert p["greater"] == pytest.approx(1.0 - p["less"])

    def test_times_and_censoring_are_the_records(self):
        """Minutes run from entering the arm's state to the state asked for, or to the end, which censors."""
        courses: list[Course] = [
            Enrolled(path=(("baseline", 0), ("treated", 12), ("completed", 30))),
            Enrolled(path=(("baseline", 0), ("rescued", 12), ("withdrawn", 20))),
        ]
        analysis = an_analysis(LogRank, of=dataclasses.replace(OF["time_to"], to=("completed",)))
        records = made_records([courses])
        own = analysis.contributions(records, populations(records, {}))
        assert own.tolist() == [[18 * 10080.0, 1.0, 0.0], [8 * 10080.0, 0.0, 1.0]]

    @pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
    def test_all_times_tied(self, alternative):
        """Where everybody gets there at one time, no test can be made, and no warning is given; nor does it reject."""
        columns = np.array([[7.0, 1.0, float(k % 3 == 0)] for k in range(10)])
        analysis = an_analysis(LogRank, alternative=alternative)
        assert np.isnan(analysis.p_values(columns, np.zeros(10, dtype=int), 1)).all()


@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("kind", sorted(kinds()))
def test_no_trial_is_too_small_for_a_test(kind, data):
    """Nobody, one subject, no event, all alike, all tied: a p between 0 and 1 or none, alone as among others."""
    field = endpoint_fields(kinds()[kind]).get("alternative")
    changes = {"alternative": data.draw(st.sampled_from(field[1]))} if field else {}
    analysis = an_analysis(kinds()[kind], **changes)
    # A few subjects, of whom each may stand in a trial several times: what is degenerate is common.
    few = analysis.at_null(np.random.default_rng(data.draw(st.integers(0, 20))), 5)
    drawn: list[list[int]] = data.draw(st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=3))
    together = few[[subject for subjects in drawn for subject in subjects]]
    trial = np.repeat(np.arange(len(drawn)), [len(subjects) for subjects in drawn])
    p = analysis.p_values(together, trial, len(drawn))
    assert p.shape == (len(drawn),)
    assert (np.isnan(p) | ((p >= 0.0) & (p <= 1.0 + 1e-12))).all()
    for k, subjects in enumerate(drawn):
        alone = analysis.p_values(few[subjects], np.zeros(len(subjects), dtype=np.int64), 1)
        assert np.array_equal(alone, p[[k]], equal_nan=True)


class TestNonInferiority:
    @pytest.mark.parametrize(("k1", "n1", "k0", "n0"), [(9, 12, 10, 14), (30, 60, 40, 61), (0, 10, 3, 9), (7, 7, 7, 8)])
    def test_shares_are_the_most_likely_ones_at_the_margin(self, k1, n1, k0, n0):
        """The share under the null hypothesis is where the likelihood is largest, found by search."""
        for margin in (0.05, 0.2):
            grid = np.linspace(1e-9, 1.0 - margin - 1e-9, 400_001)
            likelihood = binom.logpmf(k1, n1, grid) + binom.logpmf(k0, n0, grid + margin)
            one, other, ratio = (np.array([x]) for x in (k1 / n1, k0 / n0, n0 / n1))
            most = grid[likelihood.argmax()]
            assert restricted(one, other, ratio, -margin)[0] == pytest.approx(most, abs=5e-6)
            spread = np.sqrt(most * (1.0 - most) / n1 + (most + margin) * (1.0 - most - margin) / n0)
            meets = np.concatenate([np.arange(n1) < k1, np.arange(n0) < k0])
            columns = np.column_stack([meets, np.arange(n1 + n0) < n1]).astype(float)
            p = an_analysis(NonInferiority, margin=margin).p_values(columns, np.zeros(n1 + n0, dtype=int), 1)
            assert p[0] == pytest.approx(norm.sf((k1 / n1 - k0 / n0 + margin) / spread), abs=1e-3)

    def test_without_a_margin_it_is_the_score_test(self):
        """As the margin goes to zero the p is that of the score test of two shares with the pooled share."""
        rng = np.random.default_rng(4)
        columns = np.column_stack([rng.random(80) < 0.6, np.arange(80) % 3 == 0]).astype(float)
        trial = np.zeros(80, dtype=int)
        known = an_analysis(TwoShares, alternative="greater").p_values(columns, trial, 1)
        assert an_analysis(NonInferiority, margin=1e-9).p_values(columns, trial, 1) == pytest.approx(known, abs=1e-6)

    def test_lower_is_better_for_what_is_feared(self):
        """With `better: lower` the test of a share is that of its complement with `better: higher`."""
        rng = np.random.default_rng(4)
        columns = np.column_stack([rng.random(60) < 0.3, np.arange(60) % 2 == 0]).astype(float)
        complement = np.column_stack([1.0 - columns[:, 0], columns[:, 1]])
        trial = np.zeros(60, dtype=int)
        lower, higher = (an_analysis(NonInferiority, margin=0.1, better=b) for b in ("lower", "higher"))
        assert np.array_equal(lower.p_values(columns, trial, 1), higher.p_values(complement, trial, 1))

    def test_power_grows_with_the_margin_and_falls_with_the_loss(self):
        """A wider margin rejects whatever a narrower one does; an arm that is worse passes less often."""
        records, worse = trials(200), trials(200, completes=0.2)
        narrow, wide = (p_values(an_analysis(NonInferiority, margin=m), records) for m in (0.1, 0.3))
        assert (wide < narrow).all()
        passed = [
            verdicts(an_analysis(NonInferiority, margin=0.3, level=0.05), r)[:, 0].mean() for r in (records, worse)
        ]
        assert passed[1] < passed[0] - 0.1

    @pytest.mark.parametrize("better", ["higher", "lower"])
    def test_type_one_error_at_the_margin(self, better):
        """Of trials whose arm is worse by just the margin the level passes; of trials whose arm is as good, most do."""
        analysis = an_analysis(NonInferiority, margin=0.2, level=0.05, better=better)
        rejected, error = type_one_error(analysis, subjects=300, trials=4000)
        assert error == pytest.approx(np.sqrt(0.05 * 0.95 / 4000), rel=0.2)
        assert rejected == pytest.approx(0.05, abs=0.01 + 3.0 * error)
        equal = an_analysis(TwoShares).at_null(np.random.default_rng(1), 300 * 400)
        passed = analysis.added(equal, np.repeat(np.arange(400), 300), 400)
        assert analysis.value(passed.sum(axis=0)) > 0.9

    def test_impossible_margins(self):
        """A margin is between 0 and 1."""
        for margin in (0.0, 1.0, -0.1):
            with pytest.raises(UsageError, match="the margin"):
                an_analysis(NonInferiority, margin=margin)


class TestRateRatio:
    def test_against_the_likelihood_itself(self):
        """The p is that of the maximum of the negative binomial likelihood, found by another way, and its curvature."""
        rng = np.random.default_rng(3)
        arm = np.repeat([1.0, 0.0], 60)
        over = rng.uniform(0.5, 1.5, 120)
        mean = np.exp(1.0 - 0.6 * arm) * over
        counted = rng.poisson(mean * rng.gamma(2.0, 0.5, 120)).astype(float)

        def minus_log_likelihood(at):
            size = np.exp(-at[2])
            mu = np.exp(at[0] + at[1] * arm) * over
            return -nbinom.logpmf(counted, size, size / (size + mu)).sum()

        best = minimize(
            minus_log_likelihood,
            [0.5, 0.0, 0.0],
            method="Nelder-Mead",
            options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5000},
        )
        step = 1e-3 * np.eye(3)
        curvature = np.array([
            [
                (minus_log_likelihood(best.x + a + b) - minus_log_likelihood(best.x + a - b)
                 - minus_log_likelihood(best.x - a + b) + minus_log_likelihood(best.x - a - b)) / 4e-6
                for b in step
            ]
            for a in step
        ])  # fmt: skip
        z = best.x[1] / np.sqrt(np.linalg.inv(curvature)[1, 1])
        columns = np.column_stack([counted, over, arm])
        found = an_analysis(RateRatio).p_values(columns, np.zeros(120, dtype=int), 1)
        assert norm.isf(found[0] / 2.0) == pytest.approx(abs(z), rel=1e-3)
        less = an_analysis(RateRatio, alternative="less").p_values(columns, np.zeros(120, dtype=int), 1)
        assert less[0] == pytest.approx(found[0] / 2.0)

    def test_the_time_does_not_matter_by_its_unit(self):
        """Time counted in other units gives the same p: only the ratio is tested."""
        records = trials(3)
        analysis = an_analysis(RateRatio)
        own = analysis.contributions(records, populations(records, {}))
        trial = records["subjects"]["replicate"].astype(int)
        faster = own * np.array([1.0, 1e-6, 1.0])
        assert analysis.p_values(faster, trial, 3) == pytest.approx(analysis.p_values(own, trial, 3), rel=1e-4)

    def test_without_statsmodels_it_says_what_to_install(self, monkeypatch):
        """Where the library is missing the refusal names the analysis and the command."""
        monkeypatch.setitem(sys.modules, "statsmodels.discrete.discrete_model", None)
        with pytest.raises(UsageError, match=r"'a' is a negative binomial .* pip install 'protocolsim\[analysis\]'"):
            verdicts(an_analysis(RateRatio), trials(1))


BASE = """\
extends: ms_daclizumab
title: Analysed
analysis:
  before_after_test: null
  controlled_test: null
  mine: {kind: exact_binomial, of: controlled_on_monotherapy, target: 33 %, level: 5 %}
"""
BAD = [
    ("exact_binomial", "exact_binomail", "analysis.mine.kind", "did you mean 'exact_binomial'"),
    ("controlled_on_monotherapy", "controlled_on_monotherpy", "analysis.mine.of", "did you mean 'controlled_on_monoth"),
    (
        "controlled_on_monotherapy",
        "new_cel_inhibition",
        "analysis.mine.of",
        "is of kind reduction; expected one of kind sh",
    ),
    ("of: controlled_on_monotherapy", "of: [a]", "analysis.mine.of", "expected the name of an endpoint of kind share"),
    ("target: 33 %", "target: 3 weeks", "analysis.mine.target", "expected a plain number or a share"),
    ("target: 33 %", "target: 120 %", "analysis.mine", "the target, 1.2, is not between 0 and 1"),
    ("level: 5 %", "level: 5", "analysis.mine", "the level, 5, is not between 0 and 1"),
    ("level: 5 %", "levle: 5 %", "analysis.mine.levle", "did you mean 'level'"),
    (", target: 33 %", "", "analysis.mine", "'target' is missing here"),
    ("  mine:", "  nk_ratio:", "analysis.nk_ratio", "there is an endpoint 'nk_ratio' already"),
    ("exact_binomial", "two_shares", "analysis.mine.target", "unknown key of a 'two_shares' analysis 'target'"),
]


class TestScenario:
    @pytest.mark.parametrize(("old", "new", "path", "message"), BAD)
    def test_faults(self, tmp_path, old, new, path, message):
        """Each fault of the block is told at its line, with what was expected."""
        file = tmp_path / "analysed.yaml"
        assert BASE.count(old) == 1
        file.write_text(BASE.replace(old, new))
        with pytest.raises(ScenarioError) as refused:
            load(str(file))
        told = [f for f in refused.value.faults if message in f.message and f.path == path]
        assert told, refused.value
        assert told[0].line == 6

    def test_an_analysis_is_an_estimate(self, tmp_path):
        """It stands among the estimates with a Monte Carlo error that is the binomial's, and no range of one trial."""
        file = tmp_path / "analysed.yaml"
        file.write_text(BASE)
        result = run(load(str(file)), replicates=60)
        found = result.estimates["mine"]
        assert found.decides
        assert found.lo != found.lo
        assert found.mcse == pytest.approx(np.sqrt(found.value * (1.0 - found.value) / 59), rel=1e-6)
        assert result.summary()["estimates"]["mine"]["lo"] is None
        assert set(result.estimates) == set(load(str(file)).reported)

    def test_parameters_may_stand_in_it(self):
        """A target that is a parameter can be swept: the higher it is, the fewer trials pass it."""
        frame = sweep("ms_daclizumab", {"controlled_target": "20%,33%,60%"}, replicates=40)
        rates = frame[frame["estimate"] == "controlled_test"]["value"].to_list()
        assert rates == sorted(rates, reverse=True)
        assert rates[0] > rates[-1]

    def test_it_changes_no_number_of_the_trial(self):
        """Analyses look on: every endpoint is the same with them and without."""
        plain = load("ms_daclizumab", set={"analysis": {}, "findings": []})
        with_, without = run(load("ms_daclizumab"), replicates=5), run(plain, replicates=5)
        assert not without.scenario.analyses
        assert {n: e for n, e in with_.estimates.items() if not e.decides} == dict(without.estimates)


def test_populations_are_those_of_the_endpoint():
    """An analysis counts among the population of what it is of."""
    scenario = load("ms_daclizumab")
    for analysis in scenario.analyses.values():
        of: Any = getattr(analysis, "of")  # noqa: B009 - kinds have it, their base does not
        assert analysis.among == of.among
    assert isinstance(scenario.populations["evaluable"], Population)
