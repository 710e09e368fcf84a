"""Every threshold at once: the curve equals the runs, and what the rule is worth has known answers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from scipy import stats

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.threshold_rule import ThresholdRule, threshold_rule
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.estimation.estimate import as_json

REPLICATES = 60


@functools.cache
def curve(name: str = "ms_daclizumab") -> ThresholdCurve:
    return thresholds(protocolsim.load(name), replicates=REPLICATES)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 2 / 3, 0.75, 1.0])
def test_the_curve_is_the_run_at_each_threshold(threshold):
    """At any threshold every estimate, its error and its range equal those of the run at that setting, exactly."""
    scenario = protocolsim.load("ms_daclizumab", set={"response_threshold": threshold})
    ran = protocolsim.run(scenario, replicates=REPLICATES).summary()["estimates"]
    at = curve().at(threshold)
    # An endpoint that the threshold itself defines has no curve, nor has a test of a whole trial.
    assert set(ran) - set(at) == {"rule_means_zero", *scenario.analyses}
    assert {n: as_json(at[n]) for n in ran if n in at} == {n: e for n, e in ran.items() if n in at}
    assert at["share_sent"].value == ran["assigned_monotherapy"]["value"]


def test_the_frame_is_the_curve_at_its_thresholds():
    """The frame, which adds only what changes from one threshold to the next, equals the curve asked one by one."""
    wanted = np.array([0.9, 0.1, 0.75, 0.4])
    frame = curve().frame(wanted)
    assert frame.threshold.unique().tolist() == sorted(wanted.tolist())
    for threshold in wanted:
        rows: Any = frame[frame.threshold == threshold]
        at = curve().at(float(threshold))
        for row in rows.itertuples():
            expected = at[row.estimate]
            np.testing.assert_array_equal(
                [row.value, row.mcse, row.lo, row.hi, row.median],
                [expected.value, expected.mcse, expected.lo, expected.hi, expected.median],
            )


def test_sensitivity_and_the_others_from_the_tables():
    """Sensitivity, specificity and predictive values equal those counted from the tables of a run."""
    ran = protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=REPLICATES)
    key = ["replicate", "subject"]
    decided = ran.moves[(ran.moves.from_state == "combination") & (ran.moves.trigger == "end")]
    both = decided.merge(ran.subjects, on=key)
    passed, true = both.to_state == "monotherapy", both.truth_long_run_rate_ratio < 0.25
    at = curve().at(0.75)
    assert at["sensitivity"].value == pytest.approx((passed & true).sum() / true.sum())
    assert at["specificity"].value == pytest.approx((~passed & ~true).sum() / (~true).sum())
    assert at["predictive_value_positive"].value == pytest.approx((passed & true).sum() / passed.sum())
    assert at["predictive_value_negative"].value == pytest.approx((~passed & ~true).sum() / (~passed).sum())


def test_what_follows_the_decision_from_the_tables():
    """Expected count, dose and probability of stopping equal plain sums over the tables; the loss weighs them."""
    ran = protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=REPLICATES)
    moves: Any = ran.moves[(ran.moves.from_state == "combination") & (ran.moves.trigger == "end")]
    decided = moves.set_index(["replicate", "subject"]).day
    doses: Any = ran.doses.join(decided.rename("decided"), on=["replicate", "subject"], how="inner")
    seen: Any = ran.observations[ran.observations.variable == "new_cel"]
    seen = seen.join(decided.rename("decided"), on=["replicate", "subject"], how="inner")
    seen = seen[(seen.day > seen.decided) & (seen.day <= seen.decided + 280)]
    own = seen.groupby(["replicate", "subject"]).truth.mean() * 10  # scans every 4 weeks, ten times 4 weeks
    # Doses until the last scan seen, per week until then, over 40 weeks: as the counts, whether or not a patient stops.
    last = (seen.day - seen.decided).groupby([seen.replicate, seen.subject]).max()
    doses = doses.join(last.rename("last"), on=["replicate", "subject"], how="inner")
    until = doses[(doses.day >= doses.decided) & (doses.day < doses.decided + doses["last"])]
    given = (until.groupby(["replicate", "subject"]).dose.sum() * 280 / last).mean()
    at = curve().at(0.75)
    stop = 1 - np.exp(-0.009 * 10)
    assert at["expected_dose"].value == pytest.approx(given)
    assert at["expected_count"].value == pytest.approx(own.mean(), rel=1e-6)
    assert at["expected_stop"].value == pytest.approx(stop)
    everybody = at["expected_count"].value + 10 * stop + 0.1 * given
    assert at["expected_loss"].value == pytest.approx(everybody)


def test_without_a_price_more_drug_is_always_better():
    """With weights of zero the loss is smallest where everybody is doubled; with a high price of dose it is not."""
    free = thresholds(
        protocolsim.load("ms_daclizumab", set={"weight_of_stopping": 0, "weight_of_dose": 0}), replicates=REPLICATES
    ).frame()
    dear = thresholds(protocolsim.load("ms_daclizumab", set={"weight_of_dose": 2}), replicates=REPLICATES).frame()
    best: Any = [f[f.estimate == "expected_loss"].set_index("threshold").value.idxmin() for f in (free, dear)]
    assert best[0] == 1.0
    assert best[1] < 1.0


STILL = """
title: two scans far apart
parameters:
  bound: {value: 50 %, range: [0 %, 100 %], meaning: the bound}
