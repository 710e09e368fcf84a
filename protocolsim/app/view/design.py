"""Design: the protocol as it is executed, how many of the simulated patients went each way, and its synopsis."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any, ClassVar

from htmltools import HTML, Tag, TagList, tags

from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of, result_of
from protocolsim.app.work.orders import Answer, Made, Picture, Tell
from protocolsim.report.protocol.diagram import chart_for_page, chart_of, diagram
from protocolsim.report.protocol.schedule import schedule, schedule_text
from protocolsim.report.protocol.state_chart import StateChart
from protocolsim.report.protocol.synopsis import describe
from protocolsim.study.result import Result
from protocolsim.text.cells import csv_text

_SECTION = re.compile("<section><h2>(.*?)</h2>(.*?)</section>", re.DOTALL)
_OPEN = ("Summary", "Schedule of assessments")


class ChartPart(Part):
    """The state chart with the counts of a run, and the synopsis."""

    name: ClassVar[str] = "chart"

    def reduced(self, state: VisitorState) -> VisitorState:
        """As set up."""
        return state.simulated

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Count a run on the chart of its scenario."""
        scenario = scenario_of(state)
        result = result_of(state, Progress(tell, looked_at(scenario, replicates_of(state))))
        return Made({"states": lambda: _picture(result)}, describe(scenario).html)

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The chart, then the synopsis, which has the schedule of assessments in it."""
        chart = figure(("design", self.name), "states", answer, state)
        return TagList(tags.div(chart, tags.div(*_folded(answer.facts), class_="synopsis"), class_="pictures"))


def _folded(synopsis: str) -> list[Tag]:
    """The sections of the synopsis, each to be opened; those that say most in fewest words are open."""
    parts = []
    for section in _SECTION.finditer(synopsis):
        heading, body = section.groups()
        opened = "" if heading in _OPEN else None
        parts.append(tags.details(tags.summary(tags.h2(HTML(heading))), HTML(body), open=opened))
    return parts


def _picture(result: Result) -> Picture:
    """The state chart as a figure of the page."""
    scenario = result.scenario
    chart = chart_of(scenario, result)
    told = f" {chart.told.rstrip('.')}." if chart.told else ""
    return Picture(
        "States and rules",
        "Boxes are states, with what is given and how long they last; arrows are the rules, tried in the order of the "
        "file, each parameter with its value beside it. A thick frame is enrolment, rounded boxes are where a course "
        f"ends, dashed arrows are events.{told} Look at where the ways part, and how many go each way.",
        "State chart of the protocol. " + "; ".join(_ways(chart)) + ". " + " ".join(schedule_text(schedule(scenario))),
        chart_for_page(chart),
        {
            "png": lambda: _bytes(diagram(scenario, "png", counts=result)),
            "svg": lambda: _bytes(diagram(scenario, "svg", counts=result)),
            "csv": lambda: _rows(chart),
        },
    )


def _bytes(drawn: str | bytes) -> bytes:
    return drawn if isinstance(drawn, bytes) else drawn.encode()


def _ways(chart: StateChart) -> list[str]:
    titles = {box.key: box.title for box in chart.boxes}
    return [
        f"{titles.get(a.source, a.source)} to {titles.get(a.target, a.target)} {a.counted}".rstrip()
        for a in chart.arrows
    ]


def _rows(chart: StateChart) -> bytes:
    import pandas as pd

    return csv_text(pd.DataFrame([asdict(a) for a in chart.arrows])).encode()


def _head() -> Tag:
    return tags.p(
        "The protocol as it is executed: every state, every rule between them, and how many of the simulated patients "
        "went each way.",
        class_="lead",
    )


VIEW: Any = View(1, "design", "Design", _head(), (ChartPart(),))
