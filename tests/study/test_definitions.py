"""Other definitions of what a rule measures: each one's whole curve is the run of the trial whose rule uses it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import protocolsim
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import with_settings
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.estimation.estimate import as_json

REPLICATES = 30
DEFINITIONS = ("mean_of_two", "mean_of_all", "three_baseline", "new", "new_mean_of_all")


@functools.cache
def curve() -> ThresholdCurve:
    return thresholds(protocolsim.load("ms_daclizumab"), replicates=REPLICATES)


def using(name: str, threshold: float) -> Scenario:
    """The trial whose own rule compares this definition: its summaries and expression, written into the protocol."""
    data: Any = parse(protocolsim.load("ms_daclizumab").resolved, "mine.yaml").data
    decision = data["decisions"]["month_6_5"]
    data["protocol"]["summaries"] |= decision["summaries"]
    data["protocol"]["summaries"]["compared"] = decision["measures"][name]["value"]
    data["protocol"]["transitions"][2]["when"] = "compared > response_threshold"
    data["parameters"]["response_threshold"]["value"] = threshold
    del data["decisions"], data["story"]
    return build(parse(as_yaml(data), "mine.yaml"))


def test_the_scenario_declares_what_was_asked_for():
    """One scan, two, all; three or four baseline scans; new or total: the shipped trial compares all of these."""
    assert tuple(curve().definitions) == ("own", *DEFINITIONS)


@pytest.mark.parametrize("name", DEFINITIONS)
@pytest.mark.parametrize("threshold", [0.5, 0.75])
def test_a_definition_is_the_run_whose_rule_uses_it(name, threshold):
    """At a threshold every estimate of a definition's curve equals the run of the trial with that rule, exactly."""
    scenario = using(name, threshold)
    ran = protocolsim.run(scenario, replicates=REPLICATES).summary()["estimates"]
    at = curve().by(name).at(threshold)
    # An endpoint that the threshold itself defines has no curve, nor has a test of a whole trial.
    assert set(ran) - set(at) == {"rule_means_zero", *scenario.analyses}
    assert {n: as_json(at[n]) for n in ran if n in at} == {n: e for n, e in ran.items() if n in at}


def test_the_trial_on_two_scans_is_one_of_the_definitions():
    """The shipped trial that decides on two scans is, at its own threshold, that definition of the trial on one."""
    two, one = protocolsim.load("ms_mean_of_two_scans"), protocolsim.load("ms_daclizumab")
    on_two, on_one = thresholds(two, replicates=REPLICATES), thresholds(one, replicates=REPLICATES)
    for these, those in ((on_two, on_one.by("mean_of_two")), (on_two.by("one_scan"), on_one)):
        here, there = these.at(0.75), those.at(0.75)
        for name in ("share_sent", "sensitivity", "expected_loss", "assigned_monotherapy", "new_cel_inhibition"):
            assert here[name].value == there[name].value


def test_definitions_differ_and_lead_back():
    """Another definition sends others the same way; asking for the own one again gives the first curve."""
    sent = {name: curve().by(name).at(0.75)["share_sent"].value for name in curve().definitions}
    assert len(set(sent.values())) > 4
    back = curve().by("new").by("mean_of_two").by("own")
    assert back.at(0.75) == curve().at(0.75)
    with pytest.raises(UsageError, match="did you mean 'mean_of_two'"):
        curve().by("mean_of_tow")


def test_what_is_only_compared_changes_nothing():
    """Without any other definition the curve is the same, and so is the run: the protocol does not use them."""
    document = protocolsim.load("ms_daclizumab").document
    plain = build(with_settings(document, {"decisions.month_6_5.measures": {}, "decisions.month_6_5.summaries": {}}))
    assert thresholds(plain, replicates=3).at(0.75) == thresholds(protocolsim.load("ms_daclizumab"), replicates=3).at(
        0.75
    )
    own = protocolsim.load("ms_daclizumab").trial
    assert own.noted == plain.trial.noted
    assert own.labels.reasons == plain.trial.labels.reasons


@pytest.mark.parametrize("definition", ["own", "mean_of_all", "new"])
@pytest.mark.parametrize("name", ["share_sent", "sensitivity", "specificity", "expected_loss", "new_cel_inhibition"])
def test_values_everywhere_are_those_of_each_threshold(definition, name):
    """Sorted once and added up, each estimate at every tenth step (values tied with it included) is that of `at`."""
    mine = curve().by(definition)
    chosen = np.unique(np.concatenate([mine.steps[::10], [0.0, 1.0, 2 / 3, 0.3]]))
    np.testing.assert_array_equal(mine.values(name, chosen), [mine.at(float(t))[name].value for t in chosen])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("1 - two_scan / baseline_cel", "did you mean 'two_scans'"),
        ("1 - two_scans / response_threshold", "cannot be part of it"),
        ("two_scans > 1", "found a comparison"),
        ("12 weeks", "expected a plain number"),
        ("1 - / 2", "not expected"),
    ],
)
def test_faults_of_a_measure(value, why):
    """A measure that cannot be read, or cannot be compared with the threshold, is a fault of the file, at its place."""
    with pytest.raises(ScenarioError) as caught:
        build(
            with_settings(protocolsim.load("ms_daclizumab").document, {"decisions.month_6_5.measures.new.value": value})
        )
    faults = caught.value.faults
    assert [f.path for f in faults] == ["decisions.month_6_5.measures.new.value"]
    assert why in faults[0].message
