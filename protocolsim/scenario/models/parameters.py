"""The parameters of a declared model: numbers with units, ranges and how they are known."""

from __future__ import annotations

from protocolsim.component import Parameter
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.model_schema import ModelParameter
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE, UnitError, dimension_name, in_unit, quantity, split, unit_product

_INF = float("inf")


def parameter_of(faults: Faults, address: Address, name: str, part: ModelParameter) -> Parameter | None:
    """A parameter of a declared model; None, with faults noted."""
    parts = split(str(part.value))
    if parts is None:
        faults.append(
            (*address, "value"), f"expected a number with a unit, such as 8.6 % or 4 days, found '{part.value}'"
        )
        return None
    unit = parts[1]
    numbers = _numbers(faults, address, part, unit)
    if numbers is None:
        return None
    value, low, high = numbers[:3]
    if low >= high:
        faults.append(
            (*address, "range"), f"the lowest value, {part.range[0]}, is not below the highest, {part.range[1]}"
        )
        return None
    if not low <= value <= high:
        faults.append((*address, "value"), f"{part.value} is outside its range, {part.range[0]} to {part.range[1]}")
        return None
    if part.mark in ("F", "F2") and part.source is None:
        faults.append(address, f"mark {part.mark} says that it was found: 'source' is missing here", at_key=True)
        return None
    if part.scale == "log" and low <= 0.0:
        faults.append((*address, "range"), f"a log scale has no {part.range[0]}; its range is above 0")
        return None
    rest = iter(numbers[3:])
    least = next(rest) if part.least is not None else None
    most = next(rest) if part.most is not None else None
    beyond = _beyond((low, high), least, most)
    if beyond is not None:
        said = f"its range, {part.range[0]} to {part.range[1]}, goes beyond it; nothing there is accepted"
        faults.append((*address, beyond), said)
        return None
    if least is None and low < 0.0:
        least = -_INF
    return Parameter(
        name, value, unit, low, high, part.mark, part.source or "", part.meaning, least=least,
        most=_INF if most is None else most, scale=part.scale, label=part.label or "",
    )  # fmt: skip


def _beyond(ends: tuple[float, float], least: float | None, most: float | None) -> str | None:
    """The bound that a range goes beyond."""
    if least is not None and ends[0] < least:
        return "at least"
    return "at most" if most is not None and ends[1] > most else None


def _numbers(faults: Faults, address: Address, part: ModelParameter, unit: str) -> list[float] | None:
    """Its value, the ends of its range, and the bounds that are given, in this unit; None, with a fault noted."""
    numbers: list[float] = []
    texts = [("value", part.value), (("range", 0), part.range[0]), (("range", 1), part.range[1])]
    texts += [(key, text) for key, text in (("at least", part.least), ("at most", part.most)) if text is not None]
    for key, text in texts:
        place: Address = (*address, *(key if isinstance(key, tuple) else (key,)))
        try:
            found = quantity(text)
            value = in_unit(found, unit)
        except UnitError as error:
            faults.append(place, str(error))
            return None
        if value is None and found.value == 0.0 and found.dimension == NONE:
            value = 0.0
        if value is None:
            said = f"expected {dimension_name(unit_product(unit).dimension)}, as its value, found '{text}'"
            faults.append(place, said)
            return None
        numbers.append(value)
    return numbers
