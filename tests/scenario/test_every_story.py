"""Every shipped trial with findings tells a story: five to seven steps, one right answer each, and numbers that fill.

The scenarios are found, not listed. Of a few trials each the numbers are rough, and ranges need not hold the answer:
that is asked of as many trials as a story has, which takes minutes.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import pytest

from protocolsim.report.story.summary import ToldStep, ToldStory, told
from protocolsim.scenario.build.companions import QUOTED, quoted
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.story import PICTURES, StoryStep
from protocolsim.study.story_runs import StoryRuns, story_replicates

TOLD = [name for name in names() if load(name).findings]
FEW = 4


@cache
def loaded(name: str) -> Scenario:
    return load(name)


@cache
def of_few(name: str) -> ToldStory:
    """The story of few trials, of few patients: the words and what they quote."""
    return told(StoryRuns(loaded(name), replicates=FEW), "few")


def steps(name: str) -> list[tuple[StoryStep, ToldStep]]:
    return list(zip(loaded(name).story, of_few(name).steps, strict=True))


def test_there_are_stories_of_every_kind_of_trial():
    """Together they use every picture, and numbers side by side."""
    every = [step for name in TOLD for step in loaded(name).story]
    assert {step.picture for step in every} >= set(PICTURES) - {"over_time"}
    assert any(step.compare for step in every)
    assert len(TOLD) >= 19


@pytest.mark.parametrize("name", TOLD)
def test_it_has_five_to_seven_steps_of_every_kind(name: str):
    """Each has a heading of its own and asks a question; a choice, a slider and a typed number are all among them."""
    story = loaded(name).story
    assert 5 <= len(story) <= 7
    assert len({step.heading for step in story}) == len(story)
    assert {step.kind for step in story} == {"choice", "slider", "number"}
    assert all("?" in step.question for step in story)


@pytest.mark.parametrize("name", TOLD)
def test_it_tells_its_own_story(name: str):
    """No step is that of the scenario it extends: another file asks another question."""
    others = [step for other in TOLD if other != name for step in loaded(other).story]
    for step in loaded(name).story:
        assert step.question not in {other.question for other in others}
        assert step.sentence not in {other.sentence for other in others}


@pytest.mark.parametrize("name", TOLD)
def test_every_sentence_rests_on_the_simulation(name: str):
    """A sentence quotes the number that was asked for, or is of the one patient shown."""
    for step in loaded(name).story:
        assert quoted(step.sentence) or step.picture == "patient", step.heading
        if step.answer:
            answer = quoted(f"{{{step.answer}}}")[0]
            assert answer in quoted(step.sentence), step.heading


@pytest.mark.parametrize("name", TOLD)
def test_what_is_asked_does_not_tell_the_answer(name: str):
    """The question does not quote the number that is predicted."""
    for step in loaded(name).story:
        if step.answer:
            assert quoted(f"{{{step.answer}}}")[0] not in quoted(step.question), step.heading


@pytest.mark.parametrize("name", TOLD)
def test_choices_leave_no_gap_and_do_not_overlap(name: str):
    """Ranges follow on each other, so that exactly one holds any number but the ends; states are different ones."""
    for step in loaded(name).story:
        ranges = sorted((c.low, c.high) for c in step.choices if c.low is not None and c.high is not None)
        assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(ranges)), step.heading
        states = [c.state for c in step.choices if c.state]
        assert len(set(states)) == len(states)
        assert not step.choices or len(step.choices) >= 2


@pytest.mark.parametrize("name", TOLD)
def test_it_is_told_whole(name: str):
    """Placeholders fill, no picture is missing, and each step shows something beside its sentence."""
    for step, shown in steps(name):
        assert not QUOTED.search(shown.sentence + shown.question), step.heading
        assert not shown.picture.missing, (step.heading, shown.picture.missing)
        assert shown.dots is not None or shown.picture.title, step.heading
        if step.picture == "patient":
            assert shown.predicted.right >= 0, step.heading


@pytest.mark.long
@pytest.mark.parametrize("name", TOLD)
def test_the_right_answer_can_be_predicted(name: str):
    """Of all of a story's trials: one choice is right, the slider reaches the answer, no number is undefined."""
    scenario = loaded(name)
    story = told(StoryRuns(scenario, replicates=story_replicates(scenario)), "whole")
    for step, shown in zip(scenario.story, story.steps, strict=True):
        asked = shown.predicted
        if asked.kind == "slider":
            assert asked.low <= asked.answer <= asked.high, step.heading
        if asked.kind == "choice":
            holds = [
                c
                for c in step.choices
                if c.low is not None and c.low <= _unscaled(asked.answer, asked.unit) <= (c.high or 0)
            ]
            assert len(holds) == 1 or step.choices[0].state, step.heading
            assert asked.right >= 0, step.heading
        if step.compare:
            assert shown.dots is not None
            assert len(shown.dots.rows) == 1 + len(step.compare), step.heading
        assert "undefined" not in shown.sentence + shown.question, step.heading


def _unscaled(value: float, unit: str) -> float:
    return value / 100.0 if unit == "%" and not math.isnan(value) else value
