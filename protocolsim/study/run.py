"""Run a scenario: replicates in chunks, endpoints as they come."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from protocolsim.errors import UsageError, unknown
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.estimates import estimate
from protocolsim.study.pieces import ENGINES, Progress, pieces
from protocolsim.study.result import ROWS_KEPT, Result
from protocolsim.study.tally import Tally

AUTO = "auto"


def run(
    scenario: Scenario,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    progress: Progress | None = None,
) -> Result:
    """Simulate a scenario; the same arguments give the same result, to the last bit, on either engine.

    `replicates` and `seed` are the scenario's own unless given. `engine`: "batch" is fast, "des" is the reference and
    knows subjects who wait for each other; "auto" takes the fast one where it can run the trial. `progress` is told how
    many replicates were done since it was last called. Raises UsageError for impossible arguments, SimulationError
    where a cohort cannot be filled.
    """
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    engine = chosen_engine(scenario, engine)
    started = time.perf_counter()
    tally = Tally(scenario.endpoints, scenario.populations)
    kept: list[Records] | None = []
    for records in pieces(scenario, seed, replicates, engine, progress):
        tally.add(records)
        records.derived.clear()
        if kept is not None:
            kept.append(records)
            # Long runs keep no rows; tables that are asked for later are simulated again.
            kept = kept if tally.rows <= ROWS_KEPT else None
    sums = tally.sums()
    found = {name: estimate(endpoint, sums[name]) for name, endpoint in scenario.endpoints.items()}
    seconds = time.perf_counter() - started
    rows = None if kept is None else tuple(kept)
    return Result(scenario, seed, replicates, engine, found, seconds, tally.rows, rows)


def replicates_and_seed(scenario: Scenario, replicates: int | None, seed: int | None) -> tuple[int, int]:
    """Those given, or the scenario's own. Raises UsageError for impossible ones."""
    replicates = (
        scenario.replicates if replicates is None else whole_number("replicates", replicates, 1, MAX_REPLICATES - 1)
    )
    seed = scenario.seed if seed is None else whole_number("seed", seed, 0, MAX_SEED)
    return replicates, seed


def chosen_engine(scenario: Scenario, engine: str) -> str:
    """The engine to use. Raises UsageError for an unknown one."""
    if engine == AUTO:
        from protocolsim.engine.batch import unsupported

        return "batch" if unsupported(scenario.trial) is None else "des"
    if engine not in ENGINES:
        raise UsageError(unknown("engine", engine, (AUTO, *ENGINES)))
    return engine


def whole_number(what: str, value: Any, least: int, most: int) -> int:
    """The value, if it is a whole number between bounds; UsageError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise UsageError(f"{what}: expected a whole number, found {value!r}")
    if not least <= value <= most:
        raise UsageError(f"{what}: {value} is not between {least} and {most}")
    return int(value)
