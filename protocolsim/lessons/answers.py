"""What an answer means for a question: "26 %", "a third", 0.26 or 26 of a share, "12 points" of a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Real
from typing import Literal

from protocolsim.errors import UsageError
from protocolsim.text.spoken import said

Kind = Literal["share", "points", "number"]
_EXAMPLES: dict[Kind, str] = {
    "share": '0.26, "26 %", "1/4", "a quarter" or "one in four"',
    "points": '25, "25 points" or "-3.5"',
    "number": '12, "twelve", 0.5 or "1/2"',
}


@dataclass(frozen=True)
class ReadAnswer:
    """An answer as a number: of a share 0 to 1, of percentage points 0 to 100.

    `note`: how it was read, where it can be read otherwise; `other` is then the number as it stood.
    """

    value: float
    note: str = ""
    other: float | None = None


def read(given: object, kind: Kind) -> ReadAnswer:
    """The number that somebody means.

    A share without a decimal mark is taken for per cent, and so is one above 1; the answer says so. Raises UsageError
    where no number is found in it, or one that the question cannot have.
    """
    item = getattr(given, "item", None)  # a number of NumPy, or an array that holds one
    if callable(item):
        try:
            given = item()
        except ValueError:
            raise _unread(given, kind) from None
    if isinstance(given, bool) or given is None:
        raise _unread(given, kind)
    if isinstance(given, Real | Fraction):
        value = float(given)
        whole = isinstance(given, Integral) and abs(value) == 1
        return _placed(value, kind, str(given), share=abs(value) <= 1 and not whole)
    return _in_words(str(given), kind)


def _in_words(given: str, kind: Kind) -> ReadAnswer:
    number = said(given)
    if number is None or (kind == "number" and (number.per_cent or number.points)):
        raise _unread(given, kind)
    value = float(number.value)
    if number.per_cent or number.points:
        return ReadAnswer(value / 100.0 if kind == "share" else value)
    return _placed(value, kind, given.strip(), share=number.share)


def _placed(value: float, kind: Kind, given: str, *, share: bool) -> ReadAnswer:
    """A bare number where it belongs: 26 is no share, so that it must mean 26 per cent."""
    if not math.isfinite(value):
        raise UsageError(f"{given} is no number to compare with")
    if kind == "share" and not share and value != 0.0:
        return ReadAnswer(value / 100.0, f"{given} is read as {value:g} %", value)
    return ReadAnswer(value)


def _unread(given: object, kind: Kind) -> UsageError:
    return UsageError(f"{given!r} was not understood; write it as {_EXAMPLES[kind]}")
