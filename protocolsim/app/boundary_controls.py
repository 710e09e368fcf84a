"""What of a design's boundaries can be dragged: the error spent, the parameter of the shape, or a constant bound.

Each is a number that a setting of the file says in its own words, so that address, saved file and command line agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from protocolsim.errors import ProtocolsimError
from protocolsim.names import readable
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter
from protocolsim.sequential.shapes.catalogue import shapes
from protocolsim.units import unit_of

PREFIX = "interim.boundaries."
"""How the names of all of these begin."""

_SHAPE = re.compile(r"\s*([^()\s]+)\s*\((.*)\)\s*")
_LEAST, _MOST = 0.001, 0.2  # of an error spent, as a share
_WIDE = 8.0  # how far from zero a shape's parameter is dragged, if it may be further
_BOUND = 3.0  # how far from zero a constant bound is dragged at least


@dataclass(frozen=True)
class ShapeSetting(SettableParameter):
    """The parameter of a boundary's shape, which the file says in brackets: hwang_shih_decani(-4)."""

    shape: str = ""

    def read(self, text: str | float) -> float:
        """See SettableParameter; a number alone is read too."""
        found = _SHAPE.fullmatch(str(text))
        return super().read(text if found is None else found[2])

    def write(self, number: float) -> str:
        """See SettableParameter."""
        return f"{self.shape}({number:.12g})"


@dataclass(frozen=True)
class ConstantSetting(SettableParameter):
    """One bound for every look that has any; `has` says which of the file's do."""

    has: tuple[bool, ...] = ()

    def read(self, text: str | float) -> float:
        """See SettableParameter; of a list the first number is read."""
        parts = [p.strip() for p in str(text).strip("[] ").split(",")]
        return super().read(next((p for p in parts if p not in ("null", "~", "")), ""))

    def write(self, number: float) -> str:
        """See SettableParameter."""
        return f"[{', '.join(f'{number:.12g}' if has else 'null' for has in self.has)}]"


def boundary_settings(scenario: Scenario) -> tuple[SettableParameter, ...]:
    """What can be dragged of each boundary that the file declares in plain numbers, in file order."""
    interim = scenario.document.data.get("interim")
    declared = interim.get("boundaries") if isinstance(interim, Mapping) else None
    if scenario.interim is None or not isinstance(declared, Mapping):
        return ()
    return tuple(
        setting
        for name, part in declared.items()
        if isinstance(part, Mapping) and not set(str(name)) & set(".[]")
        for setting in _settings_of(str(name), part)
    )


def _settings_of(name: str, part: Mapping[str, Any]) -> Iterator[SettableParameter]:
    said = readable(name)
    if part.get("values") is not None:
        yield from _constant(name, said, part["values"])
        return
    spends, shape = part.get("spends"), _SHAPE.fullmatch(str(part.get("as", "")))
    if spends is not None and (unit := unit_of(spends)) is not None:
        key, one = f"{PREFIX}{name}.spends", 100.0 if unit == "%" else 1.0
        plain = SettableParameter(
            key, f"{name}_spends", key, "", unit, None, None, None,
            "the one-sided error that this boundary spends over all looks", heading=f"{said}: error spent",
        )  # fmt: skip
        yield _at(plain, plain.read(spends), _LEAST * one, _MOST * one)
    if shape is not None and shape[1] in shapes() and unit_of(shape[2]) is not None:
        about = shapes()[shape[1]].parameter
        if about is not None:
            key = f"{PREFIX}{name}.as"
            words = readable(shape[1])
            setting = ShapeSetting(
                key, f"{name}_shape", key, "", "", None, None, None, about.meaning,
                heading=f"{said}: {words}", shape=shape[1],
            )  # fmt: skip
            yield _at(setting, setting.read(shape[2]), max(about.least, -_WIDE), min(about.most, _WIDE))


def _constant(name: str, said: str, values: Any) -> Iterator[SettableParameter]:
    """A list that says the same number wherever it says one."""
    if not isinstance(values, list):
        return
    key = f"{PREFIX}{name}.values"
    setting = ConstantSetting(
        key, f"{name}_bound", key, "", "", None, None, None, "one bound at every look that has any",
        heading=f"{said}: bound", has=tuple(v is not None for v in values),
    )  # fmt: skip
    try:
        numbers = {setting.read(v) for v in values if v is not None}
    except ProtocolsimError:
        return  # an expression over parameters, which are dragged themselves
    if len(numbers) == 1:
        value = numbers.pop()
        share = 0.5 < value <= 1.0  # a bound of a probability
        ends = (0.0, 1.0) if share else (min(-1.0, value), max(_BOUND, value))
        yield _at(setting, value, *ends)


def _at(setting: SettableParameter, value: float, low: float, high: float) -> SettableParameter:
    return replace(setting, value=value, low=min(low, value), high=max(high, value))
