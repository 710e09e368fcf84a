"""The keys of kinds of statistics: read from the fields of their classes, so that a new kind needs no line here."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from protocolsim.endpoint.base import NO_KEY
from protocolsim.interim.base import Statistic

FOLLOWED_FOR = "followed for"


@dataclass(frozen=True)
class StatisticKey:
    """One key: the field that it fills, what it holds, and what it means.

    `holds` is the word of the field's annotation ("analysis", "endpoint of kind share", "minutes", ...), or "choice".
    """

    name: str
    field: str
    holds: str
    required: bool
    default: Any
    choices: tuple[str, ...]
    meaning: str


@cache
def keys_of(kind: type[Statistic]) -> Mapping[str, StatisticKey]:
    """The keys of a kind, its own key first; `followed for`, which all have, is not among them."""
    shared = {f.name for f in dataclasses.fields(Statistic)}
    hints = typing.get_type_hints(kind, include_extras=True)
    found: dict[str, StatisticKey] = {}
    for field in dataclasses.fields(kind):
        if field.name in shared or NO_KEY in field.metadata:
            continue
        name = str(field.metadata.get("key") or (kind.key if field.name == "of" else field.name.replace("_", " ")))
        holds, choices = _held(hints[field.name])
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = None if required else field.default
        meaning = str(field.metadata.get("meaning", ""))
        found[name] = StatisticKey(name, field.name, holds, required, default, choices, meaning)
    return types.MappingProxyType(dict(sorted(found.items(), key=lambda item: item[0] != kind.key)))


def _held(hint: Any) -> tuple[str, tuple[str, ...]]:
    """What a field holds, and the choices that it leaves."""
    if typing.get_origin(hint) is Annotated:
        return str(hint.__metadata__[0]), ()
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return _held(next(a for a in typing.get_args(hint) if a is not type(None)))
    if typing.get_origin(hint) is Literal:
        return "choice", tuple(map(str, typing.get_args(hint)))
    return "text", ()
