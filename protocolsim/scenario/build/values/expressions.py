"""Numbers in a scenario: literals with units, or expressions over the scenario's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protocolsim.errors import RuleError
from protocolsim.protocol.evaluation import constant_value
from protocolsim.protocol.rules import Node, Number, dimension_of, names_in, parse
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import Names
from protocolsim.scenario.build.values.parameters import Parameters, ParameterValue
from protocolsim.scenario.file.schema import ScenarioParameter
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import (
    MINUTES_PER_WEEK,
    NONE,
    RATE,
    TIME,
    Dimension,
    Quantity,
    dimension_name,
    duration,
    is_zero_rate,
)


@dataclass(frozen=True, eq=False)
class Expressions:
    """Evaluates every number that a scenario writes in terms of its parameters.

    `faults`, `names` and `parameters` are what it evaluates with. A part of the file without numbers is read with the
    first two alone.
    """

    faults: Faults
    names: Names
    parameters: Parameters

    def read_parameters(self, parts: Mapping[str, ScenarioParameter]) -> None:
        """Settle the scenario's parameters, in file order; each may use those before it."""
        for name, part in self.names.in_order(("parameters",), parts):
            named = self._parameter(("parameters", name), part)
            if named is None:
                self.names.broken(name)
            else:
                self.parameters.settle(name, named)

    def _parameter(self, address: Address, part: ScenarioParameter) -> ParameterValue | None:
        place: Address = (*address, "value")
        node = self._node(place, part.value)
        dimension = self._dimension(place, node)
        if node is None or dimension is None:
            return None
        if any(_is_zero_rate(node, dimension, end) for end in self._ends(part)):
            dimension = RATE
        value = constant_value(node, self.parameters.values)
        bounds = self._range(address, part, dimension)
        if not abs(value) < float("inf"):
            self.faults.append(place, f"'{part.value}' is undefined")
            return None
        if bounds is None:
            return None
        low, high = bounds
        if (low is not None and value < low) or (high is not None and value > high):
            shown = " to ".join(str(b) for b in part.range or ())
            self.faults.append(place, f"{part.value} is outside its range, {shown}")
            return None
        lowest = value if low is None else low
        if part.scale == "log" and lowest <= 0.0:
            shown = str(part.value if low is None else (part.range or [""])[0])
            self.faults.append(
                (*address, "scale"), f"on a log scale every value must be above 0, and it begins at {shown}"
            )
            return None
        plausible = self._plausible(address, part, dimension, low, high)
        return ParameterValue(value, dimension, str(part.value), low, high, plausible)

    def _plausible(
        self, address: Address, part: ScenarioParameter, dimension: Dimension, low: float | None, high: float | None
    ) -> tuple[float, float] | None:
        """The values that a parameter may really have, within its range; None where there are none, or with a fault."""
        if part.plausible is None:
            return None
        place: Address = (*address, "plausible")
        ends = [self.number((*place, k), text, dimension) for k, text in enumerate(part.plausible)]
        lowest, highest = ends
        if lowest is None or highest is None:
            return None
        said = " to ".join(map(str, part.plausible))
        if lowest >= highest:
            lowest_, highest_ = part.plausible
            self.faults.append(place, f"the lowest value, {lowest_}, is not below the highest, {highest_}")
        elif (low is not None and lowest < low) or (high is not None and highest > high):
            shown = " to ".join(map(str, part.range or ()))
            self.faults.append(place, f"{said} is not within its range, {shown}")
        elif part.scale == "log" and lowest <= 0.0:
            self.faults.append(
                place, f"on a log scale every value must be above 0, and it begins at {part.plausible[0]}"
            )
        return lowest, highest

    def _ends(self, parameter: ScenarioParameter) -> list[Dimension]:
        """The dimensions of the ends of a parameter's range, as far as they can be told: faults come later."""
        try:
            return [d for end in parameter.range or () if (d := dimension_of(parse(end), self.parameters.dimensions))]
        except RuleError:
            return []

    def _range(
        self, address: Address, parameter: ScenarioParameter, dimension: Dimension
    ) -> tuple[float | None, float | None] | None:
        if parameter.range is None:
            return None, None
        ends = []
        for k, text in enumerate(parameter.range):
            place: Address = (*address, "range", k)
            node = self._node(place, text)
            result = self._dimension(place, node)
            if node is not None and result is not None and _is_zero_rate(node, result, dimension):
                result = dimension
            if result is not None and result != dimension:
                value = f"'{parameter.value}', {dimension_name(dimension)}"
                self.faults.append(
                    (*address, "value"), f"expected {dimension_name(result)}, as in its range, found {value}"
                )
                return None
            end = None if result is None else self.number(place, text, dimension)
            if end is None:
                return None
            ends.append(end)
        if ends[0] >= ends[1]:
            self.faults.append(
                (*address, "range"),
                f"the lowest value, {parameter.range[0]}, is not below the highest, {parameter.range[1]}",
            )
            return None
        return ends[0], ends[1]

    def _node(self, address: Address, text: str | float) -> Node | None:
        try:
            return parse(text)
        except RuleError as error:
            self.faults.append(address, str(error))
            return None

    def _dimension(self, address: Address, node: Node | None) -> Dimension | None:
        if node is None or not self.names.all_known(address, names_in(node), self.parameters.dimensions):
            return None
        try:
            dimension = dimension_of(node, self.parameters.dimensions)
        except RuleError as error:
            self.faults.append(address, str(error))
            return None
        if dimension is None:
            self.faults.append(address, "expected a number, found a comparison")
        return dimension

    def number(
        self,
        address: Address,
        text: str | float,
        dimension: Dimension,
        *,
        least: float | None = None,
        most: float | None = None,
        what: str = "",
    ) -> float | None:
        """A number of this dimension in internal units; None, with a fault noted, where it is not one."""
        node = self._node(address, text)
        number = self._dimension(address, node)
        if node is None or number is None:
            return None
        if number != dimension and not _is_zero_rate(node, number, dimension):
            self.faults.append(
                address, f"expected {dimension_name(dimension)}, found '{text}', {dimension_name(number)}"
            )
            return None
        value = constant_value(node, self.parameters.values)
        behind = f" ({what})" if what else ""
        if value != value or value in (float("inf"), float("-inf")):
            self.faults.append(address, f"'{text}' is undefined{behind}")
            return None
        if least is not None and value < least:
            self.faults.append(address, f"{text} is below {_shown(least, dimension)}{behind}")
            return None
        if most is not None and value > most:
            self.faults.append(address, f"{text} is above {_shown(most, dimension)}{behind}")
            return None
        return value

    def measured(self, address: Address, text: str | float) -> Quantity | None:
        """A number of any dimension, in internal units; None, with a fault noted, where it is none."""
        node = self._node(address, text)
        dimension = self._dimension(address, node)
        value = None if dimension is None else self.number(address, text, dimension)
        return None if dimension is None or value is None else Quantity(value, dimension)

    def whole(self, address: Address, text: str | float, *, least: int, most: int, what: str) -> int | None:
        """A whole number between bounds."""
        value = self.number(address, text, NONE, least=least, most=most, what=what)
        if value is not None and value != int(value):
            self.faults.append(address, f"{text} is not a whole number ({what})")
            return None
        return None if value is None else int(value)

    def minutes(self, address: Address, text: str | float, *, least: float = 0.0, what: str = "") -> int | None:
        """A duration in whole minutes, at most a hundred years."""
        value = self.number(address, text, TIME, least=least, most=5200.0 * MINUTES_PER_WEEK, what=what)
        return None if value is None else self.whole_minutes(address, text, value)

    def whole_minutes(self, address: Address, text: str | float, value: float) -> int | None:
        """A time that comes to whole minutes; None, with a fault noted, for one that would have to be rounded."""
        if abs(value - round(value)) > _EXACT:
            self.faults.append(address, f"{text} is {value:.10g} minutes, and time is counted in whole minutes")
            return None
        return round(value)


def _is_zero_rate(node: Node, found: Dimension, expected: Dimension) -> bool:
    """Whether a plain 0 stands where a rate is expected."""
    return isinstance(node, Number) and is_zero_rate(Quantity(node.value, found), expected)


_EXACT = 1e-6  # minutes: what a sum of floats may be off


def _shown(bound: float, dimension: Dimension) -> str:
    return duration(bound) if dimension == TIME else f"{bound:g}"
