"""Run a scenario: replicates in chunks, endpoints as they come."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from protocolsim.errors import UsageError, digits, unknown
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.chunk import MOST_SUBJECTS_IN_TABLES, Work
from protocolsim.study.conduct import Workers, conducted
from protocolsim.study.estimates import estimate
from protocolsim.study.folder import StudyFolder
from protocolsim.study.gathered import Gathered
from protocolsim.study.manifest import Manifest, manifest_of
from protocolsim.study.pieces import ENGINES, Progress
from protocolsim.study.result import ROWS_KEPT, Result
from protocolsim.study.tally import rows_in

AUTO = "auto"


def run(
    scenario: Scenario,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate a scenario; the same arguments give the same result, to the last bit, on either engine.

    `replicates` and `seed` are the scenario's own unless given. `engine`: "batch" is fast, "des" is the reference and
    knows subjects who wait for each other; "auto" takes the fast one where it can run the trial. `workers`: a number of
    processes, -1 for one on each core, "auto" for as many as pay, or an Executor; the result is the same for any. A
    single large replicate is simulated by one of them. `folder` keeps what is finished. `progress` is told how many
    replicates were done since it was last called. Raises UsageError for impossible arguments, SimulationError where a
    cohort cannot be filled, WorkerError where workers die again and again.

    A script that asks for workers must begin its work below `if __name__ == "__main__":`, as with any use of
    processes in Python: each worker reads the script again.
    """
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    engine = chosen_engine(scenario, engine)
    started = time.perf_counter()
    work = Work((scenario,), (engine,), seed, replicates, tables=folder is not None and with_tables(scenario))
    seen = _Seen()
    gathered = Gathered(replicates)
    for tallied in conducted(work, workers, folder, progress, seen.add):
        gathered.add(tallied)
    sums, rows = gathered.sums(), gathered.rows
    found = {name: estimate(endpoint, sums[name]) for name, endpoint in scenario.reported.items()}
    seconds = time.perf_counter() - started
    return Result(scenario, seed, replicates, engine, found, seconds, rows, seen.all(rows))


def run_manifest(scenario: Scenario, replicates: int | None, seed: int | None, engine: str) -> Manifest:
    """What a study folder must know of a run; arguments and errors as for `run`."""
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    return manifest_of("run", scenario, seed, replicates, chosen_engine(scenario, engine))


def with_tables(scenario: Scenario) -> bool:
    """Whether chunks carry the tables; those of a large trial are written while it is simulated once more."""
    return scenario.trial.cohort.size <= MOST_SUBJECTS_IN_TABLES


class _Seen:
    """The records that went by in this process, as long as they are few: long runs keep no rows."""

    def __init__(self) -> None:
        self._kept: list[Records] = []
        self._rows = 0

    def add(self, records: Records) -> None:
        """Remember the next piece."""
        self._rows += rows_in(records)
        if self._rows <= ROWS_KEPT:
            self._kept.append(records)
        else:
            self._kept.clear()

    def all(self, rows: int) -> tuple[Records, ...] | None:
        """All of them; None where they were too many or some were simulated elsewhere."""
        return tuple(self._kept) if rows == self._rows <= ROWS_KEPT else None


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
        raise UsageError(f"{what}: expected a whole number, found {digits(value)}")
    if not least <= value <= most:
        raise UsageError(f"{what}: {digits(int(value))} is not between {least} and {most}")
    return int(value)
