"""A settable parameter: a number that `--set`, `--vary`, targets of a calibration and the page may change.

There are two kinds, the scenario's own parameters and those of its disease and drugs; reading, writing and drawing
their numbers is the same for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocolsim.arithmetic import exp, log
from protocolsim.component import Scale
from protocolsim.errors import UsageError
from protocolsim.names import readable
from protocolsim.protocol.variables import ProtocolVariable
from protocolsim.scenario.build.values.parameters import ParameterValue
from protocolsim.scenario.build.values.spoken import at_head
from protocolsim.scenario.file.schema import ScenarioParameter, VariablePart
from protocolsim.units import (
    TIME,
    Dimension,
    UnitError,
    in_unit,
    in_words,
    quantity,
    rounded,
    unit_of,
    unit_product,
    with_unit,
)

SAMPLE = 0.6180339887
"""A position in a range at which hardly any number is round: where that cannot stand, most draws cannot."""
_EXACT, _DIGITS = 1e-6, 1e-11  # what a written time may be off, in minutes; what twelve digits may be off


def whole_minutes(number: float, unit: str) -> float:
    """The number of this unit that is nearest and, if the unit is one of time, comes to whole minutes."""
    one = unit_product(unit)
    return number if one.dimension != TIME else round(number * one.value) / one.value


@dataclass(frozen=True)
class SettableParameter:
    """A number that can be set, and all that is known of it; `value`, `low`, `high` and `default` are in `unit`.

    `key` is a name that `--set` takes for it alone, `name` the same without the component, and `path` its place in the
    file. `component` is the model of a disease or drug that it belongs to, "" for the scenario's own. `text` and
    `range` are the words of the file, "" where it says nothing. `value` is None where the file holds no single number.
    `changed`: not the component's default. `scale`: whether it is best moved by equal steps or by equal factors.
    `heading`: the label that its model gives it, "" where it gives none. `population`: the population of patients that
    its default, range, mark and source are of, "" where they are the component's own. `plausible`: what one of the
    scenario's own may really be, where its file says so (of a model that is `low` to `high`).
    """

    key: str
    name: str
    path: str
    component: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    meaning: str
    mark: str = ""
    source: str = ""
    text: str = ""
    range: str = ""
    default: float | None = None
    changed: bool = False
    scale: Scale = "linear"
    heading: str = ""
    population: str = ""
    plausible: tuple[float, float] | None = None

    @property
    def log(self) -> bool:
        """Whether it is moved by equal factors."""
        return self.scale == "log"

    @property
    def label(self) -> str:
        """What it is called in forms: its own label, or its name without the component's."""
        return self.heading or readable(self.name).capitalize()

    @property
    def called(self) -> str:
        """The same within a sentence."""
        return self.heading if self.heading and self.heading[1:2].isupper() else self.label[:1].lower() + self.label[1:]

    @property
    def words(self) -> str:
        """Its value for readers: '8 weeks', '0.2'."""
        return self.text if self.value is None else in_words(self.value, self.unit)

    @property
    def default_words(self) -> str:
        """The component's default for readers; "" where there is none."""
        return "" if self.default is None else in_words(self.default, self.unit)

    @property
    def dimension(self) -> Dimension:
        """The dimension of its unit."""
        return unit_product(self.unit).dimension

    @property
    def expression(self) -> bool:
        """Whether the file says it by an expression over other parameters."""
        return self.text != "" and unit_of(self.text) is None

    @property
    def ends(self) -> tuple[float, float]:
        """Its range, in `unit`. Raises UsageError where it has none."""
        if self.low is None or self.high is None:
            raise UsageError(f"{self.key}: it has no range")
        return self.low, self.high

    def at(self, position: float) -> float:
        """The number at a position from 0 to 1 along its range, by equal steps or by equal factors."""
        low, high = self.ends
        if not self.log:
            return self.held(low + position * (high - low))
        first, last = log(low), log(high)
        return self.held(float(exp(first + position * (last - first))))

    def held(self, number: float) -> float:
        """The nearest number that can stand there: a time of the scenario's own, which may be a duration, has minutes.

        What is computed of positions or drawn would else be refused nearly always, as no time of whole minutes.
        """
        return number if self.component else whole_minutes(number, self.unit)

    def position(self, number: float) -> float:
        """Where a number stands along its range: `at` gives it back."""
        low, high = self.ends
        if not self.log:
            return (number - low) / (high - low)
        return float((log(number) - log(low)) / (log(high) - log(low)))

    def setting(self, position: float) -> str | float:
        """The number at a position as a scenario file holds it."""
        number = rounded(self.at(position))
        return self.write(number) if self.unit else number

    def read(self, text: str | float) -> float:
        """The number, in `unit`, that a quantity means. Raises UsageError for what is no such quantity."""
        try:
            given = quantity(text)
        except UnitError as error:
            raise UsageError(f"{self.key}: {error}") from None
        number = in_unit(given, self.unit)
        if number is None:
            raise UsageError(f"{self.key}: expected a number in {self.unit or 'no unit'}, found '{text}'")
        return number

    def write(self, number: float) -> str:
        """A number as a scenario file holds it; `read` gives it back."""
        text = with_unit(number, self.unit)
        if self.component or self.dimension != TIME:
            return text
        # Twelve digits of many weeks are no whole minutes any more.
        exact = number * unit_product(self.unit).value
        meant = abs(exact - round(exact)) <= abs(exact) * _DIGITS
        return f"{round(exact)} minutes" if meant and abs(quantity(text).value - round(exact)) > _EXACT else text

    def internal(self, number: float) -> float:
        """A number in internal units (minutes, mg, shares), as the rules of a file that holds it compare it."""
        return quantity(self.write(number)).value


