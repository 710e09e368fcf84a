"""Two scenarios side by side, in a terminal."""

from __future__ import annotations

import math
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

DRAWN = (
    "Parameters drawn: the difference over trials with the uncertain parameters drawn, the same draws for A and B. "
    "Known to: the standard deviation of the expected difference from draw to draw, which more replicates do not "
    "narrow."
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
        screen.table([Column(h, words=k == 0) for k, h in enumerate(headings(comparison))], results(comparison))
    for one, names in (("A", comparison.only_a), ("B", comparison.only_b)):
        if names:
            put(f"Only {one} has, or has of that kind: {', '.join(names)}.")
    put("")
    put(PAIRED, "dim")
    if drawn(comparison):
        put(DRAWN, "dim")
    of_each = numbers.count(comparison.replicates, "replicate")
    put(f"seed {comparison.seed}, {of_each} of each, {comparison.seconds:.1f} s", "dim")


def drawn(comparison: Comparison) -> bool:
    """Whether parameters are drawn too."""
    return any(pair.drawn is not None for pair in comparison.pairs)


def headings(comparison: Comparison) -> list[str]:
    """The columns of the results."""
    return ["Endpoint", "A", "B", "B minus A", *(["Parameters drawn", "Known to"] if drawn(comparison) else [])]


def results(comparison: Comparison) -> list[tuple[str, ...]]:
    """The rows of the results, a cell for each of these columns."""
    return [
        (p.a.label, numbers.simulated(p.a), numbers.simulated(p.b), difference(p), *_with_drawn(p))
        for p in comparison.pairs
    ]


def _with_drawn(pair: Pair) -> list[str]:
    """The difference over all draws, and how far it is known; nothing where parameters are fixed."""
    if pair.drawn is None:
        return []
    sd = numbers.scaled(pair.drawn.sd, pair.a.unit)
    known = numbers.UNDEFINED if math.isnan(sd) else f"± {numbers.plain(sd)}"
    return [numbers.difference(pair.drawn.difference, pair.drawn.mcse, pair.a.unit), known]


def written(value: Any) -> str:
    """A value of a file, whole: two that differ far behind would else look alike."""
    return "(absent)" if value is None else str(value)


def difference(pair: Pair) -> str:
    """'+12.3 ± 0.4 % points', in the unit of the endpoint."""
    return numbers.difference(pair.difference, pair.mcse, pair.a.unit)
