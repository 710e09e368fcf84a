"""Contrasts between arms: intervals against published examples and other libraries, and what holds over trials."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind

from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.between_arms.intervals import delta, katz, newcombe, woolf
from protocolsim.endpoint.between_arms.repeated import beside
from protocolsim.endpoint.contrast import Contrast
from protocolsim.endpoint.level import Level
from protocolsim.endpoint.reduction import Reduction
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.subjects.population import populations
from protocolsim.endpoint.subjects.rows import arms
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.records import Records
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load_text
from protocolsim.study.estimation.endpoint_sums import EndpointSums
from protocolsim.study.estimation.estimate import estimate
from protocolsim.study.run import run
from protocolsim.study.sweep.sweep import sweep
from tests.analysis.test_analysis import TWO_ARMS, parts, trials
from tests.support import toys

BETWEEN: dict[str, Any] = {"arm": ("rescued",), "against": ("treated",)}
LATE = ("treated", "rescued")
SHARE = Share(name="s", label="S", ended_in=("completed",))
MEAN = Level(name="m", label="M", variable="count", during=LATE)
FALL = Reduction(name="r", label="R", variable="count", baseline=("baseline",), during=LATE)
RATE = TimeTo(name="t", label="T", start=LATE, to=("completed",))
KINDS = [
    (SHARE, "difference"), (SHARE, "ratio"), (SHARE, "odds ratio"), (MEAN, "difference"), (MEAN, "ratio"),
    (FALL, "difference"), (FALL, "rate ratio"), (RATE, "rate ratio"), (RATE, "difference"),
    (dataclasses.replace(FALL, reading="mean of patients"), "difference"),
    (dataclasses.replace(MEAN, reading="sd"), "ratio"),
]  # fmt: skip
every = pytest.mark.parametrize(("of", "measure"), KINDS, ids=lambda x: x if isinstance(x, str) else x.kind)


def a_contrast(of: Endpoint, measure: Any = "difference", **changes: Any) -> Contrast:
    return Contrast(**({"name": "c", "label": "C", "of": of, "measure": measure} | BETWEEN | changes))


def sums_of(endpoint: Any, records: Records) -> Any:
    return endpoint.sums(records, populations(records, {}))


@cache
def some_trials() -> Records:
    return trials(12, mean=4.0, completes=0.8)


def interval(method: Any, *cells: int) -> Any:
    """The 95 % interval of one trial with these cells."""
    return method(*(np.array([float(cell)]) for cell in cells), 0.95)


class TestIntervals:
    @pytest.mark.parametrize(
        ("cells", "known"),
        [
            ((56, 70, 48, 80), (0.0524, 0.3339)),
            ((9, 10, 3, 10), (0.1705, 0.8090)),
            ((10, 10, 0, 20), (0.6791, 1.0000)),
            ((10, 10, 0, 10), (0.6075, 1.0000)),
        ],
    )
    def test_newcombe(self, cells, known):
        """The examples of Newcombe 1998 (Stat Med 17:873-90, table II, method 10)."""
        found = interval(newcombe, *cells)
        assert (found.low[0], found.high[0]) == pytest.approx(known, abs=5e-5)

    def test_ratios_are_log_normal(self):
        """Katz and Woolf against their textbook formulas, and no interval where a cell is empty."""
        rr, odds = interval(katz, 30, 100, 15, 90), interval(woolf, 30, 100, 15, 90)
        half = 1.959964 * np.sqrt(1 / 30 - 1 / 100 + 1 / 15 - 1 / 90)
        assert (rr.low[0], rr.high[0]) == pytest.approx((1.8 * np.exp(-half), 1.8 * np.exp(half)), rel=1e-6)
        ratio, half = 30 * 75 / (70 * 15), 1.959964 * np.sqrt(1 / 30 + 1 / 70 + 1 / 15 + 1 / 75)
        assert (odds.low[0], odds.high[0]) == pytest.approx((ratio * np.exp(-half), ratio * np.exp(half)), rel=1e-6)
        assert np.isnan([interval(katz, 0, 10, 3, 10).low[0], interval(woolf, 0, 10, 3, 10).high[0]]).all()

    def test_of_means_it_is_welchs(self):
        """Of each trial the interval of a difference of means is SciPy's of Welch's test, to nine digits."""
        records = some_trials()
        known = populations(records, {})
        own, arm = MEAN.own_values(records, known), arms(records, **BETWEEN)
        found = a_contrast(MEAN, confidence=0.9).interval(sums_of(a_contrast(MEAN), records))
        for k in range(records.replicates):
            mine = records["subjects"]["replicate"] == k
            ours = ttest_ind(own[mine & (arm == 1.0)], own[mine & (arm == 0.0)], equal_var=False)
            expected = ours.confidence_interval(0.9)
            assert (found.low[k], found.high[k]) == pytest.approx((expected.low, expected.high), rel=1e-7)

    def test_the_delta_method_is_a_bootstrap(self):
        """The standard error of a pooled reduction is that of drawing its subjects with replacement."""
        rng = np.random.default_rng(2)
        size = 400
        own = np.column_stack([rng.poisson(2.0, size), np.ones(size), rng.poisson(5.0, size), np.ones(size)]) * 1.0
        arm = delta(FALL.value, own.sum(axis=0), own.T @ own, np.array(float(size)))
        drawn = np.array([FALL.value(own[rng.integers(0, size, size)].sum(axis=0)) for _ in range(3000)])
        assert float(np.sqrt(arm.variance)) == pytest.approx(drawn.std(), rel=0.06)


class TestLaws:
    @every
    def test_identical_arms_are_null(self, of, measure):
        """The contrast of an arm with itself is 0 or 1, and its interval holds that."""
        contrast = a_contrast(of, measure)
        sums = sums_of(contrast, some_trials())
        half = sums.shape[1] // 2
        twice = np.concatenate([sums[:, :half], sums[:, :half]], axis=1)
        each = contrast.interval(twice)
        has = ~np.isnan(each.low)
        assert has.sum() >= 6
        assert contrast.value(twice)[has] == pytest.approx(contrast.null)
        assert ((each.low < contrast.null) & (contrast.null < each.high))[has].all()

    @every
    def test_exchanged_arms_are_the_other_way_round(self, of, measure):
        """Arms exchanged turn the sign of a difference and invert a ratio, with the ends of the interval."""
        here = a_contrast(of, measure)
        there = a_contrast(of, measure, arm=BETWEEN["against"], against=BETWEEN["arm"])
        turned = (lambda x: -x) if measure == "difference" else (lambda x: 1.0 / x)
        sums, back = sums_of(here, some_trials()), sums_of(there, some_trials())
        has = ~np.isnan(here.interval(sums).low)
        assert there.value(back)[has] == pytest.approx(turned(here.value(sums)[has]))
        assert there.interval(back).low[has] == pytest.approx(turned(here.interval(sums).high[has]), rel=1e-6)

    @every
    def test_it_is_the_contrast_of_both_arms(self, of, measure):
        """Over all trials it is the endpoint among one arm minus, or over, the endpoint among the other."""
        records = some_trials()
        known = populations(records, {})
        arm = arms(records, **BETWEEN)
        known |= {"one": known["enrolled"] & (arm == 1.0), "other": known["enrolled"] & (arm == 0.0)}

        def among(who: str) -> float:
            narrowed = dataclasses.replace(of, among=who)
            total = narrowed.sums(records, known).sum(axis=0)
            if measure == "rate ratio" and isinstance(of, Reduction):
                return float(total[0] / total[1])
            value = float(narrowed.value(total))
            return value / (1.0 - value) if measure == "odds ratio" else value

        contrast = a_contrast(of, measure)
        found = float(contrast.value(sums_of(contrast, records).sum(axis=0)))
        expected = among("one") - among("other") if measure == "difference" else among("one") / among("other")
        assert found == pytest.approx(expected)

    @every
    def test_a_trial_in_parts_is_the_same_trial(self, of, measure):
        """A replicate that comes in parts has the value, interval, coverage and bias of the whole one."""
        records = some_trials()
        contrast = a_contrast(of, measure)
        reported = {"c": contrast, **beside([contrast])}
        whole, cut = EndpointSums(reported, {}), EndpointSums(reported, {})
        whole.add(records)
        for trial in range(records.replicates):
            for part in parts(records, trial, 24):
                cut.add(part)
        for name, endpoint in reported.items():
            ours, theirs = (estimate(endpoint, tally.sums()[name]) for tally in (whole, cut))
            assert repr(ours) == repr(theirs)

    def test_its_population_narrows(self):
        """With a population of its own, only its members count in either arm."""
        records = some_trials()
        nobody = {"nobody": np.zeros(len(records["subjects"]["subject"]), dtype=bool)}
        contrast = a_contrast(MEAN, among="nobody")
        assert np.isnan(contrast.value(contrast.sums(records, populations(records, {}) | nobody))).all()

    @pytest.mark.parametrize(
        ("of", "changes", "said"),
        [
            (a_contrast(MEAN), {}, "is a contrast itself"),
            (dataclasses.replace(MEAN, reading="median"), {}, "is a median"),
            (MEAN, {"measure": "odds ratio"}, "an odds ratio is of a share of subjects"),
            (MEAN, {"measure": "rate ratio"}, "a rate ratio is of a rate by time_to or of a pooled reduction"),
            (MEAN, {"confidence": 95.0}, "the confidence, 95, is not between 0 and 1"),
        ],
    )
    def test_impossible_contrasts(self, of, changes, said):
        """What cannot be contrasted, or not so, is refused in words."""
        with pytest.raises(UsageError, match=said):
            a_contrast(of, **changes)


SHARES = """
endpoints:
  more: {kind: contrast, of: response, arm: active, against: control}
  odds: {kind: contrast, of: response, arm: active, against: control, measure: odds ratio}
  response: {kind: share, ended_in: responded}
