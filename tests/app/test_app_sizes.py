"""Every view at every size, for eyes, hands and screen readers: what is found on the page is looked at, not listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import protocolsim
from tests.support.axe import serious
from tests.support.browser import REPLICATES, Visit
from tests.support.words_drawn import without_room

SCENARIOS = (
    "ms_daclizumab", "maa_daclizumab", "ms_group_sequential", "hcv_response_guided", "amd_treat_and_extend",
    "arrest_ecmo",
)  # fmt: skip
# One trial is always looked at; all of them, and into every drawing, takes minutes.
THOROUGH = [pytest.param(name, True, marks=pytest.mark.long) for name in SCENARIOS]
SIZES = ((390, 844), (820, 1180), (1920, 1080), (1280, 800))
pytestmark = pytest.mark.flaky(reruns=2)

_READY = """
(view) => {
    const pane = document.querySelector("main .tab-pane.active");
    return pane && pane.dataset.value === view && !pane.querySelector(".recalculating") &&
        [...pane.querySelectorAll(".part > .shown")].every((e) => e.children.length) &&
        ![...document.querySelectorAll(".status")].some((s) => !s.hidden && s.offsetParent);
}
"""
_SMALL = """
() => [...document.querySelectorAll("main .tab-pane.active, header, aside")].flatMap((root) =>
    [...root.querySelectorAll("*:not(svg *)")].filter((e) => e.getClientRects().length &&
        [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) &&
        parseFloat(getComputedStyle(e).fontSize) < 11)
        .map((e) => `${e.tagName} '${e.textContent.slice(0, 30)}' is small`))
"""


def views(at: Visit) -> Iterator[str]:
    """Opens every view that the page offers, one after the other, each when all its parts are there."""
    at.page.wait_for_selector("[data-opening]")
    at.page.wait_for_function("() => document.querySelector('#scenario').value")
    names = at.page.eval_on_selector_all(
        "#view a[data-value]", "all => all.filter((a) => !a.parentElement.hidden).map((a) => a.dataset.value)"
    )
    assert len(names) >= 7
    for name in names:
        at.page.set_viewport_size({"width": 1280, "height": 800})
        at.view(name)
        at.page.wait_for_function(_READY, arg=name)
        yield name


def steps(page: Any) -> Iterator[int]:
    """Opens every step of the story, with its answer."""
    for place in range(page.locator(".story-step").count()):
        here = f".story-step[data-step='{place}']"
        page.click(f"[data-go='{place}']")
        page.click(f"{here} button[type=submit]")
        if page.is_hidden(f"{here} .answer"):
            page.click(f"{here} button[type=submit]")
        yield place


def looked_at(at: Visit, sizes: Sequence[tuple[int, int]] = SIZES) -> list[str]:
    """What is wrong with what the page shows now at any of these sizes."""
    found = []
    for width, height in sizes:
        at.page.set_viewport_size({"width": width, "height": height})
        wide = at.page.evaluate("document.documentElement.scrollWidth")
        found += [f"{width}: scrolls sideways, {wide} px wide"] if wide > width else []
        found += [f"{width}: {wrong}" for wrong in without_room(at.page) + at.page.evaluate(_SMALL)]
    return found


def marked(at: Visit, *, thorough: bool, whole: bool) -> list[str]:
    """What axe-core has against what the page shows now, light and dark."""
    found = serious(at.page, "html" if whole or thorough else "main", drawings=thorough)
    if whole or thorough:
        at.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
        found += [f"dark: {wrong}" for wrong in serious(at.page, drawings=thorough, contrast=True)]
        at.page.evaluate("document.documentElement.dataset.bsTheme = 'light'")
    return found


@pytest.mark.parametrize(("scenario", "thorough"), [("ms_daclizumab", False), *THOROUGH])
def test_every_view_is_right_for_everybody(visit_trial, scenario, thorough):
    """From a telephone to a projector nothing scrolls sideways, no word is clipped, covered or too small to read.

    And axe-core finds nothing serious: names, roles, headings, tables, regions, contrast.
    """
    at = visit_trial("", scenario)
    at.page.emulate_media(reduced_motion="reduce")
    found = []
    for view in views(at):
        if view != "story":
            found += [f"{view}: {wrong}" for wrong in looked_at(at)]
            found += [f"{view}: {wrong}" for wrong in marked(at, thorough=thorough, whole=view == "design")]
            continue
        for place in steps(at.page):
            every = SIZES if thorough or place == 0 else (SIZES[0], SIZES[-1])
            found += [f"step {place}: {wrong}" for wrong in looked_at(at, every)]
            if thorough or place == 0:
                found += [f"step {place}: {wrong}" for wrong in marked(at, thorough=thorough, whole=False)]
        at.page.click("[data-present]")
        found += [f"presenting: {wrong}" for wrong in without_room(at.page)]
        found += [f"presenting: {wrong}" for wrong in marked(at, thorough=thorough, whole=True)]
        at.page.keyboard.press("Escape")
    at.page.set_viewport_size({"width": 390, "height": 844})
    found += [f"narrow: {wrong}" for wrong in serious(at.page, drawings=thorough)]
    assert found == []


@pytest.mark.parametrize(("scenario", "thorough"), [("ms_daclizumab", False), *THOROUGH])
def test_axe_finds_nothing_serious_in_what_is_written(running, scenario, thorough, tmp_path: Path):
    """The report of a run and the story as a file, light and dark, with all that is folded unfolded."""
    from protocolsim.report.run.page import page as written

    result = protocolsim.run(protocolsim.load(scenario), replicates=REPLICATES)
    pages = {"report": written(result), "story": protocolsim.embed(scenario, replicates=REPLICATES)}
    found = []
    for name, text in pages.items():
        target = tmp_path / f"{name}.html"
        target.write_text(text, encoding="utf-8")
        for mode in ("light", "dark"):
            page = running.new_page(viewport={"width": 1280, "height": 800}, color_scheme=mode, reduced_motion="reduce")
            page.goto(target.as_uri())
            page.evaluate("() => { for (const e of document.querySelectorAll('details')) e.open = true; }")
            look = {"drawings": thorough, "contrast": mode == "dark"}
            if page.locator("[data-tell]").count():
                found += [f"opening, {mode}: {wrong}" for wrong in serious(page, **look)]
                page.click("[data-tell]")
            found += [f"{name}, {mode}: {wrong}" for wrong in serious(page, **look)]
            page.close()
    assert found == []


def shown(visit_trial, view: str, scenario: str, width: int, height: int = 800) -> Visit:
    """A view of a trial at a size, once it is there."""
    at: Visit = visit_trial(f"view={view}", scenario)
    at.page.set_viewport_size({"width": width, "height": height})
    at.page.wait_for_function(_READY, arg=view)
    return at


def test_the_row_of_views_is_scrolled_to_the_one_that_is_shown(visit_trial):
    """On a telephone an address that opens the last view shows which it is."""
    at = shown(visit_trial, "scenario", "ms_daclizumab", 390)
    left, right = at.page.eval_on_selector(
        "#view a.active", "e => [e.getBoundingClientRect().left, e.getBoundingClientRect().right]"
    )
    assert 0 <= left < right <= 390


def test_a_walk_has_all_boxes_in_sight_and_rings_below_discs(visit_trial):
    """A wide chart takes the whole width; who has just been assessed covers nobody's number."""
    at = shown(visit_trial, "walk", "hcv_response_guided", 1280)
    assert at.page.eval_on_selector("#walk .drawing", "e => e.scrollWidth <= e.clientWidth")
    assert at.page.eval_on_selector("#walk svg", "e => e.lastElementChild.matches('.rings ~ .walkers')")
    assert at.page.locator(".walkers .ring").count() == 0


