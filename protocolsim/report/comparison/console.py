"""Two scenarios side by side, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocolsim.report.style import numbers
from protocolsim.report.style.console import Column, Screen
from protocolsim.study.compare import Comparison, Pair

if TYPE_CHECKING:
    from rich.console import Console

PAIRED = (
    "Both were simulated with the same seed. A difference is B minus A, its ± the paired Monte Carlo standard error: "
    "each trial of A is held against the trial of B with common random numbers."
)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print what differs in the files, then in the results."""
    screen = Screen(console)
    put = screen.put
    put(f"A: {comparison.a.title}", "bold")
    put(f"B: {comparison.b.title}", "bold")
    put("")
    matters = [d for d in comparison.differences if d.matters]
    if matters:
        columns = [Column(heading, words=True) for heading in ("In the file", "A", "B")]
        screen.table(columns, [(d.path, written(d.a), written(d.b)) for d in matters])
    else:
        put("Nothing in the files differs that changes what happens.")
    words = [d.path for d in comparison.differences if not d.matters]
    if words:
        put(f"Differs in words only: {', '.join(words)}.", "dim")
    put("")
    if comparison.pairs:
        columns = [Column("Endpoint", words=True), Column("A"), Column("B"), Column("B minus A")]
        rows = [(p.a.label, numbers.simulated(p.a), numbers.simulated(p.b), difference(p)) for p in comparison.pairs]
        screen.table(columns, rows)
    for one, names in (("A", comparison.only_a), ("B", comparison.only_b)):
        if names:
            put(f"Only {one} has, or has of that kind: {', '.join(names)}.")
    put("")
    put(PAIRED, "dim")
    of_each = numbers.count(comparison.replicates, "replicate")
    put(f"seed {comparison.seed}, {of_each} of each, {comparison.seconds:.1f} s", "dim")


def written(value: Any) -> str:
    """A value of a file, whole: two that differ far behind would else look alike."""
    return "(absent)" if value is None else str(value)


def difference(pair: Pair) -> str:
    """'+12.3 ± 0.4 % points', in the unit of the endpoint."""
    return numbers.difference(pair.difference, pair.mcse, pair.a.unit)
