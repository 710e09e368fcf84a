"""Whoever shows a number's evidence mark says what it means, in the same text: terminal, report, opening and story."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from protocolsim.component import MARKS
from protocolsim.report.run.console import print_summary
from protocolsim.report.run.page import page
from protocolsim.report.story.page import opening_html, story_html
from protocolsim.report.style import numbers
from protocolsim.scenario.load import load
from protocolsim.study.companions import companions
from protocolsim.study.result import Result
from protocolsim.study.run import run
from protocolsim.study.story_runs import StoryRuns


def printed(result: Result, *, explain: bool) -> str:
    out = io.StringIO()
    print_summary(result, Console(file=out, width=80, color_system=None), explain=explain)
    return out.getvalue()


def texts(name: str) -> dict[str, str]:
    scenario = load(name)
    result = run(scenario, replicates=4, companions=companions(scenario))
    runs = StoryRuns(scenario, replicates=4)
    shown = {
        "terminal": printed(result, explain=False),
        "terminal, explained": printed(result, explain=True),
        "report": page(result),
        "opening": opening_html(runs),
        "story": story_html(runs),
    }
    return {where: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)) for where, text in shown.items()}


@pytest.mark.parametrize("name", ["ms_daclizumab", "hcv_response_guided"])
def test_each_mark_that_is_shown_is_explained(name):
    """Every mark of a text stands there once more with its meaning."""
    seen = set()
    for where, text in texts(name).items():
        shown = {mark for mark in MARKS if f"[{mark}]" in text}
        unexplained = [mark for mark in shown if f"[{mark}] {MARKS[mark]}" not in text]
        assert unexplained == [], where
        seen |= {(where, mark) for mark in shown}
    assert {where for where, _ in seen} >= {"terminal", "report"}


def test_marks_that_are_not_shown_are_not_explained():
    """Only the marks of these texts, in the order of their strength; nothing where there is none."""
    assert numbers.marks_mean("fell by 72 % [F]", "a guess [A], and [F] again") == (
        f"[F] {MARKS['F']}; [A] {MARKS['A']}."
    )
    assert numbers.marks_mean("no number", "") == ""
