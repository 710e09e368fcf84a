"""The summary in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from protocolsim.report import findings, phrases
from protocolsim.report.source import Source
from protocolsim.study.estimates import Estimate
from protocolsim.study.validation import comparisons

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table

_NARROW = 96


def print_summary(result: Source, console: Console) -> None:
    """Print the table of endpoints, what its columns mean, and how to run it again."""
    encoding = console.encoding or "ascii"

    def put(text: str, style: str = "") -> None:
        console.print(encodable(text, encoding), style=style, markup=False, highlight=False)

    put(result.title, "bold")
    if result.question:
        put(result.question)
    console.print(_table(result, console.width, encoding))
    tests = [e for e in result.estimates.values() if e.decides]
    if tests:
        put("")
        console.print(_tests(tests, encoding))
    put("")
    for line in (phrases.verdict(result), phrases.undefined_note(result.estimates.values())):
        if line:
            put(line)
    for line in findings.sentences(result):
        put("")
        put(line)
    put("")
    put(phrases.RANGE_MEANS, "dim")
    if any(e.published is not None for e in result.estimates.values()):
        put(phrases.ROLES_MEAN, "dim")
    if tests:
        put(phrases.TESTS_MEAN, "dim")
    for title, lines, style in (("Warning", result.warnings, "bold yellow"), ("Caveat", result.notes, "")):
        for line in lines:
            put(f"{title}: {line}", style)
    put("")
    put(_how_it_ran(result), "dim")


def print_validation(result: Source, console: Console) -> None:
    """Print the published results one by one, each with its verdict, and what that verdict is worth."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    encoding = console.encoding or "ascii"
    plain_box = box.SIMPLE_HEAD if encoding.lower().startswith("utf") else box.ASCII2
    table = Table(box=plain_box, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column("Published result", ratio=1, min_width=16)
    for title in ("Published", "Exact 95 %", "One trial,\n5-95 %"):
        table.add_column(title, justify="right")
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Role", no_wrap=console.width >= _NARROW)
    rows = comparisons(result.estimates.values())
    for one in rows:
        e = one.estimate
        cells = (
            e.label,
            phrases.published(e),
            phrases.exact(one),
            phrases.one_trial(e),
            one.verdict,
            one.published.role,
        )
        table.add_row(*(Text(encodable(cell, encoding)) for cell in cells))

    def put(text: str, style: str = "") -> None:
        console.print(encodable(text, encoding), style=style, markup=False, highlight=False)

    put(result.title, "bold")
    console.print(table)
    put("")
    put(phrases.verdict(result))
    put("")
    for line in (phrases.VERDICT_MEANS, phrases.ROLE_MEANS):
        put(line, "dim")
    for line in result.warnings:
        put(f"Warning: {line}", "bold yellow")
    put("")
    put(_how_it_ran(result), "dim")


def _how_it_ran(result: Source) -> str:
    parts = [
        f"seed {result.seed}",
        phrases.count(result.replicates, "replicate"),
        f"{result.engine} engine",
        f"protocolsim {result.version}",
    ]
    if "run time" in result.provenance:
        parts.append(result.provenance["run time"])
    return ", ".join(parts)


def _table(result: Source, width: int, encoding: str) -> Table:
    """One row per endpoint; the published columns appear only where something was published."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=plain_box(encoding), pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), expand=True)
    compared = any(e.published is not None for e in result.estimates.values())
    narrow = width < _NARROW
    table.add_column("Endpoint", ratio=1, min_width=18)
    table.add_column("Simulated", justify="right", no_wrap=not narrow)
    table.add_column("One trial,\n5-95 %", justify="right", no_wrap=not narrow)
    if compared:
        table.add_column("Published", justify="right", max_width=16 if narrow else 24)
        table.add_column("Pctl." if narrow else "Percentile", justify="right")
        table.add_column("Role", no_wrap=True)
    for found in (e for e in result.estimates.values() if not e.decides):
        # A long unit would widen two columns of numbers; it stands once, beside the label.
        unit = "" if found.unit in ("", "%") else f"{found.unit}; "
        numbers = [phrases.bare(shown(found), found) for shown in (phrases.simulated, phrases.one_trial)]
        cells = [f"{found.label} ({unit}of {found.among})", *numbers]
        if compared:
            cells += [phrases.published(found), phrases.percentile(found), found.role or ""]
        # Text, not str: rich would read a label in brackets as markup.
        table.add_row(*(Text(encodable(cell, encoding)) for cell in cells))
    return table


def plain_box(encoding: str) -> Box:
    """The lines of a table, in signs that this terminal can show."""
    from rich import box

    return box.SIMPLE_HEAD if _has_sign(encoding) else box.ASCII2


def _tests(tests: Sequence[Estimate], encoding: str) -> Table:
    """One row per test: what it tests, and how often it rejects."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=plain_box(encoding), pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), expand=True)
    table.add_column("Test of each trial", ratio=1, min_width=18)
    table.add_column("Rejects", justify="right", no_wrap=True)
    for found in tests:
        told = found.counting.partition("; ")[2]
        table.add_row(*(Text(encodable(c, encoding)) for c in (f"{found.label} ({told})", phrases.simulated(found))))
    return table


def encodable(text: str, encoding: str) -> str:
    """The text without signs that this terminal cannot show."""
    return text.replace("±", "+-").encode(encoding, "replace").decode(encoding) if not _has_sign(encoding) else text


def _has_sign(encoding: str) -> bool:
    return encoding.lower().startswith("utf")
