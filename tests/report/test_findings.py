"""Scenarios beside a scenario: what a report says of both is computed, and with common random numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from protocolsim.cli import main
from protocolsim.errors import ScenarioError
from protocolsim.report.run import findings
from protocolsim.report.run.page import page
from protocolsim.report.style import numbers as style_numbers
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.companions import quoted
from protocolsim.scenario.file.extends import extended, load_document
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.study import companions
from protocolsim.study.run import run

SCENARIOS = sorted(p.stem for p in (Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
FEW = 20
EXTENDING = """
extends: ms_daclizumab
title: One more
beside: [{beside}]
findings: ["{finding}"]
"""


def beside(scenario, **asked):
    """The scenario's run, with its companions."""
    return run(scenario, companions=companions.companions(scenario), **asked)


def extending(finding: str = "", beside: str = ""):
    return build(extended(parse(EXTENDING.format(finding=finding, beside=beside), "more.yaml")))


@pytest.mark.parametrize("name", [n for n in SCENARIOS if "findings" in load_document(n).data])
def test_every_number_of_a_finding_is_an_estimate(name):
    """Each sentence of a shipped scenario is filled in with estimates of runs of their own, at this seed."""
    scenario = load(name)
    few = 4 if scenario.trial.limited else FEW
    result = beside(scenario, replicates=few)
    own = {"": result.estimates}
    own |= {n: run(load(n), replicates=few, seed=result.seed).estimates for n in scenario.beside}
    for raw, said in zip(scenario.findings, findings.sentences(result), strict=True):
        numbers = [style_numbers.simulated(own[companion][endpoint]) for companion, endpoint in quoted(raw)]
        assert numbers
        assert "{" not in said
        at = 0
        for number in numbers:
            at = said.index(number, at) + len(number)


def test_the_first_trial_tells_what_it_must():
    """Its page says with numbers who passes undrugged, what the rule means, what falls by itself, what CHOICE found."""
    text = page(beside(load("ms_daclizumab"), replicates=FEW))
    said = re.sub(r"\s+", " ", text)
    for words in (
        r"daclizumab does nothing, [0-9.]+ ± [0-9.]+ % of the patients pass",
        r"For [0-9.]+ ± [0-9.]+ % of those decided on, .* no CEL at all",
        r"Regression to the mean, .* fall by -?[0-9.]+ ± [0-9.]+ % where no treatment changes anything",
        r"low dose, .* 25 % fewer new lesions than placebo .* high dose 72 %",
        r"such a trial shows [0-9.]+ ± [0-9.]+ times .* low dose .* and [0-9.]+ ± [0-9.]+ times on the high dose",
    ):
        assert re.search(words, said), words
    for name in ("ms_no_drug", "ms_regression_to_the_mean", "ms_choice_anchored", "ms_choice"):
        assert f"<code>{name}</code>" in text


def test_what_is_set_is_set_beside_it_too():
    """A companion takes what was set from outside, but for what it is itself about."""
    changed = {"response_threshold": "50 %", "daclizumab.median_rate_ratio": 0.3}
    result = beside(load("ms_daclizumab", set=changed), replicates=FEW)
    alone = run(load("ms_no_drug", set={"response_threshold": "50 %"}), replicates=FEW)
    assert repr(result.companions["ms_no_drug"].estimates) == repr(alone.estimates)
    seeds = beside(load("ms_daclizumab", set={"seed": 5}), replicates=FEW, seed=6).companions["ms_no_drug"]
    assert (seeds.seed, seeds.replicates) == (6, FEW)


def test_what_is_set_of_a_drug_stays_with_who_gives_it():
    """A companion with another drug is as it was; one with the same takes the setting."""
    changed = {"daclizumab.rate_ratio_log_sd": 0.3}
    result = beside(load("ms_daclizumab", set=changed), replicates=2)
    for name, of in (("ms_choice", {}), ("ms_regression_to_the_mean", {}), ("ms_choice_anchored", changed)):
        alone = run(load(name, set=of), replicates=2, seed=result.seed)
        assert repr(result.companions[name].estimates) == repr(alone.estimates), name