published:
  more: {value: 12 %, role: checked, source: made up, mark: A}
"""


def of_shares(size: int) -> Any:
    protocol = "\n".join(f"  {line}" for line in TWO_ARMS.splitlines())
    text = toys.TEXT.format(protocol=protocol, cohort=f"  size: {size}", infusion="", pill="", drugs="")
    return build(parse(text + SHARES, "of_shares.yaml"), allow_plugins=True)


class TestOverTrials:
    def test_coverage_is_the_level_where_assumptions_hold(self):
        """Shares of 0.5 and 0.3: 95 % of intervals hold the difference, 0.2, and single trials are unbiased."""
        found = run(of_shares(160), replicates=1200).estimates
        assert found["more"].value == pytest.approx(0.2, abs=4.0 * found["more"].mcse)
        assert found["odds"].value == pytest.approx(7.0 / 3.0, abs=4.0 * found["odds"].mcse)
        for name in ("more", "odds"):
            covered = found[f"contrast[{name}][coverage]"]
            assert covered.value == pytest.approx(0.95, abs=4.0 * np.sqrt(0.95 * 0.05 / 1200))
            assert covered.mcse == pytest.approx(np.sqrt(covered.value * (1.0 - covered.value) / 1199), rel=1e-6)
        # Arms are of equal size in every trial, so that the mean of differences is the difference of all.
        assert abs(found["contrast[more][bias]"].value) < 1e-12

    def test_significant_trials_exaggerate(self):
        """With 25 subjects an arm the significant estimates are too high, by what the binomial law says of them."""
        found = run(of_shares(50), replicates=1500).estimates["contrast[more][bias_of_significant]"]
        rng = np.random.default_rng(6)
        k1, k0 = (rng.binomial(25, p, 200_000).astype(np.float64) for p in (0.5, 0.3))
        n = np.full(200_000, 25.0)
        each = newcombe(k1, n, k0, n, 0.95)
        significant = (each.low > 0.0) | (each.high < 0.0)
        expected = (k1 - k0)[significant].mean() / 25.0 - 0.2
        assert found.value == pytest.approx(expected, abs=4.0 * found.mcse)
        assert found.value - 4.0 * found.mcse > 0.05

    def test_they_are_reported_over_trials(self):
        """They have no range of single trials, stand beside no published value, and the contrast itself does."""
        found = run(of_shares(50), replicates=20).estimates
        assert [n for n, e in found.items() if e.over_trials] == [
            f"contrast[{name}][{what}]"
            for name in ("more", "odds")
            for what in ("coverage", "bias", "bias_of_significant")
        ]
        assert all(np.isnan(e.lo) for e in found.values() if e.over_trials)
        assert found["more"].percentile is not None

    def test_workers_change_nothing(self):
        """Coverage and bias are the same however the replicates were split."""
        here, there = (run(of_shares(30), replicates=40, workers=w).estimates for w in (1, 2))
        assert {n: repr(e) for n, e in here.items()} == {n: repr(e) for n, e in there.items()}

    def test_a_sweep_has_them(self):
        """At each value of a sweep there is a coverage, with the error of its difference."""
        frame = sweep(of_shares(30), {"cohort.size": "30,60"}, replicates=50)
        covered = frame[frame["estimate"] == "contrast[more][coverage]"]
        assert len(covered) >= 2
        assert covered["value"].between(0.8, 1.0).all()


BASE = """\
extends: ms_randomised
endpoints:
  more: {kind: contrast, of: passed_the_rule, arm: combination, against: placebo}
