"""The YAML that scenarios are written in, taken apart quickly; whatever else YAML knows is left to ruamel.yaml.

A file is one mapping, of block and flow collections, plain and quoted text on one line or several, block text and
comments. Of that this makes the same events as ruamel.yaml does, in a twentieth of the time, which was most of the
time of a short command. It never refuses: of a text that holds anything else (anchors, tags, escapes, directives, tabs,
several documents, odd indentation, any fault) it says None, and ruamel.yaml reads it, or says what is wrong with it.
"""

from __future__ import annotations

import re

from protocolsim.scenario.file.yaml_events.event import END, Event

_DEEPEST = 40
_MOST_LINES = 100  # of one text in quotes
_LONGEST_KEY = 500  # ruamel.yaml takes 1024 characters to its colon
# White space but spaces and line feeds; where a document begins or ends.
_ELSE = re.compile(r"[^\S \n]|^(?:---|\.\.\.)", re.MULTILINE)
_START = r"(?:[^\s\-?:,\[\]{}#&*!|>'\"%@`]|-(?=[^\s,\[\]{}]))"
_IN_BLOCK = r"(?:[^\s:#]|:(?=\S)|(?<=\S)#| +(?=[^\s#]))*"
_IN_FLOW = r"(?:[^\s,:#\[\]{}]|:(?=[^\s,\[\]{}])|(?<=[^\s,\[\]{}])#| +(?=[^\s,:#\[\]{}]))*"
_BLOCK, _FLOW = re.compile(_START + _IN_BLOCK), re.compile(_START + _IN_FLOW)
_MORE_BLOCK, _MORE_FLOW = re.compile(r"[^\s:#]" + _IN_BLOCK), re.compile(r"[^\s,:#?\[\]{}]" + _IN_FLOW)
_REST = re.compile(r" *(?: #.*)?$")
_DOUBLE, _SINGLE = re.compile(r'"([^"\\]*)"'), re.compile(r"'((?:[^']|'')*)'(?!')")
_QUOTED = {'"': _DOUBLE, "'": _SINGLE}
_SPACES, _BLANK = re.compile(" *"), re.compile(" *$")


class _OtherYamlError(Exception):
    """Something that this reader does not know."""


def events(text: str) -> list[Event] | None:
    """The events of a document; None where it holds anything but what is read here."""
    if _ELSE.search(text):
        return None
    try:
        return _Text(text).document()
    except _OtherYamlError:
        return None


def _unquoted(found: re.Match[str]) -> str:
    return found[1].replace("''", "'") if found.re is _SINGLE else found[1]


def _folded(lines: list[str]) -> str:
    """Lines of one text: what is between them is a space, or the empty lines that stand there."""
    parts, empty = [lines[0].rstrip(" ")], 0
    for number, line in enumerate(lines[1:], 2):
        said = line.strip(" ") if number < len(lines) else line.lstrip(" ")
        if not said and number < len(lines):
            empty += 1
            continue
        parts += ["\n" * empty or " ", said]
        empty = 0
    return "".join(parts)


