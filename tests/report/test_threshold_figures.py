"""What is drawn of a threshold is what its curve says, and the ways of patients through the states lose nobody."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.report.decision import figures, measure_figures, regret_figures
from protocolsim.report.decision.captions import MarkedThreshold, without_curve
from protocolsim.report.decision.page import threshold_page
from protocolsim.report.decision.series import Drawn
from protocolsim.report.decision.summary import CurveSummary
from protocolsim.report.protocol.state_chart import Arrow
from protocolsim.report.run import flow
from protocolsim.report.run.figures import through_states
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import alternative, caption
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.regret import regret
from protocolsim.study.decision.thresholds import thresholds
from tests.report.test_report import made


@functools.cache
def curve(name: str = "ms_daclizumab", **settings: object) -> ThresholdCurve:
    return thresholds(protocolsim.load(name, set=dict(settings)), replicates=20)


@functools.cache
def drawn() -> Drawn:
    return Drawn(curve())


def behind(chart) -> list[pd.DataFrame]:
    """The tables in a chart."""
    return [pd.DataFrame(rows) for rows in chart.to_dict()["datasets"].values()]


def holding(chart, *columns) -> pd.DataFrame:
    """The largest table of a chart that has these columns."""
    return max((f for f in behind(chart) if set(columns) <= set(f.columns)), key=len)


def test_the_curves_are_the_frame():
    """Behind the curves are exactly the values of the curve's frame, and bands of two standard errors about them."""
    found = holding(figures.curves(drawn()), "estimate", "lower").set_index(["estimate", "threshold"])
    said = curve().frame(drawn().thresholds).set_index(["estimate", "threshold"])
    for name in ("share_sent", "sensitivity", "specificity"):
        mine, theirs = found.loc[name], said.loc[name]
        assert mine["value"].tolist() == theirs["value"].tolist()
        np.testing.assert_allclose(mine["upper"] - mine["value"], 2 * theirs["mcse"], atol=1e-12)
        np.testing.assert_allclose(mine["value"] - mine["lower"], 2 * theirs["mcse"], atol=1e-12)
        np.testing.assert_allclose(mine["at"], 100 * theirs.index.to_numpy(), atol=1e-7)


def test_a_threshold_that_is_set_is_marked_and_said():
    """The line stands at it, and the caption does not call it the scenario's own."""
    chart = figures.curves(drawn(), threshold=0.5)
    assert any(frame.columns.tolist() == ["at"] and frame["at"].tolist() == [50.0] for frame in behind(chart))
    assert "the threshold set here, 50 % (the scenario's own is 75 %)" in caption(chart)
    assert "the scenario's own threshold, 75 %" in caption(figures.curves(drawn()))


def test_no_caption_rounds_a_share_away(monkeypatch):
    """What stands under figures and beside their points says shares as the decision's sentence does."""
    marked = MarkedThreshold(drawn())
    shares = {"sensitivity": 0.998, "specificity": 0.997}
    known = {n: dataclasses.replace(e, value=shares[n]) if n in shares else e for n, e in marked.at.items()}
    said = MarkedThreshold(drawn(), at=known).operating_point
    assert "> 99.5 % of true responders pass and < 0.5 % of the others" in said

    monkeypatch.setattr(numbers, "percent", lambda _: "[share]")
    result = made()
    assert "[share]" in caption(through_states(result))
    assert "[share]" in caption(flow.flow(result))
    assert "[share]" in regret_figures.says(drawn(), regret(curve(), streams=2))[1]
    assert "[share]" in figures.roc_frame(drawn())["tip"][0]
    assert "[share]" in Arrow("a", "b", number=1, share=0.5).counted


def test_what_has_no_curve_is_said_with_its_reason():
    """A rule that is tried after a scan; not one at the end of a state, and not in a trial that has none."""
    said = without_curve(protocolsim.load("ms_daclizumab"))
    assert said.startswith("Rescue level has no curve: its rule is tried after MRI")
    assert "response threshold" not in said
    assert without_curve(protocolsim.load("arrest_ecmo")) == ""