findings: ["More pass: {more}; {contrast[more][coverage]} of intervals hold it."]
"""
BAD = [
    ("of: passed_the_rule", "of: passed_the_rul", "endpoints.more.of", "did you mean 'passed_the_rule'"),
    ("of: passed_the_rule", "of: more", "endpoints.more.of", "'more' is of another endpoint itself"),
    ("of: passed_the_rule", "of: [a]", "endpoints.more.of", "expected the name of an endpoint"),
    ("of: passed_the_rule, ", "", "endpoints.more", "'of' is missing here"),
    ("arm: combination", "arm: combinaton", "endpoints.more.arm", "did you mean 'combination'"),
    ("placebo}", "placebo, measure: rate ratio}", "endpoints.more", "a rate ratio is of a rate by time_to"),
    ("placebo}", "placebo, measure: odds}", "endpoints.more.measure", "unknown choice 'odds'"),
    ("placebo}", "placebo, confidence: 2}", "endpoints.more", "the confidence, 2, is not between 0 and 1"),
    ("of: passed_the_rule", "of: new_cel_inhibition_median", "endpoints.more", "is a median, of which there is no con"),
]


class TestScenario:
    def test_it_is_of_its_endpoints_population_and_quoted(self):
        """Without `among` it counts among those of its endpoint; a finding may quote its coverage."""
        scenario = load_text(BASE, "more.yaml")
        assert scenario.endpoints["more"].among == scenario.endpoints["passed_the_rule"].among
        assert "contrast[more][coverage]" in scenario.reported

    @pytest.mark.parametrize(("old", "new", "path", "message"), BAD)
    def test_faults(self, old, new, path, message):
        """Each fault is told at its line, with what was expected."""
        assert BASE.count(old) == 1
        with pytest.raises(ScenarioError) as refused:
            load_text(BASE.replace(old, new), "more.yaml")
        told = [f for f in refused.value.faults if message in f.message and f.path == path]
        assert told, refused.value
        assert told[0].line == 3
