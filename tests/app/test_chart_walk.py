"""Patients who move and trials that pile up, on three trials of different kinds."""

from __future__ import annotations

import json

import numpy as np
import pytest

import protocolsim
from tests.support.browser import REPLICATES, Visit

SCENARIOS = ("ms_daclizumab", "maa_daclizumab", pytest.param("hcv_response_guided", marks=pytest.mark.long))
pytestmark = pytest.mark.flaky(reruns=2)


def scrubbed(at: Visit, week: float) -> None:
    at.page.eval_on_selector(
        "#walk-week", "(e, week) => { e.value = week; e.dispatchEvent(new Event('input', {bubbles: true})); }", week
    )


def standing(at: Visit, side: int = 0) -> dict[int, str]:
    """The state in which each walker stands, by the box that holds it."""
    tips = at.page.eval_on_selector_all(
        f"[data-side='{side}'] .walker:not(.absent)", "all => all.map((e) => [e.dataset.walker, e.dataset.tip])"
    )
    return {int(number): tip.partition(": ")[2].partition(";")[0] for number, tip in tips}


def expected(result: protocolsim.Result, draw: int, week: float) -> dict[int, str]:
    """The same, from the tables of the run."""
    subjects, moves = result.subjects, result.moves
    mine = subjects[subjects["enrolled"] & (subjects["replicate"] == draw)].head(24)
    labels = {s.name: s.label for s in result.scenario.trial.protocol.states}
    first = result.scenario.trial.protocol.states[0].name
    found = {}
    for subject, enrolled in zip(mine["subject"], mine["enrolled_day"], strict=True):
        gone = moves[(moves["replicate"] == draw) & (moves["subject"] == subject)]
        until = gone[gone["day"] <= enrolled + 7 * week + 1e-6]
        if enrolled + 7 * week >= 0:
            found[int(subject)] = labels[str(until["to_state"].iloc[-1]) if len(until) else first]
    return found


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_everybody_stands_where_the_records_say(visit_trial, scenario):
    """In every week that is looked at each patient is in the state of the run, and the disc in that state's box."""
    at = visit_trial("view=walk&draw=1", scenario)
    at.page.wait_for_selector("#walk .walker", state="attached")
    at.page.emulate_media(reduced_motion="reduce")
    result = protocolsim.run(protocolsim.load(scenario), replicates=REPLICATES)
    rooms = json.loads(at.page.get_attribute("#walk", "data-walk"))
    for week in (0.5, 13.5, 30.5):
        scrubbed(at, week)
        assert standing(at) == expected(result, 1, week)
        assert at.page.inner_text("#walk-now") == f"week {week}"
        places = at.page.eval_on_selector_all(
            "[data-side='0'] .walker:not(.absent)", "all => all.map((e) => [e.dataset.walker, e.style.transform])"
        )
        for number, moved in places:
            x, y = (float(v.removesuffix("px")) for v in moved.removeprefix("translate(").removesuffix(")").split(", "))
            state = rooms["states"].index(standing(at)[int(number)])
            left, top, width, height = rooms["rooms"][str(state)]
            assert left <= x <= left + width
            assert top <= y <= top + height


def test_the_same_patients_walk_beside_without_the_effect(visit_trial):
    """Beside the trial stand the same subjects, as in a run in which the drug does nothing."""
    at = visit_trial("view=walk&walk=none")
    at.page.wait_for_selector("[data-side='1'] .walker", state="attached")
    scrubbed(at, 28.0)
    scenario = protocolsim.load("ms_daclizumab")
    assert scenario.effect is not None
    nothing = protocolsim.load("ms_daclizumab", set=dict(scenario.effect.none))
    mine = expected(protocolsim.run(scenario, replicates=REPLICATES), 0, 28.0)
    theirs = expected(protocolsim.run(nothing, replicates=REPLICATES), 0, 28.0)
    assert standing(at, 0) == mine
    assert standing(at, 1) == {number: theirs[number] for number in mine}
    assert standing(at, 0) != standing(at, 1)


def test_the_walk_plays_pauses_and_steps(visit_trial):
    """Keyboard alone: the walk goes on, stops, goes a week on, and tells of a decision with what it read."""
    at = visit_trial("view=walk")
    at.page.wait_for_selector("#walk .walker", state="attached")
    scrubbed(at, 20.0)
    at.page.focus("#walk-play")
    at.page.keyboard.press("Enter")
    at.page.wait_for_function("() => parseFloat(document.querySelector('#walk-week').value) > 21")
    assert at.page.inner_text("#walk-play") == "Pause"
    at.page.keyboard.press("Enter")
    assert at.page.inner_text("#walk-play") == "Play"
    scrubbed(at, 25.5)
    at.page.focus("[data-walk-by='1']")
    at.page.keyboard.press("Enter")
    assert at.page.inner_text("#walk-now") == "week 26"
    told = at.page.inner_text("[data-side='0'] .walk-said")
    assert "response threshold (75 %)" in told
    assert at.page.locator(".walker.deciding").count() > 2
    at.page.emulate_media(reduced_motion="reduce")
    scrubbed(at, 26.0)
    moved = at.page.eval_on_selector(".jump .walker", "e => getComputedStyle(e).transitionDuration")
    assert moved == "0s"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_trials_pile_up(visit_trial, scenario):
    """A new trial is a dot more on each endpoint; a hundred come in seconds, each with the value of its replicate."""
    at = visit_trial("view=fifteen", scenario)
    at.page.wait_for_selector("#piles [data-trial]")
    pile = at.page.locator("#piles figure").first
    name = pile.get_attribute("data-pile-of")
    assert pile.locator("[data-trial]").count() == 1
    at.page.click(".fifteen-pile >> text=New trial")
    at.page.wait_for_function(
        "() => document.querySelector('#piles figure').querySelectorAll('[data-trial]').length === 2"
    )
    at.page.click("text=A hundred trials")
    result = protocolsim.run(protocolsim.load(scenario), replicates=REPLICATES)
    endpoint = result.scenario.endpoints[name]
    values = np.asarray(endpoint.value(endpoint.completed(result.sums[name])), dtype=float)
    known = int(np.isfinite(values).sum())
    at.page.wait_for_function(
        f"() => document.querySelector('#piles figure').querySelectorAll('[data-trial]').length === {known}",
        timeout=4000,
    )
    piles = json.loads(at.page.get_attribute("#piles", "data-piles"))
    scale = 100.0 if piles[0]["unit"] == "%" else 1.0
    drawn = np.array([np.nan if v is None else v for v in piles[0]["values"]])
    assert np.allclose(drawn, scale * values, rtol=1e-5, equal_nan=True)
