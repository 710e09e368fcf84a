"""Potential outcomes: the branch a subject takes is the run's own; the other that of the run with another threshold."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.study.decision.counterfactual import NOT_IDENTIFIED
from protocolsim.study.decision.potential_outcomes import PASSES, REFUSED, PotentialOutcomes
from protocolsim.study.decision.thresholds import thresholds

KEY = ["replicate", "subject"]
TABLES = ("subjects", "observations", "doses", "moves", "events")


@functools.cache
def outcomes() -> PotentialOutcomes:
    return protocolsim.potential_outcomes(protocolsim.load("ms_daclizumab"), replicates=6)


@pytest.mark.parametrize(("setting", "branch"), [(None, None), ("0 %", PASSES), ("100 %", REFUSED)])
@pytest.mark.parametrize("table", TABLES)
def test_each_branch_is_the_run_that_sends_a_subject_there(table, setting, branch):
    """A subject's records on a branch are, row for row, those of the run whose threshold sends it down that branch."""
    scenario = protocolsim.load("ms_daclizumab", set={} if setting is None else {"response_threshold": setting})
    ran = getattr(protocolsim.run(scenario, replicates=6), table)
    frame = outcomes().frame
    decided = protocolsim.run(scenario, replicates=6).moves.query("from_state == 'combination' and trigger == 'end'")
    goes = {
        (r, s): PASSES if to == "monotherapy" else REFUSED
        for r, s, to in zip(decided.replicate, decided.subject, decided.to_state, strict=True)
    }
    assert set(goes) == set(zip(frame.replicate, frame.subject, strict=True))
    both = outcomes().table(table)
    both = both[
        [goes[key] == w for key, w in zip(zip(both.replicate, both.subject, strict=True), both.branch, strict=True)]
    ]
    mine = ran[[key in goes for key in zip(ran.replicate, ran.subject, strict=True)]]
    if branch is not None:
        assert sum(w == branch for w in goes.values()) > 0.6 * len(goes)
    columns = [c for c in ran.columns if c != "reason" or setting is None]
    left = both.sort_values(KEY, kind="stable")[columns].reset_index(drop=True)
    right = mine[columns].reset_index(drop=True)
    assert left.astype(object).map(str).equals(right.astype(object).map(str))


def test_the_frame_has_both_branches_side_by_side():
    """Two rows for each subject: one is the branch taken; what follows differs, what came before does not."""
    frame = outcomes().frame
    assert (frame.groupby(KEY).size() == 2).all()
    assert (frame.groupby(KEY)["went"].sum() == 1).all()
    assert (frame.groupby(KEY)["measured"].nunique(dropna=False) == 1).all()
    assert (frame["went"] == ((frame["measured"] > 0.75 + 1e-9) == (frame["branch"] == PASSES))).all()
    assert set(frame[frame.branch == PASSES].entered) == {"monotherapy"}
    assert set(frame[frame.branch == REFUSED].entered) == {"dose_doubled"}
    before = frame.groupby(KEY)["new_cel_inhibition_combination"].nunique(dropna=False)
    assert (before == 1).all()
    doses = frame.pivot(index=KEY, columns="branch", values="dose_after")
    stayed = frame.pivot(index=KEY, columns="branch", values="end_day").nunique(axis=1) == 1
    assert (doses[REFUSED][stayed] == 2 * doses[PASSES][stayed]).all()


def test_means_over_the_frame_are_the_curve():
    """What follows the decision, over the branches taken, has the mean that the curve has at the threshold."""
    went = outcomes().frame.query("went")
    at = thresholds(protocolsim.load("ms_daclizumab"), replicates=6).at(0.75)
    assert went["expected_count_after"].mean() == pytest.approx(at["expected_count"].value)
    assert went["expected_dose_after"].mean() == pytest.approx(at["expected_dose"].value)
    assert went["stop_probability_after"].mean() == pytest.approx(at["expected_stop"].value)
    assert went["assigned_monotherapy"].mean() == pytest.approx(at["assigned_monotherapy"].value)


def test_what_no_trial_can_show_is_labelled():
    """Every difference within a subject, and both frames, say that they are not identified."""
    joint = outcomes().joint
    assert all(NOT_IDENTIFIED in c for c in joint.columns if c not in KEY)
    assert joint.attrs["note"] == outcomes().frame.attrs["note"] == NOT_IDENTIFIED
    assert len(joint) == len(outcomes().measured)


def test_one_subject():
    """One subject's records are the same asked for alone; the branch against the rule says so in its reason."""
    frame = outcomes().frame
    replicate, subject = frame[KEY].to_numpy()[5].tolist()
    alone = protocolsim.potential_outcomes(protocolsim.load("ms_daclizumab"), replicate=replicate, subject=subject)
    assert set(alone.branches) == {PASSES, REFUSED}
    mine = frame[(frame.replicate == replicate) & (frame.subject == subject)].reset_index(drop=True)
    assert alone.frame.astype(str).equals(mine.astype(str))
    went = mine.loc[mine.went, "branch"].item()
    for branch, records in alone.branches.items():
        assert len(records["subjects"]["subject"]) == 1
        moves = records.frame("moves")
        reason = moves[moves.from_state == "combination"].reason.item()
        assert ("sent against the rule" in reason) == (branch != went)
        assert "baseline_cel = " in reason


def test_engines_agree():
    """Either engine gives the same records on both branches."""
    scenario = protocolsim.load("ms_daclizumab")
    slow = protocolsim.potential_outcomes(scenario, replicates=2, engine="des")
    fast = protocolsim.potential_outcomes(scenario, replicates=2, engine="batch")
    for branch in (PASSES, REFUSED):
        assert slow.branches[branch].equal(fast.branches[branch])
    np.testing.assert_array_equal(slow.measured, fast.measured)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"subject": 0, "replicate": 0}, "does not reach the decision at the end of 'combination'"),
        ({"subject": -1}, "subject: -1"),
        ({"replicate": 1.5}, "replicate: expected a whole number"),
        ({"rule": "rescue_level"}, "longer rule"),
        ({"rule": "response_treshold"}, "did you mean"),
    ],
)
def test_refusals(asked, why):
    """Neither a subject who never reached the decision nor a parameter that is more than a threshold has branches."""
    with pytest.raises(UsageError, match=why):
        protocolsim.potential_outcomes(protocolsim.load("ms_daclizumab"), **asked)
