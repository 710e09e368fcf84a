"""Shipped scenarios with fewer subjects, for laws that hold for a few as for many."""

from __future__ import annotations

from dataclasses import replace

import protocolsim
from protocolsim import Scenario


def fewer(name: str, size: int, **settings: str) -> Scenario:
    """The scenario with so many subjects. Looks are left out: they count more, and have tests of their own."""
    if protocolsim.load(name).interim is None:
        return protocolsim.load(name, set={"cohort.size": size, **settings})
    scenario = protocolsim.load(name, set=settings)
    trial = replace(scenario.trial, cohort=replace(scenario.trial.cohort, size=size), conduct=None)
    return replace(scenario, trial=trial, interim=None)
