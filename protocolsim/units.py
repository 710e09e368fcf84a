"""Quantities with units: `12 weeks`, `1 mg/kg`, `75 %`, `0.009 / 4 weeks`.

A dimension is the exponents of (time, mass, volume, body weight, activity, substance). Inside, time is in minutes,
mass in mg, volume in L, body weight in kg, biological activity in IU, substance in mmol; shares and counts have no
dimension. There are no months: a trial's months are four weeks here, and the file says weeks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from protocolsim.errors import nearest

MINUTES_PER_DAY = 1440
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY

Dimension = tuple[int, int, int, int, int, int]
NONE: Dimension = (0, 0, 0, 0, 0, 0)
TIME: Dimension = (1, 0, 0, 0, 0, 0)
MASS: Dimension = (0, 1, 0, 0, 0, 0)
VOLUME: Dimension = (0, 0, 1, 0, 0, 0)
BODY_WEIGHT: Dimension = (0, 0, 0, 1, 0, 0)
ACTIVITY: Dimension = (0, 0, 0, 0, 1, 0)
SUBSTANCE: Dimension = (0, 0, 0, 0, 0, 1)
DOSE: Dimension = (0, 1, 0, -1, 0, 0)
ACTIVITY_DOSE: Dimension = (0, 0, 0, -1, 1, 0)
RATE: Dimension = (-1, 0, 0, 0, 0, 0)
CONCENTRATION: Dimension = (0, 1, -1, 0, 0, 0)
FLOW: Dimension = (-1, 0, 1, 0, 0, 0)
MOLARITY: Dimension = (0, 0, -1, 0, 0, 1)
ACTIVITY_CONCENTRATION: Dimension = (0, 0, -1, 0, 1, 0)

_UNITS: dict[str, tuple[float, Dimension]] = {
    "%": (0.01, NONE),
    "minute": (1.0, TIME),
    "minutes": (1.0, TIME),
    "hour": (60.0, TIME),
    "hours": (60.0, TIME),
    "h": (60.0, TIME),
    "day": (float(MINUTES_PER_DAY), TIME),
    "days": (float(MINUTES_PER_DAY), TIME),
    "d": (float(MINUTES_PER_DAY), TIME),
    "week": (float(MINUTES_PER_WEEK), TIME),
    "weeks": (float(MINUTES_PER_WEEK), TIME),
    "mg": (1.0, MASS),
    "ug": (1e-3, MASS),
    "ng": (1e-6, MASS),
    "g": (1000.0, MASS),
    "L": (1.0, VOLUME),
    "dL": (0.1, VOLUME),
    "mL": (1e-3, VOLUME),
    "kg": (1.0, BODY_WEIGHT),
    "IU": (1.0, ACTIVITY),
    "mmol": (1.0, SUBSTANCE),
    "umol": (1e-3, SUBSTANCE),
}
_NO_UNIT = {"month": "4 weeks", "months": "4 weeks", "year": "52 weeks", "years": "52 weeks"}
_DIMENSION_NAMES: dict[Dimension, str] = {
    NONE: "a plain number or a share",
    TIME: "a time (minutes, hours, days, weeks)",
    MASS: "a mass (mg)",
    VOLUME: "a volume (L)",
    BODY_WEIGHT: "a body weight (kg)",
    ACTIVITY: "an activity (IU)",
    SUBSTANCE: "an amount of substance (mmol)",
    DOSE: "a dose (mg/kg)",
    ACTIVITY_DOSE: "a dose (IU/kg)",
    RATE: "a rate (such as '1 % / 4 weeks')",
    CONCENTRATION: "a concentration (mg/L)",
    MOLARITY: "a concentration (mmol/L)",
    ACTIVITY_CONCENTRATION: "a concentration (IU/L)",
}
USUAL_UNITS: dict[Dimension, str] = {
    MASS: "mg",
    BODY_WEIGHT: "kg",
    ACTIVITY: "IU",
    DOSE: "mg/kg",
    ACTIVITY_DOSE: "IU/kg",
}
"""The unit in which a reader is told a number of these dimensions: the one it is kept in."""

_BASE = ("time", "mass", "volume", "body weight", "activity", "substance")
NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A number without its sign, as a pattern: rules, quantities, axes and targets read the same."""

