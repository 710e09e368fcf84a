"""The companions of a scenario, run with the same luck."""

from __future__ import annotations

from protocolsim.scenario.builder import build
from protocolsim.scenario.companions import companion_document
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.result import Result
from protocolsim.study.run import run


def run_beside(scenario: Scenario, seed: int, replicates: int) -> dict[str, Result]:
    """Each companion by name, with this seed and as many replicates, and with what was set from outside.

    Raises UsageError or ScenarioError where a companion cannot be read or does not take what was set.
    """
    found = {}
    for name in scenario.beside:
        document = companion_document(scenario.document, name)
        other = build(document, allow_plugins=scenario.allow_plugins)
        found[name] = run(other, seed=seed, replicates=replicates)
    return found
