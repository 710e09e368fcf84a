"""The table of a scenario's own parameters: their values and dimensions."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocolsim.units import Dimension


@dataclass(frozen=True)
class ParameterValue:
    """A parameter of the scenario: its value in internal units, its dimension, and the text it was written as.

    `low` to `high` is its range, `plausible` the values that it may really have; None where the file says nothing.
    """

    value: float
    dimension: Dimension
    text: str
    low: float | None
    high: float | None
    plausible: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters whose values are settled, in file order: by name, and their dimensions and values alone."""

    named: dict[str, ParameterValue] = field(default_factory=dict)
    dimensions: dict[str, Dimension] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)

    def settle(self, name: str, named: ParameterValue) -> None:
        """Let this parameter have this value from now on."""
        self.named[name], self.dimensions[name], self.values[name] = named, named.dimension, named.value