def test_looks_without_a_boundary_to_drag_leave_no_half_empty(visit_trial):
    """Both figures stand side by side below the words that say why."""
    at = shown(visit_trial, "looks", "arrest_ecmo", 1920, 1080)
    assert "fixed numbers" in at.page.inner_text("#looks-boundaries")
    boxes = [figure.bounding_box() for figure in at.page.query_selector_all("#looks-figures figure")]
    assert len(boxes) == 2
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < 400


def test_a_state_of_many_visits_has_its_name_in_sight(visit_trial):
    """The schedule scrolls sideways; the name of what is in sight stands above it, before and after."""
    at = shown(visit_trial, "design", "amd_treat_and_extend", 820)
    name = at.page.locator("th.group div", has_text="Injections every 4 weeks")
    for scrolled in (0, 600):
        at.page.eval_on_selector(".scroll:has(table.schedule)", "(e, by) => { e.scrollLeft = by; }", scrolled)
        box = name.bounding_box()
        assert 0 < box["x"] < box["x"] + box["width"] < 820


def test_many_patients_at_one_place_do_not_hide_the_curves(visit_trial):
    """Their dots take a quarter of the plot at most; and the table below says each rule in few lines."""
    at = shown(visit_trial, "rule", "amd_treat_and_extend", 1280)
    at.page.wait_for_selector(".rug circle", state="attached")
    high = at.page.eval_on_selector_all(".rug circle", "all => all.map((e) => e.getBoundingClientRect().top)")
    plot = at.page.locator(".rule-curve .role-frame .background, .rule-curve .background").first.bounding_box()
    assert max(high) - min(high) < 0.3 * plot["height"]
    assert at.page.locator("#rule-numbers tbody tr").first.bounding_box()["height"] < 70


@pytest.mark.parametrize(
    ("scenario", "width", "height"), [("ms_daclizumab", 1920, 1080), ("amd_treat_and_extend", 1280, 800)]
)
def test_what_is_presented_fits_one_screen(visit_trial, scenario, width, height):
    """On a projector question, answer, piles, picture and source are seen at once, with a pixel for rounding."""
    at = shown(visit_trial, "story", scenario, width, height)
    for place in steps(at.page):
        if place == 0:
            at.page.click("[data-present]")
        assert at.page.eval_on_selector(".presenting", "e => e.scrollHeight") <= height + 1, place


@pytest.mark.parametrize("scenario", ["amd_treat_and_extend", "hcv_response_guided"])
def test_a_file_that_is_presented_fits_a_low_window(running, scenario, tmp_path: Path):
    """With as many trials as pile up two hands high, and with the fonts that a machine has."""
    target = tmp_path / "story.html"
    target.write_text(protocolsim.embed(scenario, replicates=100), encoding="utf-8")
    page = running.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.goto(target.as_uri())
    page.click("[data-tell]")
    page.click("[data-present]")
    for place in steps(page):
        assert page.eval_on_selector(".presenting", "e => e.scrollHeight") <= 801, place
    page.close()
