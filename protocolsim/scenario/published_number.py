"""A published number as it is written: a count ("9/13", "9 of 13"), a share ("72 %"), or a number with a unit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocolsim.units import (
    ACTIVITY,
    ACTIVITY_DOSE,
    DOSE,
    MASS,
    MINUTES_PER_WEEK,
    NONE,
    TIME,
    Dimension,
    UnitError,
    quantity,
)

_COUNT = re.compile(r"\s*([0-9]{1,9})\s*(?:/|of)\s*([0-9]{1,9})\s*")
_DIMENSIONS = {"weeks": TIME, "mg/kg": DOSE, "mg": MASS, "IU/kg": ACTIVITY_DOSE, "IU": ACTIVITY}


@dataclass(frozen=True)
class PublishedNumber:
    """A published number in an endpoint's terms: weeks, mg/kg (mg, IU), a share from 0 to 1, or plain.

    `count` is (how many, of how many), None where that was not published.
    """

    value: float
    dimension: Dimension
    count: tuple[int, int] | None = None

    def fits(self, unit: str) -> bool:
        """Whether it is a quantity of an endpoint in this unit."""
        return self.dimension == _DIMENSIONS.get(unit, NONE)


def published_number(text: str | float) -> PublishedNumber:
    """Read a published number. Raises UnitError for what is none."""
    match = _COUNT.fullmatch(str(text))
    if match is not None:
        part, whole = int(match[1]), int(match[2])
        if whole == 0 or part > whole:
            raise UnitError(f"{text} is not a part of a whole: expected such as 9/13")
        return PublishedNumber(part / whole, NONE, (part, whole))
    given = quantity(text)
    value = given.value / MINUTES_PER_WEEK if given.dimension == TIME else given.value
    return PublishedNumber(value, given.dimension)
