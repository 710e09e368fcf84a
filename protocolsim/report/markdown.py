"""Pages as Markdown: tables whose cells cannot break them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; '' where there is no row."""
    lines = ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines]) if lines else ""


def _cell(text: str) -> str:
    """One line, with the sign that parts cells escaped."""
    return " ".join(text.replace("|", "\\|").split())


def listed(lines: Iterable[str]) -> str:
    """A list of sentences."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)
