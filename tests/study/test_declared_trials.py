"""The shipped trials of declared models: what was fitted to one trial is near another; both engines tell the same."""

from __future__ import annotations

import pytest

from protocolsim.records import TABLES
from protocolsim.scenario.load import load
from protocolsim.study.run import run

DECLARED = ("hcv_response_guided", "hcv_advance", "hcv_label", "amd_treat_and_extend")


@pytest.mark.parametrize("name", DECLARED)
def test_both_engines_tell_the_same(name):
    """Every row of every table is equal, to the bit."""
    scenario = load(name, set={"cohort.size": 24})
    batch, des = (run(scenario, replicates=2, engine=engine) for engine in ("batch", "des"))
    for table in TABLES:
        assert getattr(batch, table).equals(getattr(des, table)), table


def test_hepatitis_c_holds_in_another_trial():
    """ADVANCE: each published share within 4 points (the Monte Carlo error of ten trials is below 1)."""
    result = run(load("hcv_advance"), replicates=10)
    for name, estimate in result.estimates.items():
        if estimate.published is not None:
            assert abs(estimate.value - estimate.published.value) < 0.04, name


def test_the_shorter_course_is_as_good_as_published():
    """ILLUMINATE: early responders cured by 24 and by 48 weeks, to which nothing was fitted, and their order."""
    found = run(load("hcv_response_guided"), replicates=10).estimates
    for name in ("cured_short_course", "cured_long_course"):
        published = found[name].published
        assert published is not None
        assert abs(found[name].value - published.value) < 0.03, name
    assert found["cured_short_course"].value > found["cured_long_course"].value


def test_treat_and_extend_saves_the_injections_that_it_saved():
    """TREX-AMD: ranibizumab given in two years, to half an injection; every interval is one that the rule may set."""
    result = run(load("amd_treat_and_extend"), replicates=10)
    found = result.estimates
    assert abs(found["ranibizumab_extended"].value - 9.3) < 0.5
    assert found["ranibizumab_monthly"].value == pytest.approx(13.0)
    visits = result.doses.groupby(["replicate", "subject"])["minute"].diff().dropna() / (7 * 24 * 60)
    assert set(visits.round(6)) <= {4.0, 6.0, 8.0, 10.0, 12.0}
