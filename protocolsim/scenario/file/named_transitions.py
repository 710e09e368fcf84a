"""Transitions by name: `transitions: {rescue: {when: ...}}` changes one of those that a file extends.

What a mapping says of a name that stands there already is merged into it, key by key, and null takes it away; a new
name is a new transition, at the end of the list or where `place` says: first, last, before or after another. A file
that extends nothing may name its transitions in a mapping too: they are tried in its order. Whoever looks at the
document finds a list, in which each knows its own place in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from protocolsim.errors import Fault, ScenarioError, unknown
from protocolsim.scenario.file.yaml_reader import Address, Document, Place, within

TRANSITIONS: Address = ("protocol", "transitions")
NAME, PLACE = "name", "place"
_DEPTH = len(TRANSITIONS) + 1

Overlay = Callable[[dict[str, Any], dict[str, Any], set[Address], set[Address]], dict[str, Any]]
"""Merges one mapping into another; notes which addresses of the first are replaced, which of the second take away."""


@dataclass
class _Item:
    """One transition as written, and the places of its parts, by their address below it."""

    data: Any
    places: dict[Address, Place]

    @property
    def name(self) -> str | None:
        """What the file calls it."""
        name = self.data.get(NAME) if isinstance(self.data, dict) else None
        return name if isinstance(name, str) else None


def written(document: Document) -> Any:
    """What stands at the transitions of a document: a list, a mapping of names, or None."""
    protocol = document.data.get("protocol")
    return protocol.get("transitions") if isinstance(protocol, dict) else None


def listed(document: Document) -> Document:
    """The document with a list of transitions where it has a mapping of names. Raises ScenarioError."""
    return with_changes(document, document) if isinstance(written(document), dict) else document


def with_changes(base: Document, over: Document, overlay: Overlay | None = None) -> Document:
    """`base` with the transitions that the mapping of `over` makes of its list. Raises ScenarioError with every fault.

    The same document twice: one whose mapping begins with no list.
    """
    changes = _Changes([] if base is over else _items(base), over, overlay)
    for name, change in written(over).items():
        changes.make(name, change)
    if changes.faults:
        raise ScenarioError(over.source, changes.faults)
    return _with_items(base, over, changes.items)


class _Changes:
    """The list of transitions while the changes of one file are made."""

    def __init__(self, items: list[_Item], over: Document, overlay: Overlay | None) -> None:
        self.items, self.over, self._overlay = items, over, overlay
        self.faults: list[Fault] = []

    def make(self, name: str, change: Any) -> None:
        """Change, add or take away one transition."""
        address: Address = (*TRANSITIONS, name)
        at = next((k for k, item in enumerate(self.items) if item.name == name), None)
        if at is None and (change is None or (isinstance(change, dict) and "from" not in change)):
            named = [item.name for item in self.items if item.name is not None]
            known = (
                unknown("transition", name, named) if named else f"no transition has a name here, and so not '{name}'"
            )
            self._fault(address, f"{known}; a new one says 'from'", at_key=True)
        elif change is None:
            assert at is not None
            del self.items[at]
        elif not isinstance(change, dict):
            self._fault(address, "expected a mapping, such as {when: ...}, or null")
        elif NAME in change:
            self._fault((*address, NAME), f"its name stands before it already: '{name}'", at_key=True)
        else:
            self._put(address, name, change, at)

    def _put(self, address: Address, name: str, change: dict[str, Any], at: int | None) -> None:
        wanted = change.get(PLACE)
        rest = {key: value for key, value in change.items() if key != PLACE}
        places = {a[_DEPTH:]: p for a, p in self.over.places.items() if a[:_DEPTH] == address}
        if at is None:
            item = _Item({NAME: name, **rest}, places)
            at = len(self.items)
        else:
            old = self.items.pop(at)
            item = self._merged(old, rest, places)
        if wanted is not None:
            found = self._index((*address, PLACE), wanted)
            at = at if found is None else found
        self.items.insert(at, item)

    def _merged(self, old: _Item, change: dict[str, Any], places: dict[Address, Place]) -> _Item:
        replaced: set[Address] = set()
        gone: set[Address] = set()
        assert self._overlay is not None
        data = self._overlay(old.data, change, replaced, gone)
        kept = {a: p for a, p in old.places.items() if not within(a, replaced)}
        return _Item(data, kept | {a: p for a, p in places.items() if not within(a, gone)})

    def _index(self, address: Address, wanted: Any) -> int | None:
        """Where in the list a new or moved transition goes."""
        words = wanted.split(maxsplit=1) if isinstance(wanted, str) else []
        if words in (["first"], ["last"]):
            return 0 if words == ["first"] else len(self.items)
        if len(words) == 2 and words[0] in ("before", "after"):
            names = [item.name for item in self.items]
            if words[1] in names:
                return names.index(words[1]) + (words[0] == "after")
            self._fault(address, unknown("transition", words[1], [n for n in names if n is not None]))
            return None
        self._fault(address, "expected first, last, before NAME or after NAME")
        return None

    def _fault(self, address: Address, message: str, *, at_key: bool = False) -> None:
        self.faults.append(self.over.fault(address, message, at_key=at_key))


def _items(document: Document) -> list[_Item]:
    found = written(document)
    places: list[dict[Address, Place]] = [{} for _ in found or ()]
    for address, place in document.places.items():
        if len(address) >= _DEPTH and address[: _DEPTH - 1] == TRANSITIONS:
            places[int(address[_DEPTH - 1])][address[_DEPTH:]] = place
    return [_Item(data, at) for data, at in zip(found or (), places, strict=True)]


def _with_items(base: Document, over: Document, items: list[_Item]) -> Document:
    data = {**base.data, "protocol": {**base.data["protocol"], "transitions": [item.data for item in items]}}
    places = {a: p for a, p in base.places.items() if a[: len(TRANSITIONS)] != TRANSITIONS}
    places[TRANSITIONS] = over.places[TRANSITIONS]
    for k, item in enumerate(items):
        places |= {(*TRANSITIONS, k, *below): place for below, place in item.places.items()}
    return replace(base, data=data, places=places)


def without(document: Document) -> Document:
    """The document without its transitions: they are in the one that it extends already."""
    protocol = {key: value for key, value in document.data["protocol"].items() if key != TRANSITIONS[-1]}
    places = {a: p for a, p in document.places.items() if a[: len(TRANSITIONS)] != TRANSITIONS}
    return replace(document, data={**document.data, "protocol": protocol}, places=places)


def numbered(here: list[Any], step: str) -> str:
    """The number of the transition of this name, as text; the step itself where none has it."""
    names = [item.get(NAME) if isinstance(item, Mapping) else None for item in here]
    return str(names.index(step)) if step in names else step
