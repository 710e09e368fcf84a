"""Every boundary as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocolsim.errors import UsageError
from protocolsim.report.boundaries.figures import trade_off
from protocolsim.report.boundaries.summary import BOTH_PASSES, rows, sentences, shown
from protocolsim.report.style.figures import caption, inline, title
from protocolsim.report.style.stylesheet import style
from protocolsim.study.boundaries.boundaries import Boundaries
from protocolsim.text.html import rendered

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_MOST = 60


def charts(result: Boundaries) -> dict[str, Any]:
    """Each figure, by the name of its files, that there is something to draw for."""
    try:
        return {"boundaries": trade_off(result)}
    except UsageError:
        return {}


def boundaries_page(result: Boundaries, drawn: dict[str, Any] | None = None) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    figures = charts(result) if drawn is None else drawn
    return rendered(
        _TEMPLATE,
        result=result,
        style=style(),
        sentences=sentences(result),
        both_passes=BOTH_PASSES,
        headings=[c.heading + (f" ({c.unit})" if c.unit not in ("%", "weeks") else "") for c in shown(result)],
        rows=rows(result, _MOST),
        figures=[
            {"title": title(chart), "caption": caption(chart), "svg": inline(chart, f"figure{place}")}
            for place, chart in enumerate(figures.values())
        ],
        provenance=result.provenance,
    )
