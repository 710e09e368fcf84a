"""Answers as people write them: "26 %", "a third", "one in four", "1/4", 0.26, "12 points"; all become numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Literal

from protocolsim.errors import UsageError

Kind = Literal["share", "points", "number"]
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_TENS = (
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_WORDS: dict[str, Fraction] = {
    **{word: Fraction(k) for k, word in enumerate(_ONES)},
    **{word: Fraction(10 * k) for k, word in enumerate(_TENS, 2)},
    "a": Fraction(1), "an": Fraction(1), "no": Fraction(0), "none": Fraction(0), "nothing": Fraction(0),
    "hundred": Fraction(100),
}  # fmt: skip
_PARTS = ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SHARES: dict[str, Fraction] = {
    **{word: Fraction(1, k) for k, word in enumerate(_PARTS, 3)},
    "half": Fraction(1, 2), "quarter": Fraction(1, 4), "all": Fraction(1),
}  # fmt: skip
_FILLING = {"about", "roughly", "around", "nearly", "almost", "some", "of", "the", "them", "patients", "trials", "and"}
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_OF = re.compile(r"^(.+?) (?:in|of|out of|from|/) (.+)$")
_PER_CENT = re.compile(r"(?:%|\bper ?cent(?:age)?\b|\bpct\b)")
_POINTS = re.compile(r"\b(?:percentage |per ?cent |% )?points?\b|\bpp\b|% points?")
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

    A share above 1 is taken for per cent, and the answer says so. Raises UsageError where no number is found in it.
    """
    if isinstance(given, bool) or given is None:
        raise _unread(given, kind)
    if isinstance(given, Real | Fraction):
        return _placed(float(given), kind, str(given))
    item = getattr(given, "item", None)  # a number of NumPy, or an array that holds one
    if callable(item):
        try:
            return _placed(float(item()), kind, str(given))
        except (TypeError, ValueError):
            raise _unread(given, kind) from None
    return _in_words(str(given), kind)


def _in_words(given: str, kind: Kind) -> ReadAnswer:
    text = re.sub(r"(?<=\d),(?=\d)", ".", given.casefold().replace("\u00a0", " ").replace("\u2212", "-"))
    text = re.sub(r"[~≈\"'!?]", " ", text).strip().rstrip(".")
    points = _POINTS.search(text) is not None
    text = _POINTS.sub(" ", text)
    per_cent = _PER_CENT.search(text) is not None
    value = _number(" ".join(_PER_CENT.sub(" ", text).split()))
    if value is None:
        raise _unread(given, kind)
    if kind == "share" and (per_cent or points):
        return ReadAnswer(float(value) / 100.0)
    if kind == "points" and (per_cent or points):
        return ReadAnswer(float(value))
    return _placed(float(value), kind, given.strip())


def _placed(value: float, kind: Kind, given: str) -> ReadAnswer:
    """A bare number where it belongs: 26 is no share, so that it must mean 26 per cent."""
    if not math.isfinite(value):
        raise UsageError(f"{given} is no number to compare with")
    if kind == "share" and 1.0 < abs(value) <= 100.0:
        return ReadAnswer(value / 100.0, f"{given} is read as {value:g} %", value)
    return ReadAnswer(value)


def _number(text: str) -> Fraction | None:
    """A number in digits or words, a fraction, or 'so many of so many'; None where it is none of these."""
    if re.fullmatch(_NUMBER, text):
        return Fraction(text)
    text = re.sub(r"\s*/\s*", " / ", text)
    parted = _OF.match(text)
    if parted:
        over, under = _number(parted[1]), _number(parted[2])
        if over is not None and under:
            return over / under
    words = [word for word in re.split(r"[\s-]+", text) if word not in _FILLING]
    if words and re.fullmatch(_NUMBER, " ".join(words)):
        return Fraction(words[0])
    return _of_words(words)


def _of_words(words: list[str]) -> Fraction | None:
    """'two thirds', 'twenty five', 'a half'; None where a word is not known."""
    total, known = Fraction(0), False
    for word in words:
        share = _SHARES.get(word) or _SHARES.get(word.removesuffix("s"))
        if share is not None:
            total = (total if known else Fraction(1)) * share
        elif word == "hundred" and known:
            total *= 100
        elif word in _WORDS:
            total += _WORDS[word]
        elif re.fullmatch(_NUMBER, word) and not known:
            total += Fraction(word)
        else:
            return None
        known = True
    return total if known else None


def _unread(given: object, kind: Kind) -> UsageError:
    return UsageError(f"{given!r} was not understood; write it as {_EXAMPLES[kind]}")