class _Text:
    """Lines, and what has been found up to `at`, the number of the first line that nothing was taken of."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.indents = [len(line) - len(line.lstrip(" ")) for line in self.lines]
        self.events: list[Event] = []
        self.depth = 0
        self.at = 0

    def document(self) -> list[Event]:
        """All events."""
        if not self._skip():
            raise _OtherYamlError
        self._node(self.at, self.indents[self.at], -1)
        if self._skip():
            raise _OtherYamlError
        return self.events

    def _skip(self) -> bool:
        """Go on to the next line that holds more than a comment; whether there is one."""
        lines, indents = self.lines, self.indents
        while self.at < len(lines):
            line, indent = lines[self.at], indents[self.at]
            if indent < len(line) and line[indent] != "#":
                return True
            self.at += 1
        return False

    def _say(self, kind: str, line: int, column: int, value: str = "", *, quoted: bool = False) -> None:
        self.events.append(Event(kind, line + 1, column + 1, value, quoted))

    # Blocks -------------------------------------------------------------------------------------------------------

    def _node(self, number: int, column: int, outer: int) -> None:
        """What begins here, where a block may begin; `outer` is the column of the block around it."""
        if self.lines[number].startswith("- ", column):
            self._list(number, column)
        elif self._key(number, column) is not None:
            self._mapping(number, column)
        else:
            self._value(number, column, outer)

    def _mapping(self, number: int, column: int) -> None:
        self._begin("mapping", number, column)
        while True:
            key = self._key(number, column)
            if key is None:
                raise _OtherYamlError
            self.events.append(key[0])
            self._after_colon(number, key[1] + 1, column)
            if not self._skip() or self.indents[self.at] < column:
                break
            if self.indents[self.at] != column:
                raise _OtherYamlError
            number = self.at
        self._end()

    def _key(self, number: int, column: int) -> tuple[Event, int] | None:
        """A key on one line with a colon behind it, and where that stands; None where this is no key."""
        line = self.lines[number]
        quoted = line[column] in "\"'"
        found = (_QUOTED[line[column]] if quoted else _BLOCK).match(line, column)
        if found is None or line[found.end() : found.end() + 2] not in (": ", ":"):
            return None
        end = found.end()
        if end - column > _LONGEST_KEY or line[end - 1] == " ":
            raise _OtherYamlError
        return Event("scalar", number + 1, column + 1, _unquoted(found) if quoted else found[0], quoted), end

    def _after_colon(self, number: int, column: int, outer: int) -> None:
        line = self.lines[number]
        if not _REST.match(line, column):
            self._value(number, _SPACES.match(line, column).end(), outer)  # type: ignore[union-attr]
            return
        self.at = number + 1
        there = self._skip()
        if there and self.indents[self.at] > outer:
            self._node(self.at, self.indents[self.at], outer)
        elif there and self.indents[self.at] == outer and self.lines[self.at].startswith("- ", outer):
            self._list(self.at, outer)
        else:  # nothing: its place is that of what comes next
            last = len(self.lines) - 1
            self._say("scalar", *((self.at, self.indents[self.at]) if there else (last, len(self.lines[last]))))

    def _list(self, number: int, column: int) -> None:
        self._begin("list", number, column)
        while True:
            line = self.lines[number]
            inner = _SPACES.match(line, column + 1).end()  # type: ignore[union-attr]
            if inner >= len(line) or line[inner] == "#":
                raise _OtherYamlError
            self._node(number, inner, column)
            if not self._skip() or self.indents[self.at] < column:
                break
            number = self.at
            if not self.lines[number].startswith("- ", column):
                # A list may stand at the column of the key that it belongs to, and the next key there.
                if self.indents[number] == column and not self.lines[number].startswith("-", column):
                    break
                raise _OtherYamlError
            if self.indents[number] != column:
                raise _OtherYamlError
        self._end()

    def _begin(self, kind: str, number: int, column: int) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _OtherYamlError
        self._say(kind, number, column)

    def _end(self) -> None:
        self.depth -= 1
        self.events.append(END)

    # Values -------------------------------------------------------------------------------------------------------

    def _value(self, number: int, column: int, outer: int) -> None:
        """A value that ends with its last line."""
        first = self.lines[number][column]
        if first in "{[":
            number, column = self._flow(number, column)
        elif first in "\"'":
            number, column = self._quoted(number, column)
        elif first in "|>":
            self._block_text(number, column, outer)
            return
        else:
            self._plain(number, column, outer)
            return
        if not _REST.match(self.lines[number], column):
            raise _OtherYamlError
        self.at = number + 1

    def _plain(self, number: int, column: int, outer: int) -> None:
        found = _BLOCK.match(self.lines[number], column)
        if found is None:
            raise _OtherYamlError
        parts, start = [found[0]], number
        while self._is_rest(number, found.end()):
            number += 1
            if number == len(self.lines) or self.indents[number] <= outer or not self._said(number, outer):
                break
            found = _MORE_BLOCK.match(self.lines[number], self.indents[number])
            if found is None:
                raise _OtherYamlError
            parts.append(found[0])
        else:
            number += 1  # a comment ends it
        self._say("scalar", start, column, " ".join(parts))
        self.at = number

    def _is_rest(self, number: int, column: int) -> bool:
        """Whether a line ends here, and not in a comment."""
        if _BLANK.match(self.lines[number], column):
            return True
        if not _REST.match(self.lines[number], column):
            raise _OtherYamlError
        return False

    def _said(self, number: int, outer: int) -> bool:
        """Whether plain text goes on in this line, which is further in than what is around it."""
        line, indent = self.lines[number], self.indents[number]
        if indent == len(line):
            # Behind an empty line text may go on, with a line feed in it.
            self.at = number
            if self._skip() and self.indents[self.at] > outer:
                raise _OtherYamlError
            return False
        return line[indent] != "#"

    def _quoted(self, number: int, column: int) -> tuple[int, int]:
        """Text in quotes, on one line or several; where it ends."""
        line = self.lines[number]
        pattern = _QUOTED[line[column]]
        found = pattern.match(line, column)
        last, text = number, line
        while found is None:
            last += 1
            if last == len(self.lines) or last - number > _MOST_LINES:
                raise _OtherYamlError
            text = f"{text}\n{self.lines[last]}"
            found = pattern.match(text, column) if line[column] in self.lines[last] else None
        value = _unquoted(found)
        if last != number:
            value = _folded(value.split("\n"))
        self._say("scalar", number, column, value, quoted=True)
        return last, found.end() - (text.rfind("\n", 0, found.end()) + 1)

    def _block_text(self, number: int, column: int, outer: int) -> None:
        """Text after '|' or '>', alone or with '-'."""
        header = self.lines[number][column:].rstrip(" ")
        first = number + 1
        inner = self.indents[first] if first < len(self.lines) else 0
        if header not in ("|", "|-", ">", ">-") or inner <= max(outer, 0) or inner == len(self.lines[first]):
            raise _OtherYamlError
        self.at = first
        while self.at < len(self.lines) and (self.indents[self.at] >= inner or not self.lines[self.at].strip(" ")):
            self.at += 1
        if self.at == len(self.lines) and self.lines[-1]:
            raise _OtherYamlError  # the last line has no end
        body = [line[inner:] for line in self.lines[first : self.at]]
        while not body[-1]:
            body.pop()
        if header[0] == "|":
            value = "\n".join(body)
        else:
            if any(line.startswith(" ") for line in body):
                raise _OtherYamlError  # lines that are further in are not joined
            value = _folded(body)
        if any(line.endswith(" ") for line in body):
            raise _OtherYamlError
        self._say("scalar", number, column, value if header[1:] else f"{value}\n", quoted=True)

    # Flow ---------------------------------------------------------------------------------------------------------

    def _flow(self, number: int, column: int) -> tuple[int, int]:
        """A collection in brackets; where it ends."""
        mapping = self.lines[number][column] == "{"
        close = "}" if mapping else "]"
        self._begin("mapping" if mapping else "list", number, column)
        number, column = self._next(number, column + 1)
        while self.lines[number][column] != close:
            if mapping:
                number, column = self._flow_key(number, column)
            number, column = self._next(*self._flow_value(number, column))
            if self.lines[number][column] == ",":
                number, column = self._next(number, column + 1)
            elif self.lines[number][column] != close:
                raise _OtherYamlError
        self._end()
        return number, column + 1

    def _next(self, number: int, column: int) -> tuple[int, int]:
        """The next character of a collection in brackets that is neither a space nor of a comment."""
        while True:
            line = self.lines[number]
            while column < len(line) and line[column] == " ":
                column += 1
            if column < len(line) and line[column] != "#":
                return number, column
            if column < len(line) and column > 0 and line[column - 1] != " ":
                raise _OtherYamlError
            number, column = number + 1, 0
            if number == len(self.lines):
                raise _OtherYamlError

    def _flow_key(self, number: int, column: int) -> tuple[int, int]:
        line = self.lines[number]
        if line[column] in "\"'":
            after, end = self._quoted(number, column)
        else:
            found = _FLOW.match(line, column)
            if found is None:
                raise _OtherYamlError
            self._say("scalar", number, column, found[0])
            after, end = number, found.end()
        if after != number or line[end : end + 2] not in (": ", ":") or end - column > _LONGEST_KEY:
            raise _OtherYamlError
        return self._next(number, end + 1)

    def _flow_value(self, number: int, column: int) -> tuple[int, int]:
        first = self.lines[number][column]
        if first in "{[":
            return self._flow(number, column)
        if first in "\"'":
            return self._quoted(number, column)
        found = _FLOW.match(self.lines[number], column)
        if found is None:
            raise _OtherYamlError
        parts, start, begun = [found[0]], number, column
        while _BLANK.match(self.lines[number], found.end()):
            if number + 1 == len(self.lines):
                raise _OtherYamlError
            line, indent = self.lines[number + 1], self.indents[number + 1]
            if indent == len(line):
                raise _OtherYamlError
            more = _MORE_FLOW.match(line, indent)
            if more is None:
                break
            number, found = number + 1, more
            parts.append(found[0])
        self._say("scalar", start, begun, " ".join(parts))
        return number, found.end()
