"""A sweep in a terminal: a table by point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.report.style import numbers
from protocolsim.report.style.console import Column, Screen, wrapped
from protocolsim.report.sweep.figures import axis_words, ordered
from protocolsim.study.result import Result
from protocolsim.study.sweep.sweep import Sweep

if TYPE_CHECKING:
    from rich.console import Console

_MOST_LINES = 60
_MOST_ESTIMATES = 5
_COLUMN = 17


def print_sweep(sweep: Sweep, console: Console) -> None:
    """Print the main estimates by point, as many as fit the width, those with a published value first."""
    screen = Screen(console)
    own, names = sweep.own, ordered(sweep)
    shown = names[:_MOST_ESTIMATES]
    columns = [*(Column(axis_words(sweep, axis)) for axis in sweep.axes), *(_column(own, n) for n in shown)]
    rows = [
        [*map(str, outcome.settings), *(numbers.simulated(outcome.estimates[n]) for n in shown)]
        for outcome in sweep.outcomes[:_MOST_LINES]
    ]
    points, blank = len(rows), [""] * (len(sweep.axes) - 1)
    rows.append(["unvaried", *blank, *(numbers.simulated(own.estimates[n]) for n in shown)])
    if any(own.estimates[n].published is not None for n in shown):
        rows.append(["published", *blank, *(numbers.published(own.estimates[n]) for n in shown)])
    screen.put(own.title, "bold")
    screen.table(columns, rows, keys=len(sweep.axes), parted=True, apart=points)
    hidden = [f"{len(names) - len(shown)} more estimates"] if len(names) > len(shown) else []
    hidden += [f"{len(sweep.outcomes) - _MOST_LINES:,} more points"] if len(sweep.outcomes) > _MOST_LINES else []
    ran = (
        f"seed {own.seed}, {numbers.count(own.replicates, 'replicate')} at each of "
        f"{numbers.count(len(sweep.outcomes), 'point')}, {own.engine} engine, protocolsim {own.version}, "
        f"{own.seconds:.1f} s"
    )
    if own.drawn is not None:
        screen.put(
            "Simulated at fixed parameters; the prediction range with these drawn is in --json and --out.", "dim"
        )
    for note in [*([f"Not shown: {' and '.join(hidden)}; they are in --json and --out."] if hidden else []), ran]:
        screen.put(note, "dim")


def _column(own: Result, name: str) -> Column:
    """A column of one estimate under its label, broken into lines."""
    return Column("\n".join(wrapped(own.estimates[name].label, _COLUMN)))
