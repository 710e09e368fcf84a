"""A scenario's text, read safely, every value with its place.

YAML 1.2's core schema and nothing more: mappings with text keys, lists, text, numbers, true, false, null.
`yaml_events` only splits the text into events; this file builds the plain values from them and checks each limit on
the way, so a hostile file is refused before anything grows from it. Aliases are never followed.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from protocolsim.errors import Fault, ScenarioError
from protocolsim.scenario.file.path_check import why_unreadable
from protocolsim.scenario.file.yaml_events.event import Event, clip
from protocolsim.scenario.file.yaml_events.quick import events

MAX_BYTES = 256 * 1024
MAX_DEPTH = 30
MAX_NODES = 10_000
MAX_SCALAR = 10_000
MAX_FAULTS = 20

Address = tuple[str | int, ...]
"""Where a value stands in a document: keys, and numbers of list items from 0."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Controls, surrogates, and what makes a line look different from what it is (separators, marks that turn text round).
_UNFIT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
# JSON escapes what lies beyond U+FFFF, emoji for one, as two halves of a character.
_PAIR = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_LINE_END = re.compile(r"\r\n|\n|\r")
_NO_ALIASES = "anchors and aliases are not allowed; use `extends`, or repeat it"


class Place(NamedTuple):
    """The file a value came from, and the 1-based line and column of its key and of the value itself."""

    source: str
    line: int
    column: int
    value_line: int
    value_column: int


@dataclass(frozen=True)
class Document:
    """One scenario as plain data that remembers where each part was written.

    `source` is the path or name as the user wrote it, `text` the file's own text, `data` the values (dict, list,
    str, int, float, bool, None). `attached` are files of data that it names, by the name of the model that reads them.
    """

    source: str
    data: dict[str, Any]
    text: str = field(repr=False)
    places: Mapping[Address, Place] = field(repr=False)
    attached: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def place(self, address: Address) -> tuple[int, int]:
        """Line and column of the key (or the list item) at this address or its nearest ancestor; (0, 0): no file."""
        place = self._nearest(address)
        return place.line, place.column

    def value_place(self, address: Address) -> tuple[int, int]:
        """Line and column of the value at this address or its nearest ancestor; (0, 0): no file."""
        place = self._nearest(address)
        return place.value_line, place.value_column

    def source_of(self, address: Address) -> str:
        """The file (or `--set`) that this address or its nearest ancestor came from."""
        return self._nearest(address).source

    def fault(self, address: Address, message: str, *, at_key: bool = False) -> Fault:
        """A fault at this address, naming the file it came from where that is not this one."""
        line, column = self.place(address) if at_key else self.value_place(address)
        origin = self.source_of(address)
        return Fault(line, column, spell(address), message if origin == self.source else f"{message} (from {origin})")

    def _nearest(self, address: Address) -> Place:
        for end in range(len(address), 0, -1):
            if address[:end] in self.places:
                return self.places[address[:end]]
        return self.places[()]


