"""Permuted blocks: which place of which block comes next, drawn by key."""

from __future__ import annotations

from collections.abc import Sequence

from protocolsim.randomness import RANDOMISATION, TRIAL_LEVEL, uniform

STRATA_AT_MOST = 4096


def allocation(block: Sequence[int], seed: int, replicate: int, number: int, stratum: int, place: int) -> int:
    """The arm at a place (0, 1, ...) of the list of one stratum of randomisation `number`.

    Every run of len(block) places from a multiple of it is a random order of `block` (Fisher and Yates).
    """
    which, within = divmod(place, len(block))
    order = list(block)
    belongs_to = TRIAL_LEVEL + number * STRATA_AT_MOST + stratum
    for last in range(len(order) - 1, 0, -1):
        u = uniform(seed, replicate, belongs_to, RANDOMISATION, which * len(block) + last)
        chosen = int(u * (last + 1))
        order[last], order[chosen] = order[chosen], order[last]
    return order[within]
