"""Numbers in a scenario: literals with units, or expressions over the scenario's parameters.

`Quantities` also collects faults, so that all of them are reported together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocolsim.errors import Fault, nearest, unknown
from protocolsim.protocol.rules import Node, RuleError, constant_value, dimension_of, names_in, parse
from protocolsim.scenario.file.schema import ScenarioParameter
from protocolsim.scenario.file.yaml_reader import Address, Document
from protocolsim.units import MINUTES_PER_WEEK, NONE, TIME, Dimension, dimension_name, duration

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a parameter or a summary may be called: what a rule can spell."""

# Where names of each kind are declared in a scenario. A fault there silences what would follow from it.
_DECLARED: Mapping[str, tuple[Address, ...]] = {
    "state": (("protocol", "states"),),
    "name": (("parameters",), ("protocol", "summaries")),
    "randomisation": (("protocol", "randomisations"),),
    "population": (("populations",),),
    "endpoint": (("endpoints",),),
    "site": (("cohort", "sites"),),
}
FROM_COMPONENTS = ("variable", "assessment", "event", "drug", "assessment or drug")
"""The kinds of names that diseases and drugs declare."""


@dataclass(frozen=True)
class Named:
    """A parameter of the scenario: its value in internal units, its dimension, and the text it was written as."""

    value: float
    dimension: Dimension
    text: str
    low: float | None
    high: float | None