def test_another_scenario_is_drawn_dashed():
    """A comparison adds its share that passes, and nothing but that, as one dashed line."""
    other = curve("ms_no_drug")
    chart = figures.curves(drawn(), other)
    dashed = [layer for layer in chart.to_dict()["layer"] if layer["mark"].get("strokeDash") == [6, 4]]
    assert len(dashed) == 1
    rows = pd.DataFrame(chart.to_dict()["datasets"][dashed[0]["data"]["name"]])
    said = other.frame(drawn().thresholds)
    assert rows["value"].tolist() == said[said["estimate"] == "share_sent"]["value"].tolist()
    assert rows["estimate"].unique().tolist() == ["share_sent"]


def test_every_dot_of_the_roc_is_a_threshold():
    """ROC points are (1 - specificity, sensitivity) of each threshold; words stand where they have room."""
    found: Any = holding(figures.roc(drawn()), "false_positive", "own")
    assert len(found) == len(drawn().thresholds)
    for row in found.itertuples():
        at = curve().at(row.threshold)
        assert (row.sensitivity, row.false_positive) == (at["sensitivity"].value, 1 - at["specificity"].value)
    labelled = found[found["text"] != ""]
    assert "75 %" in set(labelled["text"]) <= {"25 %", "50 %", "75 %"}
    places = labelled[["false_positive", "sensitivity"]].to_numpy()
    # Their words are some 35 by 13 of the plot's 400 pixels.
    apart = [np.abs(a - b) * 400 for k, a in enumerate(places) for b in places[k + 1 :]]
    assert all(across > 35 or up > 13 for across, up in apart)
    assert found[found["own"]]["threshold"].tolist() == [0.75]


def test_the_loss_at_the_scenarios_prices_is_the_expected_loss():
    """Built from count, stop and dose, the loss at the scenario's own prices is the curve's expected loss."""
    said = drawn().of("expected_loss")["value"]
    np.testing.assert_allclose(drawn().loss(*drawn().weights()), said, rtol=1e-6)


def test_the_loss_at_other_prices_is_that_of_the_scenario_with_them():
    """At other prices the loss, built afterwards, is what the scenario with these prices gives."""
    other = Drawn(curve(weight_of_stopping=30, weight_of_dose=0.5))
    np.testing.assert_allclose(drawn().loss(30, 0.5), other.of("expected_loss")["value"], rtol=1e-6)


def test_each_line_of_the_loss_has_its_lowest_threshold_marked():
    """Each line of the figure is the loss at its prices, with one mark, at its minimum."""
    found = holding(figures.loss(drawn()), "loss", "lowest")
    full: Any = figures.loss_frame(drawn())
    groups = full.groupby(["stop_weight", "dose_weight"])
    assert sorted(groups.groups) == [(s, d) for s in (0, 10, 30) for d in (0, 0.05, 0.1, 0.2, 0.5)]
    for (stop, dose), rows in groups:
        assert rows["loss"].tolist() == drawn().loss(stop, dose).tolist()
        assert rows["lowest"].sum() == 1
        assert rows.loc[rows["lowest"], "loss"].item() == pytest.approx(rows["loss"].min(), abs=1e-9)
    assert set(found["stop_weight"]) <= {0, 10, 30}


def test_what_costs_nothing_is_best_at_the_end_and_said_so():
    """Without prices the minimum is at the threshold that nobody passes, and the caption says that this is trivial."""
    place = drawn().cheapest(0.0, 0.0)
    assert drawn().at_an_end(place)
    assert not curve().rule.holds(curve().measured, drawn().thresholds[place]).any()
    assert "trivially best" in caption(figures.loss(drawn()))
    assert "dose doubled" in figures.free_says(drawn())