def scenario_parameter(
    name: str, part: ScenarioParameter, ends: Sequence[float | None], plausible: tuple[float, float] | None = None
) -> SettableParameter:
    """One of the scenario's own parameters; `ends` are its value and the ends of its range in internal units.

    `plausible` are those of its plausible range, in internal units too.
    """
    unit = next((unit for text in (part.value, *(part.range or ())) if (unit := unit_of(text))), "")
    one = unit_product(unit).value
    value, low, high = (None if end is None else rounded(end / one) for end in ends)
    least, most = (None, None) if plausible is None else (rounded(end / one) for end in plausible)
    return SettableParameter(
        name, name, f"parameters.{name}.value", "", unit, value, low, high, part.meaning,
        mark=part.mark or "", source=part.source or "", text=str(part.value),
        range=" to ".join(str(end) for end in part.range) if part.range else "", scale=part.scale,
        heading=at_head(part.label or ""),
        plausible=None if least is None or most is None else (least, most),
    )  # fmt: skip


def scenario_parameters(
    parts: Mapping[str, ScenarioParameter], known: Mapping[str, ParameterValue]
) -> tuple[SettableParameter, ...]:
    """The scenario's own parameters, in file order."""
    values = {name: (known[name].value, known[name].low, known[name].high) for name in parts}
    return tuple(scenario_parameter(name, part, values[name], known[name].plausible) for name, part in parts.items())


def variable_starts(
    parts: Mapping[str, VariablePart], known: Sequence[ProtocolVariable]
) -> tuple[SettableParameter, ...]:
    """Where the protocol's variables begin, in file order."""
    return tuple(_start(parts[v.name], v) for v in known)


def _start(part: VariablePart, variable: ProtocolVariable) -> SettableParameter:
    one = unit_product(variable.unit).value
    value, low, high = (rounded(end / one) for end in (variable.start, variable.low, variable.high))
    return SettableParameter(
        variable.name, variable.name, f"protocol.variables.{variable.name}.start", "", variable.unit, value, low, high,
        part.meaning or f"what '{variable.name}' begins with", mark=part.mark or "", source=part.source or "",
        text=str(part.start), range=" to ".join(map(str, part.range)), heading=at_head(variable.label),
    )  # fmt: skip


def number_at(data: Mapping[str, Any], path: str, unit: str) -> float | None:
    """The number that stands at a path of a document, in a unit; None where no number of this dimension does."""
    text = text_at(data, path)
    try:
        return None if text is None else in_unit(quantity(text), unit)
    except UnitError:
        return None  # an expression, or no number at all


def text_at(data: Mapping[str, Any], path: str) -> str | int | float | None:
    """The scalar that stands at a dotted path of a document; None where there is none."""
    here: Any = data
    for step in path.split("."):
        if isinstance(here, list):
            here = here[int(step)] if step.isdigit() and int(step) < len(here) else None
        else:
            here = here.get(step) if isinstance(here, Mapping) else None
    return here if isinstance(here, str | int | float) and not isinstance(here, bool) else None
