"""Escaping for terminals: control sequences, bidirectional marks and invisible characters are printed as escapes."""

from __future__ import annotations

import re

# Controls but for tab and line feed, separators that end lines, marks that turn text round, halves of characters (of a
# file name that is no UTF-8), and what is no character. A carriage return would overwrite the line it stands in.
_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_A_BYTE = range(0xDC80, 0xDD00)  # how Python spells a byte of a file name that is no UTF-8


def visible(text: str) -> str:
    """The text with every sign that a terminal would act on written out, as Python writes it."""
    return _COMMANDS.sub(lambda result: _written(result.group()), text)


def _written(sign: str) -> str:
    code = ord(sign)
    if code in _A_BYTE:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def shown(text: str, encoding: str) -> str:
    """The same, without signs that this terminal cannot show."""
    plain = visible(text)
    if speaks_unicode(encoding):
        return plain
    return plain.replace("±", "+-").encode(encoding, "replace").decode(encoding)


def speaks_unicode(encoding: str) -> bool:
    """Whether a terminal can show every sign."""
    return encoding.lower().startswith("utf")


class OutputLost(Exception):  # noqa: N818 - what happened, as StudyStopped
    """Standard output cannot be written: it is closed, full, or a broken pipe."""

    def __init__(self, why: OSError) -> None:
        super().__init__(why.strerror or str(why))
        self.why = why


def say(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a message: on standard output, which must take it, or (`err`) on standard error, where that hears."""
    import click

    try:
        click.echo(visible(text), err=err, nl=nl)
    except OSError as error:
        if not err:
            raise OutputLost(error) from None
