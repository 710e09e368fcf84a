"""The companions of a scenario: scenarios to be run beside it, with common random numbers."""

from __future__ import annotations

from protocolsim.errors import ScenarioError
from protocolsim.scenario.checks.quotes import companions_of
from protocolsim.scenario.scenario import Scenario

MOST = 400
"""A long study need not be as long again for each scenario beside it; each number carries its own error."""


def companions(scenario: Scenario) -> dict[str, Scenario]:
    """Each companion by name, with what was set from outside; the document of each is read anew.

    Raises ScenarioError where a companion cannot be read or has faults, does not take what was set, or has no number
    of the name that a finding quotes.
    """
    result, faults = companions_of(scenario)
    if faults:
        raise ScenarioError(scenario.document.source, faults)
    return result


def companion_replicates(replicates: int) -> int:
    """How many replicates of each companion go with so many of the scenario."""
    return min(replicates, MOST)


def trials_beside(scenario: Scenario, replicates: int) -> int:
    """How many replicates the companions take."""
    return len(scenario.beside) * companion_replicates(replicates)
