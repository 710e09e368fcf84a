"""The opening: the question, one trial running, the number that matters beside the one without a drug, the findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from htmltools import HTML, Tag, TagList, tags

from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of, story_runs_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.report.story.page import opening_html


class OpeningPart(Part):
    """All of it."""

    name: ClassVar[str] = "first"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up."""
        return replace(state, draw=0, patient=0, view="", other=(), beside="", measure="")

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """The scenario's run, its companions, and the trial without the effect."""
        number = looked_at(scenario_of(state), replicates_of(state))
        return Made({}, opening_html(story_runs_of(state, Progress(tell, number))))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The opening; what was set up differs from the file, and so do its numbers."""
        return TagList(HTML(answer.facts), set_up(state))


def set_up(state: VisitorState) -> Tag | None:
    """What a visitor has set, where the form that shows it is out of sight."""
    if not state.settings:
        return None
    said = ", ".join(f"{name} = {value}" for name, value in state.settings)
    return tags.p(f"As set up: {said}. The form stands beside the other views.", class_="note set-up")


VIEW: Any = View(-2, "opening", "In short", TagList(), (OpeningPart(),))
