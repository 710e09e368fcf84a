"""Answers in words, per cent and fractions are the numbers they mean, and wrong ones are told their own mistake."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.lessons.answers import read

QUARTER = ["0.25", 0.25, "25 %", "25%", "25 per cent", "25 percent", "1/4", " 1 / 4", "a quarter", "one quarter",
           "a fourth", "one in four", "1 in 4", "3 of 12", "3 out of 12", "about a quarter", "roughly 25 %", "0,25",
           "~25 %", "twenty-five per cent", "twenty five percent", Fraction(1, 4), np.float64(0.25), np.array([0.25]),
           "A Quarter.",
           "25 percentage points", "25 % of the patients"]  # fmt: skip


@pytest.mark.parametrize("given", QUARTER, ids=str)
def test_a_quarter_in_every_form(given):
    """Every way to write a quarter means a quarter, and needs no remark."""
    found = read(given, "share")
    assert found.value == pytest.approx(0.25)
    assert found.note == ""


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [
        ("two thirds", "share", 2 / 3),
        ("three quarters", "share", 0.75),
        ("half", "share", 0.5),
        ("half of them", "share", 0.5),
        ("one half", "share", 0.5),
        ("a tenth", "share", 0.1),
        ("none", "share", 0.0),
        ("all", "share", 1.0),
        ("100 %", "share", 1.0),
        ("nineteen", "number", 19),
        ("a hundred", "number", 100),
        ("forty two", "number", 42),
        ("two and a half", "number", 2.5),
        (np.int64(3), "number", 3),
        ("minus two", "points", -2),
        ("1e3", "number", 1000),
        ("-3.5", "points", -3.5),
        ("\u22123,5 points", "points", -3.5),
        ("25 %", "points", 25),
        (25, "points", 25),
    ],
)
def test_words_and_numbers(given, kind, value):
    """What is written is what is meant."""
    assert read(given, kind).value == pytest.approx(value)


def test_a_number_above_one_is_per_cent_and_is_told_so():
    """26 is no share: it is read as per cent, and the reader learns it."""
    found = read(26, "share")
    assert found.value == pytest.approx(0.26)
    assert found.note == "26 is read as 26 %"


@pytest.mark.parametrize(("given", "value"), [(1, 0.01), ("1", 0.01), (1.0, 1.0), ("1.0", 1.0), (0, 0.0), ("0.5", 0.5)])
def test_a_share_has_a_decimal_mark_or_is_per_cent(given, value):
    """As in the stories: one without a mark is one per cent, and the reader learns it; one with a mark is all."""
    found = read(given, "share")
    assert found.value == pytest.approx(value)
    assert bool(found.note) == (value == 0.01)


@pytest.mark.parametrize("given", ["26 %", "3 points"])
def test_no_per_cent_of_a_number(given):
    """Where a number is asked for, per cent is not understood."""
    with pytest.raises(UsageError, match="twelve"):
        read(given, "number")


@pytest.mark.parametrize("given", ["many", "", "a lot", None, True, [1, 2], float("nan"), "26 apples and pears", "1/0"])
def test_what_is_no_number_is_said_to_be_none(given):
    """Nothing else than a number is taken for one, and the refusal shows how to write it."""
    with pytest.raises(UsageError, match=r"one in four|no number to compare"):
        read(given, "share")


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_fractions_and_per_cent_agree(over, under):
    """A fraction, the same in words and the same in per cent are one number."""
    as_fraction = read(f"{over}/{under}", "number").value
    assert read(f"{over} of {under}", "number").value == pytest.approx(as_fraction)
    assert read(f"{100 * over / under:.12f} %", "share").value == pytest.approx(as_fraction)


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_refused(text):
    """Whatever is written, there is a number or a refusal."""
    with suppress(UsageError):
        assert np.isfinite(read(text, "share").value)


ASKED = {"share": 0.26, "points": 36.0, "number": 5.0}


@pytest.mark.parametrize(
    ("kind", "answer", "hint"),
    [
        ("share", "74 %", "the share of all others"),
        ("share", "1/0.26", "inverse"),
        ("share", -0.26, "sign"),
        ("share", "0.26 %", "a hundredth"),
        ("share", "52 %", "twice"),
        ("share", "13 %", "half"),
        ("share", "30 %", "nearly; a little less"),
        ("share", "90 %", "it is less"),
        ("share", "1 %", "it is more"),
        ("share", "400 %", "between 0 and 1"),
        ("share", "lots", "was not understood"),
        ("points", 0.36, "a hundredth"),
        ("points", "-36", "sign"),
        ("number", 0.2, "inverse"),
    ],
)
def test_a_mistake_is_named(kind, answer, hint):
    """The hint is that of the mistake which was made."""
    said = str(protocolsim.Question("?", ASKED[kind], kind=kind).check(answer))
    assert said.startswith("not yet: ")
    assert hint in said


def test_a_lesson_names_its_own_mistakes_first():
    """What a lesson says of a mistake comes before what is said of any number."""
    asked = protocolsim.Question("?", 0.26, mistakes={"that is the other arm": 0.74})
    assert str(asked.check("74 %")) == "not yet: that is the other arm"


@pytest.mark.parametrize("kind", list(ASKED))
def test_what_is_right_is_right(kind):
    """The right number is right in its own form, what lies beyond its width is not, and no answer is asked for."""
    asked = protocolsim.Question("?", ASKED[kind], kind=kind, within=0.01)
    assert str(asked.check(ASKED[kind])).startswith("yes: ")
    assert str(asked.check(ASKED[kind] + 0.009)).startswith("yes: ")
    assert str(asked.check(ASKED[kind] + 0.02)).startswith("not yet")
    assert "put your answer" in str(asked.check(None))


def test_a_prediction_is_compared_and_not_judged():
    """A guess shows what is and how far off it was; no guess shows no number."""
    asked = protocolsim.Question("How many pass?", 0.336)
    assert str(asked.predict("a half")) == "You expected 50 %, and it is 33.6 %: too high by 16.4 percentage points."
    assert "as near as one can expect" in str(asked.predict("a third"))
    assert "33.6" not in str(asked.predict(None)) + str(asked.predict("hm"))
    assert "33.6" not in repr(asked) + asked._repr_html_()


def test_an_unknown_kind_is_refused():
    """The nearest kind is named."""
    with pytest.raises(UsageError, match="did you mean 'share'"):
        protocolsim.Question("?", 0.2, kind="shares")  # type: ignore[arg-type]


def test_a_note_is_text_and_escaped_and_folds():
    """A note shows what it says and nothing else; a folded one is closed."""
    note = protocolsim.Note("a <b> & c\n\nd", folded="Solution <1>")
    html = note._repr_html_()
    assert html.startswith("<details><summary>Solution &lt;1&gt;</summary><p>a &lt;b&gt; &amp; c</p><p>d</p>")
    assert str(note) == "a <b> & c\n\nd"
    assert protocolsim.Note("say `a<b>`")._repr_html_() == "<p>say <code>a&lt;b&gt;</code></p>"
