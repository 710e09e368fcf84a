"""Records piece by piece, from the engine of a name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping

from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario

ENGINES: Mapping[str, str] = {
    "batch": "protocolsim.engine.batch.simulation",
    "des": "protocolsim.engine.des.simulation",
}

Progress = Callable[[int], None]


def pieces(
    scenario: Scenario, seed: int, replicates: range, engine: str, progress: Progress | None = None
) -> Iterator[Records]:
    """The records of a study in order: whole replicates, or parts of a large one."""
    found: Iterator[Records] = importlib.import_module(ENGINES[engine]).pieces(
        scenario.trial, seed, replicates, progress
    )
    return found
