"""How many of a thing there can be: what tables have room for, and what keys of draws can tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from protocolsim.cohort.cohort import Cohort
from protocolsim.cohort.randomisation import STRATA_AT_MOST
from protocolsim.component import Component
from protocolsim.protocol.states import Protocol
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import duration

MOST_CODES = 2**15
"""States, transitions, sites and so on are numbered in two bytes in every table."""
MOST_RANDOMISATIONS = 1000
"""Each has the numbers of STRATA_AT_MOST lists to itself, below the 2^31 that there are."""


MOST_STEPS = 100_000
"""Steps of time on the way through every state once, which a subject's disease and drugs are carried on by."""


def too_fine(protocol: Protocol, components: Sequence[Component]) -> Iterator[tuple[Address, str]]:
    """Steps of time that are too many for how long the protocol's states last."""
    steps = {c.name: c.step for c in components if c.step is not None}
    if not steps:
        return
    together = int(np.gcd.reduce(list(steps.values())))
    minutes = sum(s.longest or 0 for s in protocol.states)
    if minutes // together > MOST_STEPS:
        finest = min(steps, key=lambda name: steps[name])
        shared = "" if len(steps) == 1 else f" (the greatest common divisor of {len(steps)} models)"
        said = (
            f"a step of {duration(together)}{shared} is taken {minutes // together:,} times in the {duration(minutes)}"
        )
        yield ("models", finest, "step"), f"{said} that the states last; at most {MOST_STEPS:,} are possible"


def beyond_limits(protocol: Protocol, cohort: Cohort, words: Vocabulary) -> Iterator[tuple[Address, str]]:
    """Everything of which there is more than can be told apart, with its place in the file."""
    counted: tuple[tuple[Address, str, int], ...] = (
        (("cohort", "sites"), "sites", len(cohort.sites)),
        (("cohort", "disease"), "variables", len(words.variables)),
        (("drugs",), "kinds of event", len(words.events)),
        (("protocol", "transitions"), "ways out of states (one for each state in 'from')", len(protocol.transitions)),
    )
    for address, what, number in counted:
        if number > MOST_CODES:
            yield address, f"{number:,} {what}; at most {MOST_CODES:,} are possible"
    if len(protocol.randomisations) > MOST_RANDOMISATIONS:
        many = f"{len(protocol.randomisations):,} randomisations; at most {MOST_RANDOMISATIONS:,} are possible"
        yield ("protocol", "randomisations"), many
    for drawn in protocol.randomisations:
        sites = len(cohort.sites) if drawn.by_site else 1
        lists = sites << len(drawn.strata)
        if lists > STRATA_AT_MOST:
            by = [f"{sites:,} sites"] * drawn.by_site + [f"{len(drawn.strata)} rules"] * bool(drawn.strata)
            said = f"{' and '.join(by)} separate {lists:,} lists; at most {STRATA_AT_MOST:,} are possible"
            yield ("protocol", "randomisations", drawn.name, "strata"), said
