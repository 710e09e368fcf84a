"""Whose the variance of single trials is, in a terminal."""

from __future__ import annotations

from protocolsim.report.parameters import summary
from protocolsim.report.style.console import Column, Screen
from protocolsim.study.result import Result

_MOST_ROWS = 8


def print_shares(screen: Screen, result: Result) -> None:
    """Print the shares of the main endpoints, those with a published value first, and what to learn next."""
    rows = summary.rows(result)
    if not rows:
        screen.put("Too few trials tell whose their variance is: simulate more replicates.")
        return
    ordered = sorted(rows, key=lambda row: result.estimates[row.name].published is None)
    columns = [
        *(
            Column("Variance of single trials", words=True),
            Column("Parameters'"),
            Column("Trial's"),
            Column("Patients'"),
        ),
        Column("By a parameter alone", words=True),
    ]
    cells = [(r.label, r.parameters, r.trial, r.patients, r.first) for r in ordered[:_MOST_ROWS]]
    screen.table(columns, cells, expand=True)
    if len(rows) > _MOST_ROWS:
        screen.put(f"Not shown: {len(rows) - _MOST_ROWS} more endpoints; they are in --json and --out.", "dim")
    screen.put("")
    screen.put(summary.learn_next(result))
