"""From the protocol's `variables:` to variables, and from doses and durations that read them to what is computed."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from protocolsim.component import Trait
from protocolsim.drug.base import Drug
from protocolsim.errors import RuleError
from protocolsim.protocol.checks import closure
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.intervals import Interval, interval_of
from protocolsim.protocol.rules import Node, names_in, parse
from protocolsim.protocol.summaries import Summary
from protocolsim.protocol.variables import Assignment, Computed, ProtocolVariable
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import VariablePart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import (
    ACTIVITY,
    ACTIVITY_DOSE,
    DOSE,
    MASS,
    MINUTES_PER_WEEK,
    TIME,
    Dimension,
    dimension_name,
    unit_of,
)

_LONGEST = 5200 * MINUTES_PER_WEEK
_DOSED = {"mg": (DOSE, MASS), "IU": (ACTIVITY_DOSE, ACTIVITY)}
_UNITS = {DOSE: "mg/kg", MASS: "mg", ACTIVITY_DOSE: "IU/kg", ACTIVITY: "IU"}


def variables_of(
    parts: Mapping[str, VariablePart], q: Expressions, taken: Container[str]
) -> tuple[ProtocolVariable, ...]:
    """Every sound variable; faults go to `q.faults`. `taken`: names that mean something already."""
    variables = []
    for name, part in q.names.in_order(("protocol", "variables"), parts):
        address: Address = ("protocol", "variables", name)
        if name in taken:
            q.faults.append(address, f"'{name}' already means something else", at_key=True)
            continue
        made = _variable(address, name, part, q)
        if made is None:
            q.names.broken(name)
        else:
            variables.append(made)
    return tuple(variables)


def _variable(address: Address, name: str, part: VariablePart, q: Expressions) -> ProtocolVariable | None:
    start = q.measured((*address, "start"), part.start)
    if start is None:
        return None
    ends = [
        q.number((*address, "range", k), text, start.dimension, what=f"the range of '{name}'")
        for k, text in enumerate(part.range)
    ]
    low, high = ends
    if low is None or high is None:
        return None
    shown = " to ".join(map(str, part.range))
    if low >= high:
        said = f"the lowest value, {part.range[0]}, is not below the highest, {part.range[1]}"
        q.faults.append((*address, "range"), said)
        return None
    if not low <= start.value <= high:
        q.faults.append((*address, "start"), f"{part.start} is outside its range, {shown}")
        return None
    written = (str(part.start), *map(str, part.range))
    unit = next((u for text in written if (u := unit_of(text))), _UNITS.get(start.dimension, ""))
    if unit == "" and start.dimension == TIME:
        unit = "minutes"
    return ProtocolVariable(
        name, start.value, low, high, start.dimension, unit, part.meaning or "", (written[0], written[1], written[2]),
        part.label or "",
    )  # fmt: skip


@dataclass(frozen=True)
class Amount:
    """A dose as it is written: the amount, the same for all or computed, and its unit."""

    amount: float | Computed
    unit: str


@dataclass(frozen=True)
class ComputedNumbers:
    """Reads doses, durations and settings, which may be expressions over what differs between subjects.

    `slots` and `dimensions` are of all names that a rule may use; `traits` are those that the clinic knows.
    """

    q: Expressions
    summaries: Sequence[Summary]
    slots: Mapping[str, int]
    dimensions: Mapping[str, Dimension]
    variables: Sequence[ProtocolVariable]
    traits: Sequence[Trait]

    def dose(self, address: Address, text: str | float, drug: Drug) -> Amount | None:
        """A dose of this drug; None, with a fault noted, where it is none."""
        dimensions = _DOSED[drug.dose_unit]
        node = self._of_subject(text)
        expected = " or ".join(dimension_name(d) for d in dimensions)
        if node is None:
            found = self.q.measured(address, text)
            if found is None:
                return None
            dimension = found.dimension
        else:
            read = self.q.read(address, text, self.dimensions)
            if read is None:
                return None
            dimension = read[1]
        if dimension not in dimensions:
            self.q.faults.append(address, f"expected {expected}, found '{text}', {dimension_name(dimension)}")
            return None
        if dimension == dimensions[0] and not drug.per_weight:
            said = f"'{text}' is per weight, which '{drug.name}' does not read"
            self.q.faults.append(
                address, f"{said}; say {dimension_name(dimensions[1])}, or 'needs: weight' in its model"
            )
            return None
        if node is not None:
            low, high = interval_of(node, self._known()) or (0.0, float("inf"))
            return Amount(self._computed(str(text), node, max(0.0, low), max(0.0, high)), _UNITS[dimension])
        amount = self.q.number(address, text, dimension, least=0.0, what="dose")
        return None if amount is None else Amount(amount, _UNITS[dimension])

    def minutes(self, address: Address, text: str | float, what: str) -> int | Computed | None:
        """A duration in whole minutes, or one that is computed from variables when the state is entered."""
        node = self._of_subject(text)
        if node is None:
            return self.q.minutes(address, text, what=what)
        read = self.q.read(address, text, self.dimensions)
        if read is None:
            return None
        dimension = read[1]
        if dimension != TIME:
            self.q.faults.append(
                address, f"expected {dimension_name(TIME)}, found '{text}', {dimension_name(dimension)}"
            )
            return None
        mine = {v.name for v in self.variables}
        other = next((n for n in names_in(node) if n in self.slots and n not in mine), None)
        if other is not None:
            said = f"'{other}' is no variable: how long a state lasts is computed on entering it, from variables"
            self.q.faults.append(address, f"{said} and parameters")
            return None
        inside = interval_of(node, self._known())
        if inside is None:
            self.q.faults.append(address, f"'{text}' may be undefined, or longer than any time ({what})")
            return None
        low, high = (float(int(end + 0.5)) for end in inside)
        if inside[0] < 0.0 or high > _LONGEST:
            bound = "below 0 minutes" if inside[0] < 0.0 else "above 5200 weeks"
            self.q.faults.append(address, f"'{text}' may be {bound} within the ranges of its variables ({what})")
            return None
        return self._computed(str(text), node, low, high)

    def settings(self, address: Address, parts: Mapping[str, str | float]) -> tuple[Assignment, ...] | None:
        """What a transition sets; None, with a fault noted, where one of it is at fault."""
        numbers = {v.name: k for k, v in enumerate(self.variables)}
        declared = self.q.names.declared("protocol", "variables")
        found = []
        for name, text in parts.items():
            place: Address = (*address, name)
            known = self.q.names.known(place, "variable of the protocol", name, declared, at_key=True)
            read = self.q.read(place, text, self.dimensions)
            if not known or name not in numbers or read is None:
                continue
            node, dimension = read
            variable = self.variables[numbers[name]]
            if dimension != variable.dimension:
                wanted = f"{dimension_name(variable.dimension)}, as '{name}' is"
                self.q.faults.append(place, f"expected {wanted}, found '{text}', {dimension_name(dimension)}")
                continue
            evaluate = compiled(node, self.q.parameters.values, self.slots)
            found.append(Assignment(numbers[name], str(text), evaluate))
        return tuple(found) if len(found) == len(parts) else None

    # ---------------------------------------------------------------------------------------------------------------

    def _of_subject(self, text: str | float) -> Node | None:
        """The syntax tree of an expression over what differs between subjects; None for any other, sound or not."""
        try:
            node = parse(text)
        except RuleError:
            return None
        return node if any(name in self.slots for name in names_in(node)) else None

    def _known(self) -> dict[str, Interval]:
        """Between what and what the names of an expression lie, where that is known."""
        known: dict[str, Interval] = {name: (value, value) for name, value in self.q.parameters.values.items()}
        known |= {t.name: (t.least, t.most) for t in self.traits if -float("inf") < t.least and t.most < float("inf")}
        return known | {v.name: (v.low, v.high) for v in self.variables}

    def _computed(self, words: str, node: Node, low: float, high: float) -> Computed:
        made = {k: s.made_by for k, s in enumerate(self.summaries)}
        reads = closure({self.slots[n] for n in names_in(node) if n in self.slots}, made)
        return Computed(words, compiled(node, self.q.parameters.values, self.slots), reads, low, high)


def reads_of_settings(
    parts: Sequence[Mapping[str, str | float]], slots: Mapping[str, int], summaries: Sequence[Summary]
) -> set[int]:
    """The summaries that settings read, the variables that they set among them, so that records say what they were."""
    wanted = {slots[n] for part in parts for text in part.values() for n in names_in(parse(text)) if n in slots}
    wanted |= {slots[name] for part in parts for name in part if name in slots}
    return set(closure(wanted, {k: s.made_by for k, s in enumerate(summaries)}))
