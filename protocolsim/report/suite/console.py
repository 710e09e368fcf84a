"""The validation suite in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.errors import printed
from protocolsim.report.style.console import Column, Screen
from protocolsim.report.suite import summary as said
from protocolsim.study.suite.suite import Suite
from protocolsim.study.suite.totals import summary

if TYPE_CHECKING:
    from rich.console import Console


def print_suite(suite: Suite, console: Console) -> None:
    """Print every row with its verdict, what the suite comes to, and what the columns mean."""
    screen, whole = Screen(console), summary(suite)
    screen.put(f"Published results against simulated trials: {printed(suite.plan.source)}", "bold")
    shown = [said.cells(row) for row in whole["rows"]]
    used = [k for k in range(len(said.HEADINGS)) if any(row[k] for row in shown)]
    columns = [Column(said.HEADINGS[k], words=said.HEADINGS[k] in said.WORDS) for k in used]
    screen.table(columns, [[row[k] for k in used] for row in shown], expand=True)
    screen.put("")
    columns = [Column(heading, words=heading == "Role") for heading in said.TOTAL_HEADINGS]
    screen.table(columns, list(said.total_cells(whole)))
    screen.put("")
    screen.put(" ".join(said.sentences(whole)))
    screen.put("")
    for line in said.MEANS:
        screen.put(line, "dim")
    screen.put("")
    told = suite.provenance
    screen.put(f"{told['scenarios']} scenarios, {told['run time']}, protocolsim {told['protocolsim']}", "dim")
