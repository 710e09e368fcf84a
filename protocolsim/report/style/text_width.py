"""How wide words are, so that what is drawn by hand has room for them: Helvetica's own widths, with some to spare.

Arimo, which every page brings along (fonts/), has these widths, and so have Arial and Liberation Sans.
"""

from __future__ import annotations

FONT = "Arimo, Arial, Helvetica, 'Liberation Sans', sans-serif"
_SPARE, _BOLD = 1.06, 1.07
# Thousandths of the size, by width, from Adobe's metrics of Helvetica.
_WIDTHS = (
    (191, "'"), (222, "ijl"), (260, "|"), (278, " \u00a0!,./:;I[]ft\\"), (333, "()-`r"), (334, "{}"), (355, '"'),
    (389, "*"), (469, "^"), (500, "Jckszvxy"), (556, "#$0123456789?L_abdeghnopqu"),
    (584, "+<=>~≥≤≠±\u00d7"), (611, "FTZ"), (667, "&ABEKPSVXY"), (722, "CDHNRUw"), (778, "GOQ"), (833, "Mm"),
    (889, "%"), (944, "W"), (1015, "@"),
)  # fmt: skip
_OF = {letter: width for width, letters in _WIDTHS for letter in letters}
_UNKNOWN = 650  # of an alphabet not measured; the wide signs of East Asia take a whole square
_SQUARE, _SQUARES_FROM = 1000, 0x2E80


def width(text: str, size: float, *, bold: bool = False) -> float:
    """About how many pixels a line of this size takes, rather more than less."""
    thousandths = sum(_OF.get(c, _SQUARE if ord(c) >= _SQUARES_FROM else _UNKNOWN) for c in text)
    return thousandths / 1000 * size * _SPARE * (_BOLD if bold else 1.0)


def wrapped(text: str, size: float, room: float, *, bold: bool = False) -> list[str]:
    """The text in as few lines of at most this many pixels as hold it, about equally long; a wider word is cut."""
    lines = _filled(text, size, room, bold)
    longest = max(width(word, size, bold=bold) for word in text.split(" "))
    while longest <= room - 8.0 and len(narrower := _filled(text, size, room - 8.0, bold)) == len(lines) > 1:
        lines, room = narrower, room - 8.0
    return lines


def _filled(text: str, size: float, room: float, bold: bool) -> list[str]:
    lines: list[str] = []
    # Not `split()`, which would also part what a no-break space holds together.
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(joined, size, bold=bold) <= room:
            lines[-1] = joined
            continue
        rest = word
        while width(rest, size, bold=bold) > room and len(rest) > 1:
            fits = next(n for n in range(len(rest) - 1, 0, -1) if n == 1 or width(rest[:n], size, bold=bold) <= room)
            lines.append(rest[:fits])
            rest = rest[fits:]
        lines.append(rest)
    return lines
