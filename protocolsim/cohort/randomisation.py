"""Permuted-block randomisation: the arm at each position of a stratum's allocation list, drawn by key."""

from __future__ import annotations

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Integers
from protocolsim.randomness import RANDOMISATION, TRIAL_LEVEL, uniform

STRATA_AT_MOST = 4096


@kernel
def allocation(block: Integers, seed: int, replicate: int, number: int, stratum: int, place: int) -> int:
    """The arm at position `place` (0, 1, ...) of the allocation list of one stratum of randomisation `number`.

    Each consecutive block of len(block) positions is a random permutation of `block` (Fisher and Yates).
    """
    size = block.shape[0]
    order = block.copy()
    belongs_to = TRIAL_LEVEL + number * STRATA_AT_MOST + stratum
    for last in range(size - 1, 0, -1):
        u = uniform(seed, replicate, belongs_to, RANDOMISATION, place // size * size + last)
        chosen = int(u * (last + 1))
        order[last], order[chosen] = order[chosen], order[last]
    arm: int = order[place % size]
    return arm


@kernel
def allocations(
    block: Integers, seed: int, replicates: Integers, number: int, strata: Integers, places: Integers, arms: Integers
) -> None:
    """Vectorised `allocation`, written into `arms`."""
    for k in range(arms.shape[0]):
        arms[k] = allocation(block, seed, replicates[k], number, strata[k], places[k])