_NUMBER_AND_UNIT = re.compile(
    rf"\s*(?P<number>[+-]?{NUMBER})\s*(?P<unit>(?:/\s*[0-9. ]*)?(?:%|[A-Za-z]).*?)?\s*", re.DOTALL
)
_SIGNED = re.compile(r"\s*(?P<sign>[+-]?)(?P<body>.*)", re.DOTALL)
_TERM = re.compile(rf"\s*(?P<number>{NUMBER})?\s*(?P<unit>%|[A-Za-z]+)?\s*")


@dataclass(frozen=True)
class Quantity:
    """A number in internal units, and its dimension."""

    value: float
    dimension: Dimension


class UnitError(ValueError):
    """A quantity that cannot be read, or whose unit does not fit; the message says why."""


def in_words(value: float, unit: str) -> str:
    """A number and its unit in words, which `quantity` reads: '1 week', '8 weeks', '0.2', '0.009 / 4 weeks'."""
    one = unit.removesuffix("s")
    return f"{value:g} {one if value == 1 and one in _UNITS else unit_in_words(unit)}".rstrip()


def unit_in_words(unit: str) -> str:
    """A unit as it stands behind a number: '/ 4 weeks' for '1/4 weeks', others as they are."""
    return f"/ {unit[2:].lstrip()}" if unit.startswith("1/") else unit


def is_zero_rate(given: Quantity, dimension: Dimension) -> bool:
    """Whether a plain 0 stands where a rate is expected: no rate at all needs no unit."""
    return dimension == RATE and given == Quantity(0.0, NONE)


_LENGTHS: Mapping[str, int] = {"weeks": MINUTES_PER_WEEK, "days": MINUTES_PER_DAY, "hours": 60, "minutes": 1}


def duration(minutes: float, written_in: str = "weeks") -> str:
    """A time in words: '12 weeks', '1 day', '90 minutes'. The one place that says times.

    In the unit that a file writes its times in (see `usual_time_unit`) or, where that does not divide it, in the
    largest below it that does.
    """
    units = list(_LENGTHS)
    offered = units[units.index(written_in) :]
    unit = next((u for u in offered if minutes % _LENGTHS[u] == 0), "minutes")
    return in_words(minutes / _LENGTHS[unit], unit)


def usual_time_unit(written: Iterable[str]) -> str:
    """The unit in which most of these times are written: 'days' of '10 days', '28 days', '2 weeks'. Weeks for none."""
    found = [_spelled(parts[1]) for text in written if (parts := split(text)) is not None]
    return max(_LENGTHS, key=found.count)


def _spelled(unit: str) -> str:
    """A unit of time as it is listed: 'weeks' for 'week', 'days' for 'd'."""
    return {"h": "hours", "d": "days"}.get(unit, unit if unit.endswith("s") else f"{unit}s")


def dimension_name(dimension: Dimension) -> str:
    """The dimension in a reader's words."""
    if dimension in _DIMENSION_NAMES:
        return _DIMENSION_NAMES[dimension]
    parts = zip(_BASE, dimension, strict=True)
    return "a quantity in " + " ".join(f"{name}^{power}" for name, power in parts if power)


def combine(a: Dimension, b: Dimension, sign: int) -> Dimension:
    """The dimension of a product (sign +1) or a quotient (sign -1)."""
    time, mass, volume, weight, activity, substance = (x + sign * y for x, y in zip(a, b, strict=True))
    return (time, mass, volume, weight, activity, substance)


def base_unit(dimension: Dimension) -> str:
    """The unit of this dimension in which values are kept: 'mg/L', 'kg', '1/minute'; '' for a plain number."""
    names = ("minutes", "mg", "L", "kg", "IU", "mmol")
    above = [n for n, power in zip(names, dimension, strict=True) for _ in range(power)]
    below = [n.removesuffix("s") for n, power in zip(names, dimension, strict=True) for _ in range(-power)]
    return "/".join(["*".join(above) if above or not below else "1", *below])


def in_reading_unit(value: float, dimension: Dimension, units: Mapping[Dimension, str]) -> tuple[float, str]:
    """An internal value as a reader is told it: in the unit that `units` has for its dimension, or a usual one."""
    if dimension in units:
        return value / unit_product(units[dimension]).value, units[dimension]
    return value, USUAL_UNITS.get(dimension, base_unit(dimension))


def known_units() -> tuple[str, ...]:
    """Every unit that can be written."""
    return tuple(_UNITS)


