"""The companions of a scenario, run with common random numbers."""

from __future__ import annotations

from collections.abc import Mapping

from protocolsim.engine.base import Progress
from protocolsim.errors import ScenarioError
from protocolsim.scenario.quotes import companions_of
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.conduct import Workers
from protocolsim.study.result import Result
from protocolsim.study.run import run

MOST = 400
"""A long study need not be as long again for each scenario beside it; each number carries its own error."""


def companions(scenario: Scenario) -> dict[str, Scenario]:
    """Each companion by name, with what was set from outside; the document of each is read anew.

    Raises ScenarioError where a companion cannot be read or has faults, does not take what was set, or has no number
    of the name that a finding quotes.
    """
    found, faults = companions_of(scenario)
    if faults:
        raise ScenarioError(scenario.document.source, faults)
    return found


def run_beside(
    others: Mapping[str, Scenario],
    seed: int,
    replicates: int,
    *,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> dict[str, Result]:
    """Each of these run, with this seed and as many replicates, but at most MOST."""
    most = min(replicates, MOST)
    return {
        name: run(other, seed=seed, replicates=most, workers=workers, progress=progress)
        for name, other in others.items()
    }


def trials_beside(scenario: Scenario, replicates: int) -> int:
    """How many replicates the companions take."""
    return len(scenario.beside) * min(replicates, MOST)
