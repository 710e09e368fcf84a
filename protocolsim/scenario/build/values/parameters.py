"""The table of a scenario's own parameters: their values and dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


class Parameters:
    """The parameters whose values are settled, in file order."""

    def __init__(self) -> None:
        self._named: dict[str, ParameterValue] = {}

    def settle(self, name: str, named: ParameterValue) -> None:
        """Let this parameter have this value from now on."""
        self._named[name] = named

    @property
    def named(self) -> Mapping[str, ParameterValue]:
        """Every settled parameter."""
        return self._named

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """The dimension of every parameter."""
        return {name: k.dimension for name, k in self._named.items()}

    @property
    def values(self) -> dict[str, float]:
        """The value of every parameter, in internal units."""
        return {name: k.value for name, k in self._named.items()}
