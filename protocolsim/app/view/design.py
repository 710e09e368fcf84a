"""Design: the protocol as it is executed, with how many of the simulated patients took each way, and the schedule."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from htmltools import HTML, Tag, TagList, tags

from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.material import Progress, replicates_of, result_of
from protocolsim.app.state import State, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.worker import Answer, Made, Picture, Tell
from protocolsim.report.diagram import chart_for_page, chart_of, diagram
from protocolsim.report.schedule import TOLD, schedule, schedule_html, schedule_text
from protocolsim.report.state_chart import StateChart
from protocolsim.study.result import Result


@dataclass(frozen=True)
class Facts:
    """The words of the design, as safe HTML."""

    schedule: str
    description: str


class ChartPart(Part):
    """The state chart with the counts of a run, and the schedule."""

    name: ClassVar[str] = "chart"

    def reduced(self, state: State) -> State:
        """As set up."""
        return replace(state, draw=0, patient=0, view="", other=(), measure="")

    def make(self, state: State, tell: Tell) -> Made:
        """Count a run on the chart of its scenario."""
        scenario = scenario_of(state)
        result = result_of(state, Progress(tell, looked_at(scenario, replicates_of(state))))
        facts = Facts(schedule_html(schedule(scenario)), " ".join(scenario.description.split()))
        return Made({"states": lambda: _picture(result)}, facts)

    def show(self, answer: Answer, state: State) -> Tag | TagList:
        """Words, chart, schedule."""
        facts: Facts = answer.facts
        return TagList(
            tags.p(facts.description, class_="note"),
            figure(("design", self.name), "states", answer, state),
            tags.h3("Schedule of assessments"),
            tags.div(HTML(facts.schedule), class_="scroll", tabindex="0"),
            tags.p(TOLD, class_="note"),
        )


def _picture(result: Result) -> Picture:
    """The state chart as a figure of the page."""
    scenario = result.scenario
    chart = chart_of(scenario, result)
    told = f" {chart.told}" if chart.told else ""
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
    return [f"{a.source} to {a.to} {a.counted}".rstrip() for a in chart.arrows]


def _rows(chart: StateChart) -> bytes:
    import pandas as pd

    content: bytes = pd.DataFrame([asdict(a) for a in chart.arrows]).to_csv(index=False).encode()
    return content


def _head() -> Tag:
    return tags.p(
        "The protocol as it is executed: every state, every rule between them, and how many of the simulated patients "
        "went each way.",
        class_="lead",
    )


VIEW: Any = View(1, "design", "Design", _head(), (ChartPart(),))