def test_steps_hold_on_the_side_that_the_rule_says():
    """Between two thresholds next to each other the share is that of the side on which the line is drawn level."""
    grid = drawn().thresholds
    middle = curve().frame((grid[:-1] + grid[1:]) / 2)
    share = middle[middle["estimate"] == "share_sent"]["value"].to_numpy()
    level = drawn().of("share_sent")["value"].to_numpy()
    left, right = np.abs(share - level[:-1]).sum(), np.abs(share - level[1:]).sum()
    assert drawn().interpolate == "step-after"
    assert left < right


def test_without_a_decision_only_who_passes_is_drawn():
    """Without a priced decision the share that passes is drawn, and figures of worth are refused with the reason."""
    text = protocolsim.load("ms_daclizumab").resolved
    bare = re.sub(r"^(?:decisions|story):\n(?:[ -].*\n)+", "", text, flags=re.MULTILINE)
    assert bare != text
    from protocolsim.scenario.build.assemble import build
    from protocolsim.scenario.file.yaml_reader import parse

    found = Drawn(thresholds(build(parse(bare, "bare.yaml")), "response_threshold", replicates=3))
    assert set(holding(figures.curves(found), "estimate", "lower")["estimate"]) == {"share_sent"}
    for draw in (figures.roc, figures.loss, figures.what_follows):
        with pytest.raises(UsageError, match="no decision"):
            draw(found)


def test_a_curve_over_another_parameter_is_no_comparison():
    """Curves over different parameters are not drawn on one axis."""
    import dataclasses

    other = dataclasses.replace(curve(), rule=dataclasses.replace(curve().rule, parameter="rescue_level"))
    with pytest.raises(UsageError, match="do not share"):
        figures.curves(drawn(), other)


def test_the_page_is_whole_and_alone():
    """The page has every figure with words for who cannot see it, every row of the table, and no outside address."""
    told = CurveSummary(curve(), "batch", 1.0, regret(curve(), streams=2))
    text = threshold_page(told)
    assert text.count("<svg ") == text.count('role="img"') == 7
    assert text.count('class="own"') == 1
    assert all(f"{label}</td>" in text for label in curve().definitions.values())
    assert not re.search(r"(?:src|href)=\"https?://", text)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(s in text.replace("&#39;", "'").replace("&gt;", ">") for s in told.sentences() if s)


# Flow ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["made", "ms_daclizumab"])
def result(request):
    return made() if request.param == "made" else protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=20)


def test_nobody_is_lost_on_the_way(result):
    """Who enters a column's state came by a ribbon; who leaves it was there; all enrolled are in the first column."""
    between, standing = flow.flows(result), flow.nodes(result)
    number = standing.set_index(["step", "state"])["number"]
    assert number.loc[0].sum() == result.records["subjects"]["enrolled"].sum()
    arriving: Any = between.groupby(["step", "target"])["number"].sum()
    for (step, state), many in arriving.items():
        assert number[step, state] == many
    leaving: Any = between.groupby(["step", "source"])["number"].sum()
    for (step, state), many in leaving.items():
        assert many <= number[step - 1, state]
    assert number[number.index.get_level_values("step") > 0].sum() == between["number"].sum()


def test_those_who_stay_ended_there(result):
    """Standing in a column's state without leaving it, added over the columns, is how many ended in that state."""
    between, standing = flow.flows(result), flow.nodes(result)
    subjects = result.records["subjects"]
    final = np.bincount(subjects["final_state"][subjects["enrolled"]], minlength=20)
    there = standing.groupby("state")["number"].sum().reindex(range(20), fill_value=0)
    left = between.groupby("source")["number"].sum().reindex(range(20), fill_value=0)
    assert (there - left).tolist() == final.tolist()


