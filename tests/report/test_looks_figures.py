"""The figures of looks draw the tables of the run and nothing else, with every word whole."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from functools import cache
from typing import Any

import numpy as np
import pytest

from protocolsim.errors import UsageError
from protocolsim.interim.estimates.made import ending_name
from protocolsim.report.looks import figures, frames, one_trial
from protocolsim.report.looks.summary import summary_of
from protocolsim.report.style.figures import alternative, caption, svg
from protocolsim.report.style.text_width import width
from protocolsim.scenario.load import load
from protocolsim.study.boundaries.matrix import design_of
from protocolsim.study.result import Result
from protocolsim.study.run import run
from protocolsim.study.trial_looks import TrialLooks, trial_looks

FOUR, TWO, TOLD = "ms_group_sequential", "ms_two_stage", "ms_crossover_upon_stopping"
WEEK = 7 * 24 * 60
SVG = "{http://www.w3.org/2000/svg}"


@cache
def ran(name: str = FOUR) -> Result:
    return run(load(name), replicates=40)


@cache
def one(name: str = FOUR) -> TrialLooks:
    return trial_looks(load(name))


def drawn() -> dict[str, object]:
    return {
        "boundaries": figures.boundaries(ran()),
        "boundaries of one": figures.boundaries_of_one(ran().shown, one()),
        "endings": figures.endings(ran()),
        "calendar": one_trial.calendar_swimmers(one()),
        "enrolment": one_trial.enrolment(one()),
    }


def words(chart: object) -> list[tuple[str, float, float, float]]:
    """Each word of a drawing with its left and right end and its height, in the drawing's own pixels."""
    root = ET.fromstring(svg(chart))  # noqa: S314 - drawn here
    found = []

    def walk(node: ET.Element, x: float, y: float, turned: bool) -> None:
        moved = node.get("transform", "")
        for a, b in re.findall(r"translate\(([-\d.]+),([-\d.]+)\)", moved):
            x, y = x + float(a), y + float(b)
        turned = turned or "rotate" in moved
        text = "".join(node.itertext())
        if node.tag == f"{SVG}text" and text and not turned:
            wide = width(text, float(str(node.get("font-size", "11")).removesuffix("px")))
            left = x - {"middle": wide / 2, "end": wide}.get(str(node.get("text-anchor")), 0.0)
            found.append((text, left, left + wide, y))
        for child in node:
            walk(child, x, y, turned)

    walk(root, 0.0, 0.0, False)
    return found


@pytest.mark.parametrize("name", ["boundaries", "boundaries of one", "endings", "calendar", "enrolment"])
def test_no_word_is_clipped(name):
    """Every word lies inside the drawing, which has a caption, and words for who cannot see it."""
    chart = drawn()[name]
    root = ET.fromstring(svg(chart))  # noqa: S314 - drawn here
    _, _, across, down = map(float, str(root.get("viewBox")).split())
    told = words(chart)
    assert len(told) > 5
    for text, left, right, y in told:
        assert left >= -1.0, text
        assert right <= across + 1.0, text
        assert 0.0 <= y <= down, text
    assert caption(chart).endswith(".")
    assert alternative(chart).endswith(".")


