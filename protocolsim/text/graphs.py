"""Escaping for the graph languages Mermaid and Graphviz (DOT)."""

from __future__ import annotations

from collections.abc import Iterable

from protocolsim.text.terminal import visible

# Mermaid ends a description at these, and reads some as markup; it knows them by number.
_MERMAID = {c: f"#{ord(c)};" for c in '#;:"<{}[]|`\\&'}
_DOT = {'"': '\\"', "\\": "\\\\", "&": "&amp;"}


def mermaid_words(lines: Iterable[str]) -> str:
    """Lines of words within a description of Mermaid."""
    return "<br/>".join(_mermaid(line) for line in lines)


def _mermaid(text: str) -> str:
    return "".join(_MERMAID.get(c, c) for c in _line(text)).replace("%%", "#37;#37;").replace("--", "-#45;")


def dot_words(lines: Iterable[str]) -> str:
    """Lines of words as a label of Graphviz, in its quotes. What looks like an entity is none."""
    return '"' + "\\n".join("".join(_DOT.get(c, c) for c in _line(text)) for text in lines) + '"'


def _line(text: str) -> str:
    return " ".join(visible(text).split()) if _breaks(text) else visible(text)


def _breaks(text: str) -> bool:
    """Whether it is more than one line; no-break spaces within a line stay what they are."""
    return any(c in text for c in "\n\r\t\x0b\x0c\x85")
