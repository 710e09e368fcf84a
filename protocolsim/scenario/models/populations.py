"""The populations of a declared disease: values of its parameters in other kinds of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocolsim.component import Parameter
from protocolsim.disease.base import PatientPopulation, PopulationValue
from protocolsim.errors import unknown
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.model_schema import ModelParameter, ModelPopulation, ModelPopulationValue
from protocolsim.scenario.file.models import NOTHING
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.parameters import parameter_of
from protocolsim.units import dimension_name, in_words, rounded, unit_product


def populations_of(
    faults: Faults, address: Address, parts: Mapping[str, ModelPopulation], parameters: Sequence[Parameter]
) -> tuple[PatientPopulation, ...]:
    """The populations that stand at this address; faults are noted."""
    known = {p.name: p for p in parameters}
    made: list[PatientPopulation] = []
    for name, part in parts.items():
        here: Address = (*address, name)
        if not made and part.parameters:
            said = "the first population is that of a scenario that names none: the parameters' own values are its"
            faults.append((*here, "parameters"), said, at_key=True)
        values = []
        for parameter, given in part.parameters.items():
            at: Address = (*here, "parameters", parameter)
            if parameter not in known:
                faults.append(at, unknown("parameter", parameter, known), at_key=True)
                continue
            value = _value(faults, at, known[parameter], given)
            if value is not None:
                values.append(value)
        taken = "" if part.arrives_on in (None, NOTHING) else str(part.arrives_on)
        made.append(PatientPopulation(name, part.meaning, taken, tuple(values)))
    return tuple(made)


def _value(faults: Faults, at: Address, of: Parameter, given: ModelPopulationValue) -> PopulationValue | None:
    """What one parameter is in a population; None, with a fault noted."""
    part = ModelParameter(
        value=given.value, range=given.range, meaning=of.meaning, mark=given.mark, source=given.source, scale=of.scale
    )
    read = parameter_of(faults, at, of.name, part)
    if read is None:
        return None
    unit, wanted = unit_product(read.unit), unit_product(of.unit)
    if unit.dimension != wanted.dimension:
        said = f"expected {dimension_name(wanted.dimension)}, such as {in_words(of.value, of.unit)}"
        faults.append((*at, "value"), f"{said}, found '{given.value}'")
        return None
    factor = unit.value / wanted.value
    value, low, high = (
        rounded(number * factor) if factor != 1.0 else number for number in (read.value, read.low, read.high)
    )
    if not of.lowest <= value <= of.most:
        bound = f"below {of.lowest:g}" if value < of.lowest else f"above {of.most:g}"
        faults.append((*at, "value"), f"{given.value} is {bound} {of.unit} ({of.meaning})".replace("  ", " "))
        return None
    return PopulationValue(of.name, value, low, high, given.mark, given.source or "")
