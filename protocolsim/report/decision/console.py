"""A threshold curve in a terminal: a table by threshold, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocolsim.report.decision import cut_table, measure_table
from protocolsim.report.decision.summary import COMMON_RANDOM_NUMBERS, CurveSummary
from protocolsim.report.style import numbers as style_numbers
from protocolsim.report.style.console import Column, Screen

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

_SHORT = {
    "share_sent": "pass", "sensitivity": "sensi-\ntivity", "specificity": "speci-\nficity",
    "predictive_value_positive": "pred.\npos.", "predictive_value_negative": "pred.\nneg.",
    "expected_count": "count", "expected_stop": "stop", "expected_dose": "dose", "expected_loss": "loss",
}  # fmt: skip
_MEANS = (
    "pass: share that passes the rule. sensitivity: true responders who pass. specificity: others who do not. pred. "
    "pos.: true responders among those who pass. pred. neg.: others among those who do not. A true responder is known "
    "to the model only."
)


def print_thresholds(summary: CurveSummary, console: Console) -> None:
    """Print the table by threshold, what its columns mean, and what it says."""
    screen = Screen(console)
    names, frame = summary.columns, summary.table
    columns = [Column(summary.drawn.axis.replace(" ", "\n", 1))]
    for name in names:
        unit = summary.curve.endpoints[name].unit
        columns.append(Column(f"{_SHORT.get(name, summary.curve.endpoints[name].label)}\n{unit}"))
    lines = _lines(summary)
    bold = [k for k, line in enumerate(lines) if line[0].startswith("*")]
    screen.put(summary.result.scenario.title, "bold")
    first, *others = (text for text in summary.sentences() if text)
    screen.put(first)
    screen.table(columns, [*lines, _errors(summary, frame)], bold=bold, parted=True)
    means = f" {_MEANS}" if "sensitivity" in names else ""
    notes = [
        f"* the scenario's own. ± max: the largest Monte Carlo standard error in the column.{means}",
        COMMON_RANDOM_NUMBERS,
    ]
    for text in others:
        screen.put(text)
    _print_cuts(screen, summary)
    _print_definitions(screen, summary)
    run = summary.result
    ran = (
        f"seed {run.seed}, {style_numbers.count(run.replicates, 'replicate')} on both branches, {run.engine} engine, "
        f"protocolsim {run.version}, {run.seconds:.1f} s"
    )
    for text in ("", *notes, *(f"Caveat: {n}" for n in run.scenario.notes), ran):
        screen.put(text, "dim")


def _print_cuts(screen: Screen, summary: CurveSummary) -> None:
    """What the rule is worth at other cuts of the trait."""
    found = cut_table.rows(summary.curve)
    if not found:
        return
    columns = [Column(cut_table.heading(summary.curve)), *(Column(heading) for heading in cut_table.HEADINGS)]
    screen.put()
    screen.table(columns, [[label, *cells] for label, cells in found], bold=[
        k for k, (label, _) in enumerate(found) if label.startswith("*")
    ])  # fmt: skip
    screen.put(cut_table.MEANS, "dim")


def _print_definitions(screen: Screen, summary: CurveSummary) -> None:
    """The definitions of the measure at the scenario's own threshold, where it declares any."""
    measured = measure_table.rows(summary.curve)
    if not measured:
        return
    first = Column(f"what is measured, at {summary.drawn.said(summary.curve.own)}", words=True)
    columns = [first, *(Column(heading) for heading in measure_table.headings(summary.curve))]
    bold = [k for k, (label, _) in enumerate(measured) if label.startswith("*")]
    screen.put()
    screen.table(columns, [[label, *cells] for label, cells in measured], bold=bold)


def _lines(summary: CurveSummary) -> list[list[str]]:
    """A line for each threshold, its cells without units."""
    frame = summary.table.set_index(["threshold", "estimate"])
    lines = []
    for threshold in summary.rows.tolist():
        mark = "* " if threshold == summary.curve.own else ""
        values = {name: frame.loc[(threshold, name), "value"] for name in summary.columns}
        cells = [_cell(value, summary.curve.endpoints[name].unit) for name, value in values.items()]
        lines.append([mark + style_numbers.plain(summary.drawn.shown(threshold)), *cells])
    return lines


def _errors(summary: CurveSummary, frame: pd.DataFrame) -> list[str]:
    worst = frame.groupby("estimate")["mcse"].max()
    return ["± max", *(_cell(worst[name], summary.curve.endpoints[name].unit) for name in summary.columns)]


def _cell(value: float, unit: str) -> str:
    number = style_numbers.scaled(float(value), unit)
    return "-" if np.isnan(number) else f"{number:.1f}" if unit == "%" or abs(number) >= 10 else f"{number:.2f}"