def test_ribbons_are_as_wide_as_their_share(result):
    """The ribbons drawn have, all along, the width of the share that moved, and stay within their bars."""
    chart = flow.flow(result)
    ribbons = holding(chart, "ribbon", "low", "high")
    between: Any = flow.flows(result)
    total = result.records["subjects"]["enrolled"].sum()
    for place, rows in ribbons.groupby("ribbon"):
        np.testing.assert_allclose(rows["high"] - rows["low"], between["number"].iloc[place] / total, atol=1e-12)
    boxes = max((f for f in behind(chart) if "state" in f.columns), key=len)
    for step, column in boxes.groupby("step"):
        edges = column.sort_values("high", ascending=False)
        assert (edges["low"].to_numpy()[:-1] > edges["high"].to_numpy()[1:]).all(), step
    assert alternative(chart)


def test_words_of_a_column_do_not_meet():
    """The names of small states are pushed apart by as many pixels as their lines need, with some between."""
    made = protocolsim.run("hcv_response_guided", replicates=30)
    (panel,) = flow._panels(made)
    ground = panel.ground
    pixels = ground.height / (ground.up[1] - ground.up[0])
    for _, column in ground.boxes.groupby("step"):
        words = column.sort_values("label_at", ascending=False)
        half = 14.0 * words["lines"].to_numpy() / 2
        middle = -words["label_at"].to_numpy() * pixels
        assert (middle[1:] - half[1:] >= middle[:-1] + half[:-1]).all()


def test_nobody_to_follow_is_refused():
    """Where nobody was enrolled there is no flow to draw."""
    none = made(2, 4)
    none.records["subjects"]["enrolled"][:] = False
    with pytest.raises(UsageError, match="nobody was enrolled"):
        flow.flow(none)


def test_definitions_are_drawn_as_their_curves():
    """A line for each definition, whose values are those of its own curve; diamonds are at the own threshold."""
    frame = measure_figures.definitions_frame(drawn())
    assert frame["definition"].unique().tolist() == list(curve().definitions)
    for name, rows in frame.groupby("definition"):
        at = (
            curve().by(str(name)).frame(drawn().thresholds).pivot(index="threshold", columns="estimate", values="value")
        )
        for panel in measure_figures.PANELS:
            assert rows[panel].tolist() == at[panel].tolist()
    chart = measure_figures.definitions(drawn())
    assert len(chart.to_dict()["hconcat"]) == 3
    assert "last two scans" in caption(chart)
    marked = holding(measure_figures.definitions_roc(drawn()), "false_positive", "own")
    assert set(marked[marked["own"]]["threshold"]) <= {0.75}
    lone = dataclasses.replace(curve(), scenario=dataclasses.replace(curve().scenario, decisions={}))
    with pytest.raises(UsageError, match="no other measure"):
        measure_figures.definitions(Drawn(lone))


def test_the_area_is_the_share_of_ordered_pairs():
    """The area under the ROC is how often a true responder measures better than another, over all pairs of them."""
    mine = curve()
    true = mine.taken["sensitivity"][:, 1] > 0
    better = np.where(np.isnan(mine.measured), -np.inf, mine.measured)
    ours, theirs = better[true][:, None], better[~true][None, :]
    area, error = mine.area()
    assert area == pytest.approx(((ours > theirs) + 0.5 * (ours == theirs)).mean(), abs=1e-12)
    assert 0.005 < error < 0.05


def test_regret_is_drawn_as_it_was_found():
    """Behind the figure of regret are the values at each threshold and price; its words bracket it and say who wins."""
    found = regret(curve(), streams=4)
    own = regret_figures.own_frame(drawn(), found)
    np.testing.assert_allclose(own["regret"], found.values(drawn().thresholds), atol=1e-6)
    assert (own["lower"] <= own["regret"]).all()
    assert (own["regret"] <= own["upper"]).all()
    priced = regret_figures.priced_frame(drawn(), found)
    free = priced[priced["dose_weight"] == 0.0]
    assert free.loc[free["lowest"], "threshold"].tolist() == [1.0]
    assert priced["dose_weight"].nunique() == 5
    chart = regret_figures.regret(drawn(), found)
    assert "trivially best" in caption(chart)
    assert "4 other random streams" in caption(chart)
    assert "trivially best" in " ".join(CurveSummary(curve(), "batch", 1.0, found).sentences())
