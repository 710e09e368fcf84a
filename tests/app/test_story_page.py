"""The opening and the story in a real browser: on the page, and as one file without a server, by the same tests."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest

import protocolsim
from protocolsim.report.story.page import story_page
from protocolsim.scenario.load import load
from protocolsim.study.story_runs import StoryRuns
from tests.support.browser import PATIENCE, Served, browser, served

REPLICATES = 40
# Four trials of different kinds: one rule once, a disease of its own with a trial without a drug, a randomised one, one
# with looks at the accumulating data.
SCENARIOS = (
    "ms_daclizumab",
    "hcv_response_guided",
    "ms_group_sequential",
    pytest.param("maa_daclizumab", marks=pytest.mark.long),
)
SIZES = {"maa_daclizumab": 40, "ms_daclizumab": 40, "hcv_response_guided": 4, "ms_group_sequential": 40}
pytestmark = pytest.mark.flaky(reruns=2)


class Opened:
    """An opening with its story in a browser, whichever form it has, and all that must not happen there."""

    def __init__(self, running, address: str, host: str, scenario: str, *, size=(1280, 800), **context) -> None:
        self.context = running.new_context(viewport={"width": size[0], "height": size[1]}, **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        self.left: list[str] = []
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        allowed = (address if host == "" else f"http://{host}/", f"ws://{host}/", "data:", "blob:")
        self.context.on("request", lambda r: None if r.url.startswith(allowed) else self.left.append(r.url))
        self.page.goto(address)
        self.page.wait_for_selector("[data-opening]")
        self.number = SIZES[scenario]

    def tell(self) -> None:
        self.page.click("[data-tell]")
        self.page.wait_for_selector("[data-story] [data-step='0'] form", state="visible")

    def go(self, place: int) -> str:
        """Open a step; the selector of what stands in it."""
        self.page.click(f"[data-go='{place}']")
        return f"[data-step='{place}']"

    def predict(self, at: str) -> None:
        """Some prediction, of the kind that the step asks for."""
        kind = self.page.get_attribute(f"{at} form", "data-kind")
        if kind == "choice":
            self.page.check(f"{at} input[type=radio] >> nth=0")
        elif kind == "number":
            self.page.fill(f"{at} input[type=text]", "half")
        else:
            self.slide(at, 0.5)

    def slide(self, at: str, part: float) -> None:
        self.page.eval_on_selector(
            f"{at} input[type=range]",
            """(slider, part) => {
                slider.value = +slider.min + (slider.max - slider.min) * part;
                slider.dispatchEvent(new Event("input", {bubbles: true}));
            }""",
            part,
        )

    def reveal(self, at: str) -> None:
        self.page.click(f"{at} button[type=submit]")
        self.page.wait_for_selector(f"{at} .answer", state="visible")

    def of_kind(self, kind: str) -> int:
        """The first step that asks in this way; -1 where none does."""
        kinds = self.page.eval_on_selector_all("[data-step] form", "all => all.map((form) => form.dataset.kind)")
        return kinds.index(kind) if kind in kinds else -1

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.textContent"))

    def close(self) -> None:
        errors, left = self.errors, self.left
        self.context.close()
        assert errors == []
        assert left == []


@pytest.fixture(scope="module")
def running():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Where a scenario's story is, by its name and the form of it: one server for all, and a file for each."""
    folder = tmp_path_factory.mktemp("told")
    found: dict[str, Served] = {}
    with ExitStack() as stack:

        def page(scenario: str, form: str) -> tuple[str, str]:
            if form == "file":
                target = folder / f"{scenario}.html"
                if not target.exists():
                    runs = StoryRuns(load(scenario), replicates=SIZES[scenario])
                    target.write_text(story_page(runs), encoding="utf-8")
                return target.as_uri(), ""
            if not found:
                found["page"] = stack.enter_context(served("ms_daclizumab"))
            address = found["page"].opening(f"?scenario={scenario}&replicates={SIZES[scenario]}")
            return address, found["page"].address.removeprefix("http://")

        yield page


