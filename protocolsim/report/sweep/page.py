"""A sweep as one self-contained HTML page with its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocolsim.report.style import numbers
from protocolsim.report.style.figures import Drawing, caption, inline, save, title
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


def write_report(sweep: Sweep, folder: Path) -> None:
    """Write report.html and, of one or two parameters, the figure as PNG, SVG and self-contained HTML."""
    chart = Drawing(sweep_figure(sweep)) if drawable(sweep) else None
    (folder / "report.html").write_text(sweep_page(sweep, chart), encoding="utf-8")
    if chart is not None:
        for name in FIGURES:
            save(chart, folder / name)


def sweep_page(sweep: Sweep, chart: Drawing | None = None) -> str:
    """The page as text, with this figure (drawn here unless given); it loads nothing, and looks like that of a run."""
    names = ordered(sweep)
    if chart is None and drawable(sweep):
        chart = Drawing(sweep_figure(sweep))
    return rendered(
        _TEMPLATE,
        sweep=sweep,
        result=sweep.own,
        style=style(),
        told=_told(sweep),
        tables=[_table(sweep, name) for name in names],
        range_means=_ranges_mean(sweep),
        drawn=sweep.own.drawn is not None,
        difference_means=DIFFERENCE_MEANS,
        figure=None if chart is None else {"svg": inline(chart, "figure"), "caption": caption(chart)},
        title="" if chart is None else title(chart),
        provenance=sweep.provenance,
    )


def _ranges_mean(sweep: Sweep) -> str:
    """What the columns of ranges mean."""
    return numbers.RANGE_MEANS + ("" if sweep.own.drawn is None else f" {numbers.PREDICTION_MEANS}")


def _told(sweep: Sweep) -> str:
    varied = "; ".join(
        f"{a.name} from {a.settings[0]} to {a.settings[-1]}, {numbers.count(len(a.values), 'value')}"
        for a in sweep.axes
    )
    own = "; ".join(f"{a.name} {in_words(a.own, a.unit)}" for a in sweep.axes if a.own is not None)
    return (
        f"Varied: {varied}. {numbers.count(sweep.own.replicates, 'trial')} at each of "
        f"{numbers.count(len(sweep.outcomes), 'point')}, with common random numbers throughout."
        + (f" The scenario's own: {own}." if own else "")
    )


def _table(sweep: Sweep, name: str) -> dict[str, Any]:
    """One estimate at every point."""
    one = sweep.own.estimates[name]
    return {
        "label": one.label,
        "counting": one.counting,
        "published": numbers.published(one),
        "own": numbers.simulated(one),
        "rows": [_row(outcome, name) for outcome in sweep.outcomes],
    }


def _row(outcome: Outcome, name: str) -> dict[str, Any]:
    there = outcome.estimates[name]
    return {
        "settings": outcome.settings,
        "value": numbers.simulated(there),
        "range": numbers.one_trial(there),
        "prediction": "" if outcome.drawn is None else numbers.one_trial(outcome.drawn.estimates[name]),
        "difference": numbers.difference(*outcome.differences[name], there.unit),
    }
