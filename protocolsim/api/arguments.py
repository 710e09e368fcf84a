"""What a public function is given, held against its own signature before anything is done with it.

The annotations are the only list of what may be given: a new parameter is checked by being there. What a value may be
beyond its kind (a number that is too large, a name that is unknown) is for the function to say.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, wraps
from os import PathLike
from typing import Any, ParamSpec, TypeVar

import numpy as np

from protocolsim.errors import UsageError, digits

P = ParamSpec("P")
R = TypeVar("R")

_WORDS: Mapping[Any, str] = {
    bool: "True or False", int: "a whole number", float: "a number", str: "a text", PathLike: "a path",
    Mapping: "a mapping", Sequence: "a sequence", Callable: "a function", types.NoneType: "None",
}  # fmt: skip
_ANYTHING = (Any, object)
_SHOWN = (types.NoneType, bool, int, float, complex, str, bytes, np.generic)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which refuses an argument of another kind than its annotation says. Raises UsageError."""
    signature = inspect.signature(function)

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        kinds = _kinds(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in kinds:
                _check(name, value, kinds[name])
        return function(*args, **kwargs)

    return asked


@cache
def _kinds(function: Callable[..., Any]) -> Mapping[str, Any]:
    """What each parameter may be; what is returned is not given, and its types may not be imported."""
    told = {name: kind for name, kind in function.__annotations__.items() if name != "return"}
    return typing.get_type_hints(types.SimpleNamespace(__annotations__=told), function.__globals__)


def _check(place: str, value: Any, kind: Any) -> None:
    """Refuse a value of another kind, or what in it is of another kind, with its place."""
    fitting = [one for one in _alternatives(kind) if _is(value, one)]
    if not fitting:
        raise UsageError(f"{place}: expected {_expected(kind)}, found {_found(value)}")
    inside = typing.get_args(fitting[0])
    if not inside:
        return
    if _class_of(fitting[0]) is Mapping:
        for key, held in value.items():
            _check(f"{place}[{digits(key)}]", held, inside[1])
    elif _class_of(fitting[0]) is Sequence:
        for number, held in enumerate(value):
            _check(f"{place}[{number}]", held, inside[0])


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _class_of(kind: Any) -> Any:
    """`Mapping` of `Mapping[str, float]`; typing has one spelling of a function, the collections another."""
    return typing.get_origin(kind) or kind


def _is(value: Any, kind: Any) -> bool:
    known = _class_of(kind)
    if known in _ANYTHING:
        return True
    if known in (int, float):
        numbers: Any = (int, np.integer) if known is int else (int, float, np.integer, np.floating)
        return isinstance(value, numbers) and not isinstance(value, bool)
    if known is bool:
        return isinstance(value, (bool, np.bool_))
    if known is PathLike:
        return _is_path(value)
    if known is Sequence:
        whole = isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping, AbstractSet))
        return whole and getattr(value, "ndim", 1) > 0
    return isinstance(value, known)


def _is_path(value: Any) -> bool:
    """Whether it is a path in text: one in bytes, or in nothing, is no path that is read here."""
    try:
        return isinstance(value, PathLike) and isinstance(value.__fspath__(), str)
    except Exception:  # noqa: BLE001 - a class from outside
        return False


def _expected(kind: Any) -> str:
    words = [_WORDS.get(_class_of(one)) or _with_article(_class_of(one).__name__) for one in _alternatives(kind)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _found(value: Any) -> str:
    """The value where it is short, else what it is: its own words may be pages, or fail."""
    return digits(value) if isinstance(value, _SHOWN) else _with_article(type(value).__name__)


def _with_article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
