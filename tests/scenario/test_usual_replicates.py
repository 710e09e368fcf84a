"""How many trials are simulated where nothing is said: by the size of a trial alone, never by the machine's speed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import usual_replicates
from protocolsim.study.arguments import OF_MANY_POINTS, replicates_and_seed


@given(st.integers(1, 100_000), st.booleans())
def test_larger_trials_are_simulated_less_often(subjects, waiting):
    """It falls with the size, stays within its bounds, and is smaller where only the reference engine can simulate."""
    found = usual_replicates(subjects, waiting=waiting)
    assert 50 <= found <= 2_000
    assert usual_replicates(subjects + 1, waiting=waiting) <= found
    assert usual_replicates(subjects, waiting=True) <= found
    assert found == 50 or found * subjects <= 30_000


def test_what_is_said_counts(tmp_path):
    """The file's own number, one that is set, and one that is asked for go before the usual one, everywhere."""
    silent = load("ms_daclizumab")
    assert (silent.says_replicates, silent.replicates) == (False, 2_000)
    assert replicates_and_seed(silent, None, None)[0] == 2_000
    assert replicates_and_seed(silent, None, None, many_points=True)[0] == OF_MANY_POINTS
    assert replicates_and_seed(silent, 7, None, many_points=True)[0] == 7
    path = tmp_path / "said.yaml"
    path.write_text("extends: ms_daclizumab\nreplicates: 900\n")
    for said, number in ((load(path), 900), (load("ms_daclizumab", set={"replicates": 30}), 30)):
        assert said.says_replicates
        assert {replicates_and_seed(said, None, None, many_points=many)[0] for many in (True, False)} == {number}


@pytest.mark.parametrize(("size", "expected"), [(15, 2_000), (100, 300), (3_000, 50)])
def test_the_size_is_that_of_the_cohort(size, expected):
    """Setting another size sets another usual number."""
    assert load("ms_daclizumab", set={"cohort.size": size}).replicates == expected
