"""What of a scenario can be moved, as a form shows it: made from its parameters, without a word of this page's own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from protocolsim.errors import UsageError
from protocolsim.report.decision.series import unit_of
from protocolsim.scenario.scenario import ParameterRow, Scenario, ScenarioParameterRow
from protocolsim.units import UnitError, quantity, unit_product

_STEPS = 100
_OWN, _EFFECT = "", "effect"


@dataclass(frozen=True)
class Control:
    """One number to move.

    `name` is what --set calls it; numbers are in `unit`; `group` is "" for the scenario's own, and a component's name.
    """

    name: str
    group: str
    meaning: str
    unit: str
    value: float
    low: float | None
    high: float | None
    step: float
    mark: str
    source: str

    @property
    def label(self) -> str:
        """The name in words, without the component's."""
        return self.name.rpartition(".")[2].replace("_", " ").capitalize()

    def said(self, number: float) -> str:
        """A number as a scenario file holds it."""
        unit = self.unit.removeprefix("1") if self.unit.startswith("1/") else self.unit
        return f"{number:.10g} {unit}".rstrip()


def controls(scenario: Scenario) -> list[Control]:
    """Every number that can be moved: the declared effect first, then the scenario's own, then the components'."""
    found = [_of_parameter(scenario, parameter) for parameter in scenario.own_parameters]
    found += [_of_component(row) for row in scenario.parameters]
    effect = scenario.effect
    if effect is None:
        return found
    place = next(k for k, c in enumerate(found) if c.name == effect.parameter)
    moved = found.pop(place)
    low, high = (number(end, moved.unit) for end in (effect.low, effect.high))
    return [_control(moved, _EFFECT, low, high), *found]


def _control(old: Control, group: str, low: float, high: float) -> Control:
    return Control(
        old.name, group, old.meaning, old.unit, old.value, low, high, _step(low, high, old.value), old.mark, old.source
    )


def _of_parameter(scenario: Scenario, parameter: ScenarioParameterRow) -> Control:
    named, unit = scenario.named[parameter.name], unit_of(scenario, parameter.name)
    size = unit_product(unit).value
    value, low, high = (None if v is None else float(f"{v / size:.10g}") for v in (named.value, named.low, named.high))
    assert value is not None
    step = _step(low, high, value) if low is not None and high is not None else 0.0
    return Control(
        parameter.name, _OWN, parameter.meaning, unit, value, low, high, step, parameter.mark, parameter.source
    )


def _of_component(row: ParameterRow) -> Control:
    low, high = min(row.low, row.value), max(row.high, row.value)
    return Control(
        f"{row.component}.{row.name}", row.component, row.meaning, row.unit, row.value, low, high,
        _step(low, high, row.value), row.mark, row.source,
    )  # fmt: skip


def number(text: str, unit: str) -> float:
    """A quantity's number in a unit. Raises UsageError for what is no such quantity."""
    try:
        found = quantity(text)
    except UnitError as error:
        raise UsageError(str(error)) from None
    if found.dimension != unit_product(unit).dimension:
        raise UsageError(f"expected a number in {unit or 'no unit'}, found '{text}'")
    return float(f"{found.value / unit_product(unit).value:.10g}")


def _step(low: float, high: float, value: float) -> float:
    """About a hundredth of the range, a round number; 1 between whole numbers that are far enough apart."""
    if high <= low:
        return 0.0
    wide = (high - low) / _STEPS
    size = 10.0 ** math.floor(math.log10(wide))
    step = size * next(m for m in (1, 2, 5, 10) if m * size >= wide * 0.999)
    whole = all(v == int(v) for v in (low, high, value))
    return max(step, 1.0) if whole and high - low >= 10 else float(f"{step:.3g}")
