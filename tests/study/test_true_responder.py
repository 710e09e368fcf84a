"""Who is a true responder, what a rule is worth at other cuts, and counts and doses after a stop."""

from __future__ import annotations

import dataclasses
import html
import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from protocolsim.report.decision.console import print_thresholds
from protocolsim.report.decision.cut_table import rows
from protocolsim.report.decision.page import threshold_page
from protocolsim.report.decision.summary import CurveSummary
from protocolsim.scenario.load import load
from protocolsim.study.decision.cuts import by_cut, cuts_of
from protocolsim.study.decision.threshold_rule import forced
from protocolsim.study.decision.thresholds import Reached, simulate_branches, the_rule, thresholds
from protocolsim.study.decision.utility import worth_of

REPLICATES = 20


@cache
def curve():
    return thresholds(load("ms_daclizumab"), replicates=REPLICATES)


def test_the_first_sentence_defines_a_true_responder():
    """Report and terminal begin with who is a true responder: trait, cut, and how many are."""
    summary = CurveSummary(curve(), "batch", 1.0)
    first = summary.sentences()[0]
    assert first.startswith("A true responder is a patient whose own rate of new lesions")
    assert "is below 0.25" in first
    share = 100 * (curve().trait < 0.25).mean()
    assert f": {share:.0f} % of those who reach the decision" in first
    out = io.StringIO()
    print_thresholds(summary, Console(file=out, width=400, color_system=None))
    assert out.getvalue().splitlines()[1] == first
    page = html.unescape(threshold_page(summary, {}))
    assert page.index(first) == min(page.index(s) for s in summary.sentences() if s)
    told: Any = summary.summary()["true_responder"]
    assert (told["trait"], told["below"], told["sentence"]) == ("truth_long_run_rate_ratio", 0.25, first)


def test_predictive_values_over_cuts_are_those_of_scenarios_with_these_cuts():
    """At each cut the table is what the curve of the scenario with that cut says, to the bit."""
    frame: Any = by_cut(curve()).set_index("cut")
    assert list(frame.index) == [0.0625, 0.125, 0.25, 0.5, 1.0]
    for cut in (0.125, 0.5):
        at = thresholds(load("ms_daclizumab", set={"true_response_cut": cut}), replicates=REPLICATES).at(0.75)
        for name in ("sensitivity", "specificity", "predictive_value_positive", "predictive_value_negative"):
            assert frame[name][cut] == at[name].value, (cut, name)
            assert frame[f"{name}_mcse"][cut] == pytest.approx(at[name].mcse), (cut, name)


def test_the_more_are_responders_the_higher_the_predictive_value():
    """A higher cut makes more of the same patients true responders, of all and of those who pass."""
    frame = by_cut(curve())
    assert frame["share_true"].is_monotonic_increasing
    assert frame["predictive_value_positive"].is_monotonic_increasing
    assert frame["predictive_value_negative"].is_monotonic_decreasing
    shown = dict(rows(curve()))
    assert len(shown) == len(frame) + 1
    assert "* 0.25" in shown


def test_a_trait_that_may_be_negative_is_cut_at_its_quantiles():
    """Where factors of the cut mean nothing, the cuts are quantiles of those who reach the decision, and the own."""
    moved = curve()
    shifted = np.array(moved.trait) - 1.0
    found = cuts_of(dataclasses.replace(moved, trait=shifted))
    assert len(found) == 6
    assert 0.25 in found
    assert np.median(shifted) in found


def test_a_stop_does_not_make_the_doses_end_where_the_counts_go_on():
    """Without their stop a patient is expected the same dose as with it: as of the counts, only its price tells."""
    name = "ms_daclizumab"
    means = {}
    for rate in ("0.0001 / 4 weeks", "0.05 / 4 weeks"):
        scenario = load(name, set={"daclizumab.severe_event_rate": rate})
        decided: Any = thresholds(scenario, replicates=60)
        at = decided.at(0.75)
        means[rate] = (at["expected_dose"], at["share_sent"].value)
    (few, sent_few), (many, sent_many) = means.values()
    # 10 doses of 1 mg/kg to those who pass, of 2 mg/kg to the others: in the share that passes, whoever stops later.
    for dose, sent in ((few, sent_few), (many, sent_many)):
        assert dose.value == pytest.approx(10.0 * sent + 20.0 * (1.0 - sent), rel=0.03)


def test_who_stops_is_expected_what_who_stays_is():
    """Where the dose is doubled, who was seen is expected ten doses, and nobody fewer for having stopped."""
    scenario = load("ms_daclizumab", set={"daclizumab.severe_event_rate": "0.05 / 4 weeks"})
    rule = the_rule(scenario)
    trials = [forced(scenario.trial, rule.transition, taken) for taken in (True, False)]
    ((taken, refused),) = simulate_branches(trials, 3, range(20), "batch")
    here = Reached.of(taken, rule)
    worth = worth_of(scenario, scenario.decisions["month_6_5"])
    dose = worth.expected_dose(refused, here.decided, here.minute)
    _, seen = worth.expected_count(refused, here.decided, here.minute)
    actual = worth.dose(refused, here.decided, here.minute)
    stopped = seen & (actual < 15.0)
    assert stopped.sum() > 20
    assert np.median(dose[stopped]) == pytest.approx(20.0)
    assert dose[seen].mean() == pytest.approx(20.0, rel=0.02)
    assert (dose[~seen] == 0.0).all()
