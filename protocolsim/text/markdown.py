"""Escaping for Markdown, within a line or a table cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from protocolsim.text.terminal import visible

# What means something wherever it stands, and only as far as it does there: a rule's * between spaces, a mark in
# brackets, a lone underscore or less-than sign are words.
_ALWAYS = re.compile(
    r"[\\`$]|\](?=[(\[])|<(?=[A-Za-z/!?])|&(?=[#A-Za-z0-9]+;)|\*(?=\S)|(?<=\S)\*"
    r"|(?<![A-Za-z0-9])_(?=\S)|(?<=\S)_(?![A-Za-z0-9])|~(?=~)|(?<=~)~"
)
_AT_START = re.compile(r"^(?:#|>|[+*_-]|\[(?=[ xX]\]|[^\]]*\]:)|=+$|(\d{1,9})(?=[.)](?:\s|$)))")


def words(text: str) -> str:
    """Words of a scenario as one line of Markdown."""
    line = " ".join(visible(text).split())
    line = _ALWAYS.sub(r"\\\g<0>", line)
    return _AT_START.sub(lambda result: f"{result[1]}\\" if result[1] else f"\\{result[0]}", line)


def code(name: str) -> str:
    """A name as code, whatever signs are in it."""
    line = " ".join(visible(name).split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; '' where there is no row."""
    lines = ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *lines]) if lines else ""


def _cell(text: str) -> str:
    """One line, with the sign that parts cells escaped; it parts them within code too."""
    return " ".join(re.sub(r"(?<!\\)\|", r"\\|", text).split())


def listed(lines: Iterable[str]) -> str:
    """A list of sentences of Markdown."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)
