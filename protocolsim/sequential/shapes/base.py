"""What a boundary shape is: a spending function, or a formula with one constant that is solved for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError


@dataclass(frozen=True)
class ShapeParameter:
    """The one parameter that a shape may have: its name, its range (both ends allowed), its meaning in a sentence.

    `usual` is a value that is often chosen, for examples.
    """

    name: str
    least: float
    most: float
    meaning: str
    usual: float


class BoundaryShape(ABC):
    """A boundary shape. `spends`: whether it says what error is spent by when, rather than where the bounds lie."""

    kind: ClassVar[str]
    meaning: ClassVar[str]
    source: ClassVar[str]
    spends: ClassVar[bool]
    parameter: ClassVar[ShapeParameter | None] = None

    def checked(self, value: float | None) -> float:
        """The parameter's value. Raises UsageError: none is given that is needed, one too many, or out of its range."""
        wanted = self.parameter
        if wanted is None:
            if value is not None:
                raise UsageError(f"'{self.kind}' has no parameter, but {value:g} is given")
            return 0.0
        if value is None:
            raise UsageError(f"'{self.kind}' needs a parameter, {wanted.name}: {wanted.meaning}")
        if not wanted.least <= value <= wanted.most:
            raise UsageError(
                f"'{self.kind}': {wanted.name} is {value:g}; expected a number from {wanted.least:g} to {wanted.most:g}"
            )
        return float(value)


class SpendingShape(BoundaryShape):
    """A shape that says how much of the error is spent by each information fraction (Lan & DeMets 1983)."""

    spends = True

    @abstractmethod
    def spent(self, error: float, t: Floats, parameter: float) -> Floats:
        """Error spent up to information fractions t, [K]; 0 at t = 0, all of it at t = 1, never decreasing."""


class FixedShape(BoundaryShape):
    """A shape whose bounds are known but for one constant, which is solved for so that the error is what is wanted."""

    spends = False

    @abstractmethod
    def bounds(self, constant: float, t: Floats, parameter: float) -> Floats:
        """Upper bounds on the scale of Z at information fractions t, [K]; not decreasing in the constant."""