def test_a_long_study_is_not_as_long_again_beside_it(monkeypatch):
    """Companions have as many trials as the study, up to a number that the page names."""
    monkeypatch.setattr(companions, "MOST", 3)
    result = beside(load("ms_threshold_50"), seed=7, replicates=50)
    found = result.companions["ms_daclizumab"]
    assert (result.replicates, found.seed, found.replicates) == (50, 7, 3)
    monkeypatch.undo()
    assert f"up to {companions.MOST:,}:" in page(result)


def test_an_extending_scenario_does_not_inherit_what_stands_beside():
    """Findings quote numbers of the file they stand in, so an extension begins without them."""
    scenario = load("ms_no_drug")
    assert scenario.findings == ()
    assert scenario.beside == ()
    assert findings.beside(run(scenario, replicates=2)) == {}


@pytest.mark.parametrize(
    ("finding", "beside", "said"),
    [
        ("It is {assigned_monotherpy}.", "", "did you mean 'assigned_monotherapy'"),
        ("It is {ms_no_drug.adverse_events}.", "", "'ms_no_drug' does not stand in `beside`"),
        ("", "ms_no_drg", "did you mean 'ms_no_drug'"),
    ],
)
def test_what_cannot_be_quoted_is_refused(finding, beside, said):
    """An unknown endpoint or companion is a fault of the file, with the nearest right word."""
    with pytest.raises(ScenarioError, match=said):
        extending(finding, beside)


def test_a_companion_without_the_endpoint_is_named():
    """An endpoint that only the companion lacks is refused, with its line, when the companion is to be run."""
    scenario = extending("It is {maa_daclizumab.edss_change}.", "maa_daclizumab")
    with pytest.raises(ScenarioError, match=r"line 5, column 12 .*in 'maa_daclizumab'"):
        beside(scenario, replicates=2)


def test_without_companions_nothing_is_quoted_of_them():
    """A result that was run alone simulates nothing when it is read: sentences that quote companions are left out."""
    scenario = extending("It is {ms_no_drug.new_cel_inhibition}.", "ms_no_drug")
    alone = run(scenario, replicates=2)
    assert (findings.sentences(alone), findings.beside(alone)) == ([], {})
    assert len(findings.sentences(beside(scenario, replicates=2))) == 1


def test_a_companion_that_does_not_take_a_setting_is_refused_before_anything_is_simulated(tmp_path, monkeypatch):
    """What cannot be shown beside a run is said at once, where it would be shown; elsewhere it does not matter."""
    (tmp_path / "more.yaml").write_text(EXTENDING.format(finding="As it is.", beside="maa_daclizumab"))
    words = ["run", str(tmp_path / "more.yaml"), "--set", "cohort.referral_excess=10 %", "--replicates", "1"]
    monkeypatch.setattr("protocolsim.study.run.run", lambda *_, **__: pytest.fail("simulated in vain"))
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2
    assert "unknown key 'referral_excess'" in refused.output
    monkeypatch.undo()
    assert CliRunner().invoke(main, [*words, "--json"]).exit_code == 0


def test_the_table_says_how_much_of_it(monkeypatch):
    """Beside a value stands what share of the scenario's own it is."""
    result = beside(load("ms_threshold_50"), replicates=FEW)
    table = findings.beside(result)
    first = table["rows"][0]
    own, other = (r.estimates["assigned_monotherapy"] for r in (result, result.companions["ms_daclizumab"]))
    assert [c["name"] for c in table["columns"]] == ["ms_daclizumab", "ms_no_drug"]
    assert first["own"] == style_numbers.simulated(own)
    assert first["others"][0] == {
        "value": style_numbers.simulated(other),
        "part": f"{100 * other.value / own.value:.0f} % of it",
    }
