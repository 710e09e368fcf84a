"""A scenario: one trial, read, checked and ready to run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from protocolsim.endpoint.base import Endpoint, Population
from protocolsim.engine.base import Trial
from protocolsim.scenario.reader import Document


@dataclass(frozen=True)
class KnobRow:
    """One of the scenario's own parameters, as a reader sees it."""

    name: str
    value: str
    range: str
    meaning: str
    mark: str
    source: str


@dataclass(frozen=True)
class ParameterRow:
    """One parameter of a component, as a reader sees it; numbers are in `unit`. `changed`: not the default."""

    component: str
    name: str
    value: float
    default: float
    unit: str
    low: float
    high: float
    mark: str
    source: str
    meaning: str
    changed: bool


@dataclass(frozen=True)
class StateRow:
    """One state in the words of the file."""

    name: str
    label: str
    outcome: str
    lasts: str
    treatment: str
    assessments: str
    ways_out: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """A checked scenario. Immutable: to change anything, load it again with `set`.

    `resolved` is the scenario as YAML with everything it extends and every setting merged in; running that text
    gives the same trial.
    """

    name: str
    title: str
    question: str
    description: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    seed: int
    replicates: int
    follow: str | None
    trial: Trial
    populations: Mapping[str, Population]
    endpoints: Mapping[str, Endpoint]
    knobs: tuple[KnobRow, ...]
    parameters: tuple[ParameterRow, ...]
    design: tuple[StateRow, ...]
    resolved: str
    document: Document
    allow_plugins: bool = False

    @property
    def sha256(self) -> str:
        """The hash of the resolved scenario, which names it in provenance."""
        return hashlib.sha256(self.resolved.encode()).hexdigest()
