"""Charts that answer: what a pointer, a finger and the keyboard get out of them, on trials of different kinds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import protocolsim
from tests.support.browser import REPLICATES, Visit
from tests.support.words_drawn import without_room

SCENARIOS = ("ms_daclizumab", "maa_daclizumab", "hcv_response_guided")
# Three kinds of trial; where each takes ten seconds, one of them is always looked at.
ONE_ALWAYS = [name if k == 0 else pytest.param(name, marks=pytest.mark.long) for k, name in enumerate(SCENARIOS)]
pytestmark = pytest.mark.flaky(reruns=2)


def run(scenario: str = "ms_daclizumab") -> protocolsim.Result:
    return protocolsim.run(protocolsim.load(scenario), replicates=REPLICATES)


def enrolled(scenario: str, draw: int) -> list[int]:
    subjects = run(scenario).subjects
    return [int(s) for s in subjects[subjects["enrolled"] & (subjects["replicate"] == draw)]["subject"]]


def shown(at: Visit, view: str) -> None:
    at.page.wait_for_selector("main .tab-pane.active figure svg")
    at.idle()
    assert f"view={view}" in at.page.url


def test_without_its_own_font_words_would_not_fit(visit_trial):
    """The measure of `test_app_sizes.py` finds what it is for: in a much wider font words are cut off or overlap."""
    at = visit_trial("view=design")
    shown(at, "design")
    at.page.add_style_tag(content="figure svg text { font-family: 'DejaVu Sans' !important; font-stretch: expanded; }")
    at.page.add_style_tag(content="figure svg text { letter-spacing: 3px; }")
    assert without_room(at.page)


@pytest.mark.parametrize("scenario", [SCENARIOS[0], pytest.param(SCENARIOS[1], marks=pytest.mark.long), SCENARIOS[2]])
def test_values_under_the_pointer_and_lanes_that_open_their_patient(visit_trial, scenario):
    """A mark says whose value it is; the lane leads to that patient, who has one number everywhere."""
    at = visit_trial("view=fifteen&draw=1", scenario)
    shown(at, "fifteen")
    second = enrolled(scenario, 1)[1]
    lane = at.page.locator("figure[data-figure=swimmers] [class*=' lane_'] [data-tip]").nth(1)
    assert lane.get_attribute("data-tip").startswith(f"Patient {second}: ")
    disc = at.page.locator(f"figure[data-figure=swimmers] .mark-symbol [data-tip^='Patient {second}, week']").first
    disc.hover(force=True)
    told = at.page.inner_text("#tip")
    assert told == disc.get_attribute("data-tip")
    seen = run(scenario).shown
    values = {float(v) for v in seen["observations"]["value"] if np.isfinite(v)}
    value = float(told.rpartition(" ")[2])
    assert min(abs(v - value) for v in values) <= 1e-3 * max(1.0, abs(value))
    lane.focus()
    at.page.keyboard.press("Enter")
    at.page.wait_for_selector(f".patient-story h2:has-text('Patient {second} of trial 1')")
    assert f"patient={second}&" in at.page.url + "&"
    shown(at, "patient")
    again = at.page.text_content(".patient-story code >> nth=-1")
    assert f"trace {scenario} --subject {second} --replicate 1" in again


def test_a_legend_filters(visit_trial):
    """One entry leaves the marks of its state alone; pressed again, all are there."""
    at = visit_trial("view=fifteen")
    shown(at, "fifteen")
    entry = at.page.locator("figure[data-figure=swimmers] [data-filter]").nth(2)
    entry.focus()
    at.page.keyboard.press("Enter")
    assert entry.get_attribute("aria-pressed") == "true"
    tint = entry.get_attribute("data-filter")
    left = at.page.eval_on_selector_all(
        "figure[data-figure=swimmers] .mark-rect path:not(.dimmed)", "all => all.map((e) => e.getAttribute('fill'))"
    )
    state = at.page.eval_on_selector_all(
        "figure[data-figure=swimmers] .mark-rect .dimmed", "all => all.map((e) => e.getAttribute('fill'))"
    )
    assert tint in left
    assert tint not in state
    assert state
    at.page.keyboard.press("Enter")
    assert at.page.locator("figure[data-figure=swimmers] .dimmed").count() == 0


# Five moves of the slider: how many elements come or go, and how many grips each upright line then has.
_DRAGGED = """
async () => {
    const slider = document.querySelector('[data-parameter="response_threshold"] [data-role=slider]');
    let elements = 0, moves = 0;
    const move = (value) => new Promise((done) => {
        document.addEventListener("rule-shown", () => done(moves++), {once: true});
        slider.value = value;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
    });
    await move(41);
    moves = 0;
    const seen = new MutationObserver((changes) => {
        for (const each of changes) for (const node of [...each.addedNodes, ...each.removedNodes])
            if (node.nodeType === Node.ELEMENT_NODE) elements++;
    });
    seen.observe(document.body, {childList: true, subtree: true});
    for (const value of [20, 80, 55, 10, 41]) await move(value);
    seen.disconnect();
    const lines = document.querySelectorAll(".rule-curve [class*=' own_'] line:not(.grip)").length;
    return {elements, moves, grips: document.querySelectorAll(".rule-curve .grip").length / lines};
}
"""


@pytest.mark.parametrize("width", [1280, 820])
def test_the_threshold_is_dragged_and_its_numbers_stay_in_sight(visit_trial, width):
    """A mouse moves the line; numbers, sentence and address follow, and nothing says anything else."""
    at = visit_trial("view=rule")
    at.page.set_viewport_size({"width": width, "height": 900})
    shown(at, "rule")
    grip = at.page.locator("figure[data-figure=curves] .grip").first
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    at.page.mouse.move(x, y)
    at.page.mouse.down()
    ground = at.page.locator("figure[data-figure=curves] .role-mark[class*=' own_']").first
    plot = "xpath=ancestor::*[contains(@class, 'mark-group')][1]/*/*[@class='background']"
    ground = ground.locator(plot).bounding_box()
    at.page.mouse.move(ground["x"] + 0.4 * ground["width"], y, steps=4)
    at.page.wait_for_function("() => document.querySelector('#rule-readout b').textContent === '40 %'")
    at.page.mouse.up()
    at.page.wait_for_function("() => location.search.includes('response_threshold=40')")
    expected = protocolsim.thresholds(protocolsim.load("ms_daclizumab"), replicates=REPLICATES).at(0.4)
    passing = expected["share_sent"].value
    read = float(re.findall(r"[\d.]+", at.page.inner_text("[data-read=share_sent]"))[0])
    assert abs(read - 100 * passing) <= 0.51
    assert at.page.inner_text("figure[data-figure=curves] .flag").startswith("40 %: ")
    assert at.value("share_sent") == passing
    for caption in at.page.locator("main .tab-pane.active .caption").all_inner_texts():
        if "threshold set here" in caption or "own" in caption:
            assert "the threshold set here, 40 % (the scenario's own is 75 %)" in caption
            assert "scenario's own threshold" not in caption
    assert at.page.evaluate(_DRAGGED) == {"elements": 0, "moves": 5, "grips": 1}
    at.page.mouse.wheel(0, 900)
    at.page.wait_for_function("() => scrollY > 300")
    seen = at.page.eval_on_selector("#rule-readout", "e => e.getBoundingClientRect().top")
    assert 0 <= seen < 200
    assert without_room(at.page) == []


def test_the_rule_has_tints_that_no_treatment_has():
    """Sensitivity and specificity are not drawn in the colour of a state, nor does an end of a course alarm."""
    from protocolsim.report.decision.figures import FOLLOWING, SHARES
    from protocolsim.report.style.figures import ENDS, PALETTE, RED, state_colours

    assert not {*SHARES.values(), *FOLLOWING.values()} & set(PALETTE)
    states = protocolsim.load("ms_daclizumab").trial.protocol.states
    tints = state_colours([s.final for s in states])
    assert all((tint in ENDS) == s.final for s, tint in zip(states, tints, strict=True))
    assert RED not in [tint for s, tint in zip(states, tints, strict=True) if s.final]
    assert len(set(tints)) == len(tints)


@pytest.mark.parametrize("scenario", ONE_ALWAYS)
def test_a_report_has_room_for_its_words(running, scenario, tmp_path: Path):
    """The page that a run writes carries its font, loads nothing, and cuts no word of its figures."""
    from protocolsim.report.run.page import page as written

    target = tmp_path / "report.html"
    target.write_text(written(run(scenario)), encoding="utf-8")
    page = running.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(target.as_uri())
    assert without_room(page) == []
    assert page.evaluate("() => [...document.fonts].some((f) => f.family === 'Arimo' && f.status === 'loaded')")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()