class Quantities:
    """The scenario's parameters, and every number that is written in terms of them.

    `mended` are the places whose shape was at fault: what is wrong there, or above it, is not said twice. `noted`
    counts faults, those left unsaid too: whoever builds something looks whether it has grown.
    """

    def __init__(self, document: Document, mended: Iterable[Address] = ()) -> None:
        self.document = document
        self.faults: list[Fault] = []
        self.noted = 0
        self.known: dict[str, Named] = {}
        self.broken: set[str] = set()  # names with a fault of their own; using them is no second fault
        self.following: tuple[str, ...] = ()  # names that stand further down than what is being read
        self.unfit: set[Address] = set()  # where names stand that cannot be; that has been said
        self.used: set[tuple[str, str]] = set()
        self._mended = frozenset(mended)
        self._unknown: dict[tuple[str, str], list[tuple[Address, bool, Sequence[str]]]] = {}
        self._silent = {what for what, rooms in _DECLARED.items() for room in rooms if self._within_mended(room)}

    def fault(self, address: Address, message: str, *, at_key: bool = False) -> None:
        """Note a fault at this place in the file."""
        self.noted += 1
        if not self._near_mended(address):
            self.faults.append(self.document.fault(address, message, at_key=at_key))

    def _within_mended(self, address: Address) -> bool:
        return any(address[:end] in self._mended for end in range(1, len(address) + 1))

    def _near_mended(self, address: Address) -> bool:
        return self._within_mended(address) or any(m[: len(address)] == address for m in self._mended if address)

    def silence(self, *kinds: str) -> None:
        """Look up no names of these kinds: what declares them is at fault, and that has been said."""
        self._silent |= set(kinds)

    def written(self, *room: str) -> tuple[str, ...]:
        """The names that stand in a mapping of the file, sound or not."""
        here: Any = self.document.data
        for step in room:
            here = here.get(step) if isinstance(here, dict) else None
        return tuple(here) if isinstance(here, dict) else ()

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """The dimension of every parameter."""
        return {name: k.dimension for name, k in self.known.items()}

    @property
    def constants(self) -> dict[str, float]:
        """The value of every parameter, in internal units."""
        return {name: k.value for name, k in self.known.items()}

    def read_parameters(self, parameters: Mapping[str, ScenarioParameter]) -> None:
        """Take up the scenario's parameters, in file order; each may use those before it."""
        self.broken |= set(self.written("parameters")) - set(parameters)
        following = dict.fromkeys(parameters)
        for name, parameter in parameters.items():
            address: Address = ("parameters", name)
            self.broken.add(name)
            self.following = tuple(following)
            following.pop(name)
            if address in self.unfit:
                continue
            node = self._node((*address, "value"), parameter.value)
            dimension = self._dimension((*address, "value"), node)
            if node is None or dimension is None:
                continue
            value = constant_value(node, self.constants)
            bounds = self._range(address, parameter, dimension)
            if not abs(value) < float("inf"):
                self.fault((*address, "value"), f"'{parameter.value}' is undefined")
                continue
            if bounds is None:
                continue
            low, high = bounds
            if (low is not None and value < low) or (high is not None and value > high):
                shown = " to ".join(str(b) for b in parameter.range or ())
                self.fault((*address, "value"), f"{parameter.value} is outside its range, {shown}")
                continue
            self.known[name] = Named(value, dimension, str(parameter.value), low, high)
            self.broken.discard(name)
        self.following = ()

    def _range(
        self, address: Address, parameter: ScenarioParameter, dimension: Dimension
    ) -> tuple[float | None, float | None] | None:
        if parameter.range is None:
            return None, None
        ends = []
        for k, text in enumerate(parameter.range):
            place: Address = (*address, "range", k)
            result = self._dimension(place, self._node(place, text))
            if result is not None and result != dimension:
                value = f"'{parameter.value}', {dimension_name(dimension)}"
                self.fault((*address, "value"), f"expected {dimension_name(result)}, as in its range, found {value}")
                return None
            end = None if result is None else self.number(place, text, dimension)
            if end is None:
                return None
            ends.append(end)
        if ends[0] >= ends[1]:
            self.fault(
                (*address, "range"),
                f"the lowest value, {parameter.range[0]}, is not below the highest, {parameter.range[1]}",
            )
            return None
        return ends[0], ends[1]

    def _node(self, address: Address, text: str | float) -> Node | None:
        try:
            return parse(text)
        except RuleError as error:
            self.fault(address, str(error))
            return None

    def _dimension(self, address: Address, node: Node | None) -> Dimension | None:
        if node is None or not self.names_known(address, names_in(node), self.dimensions):
            return None
        try:
            dimension = dimension_of(node, self.dimensions)
        except RuleError as error:
            self.fault(address, str(error))
            return None
        if dimension is None:
            self.fault(address, "expected a number, found a comparison")
        return dimension

    def names_known(self, address: Address, names: Iterable[str], known: Iterable[str]) -> bool:
        """Whether an expression's names are all known and sound; faults for those that are not."""
        before, known = self.noted, list(known)
        sound = True
        for name in names:
            if name in self.following:
                self.used.add(("name", name))
                self.fault(address, f"'{name}' does not stand above it; an expression uses what stands before it")
            elif name in self.broken:
                self.used.add(("name", name))
                sound = False
            else:
                self.name(address, "name", name, known)
        return sound and self.noted == before

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
        if number != dimension:
            self.fault(address, f"expected {dimension_name(dimension)}, found '{text}', {dimension_name(number)}")
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
        return None if value is None else self.whole_minutes(address, text, value)

    def whole_minutes(self, address: Address, text: str | float, value: float) -> int | None:
        """A time that comes to whole minutes; None, with a fault noted, for one that would have to be rounded."""
        if abs(value - round(value)) > _EXACT:
            self.fault(address, f"{text} is {value:.10g} minutes, and time is counted in whole minutes")
            return None
        return round(value)

    def name(self, address: Address, what: str, word: str, known: Iterable[str], *, at_key: bool = False) -> bool:
        """Whether this word is known; a fault with the nearest right word where it is not."""
        names = list(known)
        self.used.add((what, word))
        if word in names:
            return True
        self.noted += 1
        if what not in self._silent and not self._near_mended(address):
            self._unknown.setdefault((what, word), []).append((address, at_key, names))
        return False

    def settle(self) -> None:
        """Turn the unknown names into faults: one for each name, however often it stands there.

        A name that several places use, and that is almost one which is declared and never used, is right;
        the declaration is wrong.
        """
        for (what, word), places in self._unknown.items():
            address, at_key, known = places[0]
            close = nearest(word, known)
            declared = self._declaration(what, close) if close is not None else None
            if len(places) > 1 and declared is not None and (what, close) not in self.used:
                self.fault(
                    declared,
                    f"nothing uses it, but {len(places)} places say '{word}'; did you mean '{word}'?",
                    at_key=True,
                )
                continue
            more = f" (it stands in {len(places)} places)" if len(places) > 1 else ""
            self.fault(address, unknown(what, word, known) + more, at_key=at_key)
        self._unknown.clear()

    def _declaration(self, what: str, word: str) -> Address | None:
        for room in _DECLARED.get(what, ()):
            if word in self.written(*(str(step) for step in room)):
                return (*room, word)
        return None


_EXACT = 1e-6  # minutes: what a sum of floats may be off


def _shown(bound: float, dimension: Dimension) -> str:
    return duration(bound) if dimension == TIME else f"{bound:g}"
