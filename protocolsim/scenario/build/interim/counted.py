"""Populations that a look may wait for: those that one enters and cannot leave again."""

from __future__ import annotations

from collections.abc import Iterator

from protocolsim.endpoint.base import ENROLLED, SCREENED
from protocolsim.protocol.states import Protocol, reachable
from protocolsim.scenario.build.interim.around import Around
from protocolsim.scenario.file.schema import PopulationPart
from protocolsim.scenario.file.yaml_reader import Address

_LEAVES = ("not_entered", "not_ended_in", "where")


def states_of(address: Address, name: str, around: Around) -> frozenset[int] | None:
    """The states that one enters to belong to this population, empty for all who are enrolled; None at a fault.

    The population must be one that nobody leaves, and one way of entering it must imply all the others.
    """
    asked = list(_asked(address, name, around))
    if any(states is None for states in asked) or around.protocol is None:
        return None
    groups = [frozenset(states) for states in asked if states]
    if not groups:
        return frozenset()
    for one in groups:
        if all(_implies(around.protocol, one, other) for other in groups):
            return one
    around.q.faults.append(
        address,
        f"to belong to '{name}' one must have been in states of several lists, none of which implies the others; name "
        "a population of one list",
    )
    return None


def _asked(address: Address, name: str, around: Around) -> Iterator[frozenset[int] | None]:
    """By population, from this one up to the enrolled: the states of which it asks one; None at a fault."""
    seen: list[str] = []
    declared = around.part.populations
    here = name
    while here not in (ENROLLED, *seen):
        seen.append(here)
        if around.q.names.refused(("populations", here)):
            yield None
            return
        if here == SCREENED:
            of = "" if here == name else f"'{name}' is of those who are {SCREENED}; "
            around.q.faults.append(address, f"{of}a look waits for people who are enrolled: name a population of them")
            yield None
            return
        if here not in declared:
            yield None  # unknown, which is a fault of its own
            return
        yield from _conditions(address, here, declared[here], around)
        here = declared[here].of


def _conditions(address: Address, name: str, part: PopulationPart, around: Around) -> Iterator[frozenset[int] | None]:
    leaves = next((key for key in _LEAVES if getattr(part, key)), None)
    numbers = around.reader.rules.numbers
    if leaves is not None:
        around.q.faults.append(
            address,
            f"one can leave '{name}' ({leaves}); a look waits for populations that one enters or ends in, and stays in",
        )
        yield None
    for key in ("entered", "ended_in"):
        names = getattr(part, key)
        listed = [names] if isinstance(names, str) else names
        stays = [around.part.protocol.states[n].final is not None for n in listed if n in around.part.protocol.states]
        if key == "ended_in" and not all(stays):
            around.q.faults.append(
                address, f"'{name}' asks for the last state to be one that is not final, which one can leave again"
            )
            yield None
        if listed:
            yield frozenset(numbers[n] for n in listed if n in numbers)


def _implies(protocol: Protocol, one: frozenset[int], other: frozenset[int]) -> bool:
    """Whether who enters a state of `one` has been in a state of `other`."""
    start = protocol.states[0].number
    if start in other:
        return True
    without = {n: [to for to in ways if to not in other] for n, ways in protocol.successors.items()}
    return not (reachable(without, [start]) & (one - other))