@pytest.fixture(params=("page", "file"))
def told(request, running, pages):
    """Opens a scenario's story in one of its two forms."""
    opened: list[Opened] = []

    def open_(scenario: str = "ms_daclizumab", **context) -> Opened:
        address, host = pages(scenario, request.param)
        opened.append(Opened(running, address, host, scenario, **context))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


# The script is the same in both forms: what only it does is looked at in one.
ONE_FORM = pytest.mark.parametrize("told", ["file"], indirect=True)
Opens = Callable[..., Opened]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_opening_fits_the_first_screen_and_leads_to_the_story(told: Opens, scenario: str):
    """Question, lanes, live number, findings and button stand above the fold of 1280 by 800; each step asks first."""
    at = told(scenario)
    loaded = load(scenario)
    assert at.page.inner_text("[data-opening] h2") == loaded.question
    for part in ("h2", ".lanes", "[data-number=own]", ".findings li:last-child", "[data-tell]"):
        box = at.page.query_selector(f"[data-opening] {part}").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 800, part
    words = at.page.inner_text(".findings")
    assert "{" not in words
    value = protocolsim.run(loaded, replicates=at.number).estimates
    quoted = [
        name for name in re.findall(r"\{([a-z_0-9]+)\}", " ".join(loaded.findings)) if not math.isnan(value[name].value)
    ]
    for name in quoted:
        assert f"{100 * value[name].value:.0f}"[:2] in words or f"{value[name].value:.0f}" in words
    at.tell()
    _tells(at, scenario)


def test_the_number_stands_beside_the_one_without_a_drug(told: Opens):
    """69 of 100 pass with the drug and 34 without it, both of this run."""
    at = told("ms_daclizumab")
    own, nothing = (
        protocolsim.run(load(name), replicates=at.number).estimates["assigned_monotherapy"].value
        for name in ("ms_daclizumab", "ms_no_drug")
    )
    for place, value in (("own", own), ("without", nothing)):
        shown = float(at.page.inner_text(f"[data-number={place}]").split(" ")[0])
        assert shown == pytest.approx(100 * value, abs=0.6)


def _tells(at: Opened, scenario: str) -> None:
    """No answer is seen before a prediction; each has a heading, a sentence without braces, and what it shows."""
    story = load(scenario).story
    assert 5 <= len(story) <= 7
    for place, step in enumerate(story):
        here = at.go(place)
        assert at.page.inner_text(f"{here} h2") == f"{place + 1}. {step.heading}"
        assert at.focused() == f"{place + 1}. {step.heading}"
        assert not at.page.is_visible(f"{here} .answer")
        at.predict(here)
        at.reveal(here)
        assert at.page.inner_text(f"{here} .sentence").count("{") == 0
        assert at.page.query_selector(f"{here} .dots, {here} .picture, {here} .missing") is not None
        assert at.page.query_selector_all(f"{here} .missing") == []
        assert at.page.inner_text(f"{here} .verdict")


@ONE_FORM
def test_the_answer_is_the_number_of_the_run(told: Opens):
    """At each step that predicts a number, what is revealed is that of the run that it names."""
    at = told("ms_daclizumab")
    at.tell()
    story = load("ms_daclizumab").story
    for place, step in enumerate(story):
        if step.answer:
            name, _, endpoint = step.answer.rpartition(".")
            other = load("ms_daclizumab", set=dict(step.given)) if name == "set" else load(name or "ms_daclizumab")
            value = protocolsim.run(other, replicates=at.number, seed=load("ms_daclizumab").seed).estimates[endpoint]
            shown = at.page.get_attribute(f"[data-step='{place}'] form", "data-answer")
            assert float(shown) == pytest.approx(100 * value.value, rel=1e-12)


@ONE_FORM
def test_without_a_prediction_it_asks_again(told: Opens):
    """The first press without a prediction reveals nothing and says why; the second does."""
    at = told("ms_daclizumab")
    at.tell()
    here = at.go(at.of_kind("slider"))
    at.page.click(f"{here} button[type=submit]")
    assert not at.page.is_visible(f"{here} .answer")
    assert "expect" in at.page.inner_text(f"{here} .heard")
    at.reveal(here)


