"""The scenario's own parameters, read in file order: their values, ranges and plausible values."""

from __future__ import annotations

from collections.abc import Mapping

from protocolsim.errors import RuleError
from protocolsim.protocol.evaluation import constant_value
from protocolsim.protocol.rules import dimension_of, parse
from protocolsim.scenario.build.values.expressions import Expressions, stands_for_rate
from protocolsim.scenario.build.values.parameters import ParameterValue
from protocolsim.scenario.file.schema import ScenarioParameter
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import RATE, Dimension, dimension_name


def read_parameters(q: Expressions, parts: Mapping[str, ScenarioParameter]) -> None:
    """Settle the scenario's parameters, in file order; each may use those before it."""
    for name, part in q.names.in_order(("parameters",), parts):
        named = _parameter(q, ("parameters", name), part)
        if named is None:
            q.names.broken(name)
        else:
            q.parameters.settle(name, named)


def _parameter(q: Expressions, address: Address, part: ScenarioParameter) -> ParameterValue | None:
    place: Address = (*address, "value")
    read = q.read(place, part.value)
    if read is None:
        return None
    node, dimension = read
    if any(stands_for_rate(node, dimension, end) for end in _ends(q, part)):
        dimension = RATE
    value = constant_value(node, q.parameters.values)
    bounds = _range(q, address, part, dimension)
    if not abs(value) < float("inf"):
        q.faults.append(place, f"'{part.value}' is undefined")
        return None
    if bounds is None:
        return None
    low, high = bounds
    if (low is not None and value < low) or (high is not None and value > high):
        shown = " to ".join(str(b) for b in part.range or ())
        q.faults.append(place, f"{part.value} is outside its range, {shown}")
        return None
    lowest = value if low is None else low
    if part.scale == "log" and lowest <= 0.0:
        shown = str(part.value if low is None else (part.range or [""])[0])
        q.faults.append((*address, "scale"), f"on a log scale every value must be above 0, and it begins at {shown}")
        return None
    plausible = _plausible(q, address, part, dimension, low, high)
    return ParameterValue(value, dimension, str(part.value), low, high, plausible)


def _plausible(
    q: Expressions,
    address: Address,
    part: ScenarioParameter,
    dimension: Dimension,
    low: float | None,
    high: float | None,
) -> tuple[float, float] | None:
    """The values that a parameter may really have, within its range; None where there are none, or with a fault."""
    if part.plausible is None:
        return None
    place: Address = (*address, "plausible")
    ends = [q.number((*place, k), text, dimension) for k, text in enumerate(part.plausible)]
    lowest, highest = ends
    if lowest is None or highest is None:
        return None
    said = " to ".join(map(str, part.plausible))
    if lowest >= highest:
        lowest_, highest_ = part.plausible
        q.faults.append(place, f"the lowest value, {lowest_}, is not below the highest, {highest_}")
    elif (low is not None and lowest < low) or (high is not None and highest > high):
        shown = " to ".join(map(str, part.range or ()))
        q.faults.append(place, f"{said} is not within its range, {shown}")
    elif part.scale == "log" and lowest <= 0.0:
        q.faults.append(place, f"on a log scale every value must be above 0, and it begins at {part.plausible[0]}")
    return lowest, highest


def _ends(q: Expressions, parameter: ScenarioParameter) -> list[Dimension]:
    """The dimensions of the ends of a parameter's range, as far as they can be told: faults come later."""
    try:
        return [d for end in parameter.range or () if (d := dimension_of(parse(end), q.parameters.dimensions))]
    except RuleError:
        return []


def _range(
    q: Expressions, address: Address, parameter: ScenarioParameter, dimension: Dimension
) -> tuple[float | None, float | None] | None:
    if parameter.range is None:
        return None, None
    ends = []
    for k, text in enumerate(parameter.range):
        place: Address = (*address, "range", k)
        read = q.read(place, text)
        if read is None:
            return None
        node, result = read
        if stands_for_rate(node, result, dimension):
            result = dimension
        if result != dimension:
            value = f"'{parameter.value}', {dimension_name(dimension)}"
            q.faults.append((*address, "value"), f"expected {dimension_name(result)}, as in its range, found {value}")
            return None
        end = q.number(place, text, dimension)
        if end is None:
            return None
        ends.append(end)
    if ends[0] >= ends[1]:
        q.faults.append(
            (*address, "range"),
            f"the lowest value, {parameter.range[0]}, is not below the highest, {parameter.range[1]}",
        )
        return None
    return ends[0], ends[1]
