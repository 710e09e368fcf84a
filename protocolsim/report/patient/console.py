"""One patient's story in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.report.style.console import Screen

if TYPE_CHECKING:
    from rich.console import Console

    from protocolsim.report.patient.story import Trace

_STYLES = {"decision": "bold", "event": "red", "stay": "dim", "visit": ""}


def print_trace(trace: Trace, console: Console) -> None:
    """Print the story; decisions stand out."""
    put = Screen(console).put
    put(trace.heading, "bold")
    put(trace.patient)
    put("")
    for named in trace.words:
        put(named, "dim")
    put("")
    for line in trace.lines:
        put(line.text, _STYLES[line.kind])
        for other in line.others:
            put(other, "cyan", indent=2)
    put(trace.end, "bold")
    if trace.note:
        put(trace.note, "dim")
