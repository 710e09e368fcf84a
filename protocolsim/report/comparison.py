"""Two scenarios side by side, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocolsim.report import phrases
from protocolsim.report.terminal import encodable, plain_box
from protocolsim.study.compare import Comparison, Pair

if TYPE_CHECKING:
    from rich.console import Console

PAIRED = (
    "Both were simulated with the same seed. A difference is B minus A, its ± the paired Monte Carlo standard error: "
    "each trial of A is held against the trial of B with the same luck."
)
_LONG = 60


def print_comparison(found: Comparison, console: Console) -> None:
    """Print what differs in the files, then in the results."""
    from rich.table import Table
    from rich.text import Text

    encoding = console.encoding or "ascii"

    def put(text: str, style: str = "") -> None:
        console.print(encodable(text, encoding), style=style, markup=False, highlight=False)

    def table(*columns: str) -> Table:
        made = Table(box=plain_box(encoding), pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        for number, column in enumerate(columns):
            made.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
        return made

    put(f"A: {found.a.title}", "bold")
    put(f"B: {found.b.title}", "bold")
    put("")
    matters = [d for d in found.differences if d.matters]
    if matters:
        shown = table("In the file", "A", "B")
        for d in matters:
            shown.add_row(*(Text(encodable(t, encoding)) for t in (d.path, written(d.a), written(d.b))))
        console.print(shown)
    else:
        put("Nothing in the files differs that changes what happens.")
    words = [d.path for d in found.differences if not d.matters]
    if words:
        put(f"Differs in words only: {', '.join(words)}.", "dim")
    put("")
    if found.pairs:
        results = table("Endpoint", "A", "B", "B minus A")
        for p in found.pairs:
            cells = (p.a.label, phrases.simulated(p.a), phrases.simulated(p.b), difference(p))
            results.add_row(*(Text(encodable(c, encoding)) for c in cells))
        console.print(results)
    for one, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            put(f"Only {one} has, or has of that kind: {', '.join(names)}.")
    put("")
    put(PAIRED, "dim")
    put(f"seed {found.seed}, {phrases.count(found.replicates, 'replicate')} of each, {found.seconds:.1f} s", "dim")


def written(value: Any) -> str:
    """A value of a file in one short line."""
    text = "(absent)" if value is None else str(value)
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."


def difference(pair: Pair) -> str:
    """'+12.3 ± 0.4 % points', in the unit of the endpoint."""
    return phrases.difference(pair.difference, pair.mcse, pair.a.unit)
