"""What of a scenario can be moved, as a form shows it: made from its parameters, without a word of this page's own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from protocolsim.app.boundary_controls import boundary_settings
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter

_STEPS = 100
_OWN, _EFFECT, _LOOKS = "", "effect", "looks"


@dataclass(frozen=True)
class Control:
    """One number to move; `group` is "" for the scenario's own, and a component's name. A `step` of 0: no slider."""

    parameter: SettableParameter
    group: str

    @property
    def name(self) -> str:
        """What --set calls it."""
        return self.parameter.key

    @property
    def value(self) -> float:
        """The scenario's own number, in the parameter's unit."""
        assert self.parameter.value is not None
        return self.parameter.value

    @property
    def label(self) -> str:
        """The name in words, without the component's."""
        return self.parameter.label

    @property
    def step(self) -> float:
        """How far one push of the slider goes; of a log scale, as a part of the slider's way."""
        low, high = self.parameter.low, self.parameter.high
        if self.parameter.log:
            return 1.0 / _STEPS if low is not None and high is not None and 0.0 < low < high else 0.0
        return 0.0 if low is None or high is None else _step(low, high, self.value)

    def along(self, value: float) -> float:
        """Where a number stands on the slider: itself, or its place from 0 to 1 along a log scale."""
        low, high = self.parameter.low, self.parameter.high
        if not self.parameter.log or low is None or high is None or value <= 0.0:
            return value
        return math.log(value / low) / math.log(high / low)


def controls(scenario: Scenario) -> list[Control]:
    """Every number that can be moved: the declared effect, its looks', the scenario's own, the components'."""
    result = [Control(p, _LOOKS) for p in boundary_settings(scenario)]
    result += [Control(p, _OWN) for p in scenario.own_parameters]
    result += [Control(_wide_enough(p), p.component) for p in scenario.parameters]
    effect = scenario.effect
    if effect is None:
        return result
    place = next(k for k, c in enumerate(result) if c.name == effect.parameter)
    moved = result.pop(place).parameter
    moved = replace(moved, low=moved.read(effect.low), high=moved.read(effect.high))
    return [Control(moved, _EFFECT), *result]


def _wide_enough(p: SettableParameter) -> SettableParameter:
    """A component's parameter with a range that holds what the scenario says, which may lie outside the plausible."""
    assert p.value is not None
    assert p.low is not None
    assert p.high is not None
    return replace(p, low=min(p.low, p.value), high=max(p.high, p.value))


def _step(low: float, high: float, value: float) -> float:
    """About a hundredth of the range, a round number; 1 between whole numbers that are far enough apart."""
    if high <= low:
        return 0.0
    wide = (high - low) / _STEPS
    size = 10.0 ** math.floor(math.log10(wide))
    step = size * next(m for m in (1, 2, 5, 10) if m * size >= wide * 0.999)
    whole = all(v == int(v) for v in (low, high, value))
    return max(step, 1.0) if whole and high - low >= 10 else float(f"{step:.3g}")
