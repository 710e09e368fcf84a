"""What is printed in a terminal: lines and tables, at any width, with every word and number whole.

The only place that prints by rich. Text is taken as the words it is: no markup, no signs that command a terminal.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocolsim.text.terminal import OutputLost, shown, speaks_unicode

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2
_BESIDE = 40
_LEAST = 16  # a column of words is not narrower than this, if it needs that much


@dataclass(frozen=True)
class Column:
    """A column of a table. One of words is left-aligned and broken between words; one of numbers stays in one line.

    `short` is its name where the terminal is too narrow for the long one.
    """

    heading: str
    words: bool = False
    short: str = ""


class Screen:
    """A terminal, or a file that stands for one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.encoding = console.encoding or "ascii"
        self.width = max(1, console.width)

    def put(self, text: str = "", style: str = "", *, indent: int = 0) -> None:
        """Print a paragraph, broken between words; a word that is wider than the terminal stays whole."""
        plain = shown(text, self.encoding).expandtabs(4)
        for line in plain.split("\n"):
            for part in wrapped(line, self.width - indent):
                self._line(" " * indent + part if part else "", style)

    def point(self, text: str) -> None:
        """Print a paragraph as a point of a list: its first line after a dash, the others below it."""
        lines = wrapped(shown(text, self.encoding).expandtabs(4), max(1, self.width - _GAP))
        for number, line in enumerate(lines):
            self._line(("  " if number else "- ") + line, "")

    def table(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str]],
        *,
        keys: int = 1,
        bold: Collection[int] = (),
        expand: bool = False,
        parted: bool = False,
        apart: int | None = None,
    ) -> None:
        """Print a table whose first `keys` columns say what a row is.

        Where the terminal is too narrow for it, it is printed in several, with the keys in each (`parted`); or, also
        where that is too wide, each row takes several lines: its keys, and below them what stands in each column, by
        name. `expand`: as wide as the terminal. `apart`: the row before which a line is left out.
        """
        rule = "─" if speaks_unicode(self.encoding) else "-"
        made = _LaidOutTable(
            [Column(self._cell(c.heading, "\n"), c.words, self._cell(c.short, "\n")) for c in columns],
            [[self._cell(cell) for cell in row] for row in rows],
            keys, frozenset(bold), self.width, expand, parted, apart, rule,
        )  # fmt: skip
        for line, style in made.lines():
            self._line(line, style)

    def listed(self, entries: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Print names, each with its lines beside it, or below it where there is little room beside."""
        beside = max((cells(name) for name, _ in entries), default=0) + _GAP
        narrow = self.width < beside + _BESIDE
        for name, lines in entries:
            if narrow:
                self.put(name, "bold")
            for number, line in enumerate(lines):
                if narrow or number:
                    self.put(line, indent=_GAP if narrow else beside)
                    continue
                first, *more = wrapped(shown(line, self.encoding), self.width - beside)
                self._line(shown(name, self.encoding).ljust(beside) + first, "")
                self.put(" ".join(more), indent=beside) if more else None

    def _cell(self, text: str, kept: str = "") -> str:
        plain = shown(text, self.encoding)
        return "".join(" " if c in "\t\n" and c not in kept else c for c in plain)

    def _line(self, text: str, style: str) -> None:
        from rich.text import Text

        try:
            # Whole, whatever its width: the terminal breaks it, nothing cuts it.
            self._console.print(Text(text, style=style), soft_wrap=True, highlight=False)
        except OSError as error:
            raise OutputLost(error) from None
        except SystemExit:
            # So rich answers where nobody reads on.
            raise OutputLost(BrokenPipeError(errno.EPIPE, "nobody reads on")) from None


def cells(text: str) -> int:
    """How many columns of a terminal it takes."""
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most this width, broken at its spaces; a wider word has a line of its own."""
    lines: list[str] = []
    indent = text[: len(text) - len(text.lstrip(" "))]
    for word in text.strip(" ").split(" "):
        joined = f"{lines[-1]} {word}" if lines else indent + word
        if lines and cells(joined) > width:
            lines.append(word)
        elif lines:
            lines[-1] = joined
        else:
            lines.append(joined)
    return lines


def _widest(lines: Sequence[str]) -> int:
    return max(map(cells, lines), default=0)


def _longest_word(texts: Sequence[str]) -> int:
    return _widest([word for text in texts for word in text.replace("\n", " ").split(" ")])


class _LaidOutTable:
    """A table, laid out for one width."""

    def __init__(
        self, columns: list[Column], rows: list[list[str]], keys: int, bold: frozenset[int], width: int, expand: bool,
        parted: bool, apart: int | None, rule: str,
    ) -> None:  # fmt: skip
        self.columns, self.rows, self.keys, self.bold, self.width = columns, rows, keys, bold, width
        self.expand, self.parted, self.apart, self.rule = expand, parted, apart, rule
        self.least = [self._width(k, least=True) for k in range(len(columns))]
        self.natural = [max(self.least[k], self._width(k, least=False)) for k in range(len(columns))]

    def _width(self, k: int, *, least: bool) -> int:
        """What a column takes: at least, or where there is room enough."""
        column, body = self.columns[k], [row[k] for row in self.rows]
        heading = column.short or column.heading if least else column.heading
        if not column.words:
            return max(_widest(body), _longest_word([heading]) if least else _widest(heading.split("\n")))
        if not least:
            return _widest([*body, *heading.split("\n")])
        return max(_longest_word([*body, heading]), min(_LEAST, _widest([*body, heading])))

    def lines(self) -> list[tuple[str, str]]:
        """Line by line, with the style of each."""
        keys, others = range(self.keys), range(self.keys, len(self.columns))
        if self._room(range(len(self.columns))) >= 0:
            return self._block(list(range(len(self.columns))))
        if not self.parted or any(self._room([*keys, k]) < 0 for k in others):
            return self._stacked()
        lines: list[tuple[str, str]] = []
        block = [*keys]
        for k in others:
            if self._room([*block, k]) < 0:
                lines += [*self._block(block), ("", "")]
                block = [*keys]
            block.append(k)
        return lines + self._block(block)

    def _room(self, which: Sequence[int]) -> int:
        """What is left of the terminal's width when these columns have the least they need."""
        return self.width - sum(self.least[k] for k in which) - _GAP * (len(which) - 1)

    def _block(self, which: list[int]) -> list[tuple[str, str]]:
        """These columns side by side."""
        widths = self._widths(which)
        heads = [self._heading(k, widths[k]) for k in which]
        high = max(map(len, heads))
        block = [
            (self._joined(which, widths, [[""] * (high - len(head)) + head for head in heads], n), "bold")
            for n in range(high)
        ]
        total = sum(widths.values()) + _GAP * (len(which) - 1)
        block.append((self.rule * total, ""))
        for number, row in enumerate(self.rows):
            if number == self.apart:
                block.append(("", ""))
            parts = [wrapped(row[k], widths[k]) for k in which]
            tall = max(map(len, parts))
            style = "bold" if number in self.bold else ""
            filled = [part + [""] * (tall - len(part)) for part in parts]
            block += [(self._joined(which, widths, filled, n), style) for n in range(tall)]
        return block

    def _widths(self, which: list[int]) -> dict[int, int]:
        """What each column gets: numbers first, then the rest of the room to words, the first of them before others."""
        widths = {k: self.least[k] for k in which}
        room = self._room(which)
        for k in sorted(which, key=lambda k: (self.columns[k].words, k)):
            more = min(room, self.natural[k] - widths[k])
            widths[k] += more
            room -= more
        if self.expand and self.columns[which[0]].words:
            widths[which[0]] += room
        return widths

    def _heading(self, k: int, width: int) -> list[str]:
        column = self.columns[k]
        long = [part for line in column.heading.split("\n") for part in wrapped(line, width)]
        if not column.short or _widest(long) <= width:
            return long
        return [part for line in column.short.split("\n") for part in wrapped(line, width)]

    def _joined(self, which: list[int], widths: dict[int, int], parts: list[list[str]], n: int) -> str:
        placed = []
        for k, lines in zip(which, parts, strict=True):
            pad = " " * max(0, widths[k] - cells(lines[n]))
            placed.append(lines[n] + pad if self.columns[k].words else pad + lines[n])
        return (" " * _GAP).join(placed).rstrip()

    def _stacked(self) -> list[tuple[str, str]]:
        """Each row in several lines: its keys, then every other cell that says something after the column's name."""
        stacked: list[tuple[str, str]] = []
        names = [self._named(k) for k in range(len(self.columns))]
        if self.columns[0].words:
            heading = [part for part in wrapped(names[0], self.width) if part]
            stacked += [(part, "bold") for part in heading]
            stacked += [(self.rule * _widest(heading), "")] if heading else []
        for row in self.rows:
            # The first column of words says by itself what it is.
            key = [row[k] if k == 0 and self.columns[0].words else f"{names[k]}: {row[k]}" for k in range(self.keys)]
            stacked += [(part, "bold") for text in key for part in wrapped(text, self.width)]
            said = [(names[k], row[k]) for k in range(self.keys, len(row)) if row[k]]
            stacked += [(f"  {line}", "") for line in self._gathered(said, self.width - 2)]
        return stacked

    def _gathered(self, said: Sequence[tuple[str, str]], width: int) -> list[str]:
        """As many cells a line as fit; one that is wider than a line stands below its name."""
        lines: list[str] = []
        for name, cell in said:
            text = f"{name}: {cell}"
            if lines and cells(joined := f"{lines[-1]} | {text}") <= width:
                lines[-1] = joined
            elif cells(text) <= width:
                lines.append(text)
            else:
                lines += wrapped(f"{name}:", width)
                lines += [f"  {part}" for part in wrapped(cell, width - 2)]
        return lines

    def _named(self, k: int) -> str:
        """The heading in one line; a word that was parted for a narrow column is whole again."""
        return self.columns[k].heading.replace("-\n", "").replace("\n", " ")
