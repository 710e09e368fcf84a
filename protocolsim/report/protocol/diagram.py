"""The protocol in pictures: the state chart in every format, and a page with the schedule of assessments."""

from __future__ import annotations

from protocolsim.errors import UsageError, unknown
from protocolsim.report.protocol.schedule import TOLD, schedule, schedule_html
from protocolsim.report.protocol.state_chart import StateChart, counts, dot, mermaid, state_chart
from protocolsim.report.style.figures import on_page
from protocolsim.report.style.sections_page import PageSection, plain_page
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.result import Result

FORMATS = ("mermaid", "dot", "svg", "png", "html")
ENDINGS = {"mermaid": ".mmd", "dot": ".dot", "svg": ".svg", "png": ".png", "html": ".html"}

TOLD_OF_CHART = (
    "A thick frame: enrolment. Rounded boxes: where a subject's course ends. A dashed arrow: by an event. Rules are "
    "tried in the order of the file; beside each parameter stands its value."
)


def diagram(scenario: str | Scenario, format: str = "mermaid", *, counts: Result | None = None) -> str | bytes:
    """The state chart of a scenario (its name, its path, or as loaded): text, or bytes for "png".

    `format` is "mermaid", "dot", "svg", "png", or "html" (a page with the schedule of assessments too). `counts`: a run
    of this scenario, whose subjects are then counted on each arrow. Raises UsageError for an unknown format.
    """
    if format not in FORMATS:
        raise UsageError(unknown("format", format, FORMATS))
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    chart = chart_of(loaded, counts)
    if format in ("mermaid", "dot"):
        return mermaid(chart) if format == "mermaid" else dot(chart)
    if format == "html":
        return _page(loaded, chart)
    from protocolsim.report.protocol.chart_svg import png, svg

    return svg(chart) if format == "svg" else png(chart)


def chart_of(scenario: Scenario, run: Result | None = None) -> StateChart:
    """The state chart of a scenario, counted over a run if given. Raises UsageError where that is another's."""
    if run is None:
        return state_chart(scenario)
    # Its own scenario is not written out to be compared, which takes longer than to draw it.
    if run.scenario is not scenario and run.scenario.sha256 != scenario.sha256:
        raise UsageError(f"the run to count is of another scenario than '{scenario.name}' as it is")
    return state_chart(scenario, counts(run.pieces()))


def chart_for_page(chart: StateChart) -> str:
    """The state chart as SVG that takes its ink from the page it stands on."""
    from protocolsim.report.protocol.chart_svg import svg

    return on_page(svg(chart, paper=False))


def _page(scenario: Scenario, chart: StateChart) -> str:
    lead = [scenario.description] if scenario.description else []
    sections = [
        PageSection("States and rules", f"<figure>{chart_for_page(chart)}</figure>", TOLD_OF_CHART, wide=True),
        PageSection("Schedule of assessments", schedule_html(schedule(scenario)), TOLD, wide=True),
    ]
    return plain_page(scenario.title, scenario.question, lead, sections)
