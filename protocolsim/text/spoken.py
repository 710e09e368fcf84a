"""Numbers as people say them: "a third", "26 %", "0,26", "one in four", "minus two and a half", "9/13".

One grammar with two readers, since a lesson reads answers in Python and a story reads them in a browser: `said` here,
and `said` of `report/story/static/story.js`, which has its words and patterns from `TABLE`. Whatever one of them makes
of a text the other makes of it, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypedDict

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_PARTS = {
    "half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10,
}  # fmt: skip


class NumberWords(TypedDict):
    """The words and patterns of the grammar, as JSON can hold them.

    `replaced`: patterns and what stands for them, one after the other, before anything is read. `counts`: words by
    number. `parts`: words by what one is divided by. `none` and `all`: words for no share and for the whole. `joined`:
    what stands between a number and that of which it is part. `plus`: what stands before a fraction that is added.
    `filling`: words that say nothing of the number.
    `number`, `thousands`, `per_cent`, `points`, `marked` (by a decimal mark) and `minus` are patterns, the same in both
    languages.
    """

    replaced: list[list[str]]
    counts: dict[str, int]
    hundred: str
    parts: dict[str, int]
    none: list[str]
    all: list[str]
    joined: list[str]
    plus: str
    filling: list[str]
    number: str
    thousands: str
    per_cent: str
    points: str
    marked: str
    minus: str


TABLE: NumberWords = {
    "replaced": [
        ["[\u00a0\u2009\u202f\\t\\r\\n]", " "],
        ["[\u2212\u2013]", "-"],
        ["no one\\b", "none"],
        ["[~\u2248\"'\u2018\u2019\u201c\u201d!?]", " "],
        ["\\bca\\. ", " "],
        ["/", " / "],
        ["(?<=[a-z])-(?=[a-z])", " "],
        ["[ .,;:]+$", ""],
        ["^ *\\+ ?", ""],
    ],
    "counts": {
        **{word: k for k, word in enumerate(_ONES)},
        **{word: 10 * k for k, word in enumerate(_TENS, 2)},
        "a": 1, "an": 1,
    },
    "hundred": "hundred",
    "parts": {**_PARTS, **{f"{word}s": parts for word, parts in _PARTS.items()}},
    "none": ["none", "nothing", "nobody", "no"],
    "all": ["all", "everyone", "everybody"],
    "joined": ["/", "of", "in", "from"],
    "plus": "and",
    "filling": [
        "about", "around", "roughly", "approximately", "nearly", "almost", "some", "maybe", "perhaps", "ca", "circa",
        "out", "of", "the", "them", "all", "these", "those", "patients", "trials",
    ],
    "number": "(?:[0-9]{1,15}(?:\\.[0-9]{0,15})?|\\.[0-9]{1,15})(?:e[+-]?[0-9]{1,2})?",
    "thousands": "[1-9][0-9]{0,2}(?:,[0-9]{3}){1,4}",
    "per_cent": "%|\\bper ?cent(?:age)?\\b|\\bpct\\b",
    "points": "(?:\\b(?:percentage |per ?cent )|% ?)?\\bpoints?\\b|\\bpp\\b",
    "marked": "^(?:[0-9]+[.,e]|[.,])",
    "minus": "^(?:- ?|minus )",
}  # fmt: skip
"""The grammar's words and patterns, from which the reader in the browser is made as well."""


@dataclass(frozen=True)
class SaidNumber:
    """A number that somebody said.

    `per_cent` and `points`: it was said with such words. `share`: it can only be a part of one, being a fraction, so
    many of so many, or up to 1 and written with a decimal mark.
    """

    value: Fraction
    per_cent: bool = False
    points: bool = False
    share: bool = False


def said(text: str, filling: Collection[str] = ()) -> SaidNumber | None:
    """The number that a text means; None where it means none.

    `filling`: further words, in small letters, that say nothing of the number, such as its unit.
    """
    text = text.lower()
    for pattern, by in TABLE["replaced"]:
        text = re.sub(pattern, by, text, flags=re.ASCII)
    points, text = _taken_out(TABLE["points"], text)
    per_cent, text = _taken_out(TABLE["per_cent"], text)
    filling = {*TABLE["filling"], *filling}
    words = [word for word in text.split(" ") if word]
    while words and words[0] in filling and words[0] not in TABLE["all"]:
        del words[0]
    positive = re.sub(TABLE["minus"], "", " ".join(words), flags=re.ASCII)
    negative = positive != " ".join(words)
    found = _amount([word for word in positive.split(" ") if word], filling)
    if found is None:
        return None
    value, share = found
    return SaidNumber(-value if negative else value, per_cent, points, share)


def _taken_out(pattern: str, text: str) -> tuple[bool, str]:
    left = re.sub(pattern, " ", text, flags=re.ASCII)
    return left != text, left


def _amount(words: Sequence[str], filling: Collection[str]) -> tuple[Fraction, bool] | None:
    """So many of so many, a share in one word, a number, a fraction, or a number and a fraction."""
    told = [word for word in words if word not in filling]
    if words and words[0] in TABLE["all"] and told in ([], words[:1]):
        return Fraction(1), True
    if len(told) == 1 and told[0] in TABLE["none"]:
        return Fraction(0), True
    for k, word in enumerate(words):
        if word in TABLE["joined"]:
            over = _count([w for w in words[:k] if w not in filling])
            under = _count([w for w in words[k + 1 :] if w not in filling])
            if over is not None and under:
                return over / under, True
    if TABLE["plus"] in told:
        k = told.index(TABLE["plus"])
        whole, rest = _count(told[:k]), _fraction(told[k + 1 :])
        return None if whole is None or rest is None or rest >= 1 else (whole + rest, False)
    part = _fraction(told)
    if part is not None:
        return part, True
    count = _count(told)
    if count is None:
        return None
    return count, count <= 1 and re.match(TABLE["marked"], told[0], flags=re.ASCII) is not None


def _fraction(words: Sequence[str]) -> Fraction | None:
    """'a half', 'two thirds', 'third'."""
    if not words or words[-1] not in TABLE["parts"]:
        return None
    over = _count(words[:-1]) if len(words) > 1 else Fraction(1)
    return None if over is None else over / TABLE["parts"][words[-1]]


def _count(words: Sequence[str]) -> Fraction | None:
    """A number in digits, or in words up to 999."""
    if len(words) == 1:
        digits = words[0]
        comma = "" if re.fullmatch(TABLE["thousands"], digits, flags=re.ASCII) else "."
        digits = digits.replace(",", comma)
        if re.fullmatch(TABLE["number"], digits, flags=re.ASCII):
            return Fraction(digits)
    total = 0
    for k, word in enumerate(words):
        if word == TABLE["hundred"] and total < 10:
            total = 100 * max(total, 1)
            continue
        value = TABLE["counts"].get(word)
        if value is None or (k > 0 and not _may_follow(total, value, word)):
            return None
        total += value
    return Fraction(total) if words else None


def _may_follow(total: int, value: int, word: str) -> bool:
    """Whether a word of that value may come after words that make this total: "twenty five", "two hundred ten"."""
    if value == 0 or word in ("a", "an") or total == 0:
        return False
    if value < 10 and total % 100 >= 20:
        return total % 10 == 0
    return total % 100 == 0
