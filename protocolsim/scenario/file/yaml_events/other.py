"""A text that the reader of plain YAML leaves, as ruamel.yaml takes it apart, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from protocolsim.scenario.file.yaml_events.event import END, Event, clip

_LINE_END = re.compile(r"\r\n|\n|\r")
_PLAIN_WORDS = (
    ("mapping values are not allowed", "a ':' that cannot stand here: check the indentation, or quote the text"),
    ("sequence entries are not allowed", "a '-' that cannot stand here: a list begins on its own line"),
    ("expected chomping or indentation", "text that begins with '>' or '|' must stand in quotes"),
    ("could not find expected ':'", "a line without 'key: value'; is a ':' missing, or the indentation wrong?"),
    ("expected <block end>", "this does not belong here: check the indentation and the quotes"),
    ("found unexpected end of stream", "the file ends inside quotes that were never closed"),
)
_KINDS = {
    "MappingStartEvent": "mapping",
    "SequenceStartEvent": "list",
    "ScalarEvent": "scalar",
    "AliasEvent": "alias",
    "DocumentStartEvent": "document",
}


class SyntaxFaultError(Exception):
    """What is wrong with a text, and where; with no place, after the last event."""

    def __init__(self, place: tuple[int, int] | None, message: str) -> None:
        super().__init__(message)
        self.place, self.message = place, message


def events(text: str) -> Iterator[Event]:
    """The events of a text. Raises SyntaxFaultError for what is not YAML, or makes the parser stumble."""
    found = YAML(typ="safe", pure=True).parse(text)
    while True:
        try:
            event = next(found)
        except StopIteration:
            return
        except MarkedYAMLError as error:
            raise _syntax_fault(error, text) from None
        except YAMLError as error:
            raise SyntaxFaultError((0, 0), "not YAML: " + str(error).partition("\n")[0]) from None
        except Exception as error:  # noqa: BLE001 - odd input makes the parser itself fail (an escape beyond Unicode)
            what = f"{type(error).__name__}: {clip(str(error))}"
            raise SyntaxFaultError(None, f"not YAML, after this place: {what}") from None
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            yield END
        elif kind in _KINDS:
            yield _event(event, _KINDS[kind])


def _event(event: Any, kind: str) -> Event:
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    value, quoted, tag = getattr(event, "value", ""), bool(getattr(event, "style", None)), getattr(event, "tag", None)
    if kind == "document":
        strange = event.tags or (event.version and tuple(event.version) != (1, 2))
        return Event(kind, line, column, directives=bool(strange))
    return Event(
        kind, line, column, value, quoted,
        anchored=kind == "alias" or event.anchor is not None, tag="" if tag is None else str(tag),
    )  # fmt: skip


def _syntax_fault(error: Any, text: str) -> SyntaxFaultError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    problem = str(error.problem or error.context or "not YAML").partition("\n")[0]
    lines = _LINE_END.split(text)
    rest = lines[line - 1][column - 1 :] if 0 < line <= len(lines) else ""
    if "cannot start any token" in problem and rest:
        if rest[0] != "\t":
            return SyntaxFaultError((line, column), f"text cannot begin with '{rest[0]}'; put it in quotes")
        indents = not lines[line - 1][: column - 1].strip()
        said = "a tab used for indentation; use spaces" if indents else "a tab; use spaces"
        return SyntaxFaultError((line, column), said)
    said = next((plain for fault, plain in _PLAIN_WORDS if fault in problem), problem)
    if error.context and error.context_mark is not None and error.context_mark.line + 1 != line:
        said += f" ({error.context} that starts on line {error.context_mark.line + 1})"
    return SyntaxFaultError((line, column), said)
