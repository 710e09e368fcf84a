"""Run a scenario: replicates in chunks, endpoints as they come."""

from __future__ import annotations

import time

from protocolsim.engine.base import Progress
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.conduct import Workers, conducted
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.endpoint_sums import rows_in
from protocolsim.study.estimation.estimate import estimate
from protocolsim.study.execution.chunks import Work
from protocolsim.study.execution.ordered_sums import Gathered
from protocolsim.study.result import ROWS_KEPT, ROWS_SHOWN, Result
from protocolsim.study.storage.manifest import Manifest, manifest_of
from protocolsim.study.storage.study_folder import StudyFolder


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
    """
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    engine = chosen_engine(scenario, engine)
    started = time.perf_counter()
    work = Work((scenario,), (engine,), seed, replicates, tables=folder is not None)
    seen = _Seen()
    gathered = Gathered(replicates)
    for tallied in conducted(work, workers, folder, progress, seen.add):
        gathered.add(tallied)
    sums, rows = gathered.sums(), gathered.rows
    found = {name: estimate(endpoint, sums[name]) for name, endpoint in scenario.reported.items()}
    seconds = time.perf_counter() - started
    return Result(scenario, seed, replicates, engine, found, seconds, rows, seen.all(rows), seen.beginning())


def run_manifest(
    scenario: Scenario, replicates: int | None, seed: int | None, engine: str, *, kind: str = "run"
) -> Manifest:
    """What a study folder must know of a run, or of another command that runs; arguments and errors as for `run`."""
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    return manifest_of(kind, scenario, seed, replicates, chosen_engine(scenario, engine))


class _Seen:
    """The records that went by in this process: all while they are few, and of long runs the first."""

    def __init__(self) -> None:
        self._kept: list[Records] = []
        self.first: list[Records] = []
        self._rows = 0

    def add(self, records: Records) -> None:
        """Remember the next piece."""
        self._rows += rows_in(records)
        if self._rows <= ROWS_SHOWN and records.whole:
            self.first.append(records)
        if self._rows <= ROWS_KEPT:
            self._kept.append(records)
        else:
            self._kept.clear()

    def all(self, rows: int) -> tuple[Records, ...] | None:
        """All of them; None where they were too many or some were simulated elsewhere."""
        return tuple(self._kept) if rows == self._rows <= ROWS_KEPT else None

    def beginning(self) -> tuple[Records, ...]:
        """The first of them as far as they follow each other from the first replicate on."""
        found: list[Records] = []
        for records in self.first:
            if records.first_replicate != (found[-1].first_replicate + found[-1].replicates if found else 0):
                break
            found.append(records)
        return tuple(found)
