"""Run a scenario: replicates in chunks, endpoints as they come."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from protocolsim.endpoint.base import Endpoint, Population, populations
from protocolsim.errors import UsageError, unknown
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.estimates import estimate
from protocolsim.study.result import Result

ENGINES: Mapping[str, str] = {"des": "protocolsim.engine.des"}
DEFAULT_ENGINE = "des"
# Replicates are run in chunks of about so many subjects, to keep rows few at a time.
_SUBJECTS_AT_ONCE = 2000

Progress = Callable[[int], None]


def run(
    scenario: Scenario,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = DEFAULT_ENGINE,
    progress: Progress | None = None,
) -> Result:
    """Simulate a scenario; the same arguments give the same result, to the last bit.

    `replicates` and `seed` are the scenario's own unless given; `progress` is told how many replicates were done since
    it was last called. Raises UsageError for impossible arguments, SimulationError where a cohort cannot be filled.
    """
    replicates = scenario.replicates if replicates is None else _whole("replicates", replicates, 1, MAX_REPLICATES - 1)
    seed = scenario.seed if seed is None else _whole("seed", seed, 0, MAX_SEED)
    if engine not in ENGINES:
        raise UsageError(unknown("engine", engine, ENGINES))
    simulate = importlib.import_module(ENGINES[engine]).simulate
    started = time.perf_counter()
    step = max(1, _SUBJECTS_AT_ONCE // scenario.trial.cohort.size)
    parts, sums = [], []
    for first in range(0, replicates, step):
        part: Records = simulate(scenario.trial, seed, range(first, min(first + step, replicates)), progress)
        parts.append(part)
        sums.append(endpoint_sums(part, scenario.populations, scenario.endpoints))
    found = {
        name: estimate(endpoint, np.concatenate([s[name] for s in sums])) for name, endpoint in scenario.endpoints.items()
    }
    return Result(scenario, seed, replicates, engine, found, time.perf_counter() - started, tuple(parts))


def endpoint_sums(
    records: Records, declared: Mapping[str, Population], endpoints: Mapping[str, Endpoint]
) -> dict[str, Any]:
    """The sums of every endpoint, [replicates, k] each."""
    known = populations(records, declared)
    return {name: endpoint.sums(records, known) for name, endpoint in endpoints.items()}


def _whole(what: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise UsageError(f"{what}: expected a whole number, found {value!r}")
    if not least <= value <= most:
        raise UsageError(f"{what}: {value} is not between {least} and {most}")
    return int(value)
