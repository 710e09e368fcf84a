"""Levels of tests beside their power: those of trials without an effect, exactly; what is said where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import protocolsim
from protocolsim import cli
from protocolsim.report.run import levels as said
from protocolsim.scenario.equal_arms import equal_arms
from protocolsim.scenario.load import load
from protocolsim.study.companions import MOST
from protocolsim.study.estimation.empirical_level import BEYOND, EmpiricalLevel
from protocolsim.study.levels import null_trials, with_levels
from protocolsim.study.run import run

ODD = """
extends: ms_randomised
cohort: {size: 24}
endpoints:
  lesions: {kind: reduction, variable: new_cel, baseline: baseline, during: [combination, placebo], after: 6 weeks}
analysis:
  before_after_test: null
  controlled_test: null
  wald: {kind: rate_ratio, of: lesions, arm: combination, against: placebo}
  ranks: {kind: mann_whitney, of: lesions, arm: combination, against: placebo}
  margin: {kind: non_inferiority, of: passed_the_rule, arm: combination, against: placebo, margin: 10 %}
  later: {kind: two_shares, of: passed_the_rule, arm: monotherapy, against: dose_doubled}
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("levels") / "odd.yaml"
    path.write_text(ODD)
    return path


@pytest.fixture(scope="module")
def found(odd):
    """The odd tests with their levels, once; as many trials without an effect as a report has, and few with one."""
    scenario = load(odd)
    plan = null_trials(scenario)
    (name,) = plan.trials
    beside = {name: run(plan.trials[name], replicates=MOST)}
    return with_levels(run(scenario, replicates=2).with_companions(beside), plan)


def test_a_level_is_the_power_in_the_trial_without_an_effect():
    """Each is exactly what a run of the trial with equal arms, or with the effect set to none, gives under the seed."""
    scenario = load("ms_randomised")
    plan = null_trials(scenario)
    assert len(plan.trials) == 2
    result = with_levels(run(scenario, replicates=25, companions=plan.trials), plan)
    assert result.companions == {}
    alike = run(equal_arms(scenario, "arm", "placebo"), replicates=25).estimates["passed_between_arms"]
    level = result.levels["passed_between_arms"]
    assert (level.value, level.mcse, level.replicates) == (alike.value, alike.mcse, 25)
    assert level.nominal == scenario.analyses["passed_between_arms"].level
    assert scenario.effect is not None
    idle = run(load("ms_randomised", set=dict(scenario.effect.none)), replicates=25)
    for name in ("before_after_test", "controlled_test"):
        assert result.levels[name].value == idle.estimates[name].value
        assert "daclizumab.median_rate_ratio = 1" in result.levels[name].of


def test_what_was_set_from_outside_is_set_there_too(odd):
    """The trial without an effect has the cohort and the seed that were asked for."""
    trial = next(iter(null_trials(load(odd, set={"cohort.size": 12, "seed": 5})).trials.values()))
    assert (trial.trial.cohort.size, trial.seed) == (12, 5)


def test_a_test_that_rejects_equal_arms_too_often_is_warned_of(found):
    """The Wald test of a negative binomial ratio does in lognormal patients, ranks do not; what does is said."""
    wald, ranks = found.levels["wald"], found.levels["ranks"]
    assert wald.above
    assert not ranks.above
    (warning,) = (w for w in said.warnings(found) if "'wald'" in w)
    assert "mann_whitney" in warning
    assert "quasi_poisson" in warning
    assert not any("'ranks'" in w for w in said.warnings(found))


def test_why_there_is_no_level_is_said(found):
    """A margin has no null hypothesis of equal arms; between states nobody is randomised to there is none to copy."""
    assert "margin" in found.levels["margin"].reason
    assert "no randomisation" in found.levels["later"].reason
    assert np.isnan(found.levels["later"].value)
    rows = {e.name: said.level(found, e) for e in found.estimates.values() if e.decides}
    assert rows["later"].startswith("not shown: ")
    assert rows["wald"].endswith("equal arms, each as placebo")


def test_without_a_stated_effect_a_test_within_an_arm_has_no_level(tmp_path):
    """Where the scenario does not say how the treatment does nothing, that is the reason, and nothing is simulated."""
    path = tmp_path / "silent.yaml"
    path.write_text("extends: ms_daclizumab\neffect: null\n")
    plan = null_trials(load(path))
    assert plan.trials == {}
    assert set(plan.unknown) == {"before_after_test", "controlled_test"}
    assert all("effect: none" in reason for reason in plan.unknown.values())
    assert null_trials(load("maa_daclizumab")).trials == {}


@pytest.mark.parametrize(
    ("value", "above"), [(0.05, False), (0.05 + 0.99 * BEYOND * 0.01, False), (0.05 + 1.01 * BEYOND * 0.01, True)]
)
def test_above_means_beyond_the_error(value, above):
    """A level counts as too high by so many Monte Carlo errors, and one that is not known never does."""
    assert EmpiricalLevel(0.05, value, 0.01, 400).above is above
    assert EmpiricalLevel(0.05, reason="none").above is False


@pytest.fixture
def shown(capsys):
    """What a run of the randomised trial prints."""

    def call(*words: str) -> str:
        with pytest.raises(SystemExit) as end:
            cli.main(["run", "ms_randomised", "--replicates", "4", *words], prog_name="protocolsim")
        assert end.value.code == 0
        return str(capsys.readouterr().out)

    return call


def test_the_command_shows_levels_and_can_be_told_not_to(shown):
    """Beside each power in the table and in JSON; --no-companions leaves the trials without an effect out."""
    told = json.loads(shown("--json"))["estimates"]
    level = told["passed_between_arms"]["level"]
    assert level["of"] == "equal arms, each as placebo"
    assert level["nominal"] == 0.05
    assert "level" not in told["assigned_monotherapy"]
    assert "level" not in json.loads(shown("--json", "--no-companions"))["estimates"]["passed_between_arms"]
    assert "Without an" in shown()
    assert "Without an" not in shown("--no-companions")


def test_levels_are_kept_with_the_results(tmp_path, shown):
    """A folder's summary and page have them, as a run in Python has, and the page what is wrong with them."""
    folder = tmp_path / "out"
    shown("--quiet", "--out", str(folder))
    kept = protocolsim.open(folder).summary["estimates"]["passed_between_arms"]["level"]
    fresh = protocolsim.run("ms_randomised", replicates=4, companions=True).summary()
    assert kept == fresh["estimates"]["passed_between_arms"]["level"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "equal arms, each as placebo" in page
    assert "before_after_test" in page[: page.index("</header>")]  # most falls without the drug are called an effect
