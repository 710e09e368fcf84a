"""What a text of YAML is taken apart into."""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """What stands next in a text: its `kind` (mapping, list, scalar, alias, document, end) and where, from 1.

    `value` is the text of a scalar, `quoted` whether it is text whatever it looks like. The others say what no
    scenario may hold: an anchor or alias, a tag, directives before the document.
    """

    kind: str
    line: int = 0
    column: int = 0
    value: str = ""
    quoted: bool = False
    anchored: bool = False
    tag: str = ""
    directives: bool = False


END = Event("end")


def clip(text: str, limit: int = 60) -> str:
    """Text as it is shown in a message."""
    shown = text if len(text) <= limit else text[:limit] + "..."
    return shown if shown.isprintable() else repr(shown)
