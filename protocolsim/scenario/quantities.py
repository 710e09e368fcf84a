"""Numbers in a scenario: literals with units, or expressions over the scenario's parameters.

`Quantities` also collects faults, so that all of them are reported together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocolsim.errors import Fault, unknown
from protocolsim.protocol.rules import RESERVED, Node, RuleError, constant_value, dimension_of, names_in, parse
from protocolsim.scenario.reader import Address, Document
from protocolsim.scenario.schema import Knob
from protocolsim.units import MINUTES_PER_WEEK, NONE, TIME, Dimension, dimension_name


@dataclass(frozen=True)
class Named:
    """A parameter of the scenario: its value in internal units, its dimension, and the text it was written as."""

    value: float
    dimension: Dimension
    text: str
    low: float | None
    high: float | None


class Quantities:
    """The scenario's parameters, and every number that is written in terms of them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[Fault] = []
        self.known: dict[str, Named] = {}
        self._broken: set[str] = set()  # parameters with a fault of their own; using them is no second fault

    def fault(self, address: Address, message: str, *, at_key: bool = False) -> None:
        """Note a fault at this place in the file."""
        self.faults.append(self.document.fault(address, message, at_key=at_key))

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """The dimension of every parameter."""
        return {name: k.dimension for name, k in self.known.items()}

    @property
    def constants(self) -> dict[str, float]:
        """The value of every parameter, in internal units."""
        return {name: k.value for name, k in self.known.items()}

    def read_parameters(self, parameters: Mapping[str, Knob]) -> None:
        """Take up the scenario's parameters, in file order; each may use those before it."""
        self._broken |= set(parameters)
        for name, knob in parameters.items():
            address: Address = ("parameters", name)
            if name in RESERVED or not name.isidentifier():
                self.fault(address, f"'{name}' cannot name a parameter; use letters, digits and _, and no unit", at_key=True)
                continue
            node = self._node((*address, "value"), knob.value)
            dimension = self._dimension((*address, "value"), node)
            if node is None or dimension is None:
                continue
            value = constant_value(node, self.constants)
            bounds = self._range(address, knob, dimension)
            if bounds is None:
                continue
            low, high = bounds
            if (low is not None and value < low) or (high is not None and value > high) or value != value:
                shown = " to ".join(str(b) for b in knob.range or ())
                self.fault((*address, "value"), f"{knob.value} is outside its range, {shown}")
                continue
            self.known[name] = Named(value, dimension, str(knob.value), low, high)
            self._broken.discard(name)

    def _range(self, address: Address, knob: Knob, dimension: Dimension) -> tuple[float | None, float | None] | None:
        if knob.range is None:
            return None, None
        ends = []
        for k, text in enumerate(knob.range):
            end = self.number((*address, "range", k), text, dimension)
            if end is None:
                return None
            ends.append(end)
        if ends[0] >= ends[1]:
            self.fault((*address, "range"), f"the lowest value, {knob.range[0]}, is not below the highest, {knob.range[1]}")
            return None
        return ends[0], ends[1]

    def _node(self, address: Address, text: str | float) -> Node | None:
        try:
            return parse(text)
        except RuleError as error:
            self.fault(address, str(error))
            return None

    def _dimension(self, address: Address, node: Node | None) -> Dimension | None:
        if node is None or self._uses_broken(names_in(node)):
            return None
        try:
            found = dimension_of(node, self.dimensions)
        except RuleError as error:
            self.fault(address, str(error))
            return None
        if found is None:
            self.fault(address, "expected a number, found a comparison")
        return found

    def _uses_broken(self, names: Iterable[str]) -> bool:
        return any(name in self._broken for name in names)

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
        found = self._dimension(address, node)
        if node is None or found is None:
            return None
        if found != dimension:
            self.fault(address, f"expected {dimension_name(dimension)}, found '{text}', {dimension_name(found)}")
            return None
        value = constant_value(node, self.constants)
        behind = f" ({what})" if what else ""
        if value != value or value in (float("inf"), float("-inf")):
            self.fault(address, f"'{text}' is undefined{behind}")
            return None
        if least is not None and value < least:
            self.fault(address, f"{text} is below {_shown(least, dimension)}{behind}")
            return None
        if most is not None and value > most:
            self.fault(address, f"{text} is above {_shown(most, dimension)}{behind}")
            return None
        return value

    def whole(self, address: Address, text: str | float, *, least: int, most: int, what: str) -> int | None:
        """A whole number between bounds."""
        value = self.number(address, text, NONE, least=least, most=most, what=what)
        if value is not None and value != int(value):
            self.fault(address, f"{text} is not a whole number ({what})")
            return None
        return None if value is None else int(value)

    def minutes(self, address: Address, text: str | float, *, least: float = 0.0, what: str = "") -> int | None:
        """A duration in whole minutes, at most a hundred years."""
        value = self.number(address, text, TIME, least=least, most=5200.0 * MINUTES_PER_WEEK, what=what)
        return None if value is None else round(value)

    def name(self, address: Address, what: str, word: str, known: Iterable[str], *, at_key: bool = False) -> bool:
        """Whether this word is known; a fault with the nearest right word where it is not."""
        names = list(known)
        if word in names:
            return True
        self.fault(address, unknown(what, word, names), at_key=at_key)
        return False


def _shown(bound: float, dimension: Dimension) -> str:
    if dimension == TIME:
        return f"{bound / MINUTES_PER_WEEK:g} weeks"
    return f"{bound:g}"
