"""A number, a list of numbers, or equally spaced ones, as they stand in the looks of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.interim_schema import SeriesPart
from protocolsim.scenario.file.parts import Scalar
from protocolsim.scenario.file.yaml_reader import Address

MOST_LOOKS = 50
"""More than any trial has; each costs time in everything that follows."""

Read = Callable[[Address, Scalar], float | None]
Given = Scalar | list[Scalar] | SeriesPart


@dataclass(frozen=True)
class Placed:
    """A number, and where it stands in the file."""

    address: Address
    value: float


def spread(address: Address, given: Given, read: Read, faults: Faults) -> list[Placed] | None:
    """The numbers that stand there, one or several; None where one is at fault."""
    if isinstance(given, SeriesPart):
        return _series(address, given, read, faults)
    if not isinstance(given, list):
        value = read(address, given)
        return None if value is None else [Placed(address, value)]
    if not given:
        faults.append(address, "no number stands here")
    if len(given) > MOST_LOOKS:
        faults.append(address, f"that is {len(given)} looks; at most {MOST_LOOKS} are possible")
        return None
    values = [((*address, k), read((*address, k), text)) for k, text in enumerate(given)]
    placed = [Placed(place, value) for place, value in values if value is not None]
    return placed if placed and len(placed) == len(given) else None


def _series(address: Address, given: SeriesPart, read: Read, faults: Faults) -> list[Placed] | None:
    first = read((*address, "from"), given.from_)
    every = read((*address, "every"), given.every)
    last = read((*address, "to"), given.to)
    if first is None or every is None or last is None:
        return None
    if every <= 0.0:
        faults.append((*address, "every"), f"{given.every} is not above 0")
        return None
    if last < first:
        faults.append((*address, "to"), f"{given.to} lies before {given.from_}, where the list begins")
        return None
    steps = (last - first) / every
    if abs(steps - round(steps)) > 1e-9:
        faults.append((*address, "to"), f"steps of {given.every} from {given.from_} do not meet {given.to}")
        return None
    if steps >= MOST_LOOKS:
        faults.append((*address, "every"), f"that is {steps + 1:.0f} looks; at most {MOST_LOOKS} are possible")
        return None
    places: tuple[Address, ...] = tuple((*address, "to") for _ in range(round(steps) + 1))
    return [Placed(place, first + k * every) for k, place in enumerate(places)]