def test_the_class_is_seen_as_dots_over_the_simulation(told: Opens):
    """Each prediction of a class is a dot below the axis, where it lies on it; of one's own it says how far off."""
    at = told("ms_daclizumab")
    at.tell()
    here = at.go(at.of_kind("slider"))
    at.page.click(f"{here} details summary")
    at.page.fill(f"{here} textarea", "20 %, a third, 0.5; 60, 60\n70 per cent, banana")
    assert "Not understood: banana" in at.page.inner_text(f"{here} .heard")
    at.slide(here, 0.9)
    at.reveal(here)
    dots = at.page.eval_on_selector_all(
        f"{here} .guesses circle", "all => all.map((dot) => parseFloat(dot.getAttribute('cx')))"
    )
    for place, said in zip(sorted(dots), [20, 33.3, 50, 60, 60, 70], strict=True):
        assert place == pytest.approx(said, abs=1.1)
    off = 90.0 - float(at.page.get_attribute(f"{here} form", "data-answer"))
    verdict = at.page.inner_text(f"{here} .verdict")
    assert f"You said 90 %: {off:.0f} percentage points too high" in verdict
    assert "The class: 6 predictions from 20 % to 70 %" in verdict
    assert at.focused() == at.page.inner_text(f"{here} .answer h3")
    box = at.page.query_selector(f"{here} .guesses").bounding_box()
    axis = at.page.query_selector(f"{here} .axis").bounding_box()
    assert box["y"] >= axis["y"] + axis["height"] - 1
    assert box["width"] == axis["width"]


SAID = {
    "26 %": 26, "26%": 26, "0.26": 26, "0,26": 26, ".26": 26, "26": 26, "26 percent": 26, "26 per cent of patients": 26,
    "a third": 100 / 3, "one third": 100 / 3, "two thirds": 200 / 3, "half": 50, "a half": 50, "1/3": 100 / 3,
    "9 of 13": 900 / 13, "9 out of 13": 900 / 13, "9/13": 900 / 13, "one in four": 25, "three quarters": 75,
    "about 40": 40, "around 0.4": 40, "none": 0, "nobody": 0, "everybody": 100, "twenty": 20, "twenty-five": 25,
    "fifty percent": 50, "100": 100, "1": 1, "1.0": 100, "-5 %": -5, "26,5 %": 26.5, "0": 0,
    "": None, "banana": None, "101": None, "1/0": None, "%": None, "26 mg": None, "NaN": None, "Infinity": None,
    "constructor": None, "a constructor": None, "<b>26</b>": None,
}  # fmt: skip


@ONE_FORM
def test_what_people_say_for_a_number_is_understood(told: Opens):
    """Per cent, shares, fractions and words mean the number that they say; anything else means none."""
    at = told("ms_daclizumab")
    heard = at.page.evaluate("(all) => all.map((said) => protocolsimStory.guessed(said, '%'))", list(SAID))
    for said, value, expected in zip(SAID, heard, SAID.values(), strict=True):
        assert (value is None) == (expected is None), said
        assert value is None or value == pytest.approx(expected), said
    of_doses = at.page.evaluate("['9.3 mg', '9,3', '26 %', 'half'].map((said) => protocolsimStory.guessed(said, 'mg'))")
    assert of_doses == [9.3, 9.3, None, 0.5]
    several = at.page.evaluate("protocolsimStory.guesses('20,30, 0,4; half\\n12 % 14 %, x', '%')")
    assert several == {"numbers": [20, 30, 40, 50, 12, 14], "lost": ["x"]}


