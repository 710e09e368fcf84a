"""One patient in every picture, and the rule of every kind of trial, on trials of different kinds."""

from __future__ import annotations

import json

import numpy as np
import pytest

import protocolsim
from protocolsim.study.decision.branch_curve import branch_curve
from tests.support.browser import REPLICATES, Visit
from tests.support.words_drawn import without_room

# A trial of one arm with one threshold, one with arms, and one whose rule is longer than a threshold.
SCENARIOS = ("ms_daclizumab", pytest.param("ms_randomised", marks=pytest.mark.long), "maa_daclizumab")
pytestmark = pytest.mark.flaky(reruns=2)


def run(scenario: str) -> protocolsim.Result:
    return protocolsim.run(protocolsim.load(scenario), replicates=REPLICATES)


def settled(at: Visit, figure: str) -> None:
    at.page.wait_for_selector(f"main .tab-pane.active figure[data-figure={figure}] svg")
    at.idle()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_patient_chosen_in_the_lanes_is_marked_in_every_picture(visit_trial, scenario):
    """A click marks the lane, the path through the states and the disc that walks; the address has the same number."""
    at = visit_trial("view=fifteen&draw=1", scenario)
    settled(at, "flow")
    settled(at, "swimmers")
    lane = at.page.locator("figure[data-figure=swimmers] [class*=' lane_'] [data-tip]").nth(2)
    number = lane.get_attribute("data-tip").split(":")[0].removeprefix("Patient ")
    lane.focus()
    at.page.keyboard.press(" ")
    at.page.wait_for_selector("figure[data-figure=swimmers] .chosen-lane", state="attached")
    at.page.wait_for_function(f"() => new URLSearchParams(location.search).get('patient') === '{number}'")
    assert at.page.locator("figure[data-figure=swimmers] .chosen-lane").count() == 1
    assert at.page.inner_text("figure[data-figure=flow] .who").startswith(f"Patient {number} is marked.")
    path = json.loads(at.page.get_attribute("#paths", "data-paths"))["patients"][number]
    drawn = at.page.get_attribute("figure[data-figure=flow] .thread path", "d")
    assert drawn.count("C") == len(path["ribbons"])
    moves = run(scenario).moves
    mine = moves[(moves["replicate"] == 1) & (moves["subject"] == int(number))]
    assert len(path["ribbons"]) <= len(mine)
    at.view("walk")
    at.page.wait_for_selector(f".walker.chosen[data-walker='{number}']", state="attached")
    at.view("fifteen")
    settled(at, "swimmers")
    at.page.click("figure[data-figure=swimmers] [data-who=nobody]")
    at.page.wait_for_function("() => !location.search.includes('patient=')")
    assert at.page.locator(".chosen-lane, .thread, .another").count() == 0


def test_a_patient_stands_on_the_curve_and_leads_back(visit_trial):
    """On the rule's axis each patient stands where the rule measured it; chosen there, it is marked in the lanes."""
    at = visit_trial("view=rule&draw=1")
    settled(at, "curves")
    at.page.wait_for_selector(".rug circle")
    curve = protocolsim.thresholds(protocolsim.load("ms_daclizumab"), replicates=REPLICATES)
    mine = curve.replicate == 1
    measured = dict(zip(curve.subject[mine].tolist(), curve.measured[mine].tolist(), strict=True))
    dots = at.page.eval_on_selector_all(
        ".rug circle",
        "all => all.map((e) => [e.dataset.patient, e.classList.contains('passes'), Number(e.getAttribute('cx'))])",
    )
    assert {int(n) for n, _, _ in dots} == {n for n, v in measured.items() if np.isfinite(v)}
    for number, passes, x in dots:
        value = measured[int(number)]
        assert passes == (value > 0.75)
        assert x == pytest.approx(700 * min(1.0, max(0.0, value)), abs=0.5)
    at.move("response_threshold", "99", settled=False)
    above = sum(v > 0.99 for v in measured.values())
    at.page.wait_for_function(f"() => document.querySelectorAll('.rug circle.passes').length === {above}")
    at.page.locator(".rug circle").first.focus()
    at.page.keyboard.press("Enter")
    at.page.wait_for_selector(".rug circle.chosen")
    number = at.page.get_attribute(".rug circle.chosen", "data-patient")
    at.view("fifteen")
    at.page.wait_for_selector("figure[data-figure=swimmers] .chosen-lane", state="attached")
    assert at.page.get_attribute(".chosen-lane", "data-tip").startswith(f"Patient {number}: ")


