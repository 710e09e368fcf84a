"""What people say for a number means the same to a lesson, which reads it in Python, and to a story, in a browser."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocolsim.lessons.answers import read
from protocolsim.report.story.page import STATIC
from protocolsim.text.spoken import TABLE, said
from tests.support.browser import browser

Heard = Callable[..., list[Any]]
PIECES = [
    *TABLE["counts"], *TABLE["parts"], *TABLE["none"], *TABLE["all"], *TABLE["joined"], *TABLE["filling"],
    TABLE["hundred"], TABLE["plus"], "minus", "per cent", "percent", "%", "points", "percentage points", "pp", "no one",
    "out of", "0", "1", "1.0", "26", "0.26", "0,26", ".26", ",5", "26,5", "1,000", "12,000", "1/4", "/", "-", "\u2212",
    "+", "1e3", "1e-2", "26%", "-5", "~", "twenty-five", "two-thirds", "\u00a0", "banana", "constructor", "?", ".", "'",
    "ca.", "A", "26 %", "9 of 13", "1/0", "9" * 16,
]  # fmt: skip
MEANT = {
    "twenty-five": 25, "a hundred and a half": 100.5, "two and a half": 2.5, "minus two thirds": -2 / 3,
    "ninety nine": 99, "two hundred ten": 210, "no one": 0, "all of them": 1, "everybody": 1, "about -5": -5,
    "1,000": 1000, "1,5": 1.5, "nine in ten": 0.9, "three of the twelve": 0.25, "a third of the patients": 1 / 3,
    "1/4 of them": 0.25, "nobody": 0, "1e3": 1000, "two-thirds": 2 / 3, "one-in-four": 0.25, "+3": 3,
}  # fmt: skip
NONE = ["one third of 15", "20 and 30", "twenty thirty", "five twenty", "half twenty", "1e999999999", "20-30", "", "%",
        "a lot", "zero five"]  # fmt: skip
SHARES = ["1", "1.0", "0,26", "26", "26.5", "a third", "26 %", "one", "none", "all", "-0.5", "99 of 100", "0"]


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    """What the reader of a story makes of texts: value, per cent, points, share; None where it makes nothing of one."""
    with browser() as running:
        page = running.new_page()
        page.set_content(f'<main data-number-words="{escape(json.dumps(TABLE))}"></main>')
        page.add_script_tag(path=STATIC / "story.js")
        yield lambda texts, call="said(text)": page.evaluate(
            f"all => all.map((text) => protocolsimStory.{call})", texts
        )


def compare(texts: list[str], heard: list[Any]) -> None:
    for text, there in zip(texts, heard, strict=True):
        here = said(text)
        assert (here is None) == (there is None), text
        if here is not None:
            assert math.isclose(there["value"], here.value, rel_tol=1e-12), text
            assert (there["perCent"], there["points"], there["share"]) == (here.per_cent, here.points, here.share), text


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join) | st.text(max_size=12), max_size=40))
def test_both_readers_make_the_same_of_any_text(heard: Heard, texts: list[str]):
    """Any words of the grammar in any order, and any other text, are the same number to both, or none to both."""
    compare(texts, heard(texts))


def test_both_readers_know_every_word_alone_and_every_two(heard: Heard):
    """No word is known to one of them only, before or behind another."""
    texts = [*PIECES, *(f"{a} {b}" for a in PIECES for b in PIECES)]
    compare(texts, heard(texts))


@pytest.mark.parametrize(("text", "value"), MEANT.items(), ids=list(MEANT))
def test_what_is_said_is_what_is_meant(text: str, value: float):
    """Numbers, parts and sums in words."""
    found = said(text)
    assert found is not None
    assert float(found.value) == pytest.approx(value)


@pytest.mark.parametrize("text", NONE)
def test_what_means_two_things_or_none_is_not_read(text: str):
    """Of two numbers none is taken, and no text takes long."""
    assert said(text) is None


@pytest.mark.parametrize(
    "text", ["1", "1.0", "0,26", "26", "26.5", "a third", "26 %", "one", "none", "all", "-0.5", "99 of 100", "0"]
)
def test_a_share_is_the_same_to_a_lesson_and_to_a_story(heard: Heard, text: str):
    """What a decimal mark, its absence and a sign of per cent mean for a share is one rule."""
    assert 100 * read(text, "share").value == pytest.approx(heard([text], "guessed(text, '%')")[0])
