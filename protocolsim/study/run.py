"""Run a scenario: replicates in chunks, endpoints as they come, and its companions with common random numbers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.companions import companion_replicates
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.denominators import OfPublishedSize
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.endpoint_sums import PointSums, rows_in
from protocolsim.study.estimation.estimate import estimate
from protocolsim.study.execution.trials import Trials
from protocolsim.study.parameters.draws import TOGETHER, ParameterDraws
from protocolsim.study.parameters.told import planned_draws
from protocolsim.study.result import ROWS_KEPT, ROWS_SHOWN, Result
from protocolsim.study.storage.chunk_files import ChunkFiles
from protocolsim.study.storage.manifest import Manifest, content_of, manifest_of
from protocolsim.study.storage.study_folder import StudyFolder


def run(
    scenario: Scenario,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    tables: bool = True,
    companions: Mapping[str, Scenario] | None = None,
    published_size: OfPublishedSize | None = None,
    draws: ParameterDraws | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate a scenario; the same arguments give the same result, to the last bit, on either engine.

    `replicates` and `seed` are the scenario's own unless given. `engine`: "batch" is fast, "des" is the reference and
    knows subjects who wait for each other; "auto" takes the fast one where it can run the trial. `workers`: a number of
    processes, -1 for one on each core, "auto" for as many as pay, or an Executor; the result is the same for any. A
    single large replicate is simulated by one of them. `folder` keeps what is finished, with its `tables`.
    `companions` are scenarios to show beside this one (`study.companions.companions` gives its own), simulated under
    the same seed and kept in the same folder; so is the larger cohort of `published_size`, with as many replicates.
    `draws`: as many trials again with these values of the uncertain parameters, the result's `drawn`. `progress` is
    told how many replicates were done since it was last called. Raises UsageError for impossible arguments,
    SimulationError where a cohort cannot be filled, WorkerError where workers die again and again.
    """
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    engine = chosen_engine(scenario, engine)
    started = time.perf_counter()
    others = {} if companions is None else dict(companions)
    larger = None if published_size is None else published_size.enlarged
    beside = range(companion_replicates(replicates))
    own = Trials(scenario, engine, seed, range(replicates), tables=tables and folder is not None)
    once_more = [own] if larger is None else [own, replace(own, scenario=larger, tables=False)]
    points = [
        own,
        *(Trials(other, chosen_engine(other, AUTO), seed, beside) for other in others.values()),
        *once_more[1:],
        *([] if draws is None else [replace(point, tables=False, draws=draws) for point in once_more]),
    ]
    seen = _KeptRecords()
    result: list[Result] = []
    try:
        for point, sums in zip(
            points,
            conduct(points, workers, None if folder is None else ChunkFiles(folder), progress, seen=seen.add),
            strict=True,
        ):
            result.append(result_of(point, sums, time.perf_counter() - started, None if result else seen))
    except SimulationError as error:
        if not error.point:
            raise
        raise SimulationError(_where(points[error.point].scenario, others, larger) + str(error)) from None
    drawn = None if draws is None else _judged_so(result[-len(once_more) :], published_size)
    result = result[: len(points) - (0 if draws is None else len(once_more))]
    enlarged = None if larger is None else result.pop()
    whole = replace(result[0], published_size=published_size, enlarged=enlarged, drawn=drawn)
    return whole.with_companions(dict(zip(others, result[1:], strict=True)))


def _where(failed: Scenario, others: Mapping[str, Scenario], larger: Scenario | None) -> str:
    """Which scenario of a run failed, as the beginning of a sentence; "" for its own."""
    if larger is not None and failed is larger:
        return f"with a cohort of {larger.trial.cohort.size:,}: "
    return "".join(f"{name}: " for name, other in others.items() if other is failed)


def _judged_so(drawn: list[Result], published_size: OfPublishedSize | None) -> Result:
    """The result of trials with parameters drawn, with that of the larger cohort where there is one."""
    return replace(drawn[0], published_size=published_size, enlarged=drawn[1] if len(drawn) > 1 else None)


def result_of(point: Trials, made: PointSums, seconds: float = 0.0, seen: _KeptRecords | None = None) -> Result:
    """The result of a point from its sums; `seen` are its records that went by in this process."""
    together = 1 if point.draws is None else TOGETHER
    reported = point.scenario.reported
    estimates = {name: estimate(endpoint, made.sums[name], together) for name, endpoint in reported.items()}
    kept, first = (None, ()) if seen is None else (seen.all(made.rows), seen.beginning())
    return Result(
        point.scenario, point.seed, len(point.replicates), point.engine, estimates, seconds, made.rows, kept, first,
        sums=made.sums, draws=point.draws,
    )  # fmt: skip


def run_manifest(
    scenario: Scenario,
    replicates: int | None,
    seed: int | None,
    engine: str,
    *,
    kind: str = "run",
    companions: Mapping[str, Scenario] | None = None,
    published_size: OfPublishedSize | None = None,
    draws: ParameterDraws | None = None,
) -> Manifest:
    """What a study folder must know of a run, or of another command that runs; arguments and errors as for `run`."""
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    plan: dict[str, Any] = planned_draws(draws)
    if companions:
        plan["beside"] = {name: content_of(other) for name, other in companions.items()}
    if published_size is not None and published_size.enlarged is not None:
        plan["cohort for published counts"] = published_size.enlarged.trial.cohort.size
    return manifest_of(kind, scenario, seed, replicates, chosen_engine(scenario, engine), plan)


class _KeptRecords:
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
        beginning: list[Records] = []
        for records in self.first:
            if records.first_replicate != (
                beginning[-1].first_replicate + beginning[-1].replicates if beginning else 0
            ):
                break
            beginning.append(records)
        return tuple(beginning)