def unit(word: str) -> Quantity:
    """One unit by name, as the quantity of 1 of it."""
    if word in _UNITS:
        return Quantity(*_UNITS[word])
    if word in _NO_UNIT:
        raise UnitError(f"there is no unit '{word}'; say weeks (a trial's month is 4 weeks, a year is 52 weeks)")
    same_letters = [name for name in _UNITS if name.lower() == word.lower()]
    close = same_letters[0] if same_letters else nearest(word, _UNITS)
    hint = f"; did you mean '{close}'?" if close else f"; known: {', '.join(_UNITS)}"
    raise UnitError(f"unknown unit '{word}'{hint}")


@lru_cache(maxsize=256)  # the constants of a model are made anew for each draw of its parameters
def unit_product(text: str) -> Quantity:
    """The quantity of 1 in a compound unit: `L/day`, `mg/kg`, `1/week`, or '' for a plain number."""
    return quantity(f"1 {text}") if text and not text[0].isdigit() else quantity(text or "1")


def split(text: str) -> tuple[str, str] | None:
    """A number as it is written, and its unit ("" for none); None for what is no single number with a unit."""
    match = _NUMBER_AND_UNIT.fullmatch(text)
    return None if match is None else (match["number"], " ".join((match["unit"] or "").split()))


def unit_of(text: str | float) -> str | None:
    """The unit that a number is written in, "" for none; None for an expression."""
    parts = split(str(text))
    return None if parts is None else parts[1]


def rounded(value: float) -> float:
    """A number to twelve digits: 0.75 in per cent is 75, and not the float beside it."""
    return float(f"{value:.12g}")


def with_unit(number: float, unit: str) -> str:
    """A number in a unit as a scenario file holds it: '75 %', '0.5 /week' for a unit of '1/week'."""
    return f"{number:.12g} {unit.removeprefix('1') if unit.startswith('1/') else unit}".rstrip()


def in_unit(given: Quantity, unit: str) -> float | None:
    """A quantity as a multiple of a unit, rounded; None where its dimension is another (0 is a rate, too)."""
    one = unit_product(unit)
    fits = given.dimension == one.dimension or is_zero_rate(given, one.dimension)
    return rounded(given.value / one.value) if fits else None


def quantity(text: str | float) -> Quantity:
    """A written quantity (`2 mg/kg`, `0.36 L/day`, `0.9 % / 4 weeks`) in internal units.

    A number, then at most one unit; more of both after `*` and `/`, where the number may be left out.
    What follows a stroke is one divisor: `1 % / 4 weeks` divides by four weeks.
    Raises UnitError, saying what could not be read.
    """
    if isinstance(text, bool):
        raise UnitError(f"expected a number with a unit, found {str(text).lower()}")
    try:
        result = Quantity(float(text), NONE) if isinstance(text, (int, float)) else _read(text)
    except (OverflowError, ZeroDivisionError):
        raise UnitError(f"'{text}' is not a finite number") from None
    if not abs(result.value) < float("inf"):  # neither infinite nor nan
        raise UnitError(f"'{text}' is not a finite number")
    return result


def _read(text: str) -> Quantity:
    signed = _SIGNED.fullmatch(text)
    if signed is None or not signed["body"].strip():
        raise UnitError("expected a number with a unit, found nothing")
    value, dimension = 1.0, NONE
    # Terms and the operators between them, in turn; the first term is multiplied.
    pieces = ["*", *re.split(r"([*/])", signed["body"])]
    for place, (operator, term) in enumerate(zip(pieces[::2], pieces[1::2], strict=True)):
        match = _TERM.fullmatch(term)
        if match is None or not (match["number"] or (match["unit"] and place > 0)):
            raise UnitError(f"cannot read '{text}' as a number with a unit (such as '12 weeks' or '1 mg/kg')")
        number = float(match["number"] or 1.0)
        measure = unit(match["unit"]) if match["unit"] else Quantity(1.0, NONE)
        factor = number * measure.value
        value = value * factor if operator == "*" else value / factor
        dimension = combine(dimension, measure.dimension, 1 if operator == "*" else -1)
    return Quantity(-value if signed["sign"] == "-" else value, dimension)


def minutes(text: str | float) -> int:
    """A written duration in whole minutes. Raises UnitError where it is not one."""
    result = quantity(text)
    if result.dimension != TIME:
        raise UnitError(f"expected a time with a unit (such as '12 weeks'), found '{text}'")
    whole = round(result.value)
    # 0.1 weeks is 1008 minutes but for the last bit of the product.
    if abs(result.value - whole) > 1e-6:
        raise UnitError(f"expected a whole number of minutes, found '{text}', which is {result.value:g} minutes")
    return whole
