"""The view of looks, driven in a real browser: a dragged boundary answers at once with the numbers of a run."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import protocolsim
from protocolsim.app.boundary_controls import PREFIX, boundary_settings
from protocolsim.app.controls import controls
from protocolsim.app.described import described
from protocolsim.app.state import VisitorState
from protocolsim.app.view.looks import EveryBoundary, at_boundaries, with_boundaries
from protocolsim.scenario.load import load, value_of
from protocolsim.study.boundaries.boundaries import boundaries
from tests.support.browser import Visit, browser, served

FOUR = "ms_group_sequential"
REPLICATES = 40
SPENDS, FUTILITY = f"{PREFIX}efficacy.spends", f"{PREFIX}futility.values"
flaky = pytest.mark.flaky(reruns=2)  # a browser and two workers share two processors with the other tests


@cache
def estimates_at(**given: str) -> dict[str, float]:
    """The numbers of a run with these settings, by `interim.boundaries.X` without its beginning."""
    set_ = {f"{PREFIX}{k.replace('__', '.')}": value_of(k, v) for k, v in given.items()}
    result = protocolsim.run(load(FOUR, set=set_), replicates=REPLICATES)
    return {name: estimate.value for name, estimate in result.estimates.items()}


def test_what_can_be_dragged():
    """The error spent and a constant bound, each with its own value; the parameter of a shape that has one."""
    spends, futility = boundary_settings(load(FOUR))
    assert (spends.key, spends.value, spends.unit) == (SPENDS, 2.5, "%")
    assert (futility.key, futility.value, futility.write(0.25)) == (FUTILITY, 0.0, "[0.25, 0.25, 0.25]")
    shaped = load(FOUR, set={f"{PREFIX}efficacy.as": "hwang_shih_decani(-4)", FUTILITY: [0, None, 0]})
    _, shape, holed = boundary_settings(shaped)
    assert (shape.key, shape.value, shape.write(-2.0)) == (f"{PREFIX}efficacy.as", -4.0, "hwang_shih_decani(-2)")
    assert holed.write(0.5) == "[0.5, null, 0.5]"
    assert [s.key for s in boundary_settings(load(FOUR, set={FUTILITY: [0, 0.5, 1]}))] == [SPENDS]
    assert boundary_settings(load("ms_daclizumab")) == ()


@pytest.mark.parametrize("given", [{}, {f"{PREFIX}efficacy.as": "wang_tsiatis(0.25)"}])
def test_what_a_slider_writes_is_what_the_file_would_say(given):
    """Each number of a slider, written, is read back, and makes the scenario that the setting makes."""
    scenario = load(FOUR, set=given)
    for setting in boundary_settings(scenario):
        for share in (0.0, 0.3, 1.0):
            assert setting.low is not None
            assert setting.high is not None
            number = setting.low + share * (setting.high - setting.low)
            text = setting.write(number)
            assert setting.read(text) == pytest.approx(number)
            made = load(FOUR, set={**given, setting.key: value_of(setting.key, text)})
            assert made.interim is not None
            again = next(s for s in boundary_settings(made) if s.key == setting.key)
            assert again.value == pytest.approx(number)
            # By their words: an undefined bound is not equal to itself.
            assert str(with_boundaries(scenario, ((setting.key, text),))) == str(made.interim.boundaries)


def test_boundaries_answer_at_once_and_others_do_not():
    """Boundaries are in the form of a scenario that has looks, and nothing is of one that has none."""
    form = described(VisitorState(FOUR))
    assert form.looks
    live = [c.name for c in form.controls if form.answers_at_once(c.name)]
    assert {SPENDS, FUTILITY} <= set(live)
    assert set(live) <= {SPENDS, FUTILITY, *form.live}
    other = described(VisitorState("ms_daclizumab"))
    assert not other.looks
    assert not any(c.group == "looks" for c in controls(load("ms_daclizumab")))


def test_every_dragged_boundary_has_the_numbers_of_its_run():
    """Without simulating anything, each number is, to the last bit, that of the run with this boundary."""
    every = EveryBoundary(boundaries(load(FOUR), sets=(), replicates=REPLICATES))
    for spends, futility in (("1 %", "[0.5, 0.5, 0.5]"), ("10 %", "[-1, -1, -1]")):
        shown = str(at_boundaries(every, ((SPENDS, spends), (FUTILITY, futility))))
        expected = estimates_at(efficacy__spends=spends, futility__values=futility)
        for name in ("trial[claims_effect]", "trial[enrolled]", "trial[duration]", "ended[efficacy][look_2]"):
            row = shown[shown.index(f'data-estimate="{name}"') :]
            cell = row[row.index("data-exact=") : row.index("</td>")]
            assert f'data-exact="{expected[name]!r}"' in cell
    assert every.size > 0


@pytest.fixture(scope="module")
def visits():
    with browser() as running:
        # Compiled here once and kept on disk, where the page's own workers find it.
        protocolsim.run(FOUR, replicates=1)
        with served(FOUR) as page:
            opened: list[Visit] = []

            def open_(path: str) -> Visit:
                opened.append(Visit(running, page, path))
                return opened[-1]

            yield open_
            for each in opened:
                each.close()


def value(at: Visit, estimate: str, column: int = 0) -> float:
    cell = f'#looks-numbers tr[data-estimate="{estimate}"] td[data-column="{column}"]'
    return float(at.page.get_attribute(cell, "data-exact"))


def wait(at: Visit, estimate: str, expected: float) -> None:
    cell = f'#looks-numbers tr[data-estimate="{estimate}"] td[data-column="0"]'
    at.page.wait_for_function(
        "([cell, value]) => Number(document.querySelector(cell)?.dataset.exact) === value", arg=[cell, expected]
    )


@flaky
def test_a_dragged_boundary_shows_what_the_command_line_gives(visits):
    """While the hand is still on it the numbers are those of the run there; let go, figures and address follow."""
    at = visits(f"?view=looks&replicates={REPLICATES}")
    at.page.wait_for_selector("#looks-numbers table")
    own = estimates_at()
    assert value(at, "trial[claims_effect]") == own["trial[claims_effect]"]
    at.idle()
    before = at.page.inner_html("figure[data-figure=boundaries] .drawing")
    # The slider goes from 0.1 % to 20 % in whole steps of 0.2 %.
    at.move(SPENDS, "0.9", settled=False)
    dragged = estimates_at(efficacy__spends="0.9 %")
    wait(at, "trial[enrolled]", dragged["trial[enrolled]"])
    for name in ("trial[claims_effect]", "trial[enrolled]", "trial[weeks_to_decision]", "ended[efficacy][look_2]"):
        assert value(at, name) == dragged[name]
    assert "spends" not in at.page.url
    at.move(SPENDS, "0.9")
    at.page.wait_for_function("() => location.search.includes('efficacy.spends=0.9')")
    at.page.wait_for_function(
        "(before) => document.querySelector('figure[data-figure=boundaries] .drawing').innerHTML !== before",
        arg=before,
    )
    at.idle()
    assert np.isfinite(value(at, "trial[claims_effect]", 1))
    for figure in at.page.query_selector_all("main .tab-pane.active figure"):
        assert figure.query_selector("figcaption p").inner_text()
        assert figure.query_selector("svg:is([role=img], [role=group])").get_attribute("aria-label")
        assert [a.inner_text() for a in figure.query_selector_all(".files a")] == ["PNG", "SVG", "data"]
    for form in ("png", "csv"):
        with at.page.expect_download() as started:
            at.page.click(f"figure[data-figure=endings] .files a[data-download$='.{form}']")
        assert started.value.path().stat().st_size > 100


@flaky
def test_the_tab_is_offered_where_looks_are_declared(visits):
    """Another scenario without looks has no such tab; one with looks has it."""
    at = visits("?view=design&replicates=10")
    at.page.wait_for_selector('#view a[data-value="looks"]', state="visible")
    at.page.select_option("#scenario", "ms_daclizumab")
    at.page.wait_for_selector('#view a[data-value="looks"]', state="hidden")
    assert at.page.is_visible('#view a[data-value="rule"]')
    at.page.select_option("#scenario", FOUR)
    at.page.wait_for_selector('#view a[data-value="looks"]', state="visible")
