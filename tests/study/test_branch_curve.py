"""The branches of a decision over a number of its rules, against runs in which the number is set."""

from __future__ import annotations

import numpy as np
import pytest

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.study.decision.branch_curve import BranchCurve, branch_curve, decided_by, rows_of_trial

REPLICATES = 4


def drawn(name: str, parameter: str, **settings: str) -> BranchCurve:
    scenario = protocolsim.load(name, set=settings)
    return branch_curve(protocolsim.run(scenario, replicates=REPLICATES), parameter)


@pytest.mark.parametrize("name", ["maa_daclizumab", "ms_randomised"])
def test_at_the_own_value_everybody_takes_the_branch_of_the_run(name):
    """What is computed from the numbers that the rules read is the move that the run recorded, subject by subject."""
    result = protocolsim.run(protocolsim.load(name), replicates=REPLICATES)
    moves = result.records["moves"]
    for parameter in decided_by(result.scenario):
        curve = branch_curve(result, parameter)
        for place, decided in enumerate(curve.decided):
            branch = {t.number: k for k, ts in enumerate(curve.branches(place)) for t in ts}
            here = (moves["from_state"] == decided.state) & np.isin(moves["transition"], list(branch))
            expected = [branch[t] for t in moves["transition"][here].tolist()]
            assert curve.taken(place, curve.own).tolist() == expected


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [("ms_randomised", "response_threshold", "50 %"), ("maa_daclizumab", "normal_haemoglobin", "14")],
)
def test_another_value_gives_the_shares_of_the_run_at_it(name, parameter, value):
    """At the first decision that a number takes part in, its curve at a value is the run with that value, exactly."""
    here, there = drawn(name, parameter), drawn(name, parameter, **{parameter: value})
    assert not here.entangled
    for place in range(len(here.decided)):
        found = [share.value for share in here.shares(place, there.own)]
        assert found == [share.value for share in there.shares(place, there.own)]
        assert found != [share.value for share in here.shares(place, here.own)]
        assert sum(found) == pytest.approx(1.0)


def test_a_patient_turns_where_the_branch_changes():
    """Just below its turning value a patient goes the one way, at it the other; who never turns has none."""
    curve = drawn("ms_randomised", "response_threshold")
    rows = rows_of_trial(curve.decided[0], 0, 12)
    turned = 0
    for row, turn in zip(rows.tolist(), curve.turns(0, rows), strict=True):
        if turn is None:
            assert len({int(curve.taken(0, float(v))[row]) for v in curve.values}) == 1
            continue
        turned += 1
        assert curve.taken(0, turn)[row] != curve.taken(0, turn - 1e-4)[row]
    assert turned > 3


def test_what_an_earlier_decision_made_of_the_number_is_said():
    """Where the number decided before who comes to a decision, the curve knows that it does not say that."""
    assert drawn("maa_daclizumab", "platelet_gain").entangled
    assert not drawn("maa_daclizumab", "normal_platelets").entangled


def test_a_number_that_decides_nothing_is_refused_with_those_that_do():
    """The message names the nearest number of a decision; a trial without any says so."""
    with pytest.raises(UsageError, match="response_threshold"):
        drawn("ms_randomised", "response_treshold")
    assert decided_by(protocolsim.load("arrest_ecmo")) == {}
