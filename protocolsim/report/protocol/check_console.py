"""What `check` found, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from protocolsim.errors import printed
from protocolsim.proof.paths import Route, by_states
from protocolsim.report.style.console import Column, Screen
from protocolsim.units import MINUTES_PER_WEEK

if TYPE_CHECKING:
    from rich.console import Console

    from protocolsim.scenario.check import Checked, CheckFinding

MOST_ROWS = 30
_INDENTED = 50
_STYLE = {"fault": "bold red", "warning": "yellow", "note": ""}


def print_checked(checked: Checked, console: Console) -> None:
    """Print the findings, the worst first, then the paths."""
    screen = Screen(console)
    put = screen.put
    put(f"{printed(checked.source)}: {verdict(checked)}", "bold")
    for finding in checked.findings:
        where, said = _lines(finding)
        put(where, _STYLE[finding.severity])
        # Below the place, and at the left edge where it would stand in a gutter of words.
        put(said, indent=9 if screen.width >= _INDENTED else 2)
    for what in checked.given_up:
        put(f"given up, not decided: {what}", "yellow")
    if checked.case is None or checked.routes is None:
        return
    put("")
    _paths(screen, checked)
    ways = by_states(checked.routes)
    if len(ways) > MOST_ROWS:
        put(f"... and {len(ways) - MOST_ROWS} more; --json has them all")
    if not checked.routes.whole:
        put(f"Not all paths: {checked.routes.why}.", "yellow")
    put("Visits, doses and weeks are as planned; an event may end a path at any time, so the first and the last stand"
        " here.", "dim")  # fmt: skip


def verdict(checked: Checked) -> str:
    """How many findings of each kind, in a few words."""
    if checked.case is None:
        return f"{_many(checked.count('fault'), 'fault')}; the file cannot be run, and nothing further was looked at"
    counts = [_many(checked.count(s), s) for s in ("fault", "warning", "note") if checked.count(s)]
    open_ = f"; {_many(len(checked.given_up), 'question')} given up" if checked.given_up else ""
    return (", ".join(counts) if counts else "nothing found") + open_


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _lines(f: CheckFinding) -> tuple[str, str]:
    """Where and how bad; then what."""
    place = f"line {f.line}, column {f.column}" if f.line else ""
    roughly = " (Possibly: loops and missed visits are known only roughly.)" if f.possible else ""
    return "  ".join(p for p in (f"{f.severity:<9}{place}", f.path) if p), f"{f.message}{roughly}"


def _paths(screen: Screen, checked: Checked) -> None:
    """One row for the paths through the same states; numbers from the least to the most."""
    assert checked.case is not None
    assert checked.routes is not None
    case = checked.case
    given = sorted({d.drug for r in checked.routes.found for d in r.doses})
    doses_of = [Column(f"Doses of {case.drugs[d]}", short=f"Doses of\n{case.drugs[d]}") for d in given]
    columns = [Column("Path", words=True), Column("Ways"), Column("Visits"), *doses_of, Column("Weeks")]
    rows = []
    for states, routes in list(by_states(checked.routes).items())[:MOST_ROWS]:
        path = " > ".join(_folded([case.protocol.states[n].name for n in states]))
        doses = [_doses(routes, d, case.protocol.dose_units[d]) for d in given]
        ends = _span([r.ends // MINUTES_PER_WEEK for r in routes])
        rows.append([path, str(len(routes)), _span([r.visits for r in routes]), *doses, ends])
    screen.table(columns, rows)


def _folded(names: Sequence[str]) -> list[str]:
    """The states in order; one that follows itself stands once, with how often."""
    folded: list[tuple[str, int]] = []
    for name in names:
        if folded and folded[-1][0] == name:
            folded[-1] = name, folded[-1][1] + 1
        else:
            folded.append((name, 1))
    return [name if times == 1 else f"{name} x {times}" for name, times in folded]


def _doses(routes: Sequence[Route], drug: int, unit: str | None) -> str:
    mine = [[d for d in r.doses if d.drug == drug] for r in routes]
    counts = [len(doses) for doses in mine]
    amounts = [sum(end) for doses in mine for end in ([d.least for d in doses], [d.amount for d in doses])]
    total = f" ({_span(amounts)} {unit})" if unit and max(amounts) < float("inf") else ""
    return f"{_span(counts)}{total}" if max(counts) else "0"


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
