"""Every figure that the library draws, in a browser: no word is clipped, lies on another, or has a foreign font."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import protocolsim
from protocolsim.api.display import Figured
from protocolsim.report.style.figures import inline
from protocolsim.report.style.stylesheet import style
from protocolsim.text.html import inlined
from tests.support.browser import browser
from tests.support.words_drawn import without_room

# What has figures, and the least of it that has all of them. A class that is not here fails the first test.
MADE: dict[str, Callable[[], Any]] = {
    "Boundaries": lambda: protocolsim.boundaries("ms_group_sequential", replicates=8),
    "Calibration": lambda: protocolsim.calibrate("ms_daclizumab", points=32, trials=2),
    "Check": lambda: protocolsim.check("ms_daclizumab"),
    "Comparison": lambda: protocolsim.compare("ms_daclizumab", "ms_no_drug", replicates=4),
    "Looks": lambda: protocolsim.looks("ms_group_sequential", replicate=0),
    "PotentialOutcomes": lambda: protocolsim.potential_outcomes("ms_daclizumab", replicates=4),
    "Regret": lambda: protocolsim.regret("ms_daclizumab", replicates=4, random_streams=2),
    "Result": lambda: protocolsim.run("ms_daclizumab", replicates=4, parameters="plausible"),
    "Study": lambda: None,  # what is stored shows the figures of what was stored
    "Sweep": lambda: protocolsim.sweep("ms_daclizumab", {"response_threshold": "50%:90%:20%"}, replicates=4),
    "ThresholdCurve": lambda: protocolsim.thresholds("ms_daclizumab", replicates=8),
    "Synopsis": lambda: protocolsim.describe("ms_daclizumab"),
    "Trace": lambda: protocolsim.trace("ms_daclizumab"),
    "Validation": lambda: protocolsim.validate("ms_daclizumab", replicates=8),
}
LONG = {"Calibration", "Regret"}
RUNS = ("maa_daclizumab", "hcv_response_guided", "ms_group_sequential", "amd_treat_and_extend", "arrest_ecmo")


def test_every_class_with_figures_is_looked_at():
    """Public classes that have figures are found, not listed."""
    public = {name: getattr(protocolsim, name) for name in protocolsim.__all__}
    found = {name for name, one in public.items() if isinstance(one, type) and hasattr(one, "figures")}
    assert found == set(MADE)


def drawn(made: Any) -> dict[str, str]:
    """Every figure of it as a page shows it."""
    found: dict[str, str] = {}
    for name in made.figures:
        try:
            chart = made.figure(name)
        except protocolsim.UsageError:
            continue  # this trial has nothing of the kind to draw
        found[name] = inlined(chart.svg, name, name, {}) if hasattr(chart, "svg") else inline(chart, name)
    return found


def assert_room(running: Any, figures: dict[str, str]) -> None:
    page = running.new_page(viewport={"width": 1280, "height": 900})
    shown = "".join(f"<figure id='{name}'>{svg}</figure>" for name, svg in figures.items())
    page.set_content(f"<!doctype html><html lang='en'><head>{style()}</head><body>{shown}</body></html>")
    assert page.locator("figure svg text").count() > 3
    assert without_room(page) == []
    words = "[...document.querySelectorAll('svg text')]"
    faces = f"() => [...new Set({words}.map((t) => getComputedStyle(t).fontFamily.split(',')[0]))]"
    assert page.evaluate(faces) == ["Arimo"]
    assert page.evaluate("() => [...document.fonts].some((f) => f.family === 'Arimo' && f.status === 'loaded')")
    page.close()


@pytest.fixture(scope="module")
def running():
    with browser() as found:
        yield found


@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.long) if k in LONG else k for k in MADE])
def test_no_word_of_a_figure_is_lost(running, kind):
    """In the font that pages bring along, whatever fonts the machine has."""
    made = MADE[kind]()
    if made is None:
        assert issubclass(protocolsim.Study, Figured) or hasattr(protocolsim.Study, "figures")
        return
    figures = drawn(made)
    assert figures
    assert_room(running, figures)


@pytest.mark.long
@pytest.mark.parametrize("scenario", RUNS)
def test_no_word_of_another_trial_is_lost(running, scenario):
    """Trials of other kinds: many states, long names, many arms."""
    assert_room(running, drawn(protocolsim.run(scenario, replicates=4)))
    assert_room(running, drawn(protocolsim.check(scenario)))
    assert_room(running, drawn(protocolsim.trace(scenario)))
