"""The swimmer plot draws the records of its trial: each stay, each count, each end."""

from __future__ import annotations

import numpy as np
import pytest

from protocolsim.errors import UsageError
from protocolsim.report.run.figure_data import patients
from protocolsim.report.run.swimmers import lane_frame, swimmers
from protocolsim.report.style.figures import caption, svg
from protocolsim.scenario.load import load
from protocolsim.study.run import run


@pytest.fixture(scope="module")
def result():
    return run(load("ms_daclizumab"), replicates=3)


def test_lanes_join_without_gaps(result):
    """Each lane is one patient's time from the first visit to the end: stays follow each other, as the moves do."""
    chosen, _ = patients(result.records, 1)
    lanes = lane_frame(result, chosen)
    subjects, moves = result.subjects, result.moves
    for row in chosen.tolist():
        who = subjects.iloc[row]
        mine = lanes[lanes["patient"] == str(who["subject"])]
        assert np.array_equal(mine["end"].to_numpy()[:-1], mine["start"].to_numpy()[1:])
        weeks = (mine["end"].iloc[-1] - mine["start"].iloc[0]) * 7
        assert weeks == pytest.approx(float(who["end_day"]))
        at = moves[(moves["replicate"] == 1) & (moves["subject"] == who["subject"])]
        # The last move leads into the final state, in which nobody stays.
        assert len(mine) == len(at)


def test_the_counts_stand_in_their_discs(result):
    """Every count above zero is written on its lane, and how each course ended beside it."""
    drawn = svg(swimmers(result, 1))
    seen = result.observations
    subjects = result.subjects
    enrolled = set(subjects[(subjects["replicate"] == 1) & subjects["enrolled"]]["subject"])
    mine = seen[(seen["replicate"] == 1) & (seen["variable"] == "cel") & seen["subject"].isin(enrolled)]
    largest = int(mine["value"].max())
    assert f">{largest}</text>" in drawn
    ends = subjects[(subjects["replicate"] == 1) & subjects["enrolled"]]["outcome"].astype(str).value_counts()
    for words, number in ends.items():
        assert drawn.count(f">{words}</text>") == number
        assert f"{number} {words}" in caption(swimmers(result, 1))


def test_a_value_that_is_no_count_is_not_written(result):
    """A measured quantity has discs by size alone."""
    import dataclasses

    other = dataclasses.replace(result, scenario=dataclasses.replace(result.scenario, follow="cd8"))
    assert other.scenario.follow == "cd8"
    assert "<svg" in svg(swimmers(other, 0))


def test_discs_leave_the_lane_to_be_seen():
    """Where assessments lie close, discs are small and without a number; no state that is not seen is in the key."""
    drawn = swimmers(run(load("amd_treat_and_extend"), replicates=1)).to_dict()
    layers = [layer for panel in drawn["hconcat"] for layer in panel["layer"]]
    discs = [layer["encoding"]["size"]["scale"] for layer in layers if "size" in layer["encoding"]]
    pixels_between = 4 / 104 * 270
    assert all(2 * (scale["range"][-1] / np.pi) ** 0.5 < pixels_between for scale in discs)
    texts = [layer for layer in layers if layer["mark"]["type"] == "text"]
    assert {layer["encoding"]["text"]["field"] for layer in texts} == {"ended"}
    named = next(e for layer in layers if (e := layer["encoding"].get("color", {}).get("legend")))["values"]
    assert named == ["Injections every 4 weeks", "Until the next injection, treat and extend"]


def test_what_cannot_be_drawn_is_said(result):
    """No variable to follow, or nobody there."""
    import dataclasses

    nothing = dataclasses.replace(result, scenario=dataclasses.replace(result.scenario, follow=None))
    with pytest.raises(UsageError, match="no variable to follow"):
        swimmers(nothing)
    with pytest.raises(UsageError, match="nobody enrolled"):
        swimmers(result, 99)
