"""A threshold curve as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocolsim.errors import UsageError
from protocolsim.report.decision import cut_table, measure_figures, measure_table, regret_figures
from protocolsim.report.decision import figures as decision_figures
from protocolsim.report.decision.summary import COMMON_RANDOM_NUMBERS, CurveSummary
from protocolsim.report.style import numbers as style_numbers
from protocolsim.report.style.figures import caption, inline, title
from protocolsim.report.style.stylesheet import style
from protocolsim.text.html import rendered

_TEMPLATE = Path(__file__).with_name("page.html.j2")
FIGURES = {
    decision_figures: ("curves", "roc", "what_follows", "loss"),
    measure_figures: ("definitions", "definitions_roc"),
}


def charts(summary: CurveSummary) -> dict[str, Any]:
    """Each figure, by the name of its files, that this curve has something to draw for."""
    result = {}
    for room, names in FIGURES.items():
        for name in names:
            try:
                result[name] = getattr(room, name)(summary.drawn)
            except UsageError:
                # No price, no true response, no other measure, no subject who reached the decision: no such figure.
                continue
    if summary.regret is not None and summary.regret.known.any():
        result["regret"] = regret_figures.regret(summary.drawn, summary.regret)
    return result


def threshold_page(summary: CurveSummary, drawn: dict[str, Any] | None = None) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    figures = charts(summary) if drawn is None else drawn
    titles = _titles(summary, len(figures))
    lead, others = summary.said()
    return rendered(
        _TEMPLATE,
        result=summary.result,
        style=style(),
        lead=lead,
        sentences=others,
        titles=titles,
        contents=[{"id": name, "title": title} for name, title in titles.items()],
        axis=summary.drawn.axis,
        headings=[
            {"label": summary.curve.endpoints[n].label, "counting": summary.curve.endpoints[n].counting,
             "unit": summary.curve.endpoints[n].unit}
            for n in summary.columns
        ],
        rows=[_page_row(summary, threshold) for threshold in summary.rows.tolist()],
        cuts=cut_table.rows(summary.curve),
        cut_headings=[cut_table.heading(summary.curve), *(_one_line(h) for h in cut_table.HEADINGS)],
        cuts_mean=cut_table.MEANS,
        definitions=measure_table.rows(summary.curve),
        definition_headings=[_one_line(h) for h in measure_table.headings(summary.curve)]
        if len(summary.curve.measured)
        else [],
        common_random_numbers=COMMON_RANDOM_NUMBERS,
        figures=[
            {
                "title": title(chart),
                "caption": caption(chart),
                "svg": inline(chart, f"figure{place}"),
            }
            for place, chart in enumerate(figures.values())
        ],
        provenance=summary.provenance,
    )  # fmt: skip


def _titles(summary: CurveSummary, figures: int) -> dict[str, str]:
    """The headings of the parts that this page has, in their order, by the name that links lead to."""
    there = {
        "figures": ("More figures", figures > 1),
        "sentences": ("What is counted, and what else the numbers say", bool(summary.said()[1])),
        "thresholds": ("By threshold", True),
        "cuts": ("By the cut that makes a true responder", bool(cut_table.rows(summary.curve))),
        "definitions": ("By what is measured", bool(measure_table.rows(summary.curve))),
        "caveats": ("Caveats", bool(summary.result.scenario.notes)),
        "provenance": ("Where this comes from", True),
    }
    return {name: title for name, (title, there_is) in there.items() if there_is}


def _one_line(heading: str) -> str:
    """The heading of a column without its line breaks."""
    return heading.replace("-\n", "").replace("\n", " ")


def _page_row(summary: CurveSummary, threshold: float) -> dict[str, Any]:
    estimates = summary.curve.at(threshold)
    shown = [estimates[name] for name in summary.columns]
    cells = [style_numbers.bare(style_numbers.simulated(e), e).removesuffix(" %").strip() for e in shown]
    return {"threshold": summary.drawn.said(threshold), "own": threshold == summary.curve.own, "cells": cells}
