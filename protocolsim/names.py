"""What a name may be that somebody chooses, and how two things with one label are told apart.

A name of a file becomes the head of a column or a cell of a table, a key of JSON, a word of a figure or of a command
line, and is read back by other programs. It is one line of visible text, at most a hundred characters, and none of what
another program takes for something else: blanks at its ends, what cannot be seen, `{}` (where a sentence quotes a
number), a first `=`, `+`, `-` or `@` (a spreadsheet reads a formula), and the words that pandas and R read as a missing
value. Everything else is allowed - letters of every script, commas, quotes, dots - and whoever writes a file quotes it.
A label is a name that may have braces and is longer.

Which words of the program's own a name must not be depends on what is named: see `scenario/reserved.py`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence

MOST_IN_NAME, MOST_IN_LABEL = 100, 300

FORMULA = "=+-@"
"""What a spreadsheet reads as the beginning of a formula."""

MISSING = frozenset([
    *("", "NA", "N/A", "n/a", "#NA", "#N/A", "#N/A N/A", "<NA>", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan"),
    *("-1.#IND", "1.#IND", "-1.#QNAN", "1.#QNAN"),
])  # fmt: skip
"""Cells that pandas, pyarrow or R read as a missing value unless told otherwise."""

_BRACES = "{}"
# Controls, marks without a width (those that turn text round among them), surrogates, what is no character; line ends.
_UNSEEN = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
# They join letters and emoji into one sign, and a label may need that.
_JOINERS = "\u200c\u200d"


def why_no_name(text: str) -> str | None:
    """Why this cannot be a name, as the end of a sentence that begins with it; None where it can."""
    if any(brace in text for brace in _BRACES):
        return "has braces, which stand for a quoted number"
    return _why(text, MOST_IN_NAME, "")


def why_no_label(text: str) -> str | None:
    """Why this cannot be a label or a title, likewise."""
    return _why(text, MOST_IN_LABEL, _JOINERS)


def _why(text: str, most: int, seen: str) -> str | None:
    kinds = {c: unicodedata.category(c) for c in text if c not in seen and c != " "}
    unseen = next((c for c, kind in kinds.items() if kind in _UNSEEN), None)
    if unseen is not None:
        return f"has the character U+{ord(unseen):04X}, which cannot be seen"
    blank = next((c for c, kind in kinds.items() if kind == "Zs"), None)
    if blank is not None and not seen:
        return f"has the character U+{ord(blank):04X}, which cannot be told from a blank"
    if text in MISSING:
        return "is read as a missing value by other programs" if text else "is empty"
    if text != text.strip():
        return "begins or ends with a blank"
    if text[0] in FORMULA:
        return f"begins with '{text[0]}', and a spreadsheet would read a formula"
    if len(text) > most:
        return f"has {len(text)} characters; at most {most} are possible"
    return None


def reading(name: str) -> Hashable:
    """What other programs read when they see this name: two names of one kind must not read the same.

    The same letters composed in another way, the same number written in another way (a column of such names is read as
    numbers), `true` and `TRUE`; nor to people: `_` is said as a blank.
    """
    composed = unicodedata.normalize("NFC", name.replace("_", " "))
    if composed.casefold() in ("true", "false"):
        return composed.casefold()
    try:
        return float(composed)
    except ValueError:
        return composed


def readable(name: str) -> str:
    """What is said for a name where nothing else is: no label stands beside it. The only place that makes up words."""
    return name.replace("_", " ")


def as_column(name: str) -> str:
    """What a column of this name is to SQL, which knows no capitals."""
    return unicodedata.normalize("NFC", name).casefold()


def shown(name: str) -> str:
    """A name in a message: in quotes, what cannot be seen escaped, and not for ever."""
    clipped = name if len(name) <= 60 else name[:57] + "..."
    return f"'{clipped}'" if clipped.isprintable() else repr(clipped)


def told_apart(labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """The labels, and beside those that stand there more than once the name: 'Continued (alone)'. No two are equal."""
    apart = list(labels)
    while len(set(apart)) < len(apart):
        apart = [f"{a} ({name})" if apart.count(a) > 1 else a for a, name in zip(apart, names, strict=True)]
    return apart
