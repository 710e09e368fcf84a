"""From the file's `effect:` to an Effect: which parameter is what the treatment does, and a trial without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import EffectPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.scenario import Effect
from protocolsim.scenario.settable import SettableParameter
from protocolsim.units import Dimension

_EFFECT: Address = ("effect",)


def effect_of(part: EffectPart | None, q: Expressions, rows: Sequence[SettableParameter]) -> Effect | None:
    """The effect, or None where the scenario declares none or it has faults, which go to `q.faults`."""
    if part is None:
        return None
    dimensions = {row.key: row.dimension for row in rows}
    dimensions |= {name: named.dimension for name, named in q.parameters.named.items()}
    with q.faults.watch() as here:
        q.names.known((*_EFFECT, "parameter"), "parameter", part.parameter, dimensions)
        for name, value in part.none.items():
            place: Address = (*_EFFECT, "none", name)
            if q.names.known(place, "parameter", name, dimensions, at_key=True):
                q.number(place, value, dimensions[name])
        ends = _range(part, q, dimensions)
    if ends is None or not here.ok:
        return None
    return Effect(part.parameter, *ends, dict(part.none))


def _range(part: EffectPart, q: Expressions, dimensions: Mapping[str, Dimension]) -> tuple[str, str] | None:
    if part.parameter not in dimensions:
        return None
    place: Address = (*_EFFECT, "range")
    ends = [q.number((*place, k), text, dimensions[part.parameter]) for k, text in enumerate(part.range)]
    if ends[0] is not None and ends[1] is not None and ends[0] >= ends[1]:
        q.faults.append(place, f"the lowest value, {part.range[0]}, is not below the highest, {part.range[1]}")
    return str(part.range[0]), str(part.range[1])
