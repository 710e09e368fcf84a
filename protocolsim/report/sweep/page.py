"""A sweep as one self-contained HTML page with its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocolsim.report.style import numbers
from protocolsim.report.style.figures import caption, inline, save
from protocolsim.report.style.stylesheet import style
from protocolsim.report.sweep.figures import drawable, ordered, sweep_figure
from protocolsim.study.sweep.sweep import Outcome, Sweep
from protocolsim.text.html import rendered
from protocolsim.units import in_words

FIGURES = ("sweep.png", "sweep.svg", "sweep.html")
DIFFERENCE_MEANS = (
    "Difference: from the scenario's own value. Every point was simulated with common random numbers, so the error "
    "of a difference is paired, and smaller than the errors of the two values would suggest."
)
_TEMPLATE = Path(__file__).with_name("page.html.j2")


def write_report(found: Sweep, folder: Path) -> None:
    """Write report.html and, of one or two parameters, the figure as PNG, SVG and self-contained HTML."""
    chart = sweep_figure(found) if drawable(found) else None
    (folder / "report.html").write_text(_page(found, chart), encoding="utf-8")
    if chart is not None:
        for name in FIGURES:
            save(chart, folder / name)


def sweep_page(found: Sweep) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    return _page(found, sweep_figure(found) if drawable(found) else None)


def _page(found: Sweep, chart: Any) -> str:
    names = ordered(found)
    return rendered(
        _TEMPLATE,
        sweep=found,
        result=found.own,
        style=style(),
        told=_told(found),
        tables=[_table(found, name) for name in names],
        range_means=numbers.RANGE_MEANS,
        difference_means=DIFFERENCE_MEANS,
        figure=None if chart is None else {"svg": inline(chart, "figure"), "caption": caption(chart)},
        title="" if chart is None else chart.title["text"],
        provenance=found.provenance,
    )


def _told(found: Sweep) -> str:
    varied = "; ".join(
        f"{a.name} from {a.settings[0]} to {a.settings[-1]}, {numbers.count(len(a.values), 'value')}"
        for a in found.axes
    )
    own = "; ".join(f"{a.name} {in_words(a.own, a.unit)}" for a in found.axes if a.own is not None)
    return (
        f"Varied: {varied}. {numbers.count(found.own.replicates, 'trial')} at each of "
        f"{numbers.count(len(found.outcomes), 'point')}, with common random numbers throughout."
        + (f" The scenario's own: {own}." if own else "")
    )


def _table(found: Sweep, name: str) -> dict[str, Any]:
    """One estimate at every point."""
    one = found.own.estimates[name]
    return {
        "label": one.label,
        "counting": one.counting,
        "published": numbers.published(one),
        "own": numbers.simulated(one),
        "rows": [_row(outcome, name) for outcome in found.outcomes],
    }


def _row(outcome: Outcome, name: str) -> dict[str, Any]:
    there = outcome.estimates[name]
    return {
        "settings": outcome.settings,
        "value": numbers.simulated(there),
        "range": numbers.one_trial(there),
        "difference": numbers.difference(*outcome.differences[name], there.unit),
    }
