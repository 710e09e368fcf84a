"""The values that a parameter takes in a sweep, read from `LOW:HIGH:STEP` or a list, and exact in decimals.

Either all numbers carry the same unit, or those without one take it from those that have it (`1:3:0.5 mg/kg`). With
`%` that would be ambiguous, as 0.95 may be 95 %: there each number but zero says what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal

import numpy as np

from protocolsim.errors import UsageError, digits
from protocolsim.units import NONE, UnitError, quantity, split, unit_product

MOST_POINTS = 2_000
FORM = "NAME=LOW:HIGH:STEP or NAME=VALUE,VALUE,..."

_EQUAL = Decimal("1e-9")
_SIX_DIGITS = Context(prec=6)

Settable = str | int | float


@dataclass(frozen=True)
class Axis:
    """One varied parameter: its name as given, and its values as numbers in `unit` ("" for plain numbers).

    `log`: figures show them on a log scale.

    `settings` are the same values as a scenario file would hold them. `own` is what the scenario itself says, in that
    unit; None where that is no single number.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    settings: tuple[Settable, ...]
    own: float | None = None
    log: bool = False


def axis(name: str, given: object, *, log: bool = False) -> Axis:
    """The values that "LOW:HIGH:STEP", a list "1,2,5" or a sequence of numbers means.

    `log`: the parameter has a log scale, and the range is LOW:HIGH:NUMBER, so many values at equal factors.
    The highest value belongs to a range where it lies within a billionth of a step. Raises UsageError for what
    cannot be read, a unit that is missing or differs, an empty range, a step of zero or of the wrong sign, a value that
    stands there twice, and more than two thousand values.
    """
    where = f"--vary {name}={given}" if isinstance(given, str) else f"--vary {name}"
    is_range = isinstance(given, str) and ":" in given
    if isinstance(given, str):
        parts = given.split(":" if is_range else ",")
    elif isinstance(given, np.ndarray):
        parts = [str(v) for v in given.ravel()]
    elif isinstance(given, Iterable) and not isinstance(given, Mapping):
        parts = [_as_text(v) for v in given]
    else:
        parts = [_as_text(given)]
    if not any(p.strip() for p in parts):
        raise UsageError(f"{where}: there is nothing to vary over; expected {FORM}")
    if is_range and len(parts) != 3:
        raise UsageError(f"{where}: expected LOW:HIGH:STEP, found {len(parts)} numbers")
    number = parts.pop().strip() if log and is_range else ""
    numbers, unit = _in_one_unit(where, [_read(where, part) for part in parts])
    if log:
        values = _by_factors(where, numbers[0], numbers[1], number) if is_range else numbers
        if min(values) <= 0:
            raise UsageError(f"{where}: it has a log scale, on which every value must be above 0")
    else:
        values = _between(where, *numbers) if is_range else numbers
    again = next((v for k, v in enumerate(values) if v in values[:k]), None)
    if again is not None:
        raise UsageError(f"{where}: {_written(again, unit)} stands there twice")
    return Axis(name, unit, tuple(float(v) for v in values), tuple(_written(v, unit) for v in values), log=log)


def _as_text(value: object) -> str:
    """A number as it is written."""
    try:
        return str(value)
    except ValueError:  # Python writes no integer of more than some thousand digits
        return digits(value)


def _read(where: str, part: str) -> tuple[Decimal, str]:
    """A number as it was written, and its unit ("" for none)."""
    parts = split(part)
    if parts is None:
        raise UsageError(f"{where}: cannot read '{part.strip()}' as a number with a unit; expected {FORM}")
    try:
        quantity(part)
    except UnitError as error:
        raise UsageError(f"{where}: {error}") from None
    number, unit = Decimal(parts[0]), parts[1]
    if number != 0 and float(number) == 0.0:
        raise UsageError(f"{where}: {part.strip()} is nearer to zero than any number that is told from it")
    return number, unit


def _in_one_unit(where: str, parts: Sequence[tuple[Decimal, str]]) -> tuple[list[Decimal], str]:
    """The numbers, and the unit that all of them are in."""
    written = list(dict.fromkeys(unit for _, unit in parts if unit))
    if not written:
        return [number for number, _ in parts], ""
    # "1 week" and "4 weeks" are the same unit; the longer word reads well for both.
    unit = max(written, key=len)
    other = next((u for u in written if unit_product(u) != unit_product(unit)), None)
    if other is not None:
        raise UsageError(f"{where}: write all numbers in the same unit, and not in '{other}' and '{unit}'")
    bare = next((n for n, u in parts if not u and n != 0), None)
    if bare is not None and unit_product(unit).dimension == NONE:
        raise UsageError(f"{where}: write '{unit}' at each number; {bare} without it is another number")
    return [number for number, _ in parts], unit


def _between(where: str, low: Decimal, high: Decimal, step: Decimal) -> list[Decimal]:
    """From the lowest to the highest, both included; downwards where the step is negative."""
    if step == 0:
        raise UsageError(f"{where}: the step is zero")
    if low == high:
        raise UsageError(f"{where}: the range is empty, it begins and ends at {low}; for one value write it alone")
    if (high > low) != (step > 0):
        towards = "below zero" if step > 0 else "above zero"
        raise UsageError(f"{where}: the range is empty; from {low} to {high} the step must be {towards}")
    number = ((high - low) / step + _EQUAL).to_integral_value(ROUND_FLOOR) + 1
    if number > MOST_POINTS:
        shown = f"{int(number):,}" if number < Decimal("1e15") else f"{number:.1e}"
        raise UsageError(f"{where}: that is {shown} points, more than {MOST_POINTS:,}")
    if number < 2:
        raise UsageError(f"{where}: the step, {step}, is longer than the range; for one value write it alone")
    between = [low + k * step for k in range(int(number))]
    return [high if abs(v - high) <= _EQUAL * abs(step) else v for v in between]


def _by_factors(where: str, low: Decimal, high: Decimal, number: str) -> list[Decimal]:
    """So many values from the lowest to the highest, each the same factor above the one before, to six digits."""
    if not (number.isascii() and number.isdigit() and 1 < int(number[:9]) <= MOST_POINTS and len(number) < 9):
        said = f"expected LOW:HIGH:NUMBER, how many values from 2 to {MOST_POINTS:,}, since it has a log scale"
        raise UsageError(f"{where}: {said}; found '{number}'")
    if min(low, high) <= 0:
        raise UsageError(f"{where}: it has a log scale, on which every value must be above 0")
    if low == high:
        raise UsageError(f"{where}: the range is empty, it begins and ends at {low}; for one value write it alone")
    last = int(number) - 1
    inner = [low * (high / low) ** (Decimal(k) / last) for k in range(1, last)]
    return [low, *(_SIX_DIGITS.create_decimal(v) for v in inner), high]


def _written(value: Decimal, unit: str) -> Settable:
    """A value as a scenario file would hold it."""
    if unit:
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return f"{text} {unit}"
    return int(value) if value == value.to_integral_value() and abs(value) < 1 << 53 else float(value)
