"""Every fault of a scenario's shape at once, and what is sound of it.

pydantic stops at a faulty mapping; here each fault is noted and mended with something that says nothing, so that the
rest of the file can still be looked at. Where it was mended is remembered: a mended place is no second fault.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from protocolsim.errors import nearest, unknown
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.file.yaml_reader import Address

_UNION = (
    *("int", "float", "str", "bool", "SummaryPart", "Regimen", "list", "literal"),
    *("dict", "function", "SeriesPart", "StatisticPart"),
)
_EXPECTED = {
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "list_type": "a list",
    "string_type": "text",
    "string_too_short": "some text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "too_short": "two values: [lowest, highest]",
    "too_long": "two values: [lowest, highest]",
}
# What stands for a required value that is missing or was taken out; it says nothing and refers to nothing.
_NEUTRAL: Mapping[str, Any] = {
    "cohort": {"size": 1, "disease": "?"}, "size": 1, "protocol": {"states": {}, "transitions": []}, "states": {},
    "transitions": [], "from": [], "between": {}, "value": 0, "dose": "0 mg/kg", "serves": [], "arrivals": "1 / week",
    "role": "checked", "mark": "A", "at most": 0,
}  # fmt: skip
MOST_FAULTS = 200  # are looked up and told in one go; a file with more is not a scenario with slips
_ROUNDS = 100

Whole = TypeVar("Whole", bound=BaseModel)


@dataclass(frozen=True)
class Said:
    """A fault of shape: where, in which words, and whether the key itself is meant."""

    address: Address
    message: str
    at_key: bool


@dataclass(frozen=True)
class Shape(Generic[Whole]):
    """The file as far as it is sound (None: not at all), every fault, and the places that were mended."""

    part: Whole | None
    said: Sequence[Said]
    mended: frozenset[Address]


def check(data: Mapping[str, Any]) -> Shape[ScenarioPart]:
    """Look at the shape of a whole scenario. Never raises."""
    return check_as(ScenarioPart, data)


def check_as(model: type[Whole], data: Mapping[str, Any]) -> Shape[Whole]:
    """Look at the shape of a file that should be one of these. Never raises."""
    rest = json.loads(json.dumps(data))
    said: list[Said] = []
    mended: set[Address] = set()
    for _ in range(_ROUNDS):
        try:
            return Shape(model.model_validate(rest), said, frozenset(mended))
        except ValidationError as error:
            faults = _by_address(error.errors(include_url=False), rest)
            before = json.dumps(rest)
            told = dict(islice(faults.items(), MOST_FAULTS))
            misspelt = _misspelt(told, model)
            for address, details in told.items():
                if address not in misspelt and not any(address[:end] in mended for end in range(1, len(address) + 1)):
                    said.append(_said(address, details, model))
            if len(faults) > len(told):
                more = f"{len(faults) - len(told):,} more faults are not listed; mend these first"
                said.append(Said((), more, at_key=True))
            for address, details in faults.items():
                mended.add(address)
                _mend(rest, address, details[0]["type"])
            if json.dumps(rest) == before:
                break
    return Shape(None, said, frozenset(mended))


def _misspelt(faults: Mapping[Address, Sequence[Any]], model: type[BaseModel]) -> set[Address]:
    """The missing keys that stand there under a name so near that the unknown key's fault says it all."""
    found: set[Address] = set()
    for address, details in faults.items():
        if details[0]["type"] == "extra_forbidden":
            close = nearest(str(address[-1]), _keys_at(address[:-1], model))
            found |= {(*address[:-1], close)} if close is not None else set()
    return {a for a in found if a in faults and faults[a][0]["type"] == "missing"}


def _by_address(details: Iterable[Any], data: Any) -> dict[Address, list[Any]]:
    """The faults at each place. Of a place that could be one of several things, the one that came furthest counts."""
    found: dict[Address, list[Any]] = {}
    for detail in details:
        found.setdefault(_address(tuple(detail["loc"]), data), []).append(detail)
    deeper = {address[:end] for address in found for end in range(len(address))}
    return {address: all_ for address, all_ in found.items() if address and address not in deeper}


def _address(location: tuple[Any, ...], data: Any) -> Address:
    """Pydantic's location without the names of union members, which are not keys of the file."""
    address: list[str | int] = []
    here = data
    for number, step in enumerate(location):
        last = number == len(location) - 1
        if (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(here)
        ):
            here = here[step]
        elif isinstance(here, dict) and last and isinstance(step, str) and not step.startswith(_UNION):
            here = None  # a key that is missing
        else:
            continue
        address.append(step)
    return tuple(address)


def _said(address: Address, details: Sequence[Any], model: type[BaseModel]) -> Said:
    kind, found = details[0]["type"], details[0]["input"]
    if kind == "extra_forbidden":
        return Said(address, unknown("key", str(address[-1]), _keys_at(address[:-1], model)), at_key=True)
    if kind == "missing":
        others = [key for key in found if key not in _keys_at(address[:-1], model)] if isinstance(found, dict) else []
        close = nearest(str(address[-1]), others)
        hint = f"; did you mean it by '{close}'?" if close is not None else ""
        return Said(address[:-1], f"'{address[-1]}' is missing here{hint}", at_key=True)
    if kind == "model_type" and isinstance(address[-1], str):
        # Where a mapping takes names, a misspelt key is read as one.
        close = nearest(address[-1], _keys_at(address[:-1], model))
        hint = f"; did you mean '{close}'?" if close not in (None, address[-1]) else ""
        return Said(address, f"expected a mapping of keys, found {_shown(found)}{hint}", at_key=bool(hint))
    expected = list(dict.fromkeys(_expected(detail) for detail in details))
    if "a whole number" in expected and "a number" in expected:
        expected.remove("a whole number")
    hint = _nearest_choice(found, details)
    return Said(address, f"expected {' or '.join(expected)}, found {_shown(found)}{hint}", at_key=False)


def _nearest_choice(found: Any, details: Sequence[Any]) -> str:
    """The nearest of the words of which one was expected; "" where none is near."""
    listed = [str(d["ctx"]["expected"]) for d in details if d["type"] == "literal_error"]
    close = nearest(str(found), re.findall(r"'([^']*)'", " ".join(listed)))
    return "" if close is None else f"; did you mean '{close}'?"


def _expected(detail: Any) -> str:
    if detail["type"] == "literal_error":
        choices: str = detail["ctx"]["expected"]
        return "true" if choices == "True" else f"one of {choices}" if " or " in choices else choices
    return _EXPECTED.get(detail["type"]) or str(detail["msg"])


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def _mend(data: Any, address: Address, kind: str) -> None:
    """Put something neutral there where a value must stand; take the rest out."""
    here = data
    for step in address[:-1]:
        here = here[step]
    last = address[-1]
    if isinstance(here, list):
        here[int(last)] = {"from": []} if address[-2] == "transitions" else "?"
    elif kind == "missing":
        here[last] = json.loads(json.dumps(_NEUTRAL.get(str(last), "?")))
    else:
        here.pop(last, None)


def _keys_at(address: Address, whole: type[BaseModel]) -> list[str]:
    """The keys that may stand in the mapping at an address."""
    model: Any = whole
    for step in address:
        fields = {f.alias or n: f for n, f in model.model_fields.items()} if _is_model(model) else {}
        model = _first_model(fields[str(step)].annotation if step in fields else model)
        if model is None:
            return []
    return [f.alias or n for n, f in model.model_fields.items()]


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def _first_model(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    for part in reversed(typing.get_args(annotation)):
        found = _first_model(part)
        if found is not None:
            return found
    return None
