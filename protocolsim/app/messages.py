"""What a browser may say over the WebSocket: everything else ends here, in words, and never reaches a session.

The page's script and Shiny's own say two kinds of messages: `init` once, then `update`, each with inputs by name. Of
these the known ones are passed on, with values of the kind they have; the rest is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from protocolsim.app.limits import MOST_INPUTS, MOST_QUERY, MOST_WORD
from protocolsim.app.state import small
from protocolsim.errors import UsageError

ADDRESS = "address"
"""The input that holds the query of the page's address, once; Shiny would read its own meanings out of it."""

MISHEARD = "misheard"
"""The input that says, in words, what was wrong with another one."""

_SEARCH = ".clientdata_url_search"
_CLIENT = re.compile(r"\.clientdata_(?:pixelratio|url_(?:protocol|hostname|port|pathname)|singletons)", re.ASCII)
_WHOLE = 10**9


class Unintelligible(Exception):  # noqa: N818 - not our error
    """A message that no page sends; the words fit into the close of a WebSocket."""


def heard(text: str, *, first: bool) -> dict[str, Any]:
    """A message as it is passed on. Raises Unintelligible; what is wrong with single values stands in `misheard`."""
    try:
        said = json.loads(text, parse_constant=_not_a_number)
    except (ValueError, RecursionError):
        raise Unintelligible("expected a message of the page, found something that is no JSON") from None
    method = "init" if first else "update"
    if not isinstance(said, dict) or said.get("method") != method or not isinstance(said.get("data"), dict):
        raise Unintelligible(f"expected the message '{method}' with its data")
    if len(said["data"]) > MOST_INPUTS:
        raise Unintelligible(f"more than {MOST_INPUTS} inputs in one message")
    return {"method": method, "data": _inputs(said["data"], first=first)}


def _not_a_number(word: str) -> None:
    raise ValueError(word)


def _inputs(data: Mapping[str, Any], *, first: bool) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    if first:
        search = data.get(_SEARCH, "")
        kept[ADDRESS] = search if isinstance(search, str) and len(search) <= MOST_QUERY else "?the address is too long"
    for name, value in data.items():
        if name in SAID:
            try:
                kept[name] = SAID[name](value)
            except UsageError as error:
                kept[MISHEARD] = f"{name}: {error}"
        elif _of_shiny(name, value):
            kept[name] = value
    return kept


def _of_shiny(name: str, value: Any) -> bool:
    """Whether it is one of the few things that Shiny tells of the browser, and needs."""
    if isinstance(value, str):
        short = len(value) <= MOST_WORD
    else:
        short = value is None or isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < _WHOLE)
    return short and _CLIENT.fullmatch(name) is not None


# What the page's own script says -------------------------------------------------------------------------------------


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"expected a text, found {_kind(value)}")
    if len(value) > MOST_WORD:
        raise UsageError(f"longer than {MOST_WORD:,} characters")
    if not value.isprintable():
        raise UsageError("expected a text of one line")
    return value


def _text(value: Any) -> str:
    """A scenario's text, no longer than one may be here; a surrogate is no text."""
    if not isinstance(value, str):
        raise UsageError(f"expected a text, found {_kind(value)}")
    return small(value).encode("utf-8", "replace").decode()


def _query(value: Any) -> str:
    """The query of an address of this page, to which a visitor went back."""
    if not isinstance(value, str):
        raise UsageError(f"expected an address, found {_kind(value)}")
    if len(value) > MOST_QUERY:
        raise UsageError("the address is too long")
    return value.encode("utf-8", "replace").decode()


def _kind(value: Any) -> str:
    kinds = {type(None): "nothing", bool: "yes or no", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "a group of values")


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _WHOLE:
        raise UsageError(f"expected a whole number up to {_WHOLE:,}")
    return value


def _pair(value: Any) -> dict[str, Any]:
    """A name, its value in words, and whether the hand has let go."""
    if not isinstance(value, dict):
        raise UsageError(f"expected a name and a value, found {_kind(value)}")
    settled = value.get("settled", False)
    if not isinstance(settled, bool):
        raise UsageError(f"settled: expected yes or no, found {_kind(settled)}")
    return {"name": _word(value.get("name")), "value": _word(value.get("value")), "settled": settled}


def _step(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"expected a name and a number, found {_kind(value)}")
    return {"name": _word(value.get("name")), "by": _whole(value.get("by"))}


def _place(value: Any) -> tuple[str, str]:
    view, divided, part = _word(value).partition("-")
    if not divided:
        raise UsageError(f"expected a view and its part, found '{view[:40]}'")
    return view, part


_presses = count(1)


def _pressed(value: Any) -> int:  # noqa: ARG001 - the page says when, which does not matter
    return next(_presses)  # another each time: where the value is the same, some versions of Shiny see no press


SAID: Mapping[str, Callable[[Any], Any]] = {
    "moved": _pair,
    "asked": _pair,
    "picked": _pair,
    "kept": _pressed,
    "reset": _pressed,
    "step": _step,
    "went": _query,
    "view": _word,
    "dark": _word,
    "chosen": _word,
    "typed": _text,
    "used": _text,
    "cancelled": _place,
}
"""The inputs that the page has, each with what it may hold; `view` and `dark` are sent by Shiny."""
