"""The page without a pointer: every control is reached, seen and moved; Back and Forward lead where one was."""

from __future__ import annotations

import pytest

from tests.support.browser import Visit

pytestmark = pytest.mark.flaky(reruns=2)

# What a hand can take, as a browser counts: not what is hidden, folded, or one of several that arrow keys walk through.
_CONTROLS = """
() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter((e) =>
    e.tabIndex >= 0 && !e.disabled && e.getClientRects().length && !e.closest("[hidden]") &&
    e.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }))
    .map((e, k) => { e.dataset.control = k; return e.outerHTML.slice(0, 90); })
"""
_HERE = """
() => {
    const e = document.activeElement, style = getComputedStyle(e);
    const ring = (style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.boxShadow !== "none";
    return [e.dataset ? Number(e.dataset.control ?? -1) : -1, ring, e.outerHTML.slice(0, 90)];
}
"""


def shown(at: Visit, view: str) -> None:
    at.page.wait_for_selector("main .tab-pane.active .part > .shown > *")
    at.page.wait_for_function(f"() => location.search.includes('view={view}')")
    at.idle()


@pytest.mark.parametrize("view", ["walk", "fifteen", pytest.param("rule", marks=pytest.mark.long), "scenario"])
def test_every_control_is_reached_and_seen(visit_trial, view):
    """Tab leads from the first control to the last, through all of them, out again, and each shows that it is there."""
    at = visit_trial(f"view={view}")
    shown(at, view)
    at.page.evaluate(
        "() => { document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex'); }"
    )
    controls = at.page.evaluate(_CONTROLS)
    assert len(controls) > 20
    reached, unseen = [], []
    for _ in range(len(controls) + 3):
        at.page.keyboard.press("Tab")
        place, ring, said = at.page.evaluate(_HERE)
        reached += [place] if place >= 0 and place not in reached else []
        unseen += [] if ring or place < 0 else [said]
    assert [controls[k] for k in range(len(controls)) if k not in reached] == []
    assert unseen == []


def test_the_first_tab_skips_to_the_results(visit_trial):
    """Who does not want to pass thirty sliders passes them at once."""
    at = visit_trial("view=fifteen")
    shown(at, "fifteen")
    at.page.keyboard.press("Tab")
    box = at.page.locator(".skip").bounding_box()
    assert box["x"] >= 0
    at.page.keyboard.press("Enter")
    assert at.page.evaluate("document.activeElement.id") == "results"


def test_arrow_keys_walk_through_views_and_lanes_and_weeks(visit_trial):
    """Left and right lead through the views that are offered, up and down through lanes, and a slider moves."""
    at = visit_trial("view=fifteen")
    shown(at, "fifteen")
    lanes = at.page.locator("figure[data-figure=swimmers] [class*=' lane_'] [data-tip]")
    lanes.nth(0).focus()
    at.page.keyboard.press("ArrowDown")
    assert at.page.evaluate("document.activeElement.dataset.tip") == lanes.nth(1).get_attribute("data-tip")
    at.page.keyboard.press("ArrowUp")
    assert at.page.evaluate("document.activeElement.dataset.tip") == lanes.nth(0).get_attribute("data-tip")
    at.page.focus("#view a[data-value=fifteen]")
    at.page.keyboard.press("ArrowLeft")
    at.page.wait_for_selector("#view a.active[data-value=walk]")
    at.page.wait_for_selector("#walk .walker", state="attached")
    week = "() => parseFloat(document.querySelector('#walk-week').value)"
    before = at.page.evaluate(week)
    at.page.focus("#walk-week")
    at.page.keyboard.press("ArrowRight")
    assert 0 < at.page.evaluate(week) - before <= 1.01
    for view in ("fifteen", "rule", "compare"):  # the looks, which this trial does not have, are passed by
        at.page.focus("#view a.active")
        at.page.keyboard.press("ArrowRight")
        at.page.wait_for_selector(f"#view a.active[data-value={view}]")


def test_back_and_forward_restore_what_was_set_up(visit_trial):
    """Each view is come back to with the numbers that were set there, in the form too."""
    at = visit_trial("view=design")
    shown(at, "design")
    at.move("response_threshold", "40")
    at.page.wait_for_function("() => location.search.includes('response_threshold=40')")
    at.view("fifteen")
    shown(at, "fifteen")
    at.move("response_threshold", "60")
    at.page.wait_for_function("() => location.search.includes('response_threshold=60')")
    number = "[data-parameter=response_threshold] [data-role=number]"
    at.page.go_back()
    at.page.wait_for_selector("#view a.active[data-value=design]")
    at.page.wait_for_function(f"() => document.querySelector('{number}').value === '40'")
    assert "response_threshold=40" in at.page.url
    at.page.go_forward()
    at.page.wait_for_selector("#view a.active[data-value=fifteen]")
    at.page.wait_for_function(f"() => document.querySelector('{number}').value === '60'")
