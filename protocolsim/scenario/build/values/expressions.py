"""Numbers in a scenario: literals with units, or expressions over the scenario's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from protocolsim.errors import RuleError
from protocolsim.protocol.evaluation import constant_value
from protocolsim.protocol.rules import Node, Number, dimension_of, names_in, parse
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import Names
from protocolsim.scenario.build.values.parameters import Parameters
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import (
    MINUTES_PER_WEEK,
    NONE,
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

    def read(
        self, address: Address, text: str | float, known: Mapping[str, Dimension] | None = None
    ) -> tuple[Node, Dimension] | None:
        """The syntax tree and the dimension of an expression that is a number; None, with a fault noted, for any other.

        known: the dimensions of the names that it may use; those of the scenario's parameters if left out.
        """
        parsed = self._parsed(address, text, self.parameters.dimensions if known is None else known)
        if parsed is None:
            return None
        node, dimension = parsed
        if dimension is None:
            self.faults.append(address, "expected a number, found a comparison")
        return None if dimension is None else (node, dimension)

    def comparison_or_number(
        self,
        address: Address,
        text: str | float,
        known: Mapping[str, Dimension],
        *,
        wants_truth: bool,
        all_known: Callable[[Address, Node], bool] | None = None,
    ) -> tuple[Node, Dimension | None] | None:
        """The syntax tree of a rule, or that and the dimension of a formula; None, with a fault noted, for any other.

        known: the dimensions of the names that it may use. `all_known` notes a fault for others, where it has more to
        say of them than that they are unknown.
        """
        parsed = self._parsed(address, text, known, all_known)
        if parsed is not None and (parsed[1] is None) != wants_truth:
            wanted, found = ("a comparison", "a number") if wants_truth else ("a number", "a comparison")
            self.faults.append(address, f"expected {wanted}, found {found}: '{text}'")
            return None
        return parsed

    def _parsed(
        self,
        address: Address,
        text: str | float,
        known: Mapping[str, Dimension],
        all_known: Callable[[Address, Node], bool] | None = None,
    ) -> tuple[Node, Dimension | None] | None:
        """The syntax tree and the dimension, None of a comparison; None, with a fault noted, for what is neither."""
        try:
            node = parse(text)
            sound = all_known(address, node) if all_known else self.names.all_known(address, names_in(node), known)
            return (node, dimension_of(node, known)) if sound else None
        except RuleError as error:
            self.faults.append(address, str(error))
            return None

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
        read = self.read(address, text)
        if read is None:
            return None
        node, number = read
        if number != dimension and not stands_for_rate(node, number, dimension):
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
        read = self.read(address, text)
        if read is None:
            return None
        value = self.number(address, text, read[1])
        return None if value is None else Quantity(value, read[1])

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


def stands_for_rate(node: Node, found: Dimension, expected: Dimension) -> bool:
    """Whether a plain 0 stands where a rate is expected."""
    return isinstance(node, Number) and is_zero_rate(Quantity(node.value, found), expected)


_EXACT = 1e-6  # minutes: what a sum of floats may be off


def _shown(bound: float, dimension: Dimension) -> str:
    return duration(bound) if dimension == TIME else f"{bound:g}"