cohort: {size: 4000, disease: relapsing_ms, activity_sd: 0, referral_excess: 0 %}
protocol:
  summaries:
    before: {first of: cel}
    now: {last of: cel}
    fall: 1 - now / before
  states:
    watched:
      enrolled: true
      assessments: {mri: {weeks: [0, 60]}}
      lasts: 60 weeks
    passed: {final: passed}
    failed: {final: failed}
  transitions:
    - {from: watched, to: passed, when: fall > bound}
    - {from: watched, to: failed, otherwise: true}
"""


def test_counts_of_a_still_disease_pass_as_two_poisson_draws():
    """Without drug, flare or waxing, two scans far apart are independent Poisson draws given the patient's rate."""
    scenario = build(parse(STILL, "still.yaml"))
    found = thresholds(scenario, replicates=5)
    p, mean, spread = 0.2, 1.2, 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    rates = np.exp(np.log(mean) - spread**2 / 2 + spread * nodes) / (1 - p)
    counts = np.arange(400)
    density = stats.poisson.pmf(counts[:, None], rates)  # [count, rate]
    below = np.cumsum(density, axis=0)
    for bound in (0.0, 0.3, 0.5, 0.75, 0.9):
        # now / before < 1 - bound, strictly, values within 1e-9 counting as equal
        most = np.ceil(counts * (1 - bound) - 1e-6).astype(int) - 1
        passes = np.where(most[1:, None] >= 0, below[np.maximum(most[1:], 0)], 0.0)
        expected = ((density[1:] * passes).sum(axis=0) * weights).sum() / weights.sum()
        at = found.at(bound)["share_sent"]
        assert at.value == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 20000) + 1e-6)


@pytest.mark.parametrize(
    ("parameter", "why"),
    [
        ("rescue_level", "longer rule"),
        ("eligible_cels", "longer rule"),
        ("daclizumab_dose", "more than the bound"),
        ("weight_of_dose", "changes nothing that happens"),
        ("response_treshold", "did you mean 'response_threshold'"),
    ],
)
def test_what_is_no_threshold_is_refused(parameter, why):
    """A parameter that is more than the bound of one rule is refused with the reason."""
    with pytest.raises(UsageError, match=why):
        thresholds(protocolsim.load("ms_daclizumab"), parameter, replicates=1)


def test_a_rule_about_enrolment_is_no_threshold():
    """A rule that decides which subjects are enrolled lets others take the places."""
    text = STILL.replace("enrolled: true", "enrolled: false").replace(
        "    passed: {final: passed}", "    in: {enrolled: true, lasts: 1 week}\n    passed: {final: passed}"
    )
    text = text.replace("to: passed, when", "to: in, when") + "    - {from: in, to: passed}\n"
    found = threshold_rule(build(parse(text, "entry.yaml")), "bound")
    assert isinstance(found, str)
    assert "which subjects are enrolled" in found


