"""The shipped scenarios beside what was published: the trial is reproduced, and its lesson holds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from protocolsim.scenario.settings import load
from protocolsim.study.run import run

SCENARIOS = sorted(p.stem for p in (Path(__file__).parent.parent / "scenarios").glob("*.yaml"))


@cache
def trial(name):
    """200 replicates at the scenario's own seed, run once for all tests."""
    return run(load(name), replicates=200)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_runs(name):
    """A shipped scenario loads, runs, fills its cohort, and shows each published value.

    It warns of nothing, unless it extends another in order to ask what an implausible value would do.
    """
    scenario = load(name)
    asks_what_if = "extends:" in scenario.document.text
    assert all(asks_what_if and "outside its plausible range" in w for w in scenario.warnings)
    result = run(scenario, replicates=2)
    assert result.subjects.groupby("replicate")["enrolled"].sum().to_list() == [scenario.trial.cohort.size] * 2
    published = {n for n, e in result.estimates.items() if e.published is not None}
    assert published == set(scenario.document.data.get("published", {}))
    assert all(np.isfinite(e.published.value) for e in result.estimates.values() if e.published is not None)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_says_what_it_teaches(name):
    """The opening comment of a scenario says what it teaches, and each published value where it comes from."""
    document = load(name).document
    opening = [line for line in document.text.splitlines()[:3] if line.startswith("#")]
    assert any("Teaches:" in line for line in opening)
    for published in document.data.get("published", {}).values():
        assert published["source"]
        assert published["mark"] in ("F", "F2", "D")


class TestDaclizumab:
    @pytest.mark.parametrize("name", sorted(load("ms_daclizumab").document.data["published"]))
    def test_every_published_number_is_a_likely_outcome(self, name):
        """Each published number lies between the 5th and the 95th percentile of simulated trials."""
        estimate = trial("ms_daclizumab").estimates[name]
        assert estimate.lo <= estimate.published.value <= estimate.hi
        assert 5.0 <= estimate.percentile <= 95.0

    def test_the_fitted_inhibition(self):
        """The fall of new lesions, to which the drug was fitted, is within 3 points of the published 72 %."""
        assert trial("ms_daclizumab").estimates["new_cel_inhibition"].value == pytest.approx(0.72, abs=0.03)

    def test_nine_and_four_of_thirteen(self):
        """Controlled on the drug alone, and needing the combination again, leave out only those who did neither."""
        estimates = trial("ms_daclizumab").estimates
        both = estimates["controlled_on_monotherapy"].value + estimates["needed_combination_again"].value
        assert both == pytest.approx(1.0, abs=0.02)


class TestNoDrug:
    def test_a_third_pass_without_any_drug(self):
        """With a drug that does nothing, a quarter to nearly half of the patients still pass the 75 % rule."""
        assert 0.25 <= trial("ms_no_drug").estimates["assigned_monotherapy"].value <= 0.45

    def test_seventy_two_per_cent_is_not_chance(self):
        """With a drug that does nothing, 72 % lies outside the range of simulated trials."""
        estimate = trial("ms_no_drug").estimates["new_cel_inhibition"]
        assert estimate.published.value == pytest.approx(0.72)
        assert estimate.hi < 0.72

    def test_nothing_is_called_fitted(self):
        """What the drug was fitted to is no fit of a scenario in which the drug does nothing."""
        assert trial("ms_no_drug").estimates["new_cel_inhibition"].role == "checked"

    def test_the_same_candidates_come(self):
        """Both scenarios screen the same people: who is eligible owes nothing to the drug."""
        a, b = (trial(name).subjects for name in ("ms_daclizumab", "ms_no_drug"))
        assert a["enrolled"].to_list() == b["enrolled"].to_list()
        assert a["arrival_day"].to_list() == b["arrival_day"].to_list() if "arrival_day" in a else len(a) == len(b)