def test_presenting_fills_the_screen_and_is_led_by_keys(told: Opens):
    """Large letters over all; n and p walk, space reveals, Esc ends; letters typed into a field stay letters."""
    at = told("ms_daclizumab", size=(1920, 1080))
    at.tell()
    at.page.click("[data-present]")
    box = at.page.query_selector("[data-story]").bounding_box()
    assert (box["x"], box["y"]) == (0, 0)
    assert (box["width"], box["height"]) == (1920, 1080)
    size = at.page.eval_on_selector("[data-step='0'] .ask", "e => parseFloat(getComputedStyle(e).fontSize)")
    assert size >= 1080 / 30  # a letter of a thirtieth of the height is read at eight times the height
    at.page.keyboard.press("n")
    assert at.page.is_visible("[data-step='1']")
    at.page.keyboard.press("Space")
    assert at.page.is_visible("[data-step='1'] .answer")
    at.page.keyboard.press("p")
    assert at.page.is_visible("[data-step='0']")
    here = at.go(at.of_kind("number"))
    at.page.click(f"{here} input[type=text]")
    at.page.keyboard.type("nothing per ")
    assert at.page.input_value(f"{here} input[type=text]") == "nothing per "
    assert at.page.is_visible(here)
    light = at.page.evaluate("getComputedStyle(document.querySelector('[data-story]')).backgroundColor")
    at.page.click("[data-light]")
    assert at.page.evaluate("getComputedStyle(document.querySelector('[data-story]')).backgroundColor") != light
    at.page.keyboard.press("Escape")
    at.page.wait_for_function("() => !document.querySelector('.presenting')")


def test_the_keyboard_alone_tells_the_story(told: Opens):
    """Enter on the button, arrows on the slider, Enter for the answer: no pointer is needed, no focus is lost."""
    at = told("ms_daclizumab")
    at.page.focus("[data-tell]")
    at.page.keyboard.press("Enter")
    at.page.wait_for_selector("[data-step='0'] form", state="visible")
    at.page.wait_for_function("() => document.activeElement.matches('[data-step=\"0\"] h2')")
    place = at.of_kind("slider")
    for _ in range(place):
        at.page.keyboard.press("n")
    at.page.keyboard.press("Tab")
    at.page.keyboard.press("ArrowRight")
    assert at.page.inner_text(f"[data-step='{place}'] output") == "51 %"
    at.page.keyboard.press("Tab")
    at.page.keyboard.press("Tab")
    at.page.keyboard.press("Enter")
    assert at.page.is_visible(f"[data-step='{place}'] .answer")
    unlabelled = at.page.eval_on_selector_all(
        "[data-story] input, [data-story] textarea", "all => all.filter((e) => !e.labels.length).length"
    )
    assert unlabelled == 0


def test_nothing_sticks_out_at_any_width(told: Opens):
    """Neither the opening nor any step, revealed, is wider than the window, from a telephone to a projector."""
    at = told("ms_daclizumab")

    def wide() -> list[int]:
        return [width for width in (390, 820, 1280, 1920) if sticks_out(width)]

    def sticks_out(width: int) -> bool:
        at.page.set_viewport_size({"width": width, "height": 900})
        return bool(at.page.evaluate("document.documentElement.scrollWidth") > width)

    assert wide() == []
    at.tell()
    for place in range(len(load("ms_daclizumab").story)):
        here = at.go(place)
        at.predict(here)
        at.reveal(here)
        assert wide() == [], place


@ONE_FORM
def test_motion_is_not_shown_to_those_who_want_none(told: Opens):
    """The lanes run for everybody else, and stand still at once where the system asks for reduced motion."""
    runs = "getComputedStyle(document.querySelector('.opening .course')).animationName"
    assert told("ms_daclizumab").page.evaluate(runs) == "course"
    assert told("ms_daclizumab", reduced_motion="reduce").page.evaluate(runs) == "none"


def test_a_trial_without_a_story_opens_shorter(running, pages):
    """No findings, no story: the description stands there, without a button, and the story has no tab."""
    address, host = pages("ms_daclizumab", "page")
    at = Opened(running, address.replace("scenario=ms_daclizumab", "scenario=ms_no_drug"), host, "ms_daclizumab")
    assert at.page.query_selector("[data-tell]") is None
    assert at.page.inner_text("[data-opening] .told") == load("ms_no_drug").description
    assert at.page.query_selector("[data-number=own]") is not None
    at.page.wait_for_function("() => document.querySelector('#view a[data-value=story]').parentElement.hidden")
    at.close()