@pytest.mark.parametrize(
    ("rule", "op"), [("fall > bound", ">"), ("bound < fall", ">"), ("fall >= bound", ">="), ("bound > fall", "<")]
)
def test_either_side_may_hold_the_bound(rule, op):
    """The threshold may stand on either side of the comparison."""
    found = threshold_rule(build(parse(STILL.replace("fall > bound", rule), "side.yaml")))
    assert isinstance(found, ThresholdRule)
    assert found.op == op


ANYWHERE = """
title: T
parameters:
  cut: {value: 50 %, range: [0 %, 100 %], meaning: what must be exceeded}
  other: {value: 1, meaning: x}
cohort: {size: 30, disease: relapsing_ms, arrives_on: nothing, dropout: 0.2 % / week}
protocol:
  summaries:
    before: {mean of: cel, during: first}
    now: {last of: cel}
    fall: 1 - now / before
  states:
    first: {enrolled: true, assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    passed: {assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    failed: {assessments: {mri: {every: 4 weeks}}, lasts: 12 weeks}
    done: {final: done}
    gone: {final: gone}
  transitions:
    - {from: first, to: passed, when: fall > cut}
    - {from: first, to: failed, otherwise: true}
    - {from: [passed, failed], to: done}
    - {from: on study, to: gone, upon: dropout}
populations:
  part: {of: some, ended_in: done}
  some: {of: enrolled, where: age > 20}
endpoints:
  passed: {kind: share, entered: passed}
  of_part: {kind: share, entered: passed, among: part}
  low: {kind: share_of_values, variable: cel, during: [passed, failed], at_most: 2, among: some}
  between: {kind: contrast, of: low, arm: passed, against: failed}
  level: {kind: level, variable: cel, during: [passed, failed], among: part}
"""


@pytest.mark.parametrize(
    ("was", "becomes", "left_out"),
    [
        ("where: age > 20", "where: age > 20", set()),
        ("where: age > 20", "where: fall > cut", {"of_part", "low", "level"}),
        ("of: some, ended_in", "of: some, where: fall < cut, ended_in", {"of_part", "level"}),
        ("at_most: 2", "at_most: 2 * cut", {"low"}),
        ("at_most: 2", "at_least: cut, at_most: 2", {"low"}),
        ("other: {value: 1,", "other: {value: 1 + cut,", None),
        ("lasts: 12 weeks}\n    failed", "lasts: 12 weeks * cut + 4 weeks}\n    failed", None),
        ("dropout: 0.2 % / week", "dropout: cut / 100 weeks", None),
        ("1 - now / before", "cut - now / before", None),
        ("{from: [passed, failed], to: done}", "{from: [passed, failed], choose: {done: cut, gone: otherwise}}", None),
    ],
)  # fmt: skip
def test_wherever_the_threshold_stands_the_curve_is_the_run_or_is_not_shown(was, becomes, left_out):
    """What a threshold defines, or whom it counts, has no curve; where it steers more than its rule there is none."""
    text = ANYWHERE.replace(was, becomes, 1)
    assert was == becomes or text != ANYWHERE
    scenario = build(parse(text, "t.yaml"))
    if left_out is None:
        with pytest.raises(UsageError, match="a sweep over it answers instead"):
            thresholds(scenario, "cut", replicates=4)
        return
    found = thresholds(scenario, "cut", replicates=4)
    for cut in (0.1, 0.5, 0.8):
        ran = protocolsim.run(scenario, set={"cut": cut}, replicates=4).summary()["estimates"]
        at = found.at(cut)
        of_contrasts = {n for n in ran if n.startswith("contrast[")}
        assert set(ran) - set(at) - of_contrasts == left_out | ({"between"} if "low" in left_out else set())
        assert {n: as_json(at[n]) for n in ran if n in at} == {n: e for n, e in ran.items() if n in at}
