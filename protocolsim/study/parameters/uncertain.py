"""Which parameters of a scenario are uncertain, each with the distribution that its plausible range stands for.

Half of the probability lies between the low end and the value, half between the value and the high end, uniform in each
half (of the logarithm where the parameter is on a log scale): the value is the median and the range holds everything.

Held at their values are: what stands in a text (mark F); what has no range, or a value at or outside its ends (the
scenario supposes it: a ratio of 1 is no drug); what was set from outside; what is written as an expression, which
follows the scenario's own parameters; and those themselves, which are choices, unless they say `plausible`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from protocolsim.arithmetic import exp, log
from protocolsim.arrays import Floats
from protocolsim.scenario.file.extends import SET
from protocolsim.scenario.file.yaml_reader import spell
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter, whole_minutes

FOUND = "F"
_WORD = 2**32


@dataclass(frozen=True)
class UncertainParameter:
    """One uncertain parameter: `value`, `low` and `high` are in `unit`; `key` is its name, `path` its place.

    `model` is the name of its disease or drug ("" for the scenario's own), `mark` how its value is known, `population`
    that of the patients whose value it is ("" where it is the model's).
    """

    key: str
    path: str
    model: str
    name: str
    unit: str
    value: float
    low: float
    high: float
    log: bool
    mark: str
    meaning: str
    population: str = ""

    def at(self, uniform: float) -> float:
        """The quantile of its distribution at a number from 0 to 1."""
        low, value, high = (float(log(x)) if self.log else x for x in (self.low, self.value, self.high))
        half = low + 2.0 * uniform * (value - low) if uniform < 0.5 else value + (2.0 * uniform - 1.0) * (high - value)
        number = float(exp(half)) if self.log else half
        # The scenario's own may be durations, which are whole minutes.
        return number if self.model else whole_minutes(number, self.unit)

    @property
    def words(self) -> tuple[int, int]:
        """Two 32-bit words that key its draws: the names of model, population and parameter, which scenarios share."""
        return words_of(self.model or "scenario", self.population, self.name)


def words_of(*names: str) -> tuple[int, int]:
    """Two 32-bit words made of names, the same on every machine."""
    digest = sha256("\0".join(names).encode()).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")


def uncertain_in(scenario: Scenario) -> tuple[tuple[UncertainParameter, ...], Mapping[str, str]]:
    """The uncertain parameters of a scenario; and by name why each of the others is held at its value."""
    outside = _set_from_outside(scenario)
    uncertain, held = [], {}
    for parameter in scenario.settables:
        why = _held(parameter, outside)
        if why:
            held[parameter.key] = why
        else:
            uncertain.append(_uncertain(parameter))
    return tuple(uncertain), held


def supposed_in(scenario: Scenario) -> Mapping[str, str]:
    """By path, the parameters that a scenario supposes to have a value, and why: those are never drawn."""
    outside = _set_from_outside(scenario)
    supposed = {p.path: _supposed(p, outside) for p in scenario.parameters}
    supposed |= {p.path: "set from outside" for p in scenario.own_parameters if p.path in outside}
    return {path: why for path, why in supposed.items() if why}


def _held(parameter: SettableParameter, outside: set[str]) -> str:
    """Why a parameter is held at its value; "" where it is uncertain."""
    if not parameter.component:
        return "a choice of the design" if parameter.plausible is None else _supposed(parameter, outside)
    if parameter.mark == FOUND:
        return "found in a text [F]"
    low, high = _range(parameter)
    if low is None or high is None or not low < high:
        return "without a plausible range"
    return _supposed(parameter, outside)


def _range(parameter: SettableParameter) -> tuple[float | None, float | None]:
    """The plausible range of a parameter: of the scenario's own what `plausible` says."""
    if parameter.component:
        return parameter.low, parameter.high
    return (None, None) if parameter.plausible is None else parameter.plausible


def _supposed(parameter: SettableParameter, outside: set[str]) -> str:
    """Why the scenario supposes a parameter to have its value; "" where it does not."""
    if parameter.path in outside:
        return "set from outside"
    if parameter.expression:
        return "an expression over the scenario's own parameters"
    (low, high), value = _range(parameter), parameter.value
    if value is None or (low is not None and value <= low) or (high is not None and value >= high):
        return "supposed: its value lies at or beyond an end of its plausible range"
    return ""


def _set_from_outside(scenario: Scenario) -> set[str]:
    """The places that were set after the file was written."""
    return {spell(address) for address, place in scenario.document.places.items() if place.source == SET}


def _uncertain(p: SettableParameter) -> UncertainParameter:
    low, high = _range(p)
    assert p.value is not None
    assert low is not None
    assert high is not None
    return UncertainParameter(
        p.key, p.path, p.component, p.name, p.unit, p.value, low, high, p.log, p.mark, p.meaning,
        p.population,
    )  # fmt: skip


def spread_of(parameter: UncertainParameter, uniforms: Floats) -> Floats:
    """`at` of each of these numbers, [draws]."""
    return np.array([parameter.at(u) for u in uniforms.tolist()])
