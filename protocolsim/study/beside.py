"""The companions of a scenario, run with the same luck."""

from __future__ import annotations

from protocolsim.scenario.builder import build
from protocolsim.scenario.companions import companion_document
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.result import Result
from protocolsim.study.run import run


def companions(scenario: Scenario) -> dict[str, Scenario]:
    """Each companion by name, with what was set from outside; the document of each is read anew.

    Raises UsageError or ScenarioError where a companion cannot be read or does not take what was set.
    """
    documents = {name: companion_document(scenario.document, name) for name in scenario.beside}
    return {name: build(document, allow_plugins=scenario.allow_plugins) for name, document in documents.items()}


def run_beside(scenario: Scenario, seed: int, replicates: int) -> dict[str, Result]:
    """Each companion run, with this seed and as many replicates. Raises as `companions` does."""
    return {name: run(other, seed=seed, replicates=replicates) for name, other in companions(scenario).items()}
