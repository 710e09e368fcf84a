"""The story: the steps that the scenario declares, each with a prediction before its answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from htmltools import HTML, Tag, TagList

from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.view.opening import set_up
from protocolsim.app.work.material import Progress, replicates_of, story_runs_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.report.story.page import story_html


class GuidedStoryPart(Part):
    """All steps at once, so that none is waited for in front of a class."""

    name: ClassVar[str] = "steps"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up."""
        return replace(state, draw=0, patient=0, view="", other=(), beside="", measure="")

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Every run of the story, and every picture. Raises UsageError for a scenario without a story."""
        number = looked_at(scenario_of(state), replicates_of(state))
        return Made({}, story_html(story_runs_of(state, Progress(tell, number))))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The story."""
        return TagList(HTML(answer.facts), set_up(state))


VIEW: Any = View(-1, "story", "The story", TagList(), (GuidedStoryPart(),), offered=lambda described: described.story)
