"""Every boundary in a terminal: the design's own, the best of the others, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.report.boundaries.summary import BOTH_PASSES, rows, sentences, shown
from protocolsim.report.style import numbers
from protocolsim.report.style.console import Column, Screen
from protocolsim.study.boundaries.boundaries import Boundaries

if TYPE_CHECKING:
    from rich.console import Console

_MOST = 12


def print_boundaries(result: Boundaries, console: Console) -> None:
    """Print the table of boundaries, what its columns mean, and what it says."""
    screen = Screen(console)
    screen.put(result.scenario.title, "bold")
    columns = [Column("Boundaries", words=True), *(Column(c.heading.replace(" ", "\n", 1)) for c in shown(result))]
    made = rows(result, _MOST)
    lines = [[f"* {what}" if own else what, *cells] for own, what, cells in made]
    screen.table(columns, lines, bold=[k for k, (own, _, _) in enumerate(made) if own], expand=True)
    hidden = len(result.sets) - len(made)
    screen.put()
    for text in sentences(result):
        screen.put(text)
    more = f" {hidden} more sets were tried." if hidden > 0 else ""
    trials = numbers.count(result.replicates, "replicate")
    ran = f"seed {result.seed}, {trials} with the effect and without, {result.engine} engine, {result.seconds:.1f} s"
    notes = (
        f"* the design's own boundaries.{more}",
        BOTH_PASSES,
        *(f"Caveat: {n}" for n in result.scenario.notes),
        ran,
    )
    for text in ("", *notes):
        screen.put(text, "dim")
