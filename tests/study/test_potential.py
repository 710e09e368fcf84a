"""Potential outcomes: the way a subject goes is the run's own, the other one the run's where the threshold sends it."""

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


@pytest.mark.parametrize(("setting", "way"), [(None, None), ("0 %", PASSES), ("100 %", REFUSED)])
@pytest.mark.parametrize("table", TABLES)
def test_each_way_is_the_run_that_sends_a_subject_there(table, setting, way):
    """A subject's records on a way are, row for row, those of the run whose threshold sends it that way."""
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
        [goes[key] == w for key, w in zip(zip(both.replicate, both.subject, strict=True), both.way, strict=True)]
    ]
    mine = ran[[key in goes for key in zip(ran.replicate, ran.subject, strict=True)]]
    if way is not None:
        assert sum(w == way for w in goes.values()) > 0.6 * len(goes)
    columns = [c for c in ran.columns if c != "reason" or setting is None]
    left = both.sort_values(KEY, kind="stable")[columns].reset_index(drop=True)
    right = mine[columns].reset_index(drop=True)
    assert left.astype(object).map(str).equals(right.astype(object).map(str))


def test_the_frame_tells_both_ways_side_by_side():
    """Two rows for each subject: one way it went; what follows differs between them, what came before does not."""
    frame = outcomes().frame
    assert (frame.groupby(KEY).size() == 2).all()
    assert (frame.groupby(KEY)["went"].sum() == 1).all()
    assert (frame.groupby(KEY)["measured"].nunique(dropna=False) == 1).all()
    assert (frame["went"] == ((frame["measured"] > 0.75 + 1e-9) == (frame["way"] == PASSES))).all()
    assert set(frame[frame.way == PASSES].entered) == {"monotherapy"}
    assert set(frame[frame.way == REFUSED].entered) == {"dose_doubled"}
    before = frame.groupby(KEY)["new_cel_inhibition_combination"].nunique(dropna=False)
    assert (before == 1).all()
    doses = frame.pivot(index=KEY, columns="way", values="dose_after")
    stayed = frame.pivot(index=KEY, columns="way", values="end_day").nunique(axis=1) == 1
    assert (doses[REFUSED][stayed] == 2 * doses[PASSES][stayed]).all()


def test_means_over_the_frame_are_the_curve():
    """What follows the decision, over the ways that subjects went, has the mean that the curve has at the threshold."""
    went = outcomes().frame.query("went")
    at = thresholds(protocolsim.load("ms_daclizumab"), replicates=6).at(0.75)
    assert went["expected_count_after"].mean() == pytest.approx(at["expected_count"].value)
    assert went["dose_after"].mean() == pytest.approx(at["expected_dose"].value)
    assert went["stop_probability_after"].mean() == pytest.approx(at["expected_stop"].value)
    assert went["assigned_monotherapy"].mean() == pytest.approx(at["assigned_monotherapy"].value)


def test_what_no_trial_can_show_is_labelled():
    """Every difference within a subject, and both frames, say that they are not identified."""
    joint = outcomes().joint
    assert all(NOT_IDENTIFIED in c for c in joint.columns if c not in KEY)
    assert joint.attrs["note"] == outcomes().frame.attrs["note"] == NOT_IDENTIFIED
    assert len(joint) == len(outcomes().measured)


def test_one_subject():
    """One subject's records are the same asked for alone; the way against the rule says so in its reason."""
    frame = outcomes().frame
    replicate, subject = frame[KEY].to_numpy()[5].tolist()
    alone = protocolsim.potential_outcomes(protocolsim.load("ms_daclizumab"), replicate=replicate, subject=subject)
    assert set(alone.ways) == {PASSES, REFUSED}
    mine = frame[(frame.replicate == replicate) & (frame.subject == subject)].reset_index(drop=True)
    assert alone.frame.astype(str).equals(mine.astype(str))
    went = mine.loc[mine.went, "way"].item()
    for way, records in alone.ways.items():
        assert len(records["subjects"]["subject"]) == 1
        moves = records.frame("moves")
        reason = moves[moves.from_state == "combination"].reason.item()
        assert ("sent against the rule" in reason) == (way != went)
        assert "baseline_cel = " in reason


def test_engines_agree():
    """Either engine gives the same records on both ways."""
    scenario = protocolsim.load("ms_daclizumab")
    slow = protocolsim.potential_outcomes(scenario, replicates=2, engine="des")
    fast = protocolsim.potential_outcomes(scenario, replicates=2, engine="batch")
    for way in (PASSES, REFUSED):
        assert slow.ways[way].equal(fast.ways[way])
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
    """Who never came to the decision has no ways; a parameter that is more than a threshold has no branches."""
    with pytest.raises(UsageError, match=why):
        protocolsim.potential_outcomes(protocolsim.load("ms_daclizumab"), **asked)
