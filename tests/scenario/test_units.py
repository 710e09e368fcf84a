"""Quantities: what is read, what is refused, and in which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.units import (
    ACTIVITY,
    ACTIVITY_DOSE,
    BODY_WEIGHT,
    CONCENTRATION,
    DOSE,
    FLOW,
    MASS,
    MINUTES_PER_DAY,
    MINUTES_PER_WEEK,
    MOLARITY,
    NONE,
    RATE,
    TIME,
    VOLUME,
    Quantity,
    UnitError,
    combine,
    dimension_name,
    known_units,
    minutes,
    quantity,
    unit,
    unit_product,
)

numbers = st.floats(min_value=1e-6, max_value=1e6)
units = st.sampled_from(known_units())


@pytest.mark.parametrize(
    ("text", "value", "dimension"),
    [
        ("12 weeks", 12 * 7 * 24 * 60, TIME),
        ("12weeks", 12 * 7 * 24 * 60, TIME),
        ("1 mg/kg", 1.0, DOSE),
        ("75 %", 0.75, NONE),
        ("0.36 L/day", 0.36 / 1440, FLOW),
        ("0.9 % / 4 weeks", 0.009 / (4 * 10080), RATE),
        ("6 ug/mL", 6.0, CONCENTRATION),
        ("6 mg/L", 6.0, CONCENTRATION),
        ("2 * 3 days", 6 * 1440, TIME),
        ("1e-3 L", 1e-3, VOLUME),
        (".5 g", 500.0, MASS),
        ("10 IU", 10.0, ACTIVITY),
        ("0.4 IU/kg", 0.4, ACTIVITY_DOSE),
        ("180 mg/dL", 1800.0, CONCENTRATION),
        ("7 mmol/L", 7.0, MOLARITY),
        ("-72 kg", -72.0, BODY_WEIGHT),
        (" + 3 ", 3.0, NONE),
        (0.75, 0.75, NONE),
        (3, 3.0, NONE),
    ],
)
def test_written_quantities_mean_what_a_reader_takes_them_for(text, value, dimension):
    """A written quantity is its number in minutes, mg, L and kg, with its dimension."""
    found = quantity(text)
    assert found.value == pytest.approx(value, rel=1e-15)
    assert found.dimension == dimension


@pytest.mark.parametrize(
    "same",
    [
        ["1 week", "7 days", "7 d", "168 h", "168 hours", "10080 minutes"],
        ["1 day", "1 days", "1 d", "24 hour", "1440 minute"],
        ["2 weeks", "2 week", "20160 minutes"],
        ["1 g", "1000 mg", "1000000 ug", "1000000000 ng"],
        ["1 L", "10 dL", "1000 mL"],
        ["1 IU"],
        ["1 mmol", "1000 umol"],
        ["100 %", "1"],
        ["1 kg"],
    ],
)
def test_units_of_one_kind_agree(same):
    """Singular, plural and short forms mean the same, and larger units hold the usual number of smaller ones."""
    first, *others = [quantity(text) for text in same]
    assert all(other.dimension == first.dimension for other in others)
    assert [other.value for other in others] == pytest.approx([first.value] * len(others), rel=1e-15)


def test_every_unit_has_been_compared():
    """The comparison above leaves no unit out."""
    cases = test_units_of_one_kind_agree.pytestmark[0].args[1]
    assert {text.split()[-1] for same in cases for text in same} - {"1"} == set(known_units())


@given(numbers, units)
def test_a_number_and_a_unit_read_back(number, word):
    """`x unit` is exactly x times one of that unit."""
    one = unit(word)
    assert quantity(f"{number!r} {word}") == Quantity(number * one.value, one.dimension)


@given(numbers, units, units)
def test_multiplying_by_a_unit_undoes_dividing_by_it(number, word, other):
    """x a / b * b is x a, in value and in dimension."""
    there_and_back = quantity(f"{number!r} {word} / {other} * {other}")
    assert there_and_back.value == pytest.approx(number * unit(word).value, rel=1e-14)
    assert there_and_back.dimension == unit(word).dimension


@given(numbers, numbers, units)
def test_what_follows_a_stroke_is_one_divisor(number, divisor, word):
    """x % / y unit divides by all of `y unit`."""
    found = quantity(f"{number!r} % / {divisor!r} {word}")
    assert found.value * quantity(f"{divisor!r} {word}").value == pytest.approx(number / 100, rel=1e-12)


@given(units, units)
def test_dimensions_add_and_subtract(a, b):
    """A quotient times its divisor has the first dimension again."""
    first, second = unit(a).dimension, unit(b).dimension
    assert combine(combine(first, second, -1), second, +1) == first


@given(st.integers(min_value=0, max_value=10**6))
def test_minutes_of_whole_days_and_weeks(n):
    """n weeks are 7 n days, and n days are 1440 n minutes."""
    assert minutes(f"{n} weeks") == minutes(f"{7 * n} days") == n * MINUTES_PER_WEEK
    assert minutes(f"{n} days") == n * MINUTES_PER_DAY == minutes(f"{24 * n} hours")


def test_minutes_forgives_the_last_bit_and_nothing_more():
    """A tenth of a week is 1008 minutes; half a minute is refused, not rounded."""
    assert minutes("0.1 weeks") == 1008
    with pytest.raises(UnitError, match="whole number of minutes"):
        minutes("0.5 minutes")


@pytest.mark.parametrize("text", ["3", 3, "3 mg", "1 / week", "75 %"])
def test_minutes_needs_a_time(text):
    """A duration without a unit of time is refused, and the refusal shows how to write one."""
    with pytest.raises(UnitError, match="12 weeks"):
        minutes(text)


@pytest.mark.parametrize("word", ["month", "months", "year", "years"])
def test_months_and_years_are_refused_with_the_reason(word):
    """There are no months: the refusal says to write weeks."""
    with pytest.raises(UnitError, match="say weeks"):
        quantity(f"3 {word}")


@pytest.mark.parametrize(
    ("wrong", "right"), [("wekes", "weeks"), ("Weeks", "weeks"), ("hurs", "hours"), ("ml", "mL"), ("KG", "kg")]
)
def test_an_unknown_unit_is_answered_with_the_nearest(wrong, right):
    """A misspelt unit is refused with the unit that was meant."""
    with pytest.raises(UnitError, match=f"unknown unit '{wrong}'; did you mean '{right}'"):
        quantity(f"3 {wrong}")


def test_a_unit_like_no_other_is_answered_with_all():
    """A unit near none is refused with the list of those that can be written."""
    with pytest.raises(UnitError) as refusal:
        quantity("3 parsecs")
    assert all(word in str(refusal.value) for word in known_units())


@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_not_numbers(value):
    """YAML's true and false are refused, though Python counts them as integers."""
    with pytest.raises(UnitError, match=f"found {str(value).lower()}"):
        quantity(value)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "-", "weeks", "mg/kg", "5 mg/", "/ week", "* 5", "5 // 2", "--5", "+-5", "5 -3", "2 3 weeks",
        "1 week 2", "5 weeks days", "1,000 mg", "5 mg^2", "1_000", "five weeks", "1 week and 2 days", "5 mg / (kg)",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(text):
    """Text that is not a number with a unit is refused, never half read."""
    with pytest.raises(UnitError):
        quantity(text)


@pytest.mark.parametrize("text", ["1e999", "1 / 0 weeks", float("nan"), float("inf"), -float("inf"), 10**400])
def test_only_finite_numbers(text):
    """Infinity, nan and a division by zero are refused."""
    with pytest.raises(UnitError, match="not a finite number"):
        quantity(text)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    """No text whatever brings another exception than UnitError."""
    try:
        found = quantity(text)
    except UnitError:
        return
    assert abs(found.value) < float("inf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "1"), ("%", "1 %"), ("mg/kg", "1 mg/kg"), ("L/day", "1 L/day"), ("1/week", "1/week"), ("per", None)],
)
def test_unit_products(text, expected):
    """A compound unit is the quantity of one of it."""
    if expected is None:
        with pytest.raises(UnitError, match="unknown unit 'per'"):
            unit_product(text)
    else:
        assert unit_product(text) == quantity(expected)


def test_every_dimension_has_words():
    """A dimension without a name of its own is told by its parts."""
    assert dimension_name(DOSE) == "a dose (mg/kg)"
    assert (
        dimension_name(combine(combine(VOLUME, VOLUME, +1), BODY_WEIGHT, -1)) == "a quantity in volume^2 body weight^-1"
    )
