"""How many of a thing there can be: what tables have room for, and what keys of draws can tell apart."""

from __future__ import annotations

from collections.abc import Iterator

from protocolsim.cohort.cohort import Cohort
from protocolsim.cohort.randomisation import STRATA_AT_MOST
from protocolsim.protocol.states import Protocol
from protocolsim.scenario.build.visits import Vocabulary
from protocolsim.scenario.file.yaml_reader import Address

MOST_CODES = 2**15
"""States, transitions, sites and so on are numbered in two bytes in every table."""
MOST_RANDOMISATIONS = 1000
"""Each has the numbers of STRATA_AT_MOST lists to itself, below the 2^31 that there are."""


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