@pytest.mark.parametrize("name", ["calendar", "enrolment"])
def test_names_of_looks_do_not_touch(name):
    """Names of looks in one line keep apart, however near their dates are."""
    near = dataclasses.replace(one(), as_if=tuple(dataclasses.replace(k, cutoff=k.cutoff // 9) for k in one().as_if))
    for trial in (one(), near):
        chart = {"calendar": one_trial.calendar_swimmers, "enrolment": one_trial.enrolment}[name](trial)
        names = [w for w in words(chart) if w[0].startswith("look ")]
        assert len(names) == 4
        for a in names:
            assert all(a is b or a[2] <= b[1] or b[2] <= a[1] or a[3] != b[3] for b in names)


def test_each_dot_is_a_look_that_was_held():
    """The fan is the held looks of the run's table, each line ends where its trial did, and its colour says how."""
    fan = frames.fan_frame(design_of(ran().scenario), ran().shown, "z")
    looks = ran().looks
    held = looks[looks["held"]]
    np.testing.assert_array_equal(fan["value"], held["value_z"])
    np.testing.assert_array_equal(fan["information"], held["value_information"])
    last = fan.groupby("trial").last()
    ends = ran().trials.set_index("replicate")
    assert last["look"].tolist() == [str(e).replace("_", " ") for e in ends["ended_at"]]
    assert last["ending"].tolist() == [
        f"stopped for {c}" if c != "no effect" else "concluded 'no effect'" for c in ends["conclusion"].astype(str)
    ]


def test_at_most_two_hundred_trials_are_drawn(monkeypatch):
    """Of many trials the first are drawn, and the caption says of how many."""
    monkeypatch.setattr(frames, "MOST_TRIALS", 7)
    fan = frames.fan_frame(design_of(ran().scenario), ran().shown, "z")
    assert fan["trial"].unique().tolist() == list(range(7))
    assert "one of the first 7 of 40 trials" in caption(figures.boundaries(ran()))


def test_bounds_are_those_of_the_design():
    """Each bound stands at its look's planned information; where a look has none, nothing is drawn."""
    design = design_of(ran().scenario)
    frame = frames.boundary_frame(design, frames.fractions(design, ran().shown), "z")
    for boundary in design.boundaries:
        mine = frame[frame["boundary"] == boundary.name]
        assert mine["value"].tolist() == [v for v in boundary.values if v == v]
    assert frame[frame["boundary"] == "futility"]["information"].tolist() == [0.25, 0.5, 0.75]


UNBOUNDED = (
    {"stop": "efficacy", "when": "on_daclizumab > on_placebo"},
    {"stop": "futility", "when": "on_daclizumab < on_placebo"},
    {"at": "last", "conclude": "no effect", "otherwise": True},
)


def test_numbers_in_rules_are_bounds_too():
    """3 of the first 10 and 10 of 21 stand at their looks under the reasons of their rules; of a share in per cent."""
    design = ran(TWO).scenario.interim
    assert design is not None
    assert frames.bounded(design) == {"successes": ("futility", "worth a trial")}
    counted = frames.counts(design, ran(TWO).shown)
    frame = frames.boundary_frame(design, frames.fractions(design, ran(TWO).shown), "successes", counted)
    assert frame[["boundary", "look", "value"]].to_numpy().tolist() == [
        ["futility", "stage 1", pytest.approx(0.3 * counted["followed"][0])],
        ["worth a trial", "final", 10.0],
    ]
    drawn = figures.boundaries(run(load("arrest_ecmo"), replicates=4))
    assert "superiority: 98.6 % at look 1" in alternative(drawn)


def test_only_statistics_with_a_boundary_are_drawn():
    """z is compared with both boundaries, the estimates with none; without a boundary there is no figure."""
    assert frames.bounded(design_of(ran().scenario)) == {"z": ("efficacy", "futility")}
    others = load(FOUR, set={f"interim.rules[{k}]": rule for k, rule in enumerate(UNBOUNDED)})
    with pytest.raises(UsageError, match="no rule of the looks compares a statistic with a boundary"):
        figures.boundaries(run(others, replicates=2))
    with pytest.raises(UsageError, match="'on_placebo'"):
        figures.boundaries(ran(), "on_placebo")
    with pytest.raises(UsageError, match="no looks"):
        figures.endings(run(load("ms_daclizumab"), replicates=1))


@pytest.mark.parametrize("name", [FOUR, TWO])
def test_bars_are_all_trials(name):
    """The bars add up to all trials, each is the run's estimate, and bars of a look join without gaps."""
    frame = frames.endings_frame(ran(name))
    assert frame["share"].sum() == pytest.approx(1.0)
    codes = ran(name).trials.groupby(["ended_at", "conclusion"], observed=True).size() / 40
    rows: Any = frame[frame["share"] > 0].itertuples()
    for row in rows:
        reason = re.sub(r"^stopped for |^concluded '|'$", "", row.ending)
        assert codes[row.look.replace(" ", "_"), reason] == pytest.approx(row.share)
        assert row.after - row.before == pytest.approx(row.share)
    for _, bars in frame.groupby("look", sort=False):
        assert bars["before"].tolist() == [0.0, *bars["after"].tolist()[:-1]]


def test_trials_without_a_conclusion_are_drawn_at_the_last_look():
    """What no rule ends stands at the last look, so that all bars are all trials."""
    scenario = load(FOUR, set={"interim.rules[2]": {"at": "last", "conclude": "no effect", "when": "z > 100"}})
    result = run(scenario, replicates=20)
    frame = frames.endings_frame(result)
    none = frame[frame["ending"] == "no conclusion"]
    assert none["look"].tolist() in ([], ["look 4"])
    assert none["share"].sum() == pytest.approx((result.trials["conclusion"].isna()).mean())
    assert frame["share"].sum() == pytest.approx(1.0)


def test_lanes_are_cut_at_the_cut_off():
    """What is known lies left of the cut-off and the pipeline right of it; together they are each whole course."""
    trial = one()
    cutoff = frames.decided_at(trial).cutoff
    lanes = frames.lanes_frame(trial, cutoff)
    assert (lanes.loc[lanes["known"], "end"] <= cutoff / WEEK).all()
    assert (lanes.loc[~lanes["known"], "start"] >= cutoff / WEEK).all()
    chosen, places = frames.lanes(trial.full)
    subjects = trial.full["subjects"]
    assert len(chosen) == subjects["enrolled"].sum()
    for row, lane in zip(chosen.tolist(), places.tolist(), strict=True):
        mine = lanes[lanes["lane"] == lane].sort_values("start")
        np.testing.assert_allclose(mine["end"].to_numpy()[:-1], mine["start"].to_numpy()[1:], rtol=0, atol=1e-12)
        begins = np.rint(subjects["arrival_day"][row] * 1440)
        assert mine["start"].iloc[0] * WEEK == pytest.approx(begins)
        assert mine["end"].iloc[-1] * WEEK == pytest.approx(begins + subjects["end_minute"][row])
    crossing = lanes[(lanes["end"] == cutoff / WEEK) & lanes["known"]]["lane"].nunique()
    there = subjects["enrolled"] & (np.rint(subjects["arrival_day"] * 1440) < cutoff)
    there &= np.rint(subjects["arrival_day"] * 1440) + subjects["end_minute"] > cutoff
    assert crossing == there.sum()


def test_of_many_patients_every_nth_has_a_lane(monkeypatch):
    """A large trial shows evenly taken patients, and the caption says so."""
    monkeypatch.setattr(frames, "MOST_LANES", 30)
    chosen, places = frames.lanes(one().full)
    assert places.tolist() == list(range(1, 121, 4))
    assert len(chosen) == 30
    assert "30 of 120 (every 4th) patients" in caption(one_trial.calendar_swimmers(one()))


def test_enrolment_is_counted_from_dates():
    """Both curves are the number enrolled by each week; they are one until the decision, and part after it."""
    trial = one()
    frame = frames.enrolment_frame(trial)
    for records, said in ((trial.final, "as it was"), (trial.full, "had it gone on")):
        subjects = records["subjects"]
        dates = (np.rint(subjects["arrival_day"] * 1440) + subjects["enrolled_minute"])[subjects["enrolled"]] / WEEK
        mine = frame[frame["trial"] == said]
        for week, number in zip(mine["week"], mine["number"], strict=True):
            assert (dates < week - 1e-9).sum() <= number <= (dates <= week + 1e-9).sum()
    assert trial.ended is not None
    decided = trial.ended.decision / WEEK
    before = frame[frame["week"] <= decided].groupby("trial")["number"].max()
    assert before["as it was"] == before["had it gone on"]


def test_one_trial_joins_what_would_have_come():
    """The path of one trial is its held looks, and dashed those from its last held look on as they would have come."""
    path = frames.one_trial_frame(one(), "z")
    own, later = path[~path["as_if"]], path[path["as_if"]]
    assert own["value"].tolist() == [k.values["z"] for k in one().looks if k.held]
    assert later["value"].tolist() == [k.values["z"] for k in one().as_if[one().last_held.number :]]
    assert later["value"].iloc[0] == own["value"].iloc[-1]


def test_the_table_of_looks_is_the_estimates():
    """Each share of the compact table is the run's estimate; held is the share of trials with that look."""
    summary = summary_of(ran())
    assert summary is not None
    looks = ran().looks
    for row, look in zip(summary.rows, design_of(ran().scenario).looks, strict=False):
        assert row.held == f"{100 * looks.loc[looks['look'] == look.name, 'held'].mean():.3g} %"
        for reason, said in zip(("efficacy", "futility", "no effect"), row.endings, strict=True):
            estimate = ran().estimates.get(ending_name(reason, look.name))
            assert (said == "") == (estimate is None)
            if estimate is not None:
                value = float(said.partition(" ")[0])
                assert value == pytest.approx(100 * estimate.value, abs=max(0.51, 100 * estimate.mcse))
    assert [r.name for r in summary.rows] == ["look 1", "look 2", "look 3", "look 4", "any look"]
    assert summary_of(run(load("ms_daclizumab"), replicates=1)) is None