def test_a_ribbon_shows_its_patients_and_an_outcome_those_who_ended_so(visit_trial):
    """A ribbon that is pressed leaves the lanes of those in it, an outcome those of those who ended in it."""
    at = visit_trial("view=fifteen")
    settled(at, "flow")
    settled(at, "swimmers")
    known = json.loads(at.page.get_attribute("#paths", "data-paths"))
    ways = [p["ribbons"] for p in known["patients"].values()]
    k = max(range(len(known["ribbons"])), key=lambda k: 1 <= sum(k in way for way in ways) < 8)
    click = "e => e.dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    at.page.eval_on_selector(f"path[data-ribbon='{k}']", click)
    lanes = "figure[data-figure=swimmers] .chosen-lane"
    said = at.page.eval_on_selector_all(lanes, "all => all.map((e) => e.dataset.tip.match(/\\d+/)[0])")
    assert sorted(said) == sorted(n for n, p in known["patients"].items() if k in p["ribbons"])
    at.page.locator("figure[data-figure=flow] [data-who=nobody]").click()
    entry = at.page.locator("[data-end]").first
    entry.click()
    assert entry.get_attribute("aria-pressed") == "true"
    left = at.page.eval_on_selector_all(
        "figure[data-figure=swimmers] [data-tip^='Patient ']:not(.another)",
        "all => [...new Set(all.map((e) => e.dataset.tip.match(/\\d+/)[0]))]",
    )
    subjects = run("ms_daclizumab").subjects
    mine = subjects[subjects["enrolled"] & (subjects["replicate"] == 0)]
    ended = mine[mine["outcome"].astype(str) == entry.get_attribute("data-end")]["subject"]
    dimmed = at.page.locator("figure[data-figure=swimmers] .mark-rect .another").count()
    assert dimmed > 0
    assert {int(n) for n in left} >= set(ended)
    entry.click()
    assert at.page.locator(".another").count() == 0


@pytest.mark.parametrize("scenario", ["maa_daclizumab", pytest.param("ms_randomised", marks=pytest.mark.long)])
def test_a_longer_rule_has_its_curve_and_answers_at_once(visit_trial, scenario):
    """Its number is moved and the shares follow, those of the records decided anew; another number can be chosen."""
    at = visit_trial("view=rule", scenario)
    settled(at, "curves")
    curve = branch_curve(run(scenario))
    name = curve.parameter
    assert at.page.get_attribute(".mirror", "data-mirror") == name
    low, high = (float(end) for end in (curve.values[0], curve.values[-1]))
    value = low + 0.3 * (high - low)
    settable = curve.scenario.settable(f"parameters.{name}")
    said = settable.write(value / settable.internal(1.0)).split()[0]
    at.page.fill(f'[data-parameter="{name}"] [data-role=number]', said)
    at.page.wait_for_function(
        "() => document.querySelector('figure[data-figure=curves] .caption').textContent.includes('the value set here')"
    )
    shown = at.page.eval_on_selector_all(
        "#rule-numbers td[data-column='0']", "all => all.map((e) => Number(e.dataset.exact))"
    )
    set_to = settable.internal(float(said))
    expected = [share.value for place in range(len(curve.decided)) for share in curve.shares(place, set_to)]
    assert shown == expected
    assert expected != [share.value for place in range(len(curve.decided)) for share in curve.shares(place, curve.own)]
    assert without_room(at.page) == []
    others = at.page.eval_on_selector_all("#measure option", "all => all.map((e) => e.value)")
    if len(others) > 1:
        at.page.select_option("#measure", others[1])
        at.page.wait_for_selector(f".mirror[data-mirror='{others[1]}']", state="attached")


@pytest.mark.parametrize("others", [("ms_smart", "hcv_response_guided"), ("ms_daclizumab", "ms_smart")])
def test_no_patient_of_another_trial_stands_on_a_curve(visit_trial, others):
    """Whatever was shown before, those who stand under the curves are those of this trial, each beside its decision."""
    at = visit_trial("view=rule", "hcv_response_guided")
    settled(at, "curves")
    for scenario in others:
        title = at.page.inner_text("#title")
        at.page.select_option("#scenario", scenario)
        at.page.wait_for_function("(old) => document.getElementById('title').textContent !== old", arg=title)
        settled(at, "curves")
        at.page.wait_for_selector("#rule-marks", state="attached")
        told = json.loads(str(at.page.get_attribute("#rule-marks", "data-marks")))
        drawn = at.page.eval_on_selector_all(".rug circle", "all => all.map((dot) => dot.dataset.patient)")
        assert sorted(map(int, drawn)) == sorted(patient["number"] for patient in told["standing"])


def test_a_ribbon_of_another_trial_is_not_marked(visit_trial):
    """A ribbon is chosen in one trial's picture: in that of another its patients are not said to have gone there."""
    at = visit_trial("view=fifteen")
    settled(at, "flow")
    at.page.wait_for_selector("path[data-ribbon]")
    at.page.dispatch_event("path[data-ribbon] >> nth=1", "click")
    at.page.wait_for_selector(".chosen-ribbon", state="attached")
    heading = at.page.get_attribute("#paths", "data-paths")
    at.page.click("[data-step=draw][data-by='1'] >> visible=true")
    at.page.wait_for_function("(old) => document.getElementById('paths')?.dataset.paths !== old", arg=heading)
    settled(at, "flow")
    at.page.wait_for_selector("path[data-ribbon]")
    assert at.page.query_selector_all(".chosen-ribbon") == []
    assert "in this trial" not in at.page.inner_text("figure[data-figure=flow] .who")
