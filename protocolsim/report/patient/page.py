"""One patient's story on a page with its figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.report.patient.figures import trace_figure
from protocolsim.report.style.figures import caption, inline
from protocolsim.report.style.sections_page import PageSection, plain_page
from protocolsim.text.html import words

if TYPE_CHECKING:
    from protocolsim.report.patient.story import Trace


_AT_ONCE = 6  # decisions that stand above the figure


def trace_page(trace: Trace) -> str:
    """Figure and story as one self-contained page."""
    chart = trace_figure(trace)
    figure = f"<figure>{inline(chart, 'trace', trace.end)}</figure>"
    named = "".join(
        f"<dt>{words(w.partition(': ')[0])}</dt><dd>{words(w.partition(': ')[2])}</dd>" for w in trace.words
    )
    sections = [
        PageSection("At a glance", figure, caption(chart), wide=True),
        PageSection("The story", story_html(trace), trace.note),
        PageSection("Names", f'<dl class="facts">{named}</dl>'),
    ]
    return plain_page(trace.heading, trace.end, [trace.patient], sections)


def decisions_html(trace: Trace) -> str:
    """The decisions alone, each with its other branches; of many the first are seen at once, and the rest unfolded."""
    told = [
        f'<p class="decided">{words(line.text)}'
        + "".join(f'<span class="other">{words(other)}</span>' for other in line.others)
        + "</p>"
        for line in trace.lines
        if line.kind == "decision"
    ]
    if len(told) <= _AT_ONCE + 1:
        return "".join(told)
    rest = "".join(told[_AT_ONCE:])
    unfolded = f"<details><summary>The {len(told) - _AT_ONCE} decisions after these</summary>{rest}</details>"
    return "".join(told[:_AT_ONCE]) + unfolded


def story_html(trace: Trace) -> str:
    """The sentences as an HTML list; decisions stand out, with their other branches."""
    lines = []
    for line in trace.lines:
        others = "".join(f'<span class="other">{words(other)}</span>' for other in line.others)
        lines.append(f'<li class="{line.kind}">{words(line.text)}{others}</li>')
    lines.append(f'<li class="decision">{words(trace.end)}</li>')
    return f'<ul class="story">{"".join(lines)}</ul>'
