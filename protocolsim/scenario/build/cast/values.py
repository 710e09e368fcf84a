"""The values of a component's parameters: its defaults, those of its patients, and what the scenario says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocolsim.component import Component, Parameter
from protocolsim.errors import raised, unknown
from protocolsim.scenario.build.cast.population import Arriving
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import CohortPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.settable import SettableParameter
from protocolsim.scenario.setting_names import key_of
from protocolsim.units import UnitError, in_words, unit_product


@dataclass(frozen=True)
class ModelValues:
    """What is known of the parameters of a component: their values in their own units, and what a reader is told."""

    component: str
    values: Mapping[str, float]
    rows: tuple[SettableParameter, ...]
    warnings: tuple[str, ...]


def values_of(
    component: Component, q: Expressions, come: Arriving, address: Address, called: str, given: Mapping[str, Any]
) -> ModelValues:
    """Every parameter of a component; faults go to `q.faults`.

    `address` is where the file speaks of it, `called` what it calls it, and `given` what it says there.
    """
    known = {p.name: p for p in come.parameters(component)}
    values = {p.name: p.value for p in known.values()}
    values |= _said(component, q, address, known, given)
    values |= come.told(component)
    try:
        constants = component.constants(values)
        for baseline in (h.baseline for h in component.hazards if h.baseline is not None):
            baseline(constants)
    except Exception as error:  # noqa: BLE001 - code from outside may fail in any way
        q.faults.append(address, f"'{component.name}' failed at these parameters: {raised(error)}", at_key=True)
    of_population = come.given(component)
    rows, warnings = [], []
    for p in known.values():
        changed = values[p.name] != p.value
        path = f"{'.'.join(map(str, address))}.{p.name}"
        rows.append(
            SettableParameter(
                key_of(called, p.name, path), p.name, path, component.name, p.unit, values[p.name], p.low, p.high,
                p.meaning, p.mark, p.source, str(given.get(p.name, "")), default=p.value, changed=changed,
                scale=p.scale, heading=p.label, population=come.name if p.name in of_population else "",
            )
        )  # fmt: skip
        if changed and not p.low <= values[p.name] <= p.high:
            said = f"{component.name}.{p.name} = {in_words(values[p.name], p.unit)} is outside its plausible range"
            warnings.append(f"{said.replace('  ', ' ')}, {p.low:g} to {p.high:g}")
    return ModelValues(component.name, values, tuple(rows), tuple(warnings))


def _said(
    component: Component, q: Expressions, address: Address, known: Mapping[str, Parameter], given: Mapping[str, Any]
) -> dict[str, float]:
    """What the scenario says of the parameters, as far as it is sound."""
    said: dict[str, float] = {}
    for name, text in given.items():
        place: Address = (*address, name)
        if name not in known and name == getattr(component, "on_arrival", ""):
            q.faults.append(place, "what patients arrive on is said by cohort: arrives_on", at_key=True)
        elif name not in known:
            keys = [*known, *(CohortPart.model_fields if address == ("cohort",) else ())]
            q.faults.append(place, unknown("key", name, keys), at_key=True)
        elif isinstance(text, bool) or not isinstance(text, (int, float, str)):
            q.faults.append(place, f"expected a number, such as {in_words(known[name].value, known[name].unit)}")
        else:
            value = _in_its_unit(q, place, known[name], text)
            if value is not None:
                said[name] = value
    return said


def _in_its_unit(q: Expressions, address: Address, parameter: Parameter, text: str | float) -> float | None:
    try:
        unit = unit_product(parameter.unit)
    except UnitError:
        unit = unit_product("")
    value = q.number(
        address, text, unit.dimension, what=f"{parameter.meaning}, such as {in_words(parameter.value, parameter.unit)}"
    )
    if value is None:
        return None
    value = value / unit.value
    if not parameter.lowest <= value <= parameter.most:
        beyond, end = ("below", parameter.lowest) if value < parameter.lowest else ("above", parameter.most)
        said = f"{text} is {beyond} {in_words(end, parameter.unit)} ({parameter.meaning})"
        q.faults.append(address, said)
        return None
    return value