def spell(address: Address) -> str:
    """The address as text: `protocol.transitions[1].when`; list items are numbered from 0."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in address)
    return text.removeprefix(".")


def within(address: Address, roots: Container[Address]) -> bool:
    """Whether an address is one of these or lies below one of them."""
    return any(address[:end] in roots for end in range(1, len(address) + 1))


def read(path: Path, source: str | None = None) -> Document:
    """The document in this file; `source` is what to call it, the path unless told.

    Raises ScenarioError for anything that is not one scenario's worth of plain YAML.
    """
    shown = str(path) if source is None else source
    reason = why_unreadable(path)
    if reason is not None:
        _refuse(shown, Fault(0, 0, "", reason))
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        _refuse(shown, Fault(0, 0, "", f"cannot be read: {error.strerror or error}"))
    if len(raw) > MAX_BYTES:
        _refuse(shown, Fault(0, 0, "", f"larger than {MAX_BYTES // 1024} kB; a scenario is a few kB of text"))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _end(raw[: error.start].decode("utf-8"))
        byte = f"byte 0x{raw[error.start]:02x} at position {error.start}"
        _refuse(shown, Fault(*place, "", f"not UTF-8 text: {byte}; save the file as UTF-8"))
    return parse(text, shown)


def parse(text: str, source: str) -> Document:
    """The document in this text; `source` is what to call it. Raises ScenarioError like `read`."""
    parsed = _parsed(text, source)
    return replace(parsed, data=_copied(parsed.data))


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(below) for key, below in value.items()}
    return [_copied(below) for below in value] if isinstance(value, list) else value


@lru_cache(maxsize=64)
def _parsed(text: str, source: str) -> Document:
    # A report reads the same few files again and again (what they extend, what they are shown beside), and reading
    # YAML takes longer than building the trial.
    if len(text) > MAX_BYTES:
        _refuse(source, Fault(0, 0, "", f"larger than {MAX_BYTES // 1024} kB; a scenario is a few kB of text"))
    text = text.removeprefix("\ufeff")
    unfit = _UNFIT.search(text)
    if unfit is not None:
        place = _end(text[: unfit.start()])
        _refuse(source, Fault(*place, "", f"character U+{ord(unfit.group()):04X} cannot stand in a scenario"))
    builder = _Builder(source)
    found = events(text)
    if found is not None:
        for event in found:
            builder.take(event)
    else:
        _take_others(text, builder)
    return builder.finish(text)


def _take_others(text: str, builder: _Builder) -> None:
    """What was not read quickly: imported where it is needed, since that takes longer than to read a scenario."""
    from protocolsim.scenario.file.yaml_events import careful

    try:
        for event in careful.events(text):
            builder.take(event)
    except careful.SyntaxFaultError as error:
        builder.stop(*(builder.last if error.place is None else error.place), error.message)


def _refuse(source: str, *faults: Fault) -> NoReturn:
    raise ScenarioError(source, faults) from None


def _end(before: str) -> tuple[int, int]:
    """The 1-based line and column that follow this text."""
    lines = _LINE_END.split(before)
    return len(lines), len(lines[-1]) + 1


@dataclass
class _Open:
    """A mapping or list whose end has not been read."""

    value: Any
    address: Address
    key: str | None = None
    has_key: bool = False
    is_key: bool = False  # the collection stands where a key belongs
    seen: int = 0
    key_mark: tuple[int, int] = (0, 0)


class _Builder:
    """Plain values from events: each method takes one event, and notes the faults it sees."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.faults: list[Fault] = []
        self.last = (1, 1)
        self._places: dict[Address, Place] = {}
        self._open: list[_Open] = []
        self._nodes = 0
        self._documents = 0
        self._root: Any = None

    def take(self, event: Event) -> None:
        """Put one event's value where it belongs."""
        if event.kind == "document":
            self._start_document(event)
        elif event.kind == "end":
            self._close()
        else:
            self._node(event)

    def finish(self, text: str) -> Document:
        """The document, or all the faults."""
        if self._root is None and not self.faults:
            self.stop(0, 0, "the file is empty: no scenario stands in it")
        if not isinstance(self._root, dict) and not self.faults:
            what = "a list" if isinstance(self._root, list) else "a single value"
            self._note(*self._places[()][1:3], (), f"a scenario is a mapping of 'key: value' lines, not {what}")
        if self.faults:
            raise ScenarioError(self.source, self.faults)
        return Document(self.source, self._root, text, self._places)

    def stop(self, line: int, column: int, message: str) -> NoReturn:
        """Refuse now, with what was noted before."""
        raise ScenarioError(self.source, [*self.faults, Fault(line, column, "", message)])

    def _note(self, line: int, column: int, address: Address, message: str) -> None:
        self.faults.append(Fault(line, column, spell(address), message))
        if len(self.faults) >= MAX_FAULTS:
            self.stop(line, column, f"{MAX_FAULTS} faults so far; the rest was not read")

    def _start_document(self, event: Event) -> None:
        self._documents += 1
        place = event.line, event.column
        if self._documents > 1:
            self.stop(*place, "a second document begins here ('---'); a scenario is one document")
        if event.directives:
            self._note(*place, (), "directives (lines with %) are not allowed; the file is read as YAML 1.2")

    def _node(self, event: Event) -> None:
        self.last = mark = event.line, event.column
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self.stop(*mark, f"more than {MAX_NODES} keys and values; a scenario has some hundreds")
        parent = self._open[-1] if self._open else None
        awaits_key = parent is not None and isinstance(parent.value, dict) and not parent.has_key
        address = self._address(parent, awaits_key)
        if event.anchored:
            self._note(*mark, address, _NO_ALIASES)
        if event.tag:
            self._note(*mark, address, f"tags are not allowed, found {clip(event.tag)}")
        if event.kind in ("mapping", "list"):
            self._begin({} if event.kind == "mapping" else [], mark, address, awaits_key)
        elif parent is not None and awaits_key:
            self._take_key(event, parent, mark)
        else:
            value = self._scalar(event, mark, address) if event.kind == "scalar" else None
            empty = event.kind == "scalar" and event.value == "" and not event.quoted
            # An empty value's own mark is that of whatever comes next, so its key stands for it.
            self._put(value, mark if not empty or parent is None or not parent.has_key else parent.key_mark, address)

    @staticmethod
    def _address(parent: _Open | None, awaits_key: bool) -> Address:
        if parent is None:
            return ()
        if isinstance(parent.value, list):
            return (*parent.address, len(parent.value))
        return parent.address if awaits_key else (*parent.address, "?" if parent.key is None else parent.key)

    def _begin(self, value: Any, mark: tuple[int, int], address: Address, is_key: bool) -> None:
        if len(self._open) >= MAX_DEPTH:
            self.stop(*mark, f"nested deeper than {MAX_DEPTH}")
        if is_key:
            self._note(*mark, address, "a key must be text, not a mapping or a list")
            address = (*address, "?")
        else:
            self._put(value, mark, address)
        self._open.append(_Open(value, address, is_key=is_key))

    def _close(self) -> None:
        if self._open.pop().is_key:
            self._open[-1].has_key, self._open[-1].key = True, None

    def _put(self, value: Any, mark: tuple[int, int], address: Address) -> None:
        if not self._open:
            self._root = value
            self._places[()] = Place(self.source, *mark, *mark)
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
            self._places[address] = Place(self.source, *mark, *mark)
            return
        if parent.key is not None:
            parent.value[parent.key] = value
            self._places[address] = Place(self.source, *parent.key_mark, *mark)
        parent.has_key, parent.key = False, None

    def _take_key(self, event: Event, parent: _Open, mark: tuple[int, int]) -> None:
        """Remember the key for the value that follows; a refused key is None, and its value is dropped."""
        parent.has_key, parent.key, parent.key_mark = True, None, mark
        if event.kind == "alias":
            return
        written = clip(event.value)
        if event.value == "<<" and not event.quoted:
            self._note(*mark, parent.address, f"merge keys ('<<') are not allowed: {_NO_ALIASES}")
            return
        key = self._scalar(event, mark, parent.address)
        if not isinstance(key, str):
            wanted = f"put it in quotes: '{written}'" if written else "this one is empty"
            self._note(*mark, parent.address, f"a key must be text; {wanted}")
            return
        if key in parent.value:
            first = self._places[(*parent.address, key)]
            where = f"first on line {first.line}, column {first.column}"
            self._note(*mark, (*parent.address, written), f"given twice; {where}")
            return
        parent.key = key

    def _scalar(self, event: Event, mark: tuple[int, int], address: Address) -> Any:
        """The value of a scalar under YAML 1.2's core schema; what is in quotes is text."""
        try:
            return _resolve(event.value, plain=not event.quoted)
        except ValueError as error:
            self._note(*mark, address, str(error))
            return event.value[:MAX_SCALAR]


def why_no_text(text: str) -> str | None:
    """Why this cannot be a text of a scenario; None where it can."""
    if len(text) > MAX_SCALAR:
        return f"text of {len(text)} characters; at most {MAX_SCALAR} are read"
    unfit = _UNFIT.search(text)
    return f"character U+{ord(unfit[0]):04X} cannot stand in a scenario, not even escaped" if unfit else None


def _resolve(written: str, *, plain: bool) -> str | int | float | bool | None:
    """Raises ValueError, with the sentence to show, for what cannot be a value."""
    if not plain:
        written = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), written)
    why = why_no_text(written)
    if why is not None:
        raise ValueError(why)
    if not plain:
        return written
    if written in _WORDS:
        return _WORDS[written]
    if _INTEGER.fullmatch(written):
        value = int(written, 0 if written[:2] in ("0o", "0x") else 10) if len(written) <= 30 else 1 << 63
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"the integer {clip(written)} does not fit into 64 bits")
        return value
    if _FLOAT.fullmatch(written) or _NO_NUMBER.fullmatch(written):
        number = float(written) if _FLOAT.fullmatch(written) else float("inf")
        if number in (float("inf"), float("-inf")):
            raise ValueError(f"{clip(written)} is not a finite number")
        return number
    return written
