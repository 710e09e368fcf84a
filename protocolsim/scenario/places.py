"""What may stand at a place of a scenario: read from the schema, so that a name is never taken for a key of ours.

A parameter called `range`, a state called as a parameter, a drug called `label`: where they stand says what they are,
and not how they are called.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from protocolsim.endpoint.catalogue import kinds
from protocolsim.scenario.file.schema import ScenarioPart, endpoint_fields
from protocolsim.scenario.file.yaml_reader import Address

# Words about a trial, which change nothing that happens in it.
_WORDS = (
    "title",
    "question",
    "description",
    "sources",
    "notes",
    "findings",
    "story",
    "beside",
    "published",
    "follow",
    "extends",
)
_BESIDE = ("label", "meaning", "source", "mark", "note", "range")
_OPEN = object()  # a key that the schema leaves to a component or a kind of endpoint


def is_words(address: Address) -> bool:
    """Whether what stands there is for readers only: it changes nothing that happens in the trial."""
    if address[:1] and address[0] in _WORDS:
        return True
    # Below a list for readers (a range) there are words too.
    steps = address[:-1] if address and isinstance(address[-1], int) else address
    if steps[:2] == ("protocol", "variables") and len(steps) == 4 and steps[-1] == "range":
        return False  # what a variable is set to is cut to it
    return bool(steps) and steps[-1] in _BESIDE and _is_key(tuple(steps))


def is_expression(address: Address, endpoint: Mapping[str, Any] | None = None) -> bool:
    """Whether an expression may stand there, or a number; of an endpoint's own keys its `kind` says that."""
    if is_words(address):
        return False
    expression = _at(address)
    if expression is not _OPEN:
        return float in set(_members(expression))
    if endpoint is None:
        return True  # a parameter of a disease or a drug
    kind = kinds().get(str(endpoint.get("kind")))
    fields = {} if kind is None else endpoint_fields(kind)
    return fields.get(str(address[-1]), ("", None))[0] in ("minutes", "number")


@lru_cache(maxsize=4096)
def _at(address: Address) -> Any:
    """The type of what stands at an address; `_OPEN` where the schema leaves it open, None where nothing may stand."""
    below: Any = ScenarioPart
    for step in address:
        below = _below(below, step)
    return below


def _is_key(address: Address) -> bool:
    """Whether the last step is a key of ours, and not a name that somebody chose."""
    return any(_model(m) and address[-1] in _fields(m) for m in _members(_at(address[:-1])))


def _below(annotation: Any, step: str | int) -> Any:
    for member in _members(annotation):
        if _model(member):
            fields = _fields(member)
            if step in fields:
                return fields[str(step)]
            if member.model_config.get("extra") == "allow":
                named = typing.get_type_hints(member).get("__pydantic_extra__")
                return _OPEN if typing.get_origin(named) is not dict else typing.get_args(named)[1]
        elif typing.get_origin(member) is dict:
            return typing.get_args(member)[1]
        elif typing.get_origin(member) is list and isinstance(step, int):
            return typing.get_args(member)[0]
    return _OPEN if annotation is _OPEN else None


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {f.alias or name: f.annotation for name, f in model.model_fields.items()}


def _model(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, BaseModel)


def _members(annotation: Any) -> Iterator[Any]:
    """What a type may be, without its conditions."""
    if typing.get_origin(annotation) is typing.Annotated:
        yield from _members(typing.get_args(annotation)[0])
    elif isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        for part in typing.get_args(annotation):
            yield from _members(part)
    else:
        yield annotation
