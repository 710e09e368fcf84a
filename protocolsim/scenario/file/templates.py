"""One state written for several options: `for: {drug: [a, b]}` makes `treated_a` and `treated_b` of `treated`.

What stands in the state may say `{drug}`, which each of them has in its own way. A transition from the template alone
is written once likewise, and may say it too; wherever else states are listed (another transition's `from`, `during`,
populations, the ratio of a randomisation), the template's name means all of them. Every part keeps the place where it
was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from protocolsim.errors import Fault, ScenarioError
from protocolsim.scenario.file.yaml_reader import Address, Document, Place

FOR = "for"
_STATES: Address = ("protocol", "states")
_LISTED = frozenset(("from", "during", "entered", "not_entered", "ended_in", "not_ended_in"))
_MOST = 200
_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class _Option:
    """One of the states that a template makes: its name, the end of it, and what stands for each word in braces."""

    name: str
    suffix: str
    words: Mapping[str, str]

    def said(self, value: Any) -> Any:
        """The value with its words put in. What is then a word alone keeps its kind: a number is a number."""
        if isinstance(value, dict):
            return {self.said(key): self.said(below) for key, below in value.items()}
        if isinstance(value, list):
            return [self.said(below) for below in value]
        if isinstance(value, str):
            for word, text in self.words.items():
                value = value.replace("{" + word + "}", text)
        return value

    def address(self, address: Address) -> Address:
        """An address below it, whose keys may have had words in braces."""
        return tuple(self.said(step) for step in address)


def expanded(document: Document) -> Document:
    """The document with every template's states in its place. Raises ScenarioError with every fault of a `for`."""
    protocol = document.data.get("protocol")
    states = protocol.get("states") if isinstance(protocol, dict) else None
    if not isinstance(states, dict) or not any(isinstance(s, dict) and FOR in s for s in states.values()):
        return document
    faults: list[Fault] = []
    options = {
        name: _options(document, name, state[FOR], faults)
        for name, state in states.items()
        if isinstance(state, dict) and FOR in state
    }
    if faults:
        raise ScenarioError(document.source, faults)
    taken = [o.name for made in options.values() for o in made]
    for name, made in options.items():
        for o in made:
            if o.name in states or taken.count(o.name) > 1:
                said = f"it makes a state '{o.name}', and there is another one of that name"
                faults.append(document.fault((*_STATES, name, FOR), said, at_key=True))
    if faults:
        raise ScenarioError(document.source, faults)
    return _Expansion(document, options).document()


def expanded_where_sound(document: Document) -> Document:
    """The document with the states that its templates make; itself where these are at fault, which the builder says."""
    try:
        return expanded(document)
    except ScenarioError:
        return document


def _options(document: Document, name: str, given: Any, faults: list[Fault]) -> list[_Option]:
    address: Address = (*_STATES, name, FOR)
    if not isinstance(given, dict) or not given or not all(isinstance(v, list | dict) and v for v in given.values()):
        said = "expected the options of each word, such as {drug: [a, b]} or {dose: {low: 1 mg/kg, high: 2 mg/kg}}"
        faults.append(document.fault(address, said))
        return []
    many = 1
    for values in given.values():
        many *= len(values)
    if many > _MOST:
        faults.append(document.fault(address, f"that is {many:,} states; at most {_MOST} are possible"))
        return []
    choices: list[list[tuple[str, str]]] = []
    for word, values in given.items():
        pairs = values.items() if isinstance(values, dict) else ((v, v) for v in values)
        choices.append([(str(called), str(value)) for called, value in pairs])
        for called, value in choices[-1]:
            if not _NAME.fullmatch(called):
                said = f"'{called}' cannot be part of a state's name; give it one: {{{word}: {{low: {value}}}}}"
                faults.append(document.fault((*address, word), said))
        if len({called for called, _ in choices[-1]}) < len(choices[-1]):
            faults.append(document.fault((*address, word), "the same option stands there twice"))
    return [
        _Option(
            "_".join([name, *(called for called, _ in one)]),
            "_".join(called for called, _ in one),
            dict(zip(given, (value for _, value in one), strict=True)),
        )
        for one in product(*choices)
    ]


class _Expansion:
    """Writes a document again, with the places of its parts."""

    def __init__(self, document: Document, options: Mapping[str, list[_Option]]) -> None:
        self._old, self._options = document, options
        self._places: dict[Address, Place] = {}

    def document(self) -> Document:
        """All of it."""
        self._place((), ())
        return replace(self._old, data=self._mapping(self._old.data, (), ()), places=self._places)

    def _place(self, old: Address, new: Address) -> None:
        if old in self._old.places:
            self._places.setdefault(new, self._old.places[old])

    def _value(self, value: Any, old: Address, new: Address) -> Any:
        self._place(old, new)
        if new and new[-1] in _LISTED:
            return self._states(value, old, new)
        if old == ("protocol", "transitions") and isinstance(value, list):
            return self._transitions(value, old)
        if isinstance(value, dict):
            return self._mapping(value, old, new)
        if isinstance(value, list):
            return [self._value(below, (*old, k), (*new, k)) for k, below in enumerate(value)]
        return value

    def _mapping(self, value: dict[str, Any], old: Address, new: Address) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, below in value.items():
            if old == _STATES and key in self._options:
                body = {k: v for k, v in below.items() if k != FOR}
                for option in self._options[key]:
                    result[option.name] = self._as(option, body, (*old, key), (*new, option.name))
            elif old[-1:] == ("between",) and key in self._options:
                for option in self._options[key]:
                    result[option.name] = self._value(below, (*old, key), (*new, option.name))
            else:
                result[key] = self._value(below, (*old, key), (*new, key))
        return result

    def _as(self, option: _Option, value: Any, old: Address, new: Address) -> Any:
        """What a template says of one option, with the places of all that is below it."""
        for address, place in self._old.places.items():
            below = address[len(old) :]
            if address[: len(old)] == old and below[:1] != (FOR,):
                self._places[(*new, *option.address(below))] = place
        return option.said(value)

    def _states(self, value: Any, old: Address, new: Address) -> Any:
        """Names of states, each template by those that it makes."""
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not any(isinstance(n, str) and n in self._options for n in names):
            for k in range(len(value) if isinstance(value, list) else 0):
                self._place((*old, k), (*new, k))
            return value
        result: list[Any] = []
        for k, name in enumerate(names):
            made = [o.name for o in self._options[name]] if isinstance(name, str) and name in self._options else [name]
            for each in made:
                self._place(old if isinstance(value, str) else (*old, k), (*new, len(result)))
                result.append(each)
        return result

    def _transitions(self, items: list[Any], old: Address) -> list[Any]:
        result: list[Any] = []
        for k, item in enumerate(items):
            source = item.get("from") if isinstance(item, dict) else None
            alone = source[0] if isinstance(source, list) and len(source) == 1 else source
            if not (isinstance(alone, str) and alone in self._options):
                result.append(self._value(item, (*old, k), (*old, len(result))))
                continue
            for option in self._options[alone]:
                made = self._as(option, item, (*old, k), (*old, len(result))) | {"from": option.name}
                if isinstance(made.get("name"), str):
                    made["name"] += f"_{option.suffix}"
                result.append(made)
        return result
