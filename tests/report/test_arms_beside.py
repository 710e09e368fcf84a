"""Arms side by side: lanes, ways through the states and outcomes are those of the tables, arm by arm."""

from __future__ import annotations

import re

import numpy as np
import pytest

from protocolsim.errors import UsageError
from protocolsim.report.run.arms import arms_of
from protocolsim.report.run.figure_data import MOST_PATIENTS, patients
from protocolsim.report.run.flow import flow, paths
from protocolsim.report.run.outcomes import outcome_frame, outcomes_by_arm
from protocolsim.report.run.swimmers import swimmers
from protocolsim.report.style.figures import caption, svg
from protocolsim.scenario.load import load
from protocolsim.study.run import run


@pytest.fixture(scope="module")
def result():
    return run(load("ms_randomised"), replicates=2)


def test_as_many_lanes_of_each_arm(result):
    """The patients shown are the first of each arm by their numbers, as many of one as of the other."""
    chosen, enrolled = patients(result.records, 0)
    arms = arms_of(result)
    assert arms is not None
    counted = np.bincount(arms.of[chosen])
    assert counted.tolist() == [MOST_PATIENTS // 2] * 2
    assert enrolled == 120
    subjects = result.subjects
    for k, arm in enumerate(("combination", "placebo")):
        first = subjects[subjects["enrolled"] & (subjects["replicate"] == 0) & (subjects["arm"] == arm)]["subject"]
        mine = [int(subjects["subject"].iloc[row]) for row in chosen.tolist() if arms.of[row] == k]
        assert mine == first.head(MOST_PATIENTS // 2).tolist()
    drawn = svg(swimmers(result, 0))
    assert all(drawn.count(f">{label}</text>") >= 2 for label in arms.labels)
    assert "the first 12 enrolled patients of each of 2 arms, of 120" in caption(swimmers(result, 0))


def test_outcomes_are_those_of_the_tables(result):
    """Each bar is the share of that arm's enrolled patients with that outcome."""
    subjects = result.subjects[result.subjects["enrolled"]]
    arms = arms_of(result)
    assert arms is not None
    labels = dict(zip(("combination", "placebo"), arms.labels, strict=True))
    for arm, label in labels.items():
        mine = subjects[subjects["arm"] == arm]["outcome"].astype(str)
        frame = outcome_frame(result)
        found = frame[frame["arm"] == label].set_index("ended")["share"]
        assert found.sum() == pytest.approx(1.0)
        for ended, share in found.items():
            assert share == pytest.approx((mine == ended).mean())
    assert svg(outcomes_by_arm(result)).count("Interferon beta and placebo") >= 1


def test_a_trial_without_arms_has_none(result):
    """A single-arm trial, and one that randomises some only later, are shown whole."""
    assert arms_of(run(load("ms_daclizumab"), replicates=1)) is None
    assert arms_of(run(load("hcv_response_guided"), replicates=1)) is None
    with pytest.raises(UsageError, match="no arms"):
        outcome_frame(run(load("ms_daclizumab"), replicates=1))


@pytest.mark.parametrize("name", ["ms_daclizumab", "ms_randomised"])
def test_the_path_of_a_patient_is_that_of_the_moves(name):
    """A patient's ribbons are its moves after enrolment, in order, and each ribbon begins where the last one ended."""
    made = run(load(name), replicates=2)
    told = paths(made, 1)
    labels = {s.name: s.label for s in made.scenario.trial.protocol.states}
    subjects, moves = made.subjects, made.moves
    mine = subjects[subjects["enrolled"] & (subjects["replicate"] == 1)]
    assert {int(n) for n in told["patients"]} == set(mine["subject"])
    for subject, day in zip(mine["subject"], mine["enrolled_day"], strict=True):
        gone = moves[(moves["replicate"] == 1) & (moves["subject"] == subject) & (moves["day"] > day)]
        path = told["patients"][str(subject)]
        assert len(path["ribbons"]) == len(gone)
        for k, old, new in zip(path["ribbons"], gone["from_state"], gone["to_state"], strict=True):
            assert f"{labels[old]} to {labels[new]}: " in told["ribbons"][k]
        across = [x for x, _ in path["points"]]
        assert across == sorted(across)
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in path["points"])
    assert len(re.findall(r'"mark-area role-mark ribbon_', svg(flow(made)))) == len(told["ribbons"])
