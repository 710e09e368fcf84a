"""The reference table of ABC: quasi-random points of the prior, and some simulated trials at each.

The points are a scrambled Sobol sequence, the same for the same seed, and a shorter table is the beginning of a longer
one. Trials have random numbers of their own at every point: a published trial is one draw of its own, and a table in
which all points shared a few draws would know only those.

The table is a study like any other: each point of the prior is one of its points, and a folder keeps them by sixteen.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError, UsageError
from protocolsim.randomness import MAX_REPLICATES
from protocolsim.records import Records
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import with_settings
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.engines import AUTO, chosen_engine, pieces
from protocolsim.study.estimation.endpoint_sums import EndpointSums
from protocolsim.study.execution.chunks import Chunk, Span, Work
from protocolsim.study.storage.kept_chunks import KeptChunks
from protocolsim.study.storage.manifest import Manifest
from protocolsim.study.storage.ours import REFERENCE
from protocolsim.study.storage.study_folder import StudyFolder

POINTS_TOGETHER = 16
# A position of 0 or 1 has no logit.
_EDGE = 2.0**-31


@dataclass(frozen=True)
class Simulated:
    """Each endpoint of a table in every trial, [points, trials, endpoints], and over all trials of a point."""

    trials: Floats
    long_run: Floats


PointFound = tuple[Floats, Floats]
"""The same of one point: [trials, endpoints], and [endpoints]."""


@dataclass(frozen=True, eq=False)
class PriorPoint:
    """Trials of a scenario with some parameters set, as a point of a study; the scenario there is built by a worker."""

    scenario: Scenario
    settings: tuple[tuple[str, str | float], ...]
    endpoints: tuple[str, ...]
    seed: int
    replicates: range
    engine: str = AUTO

    def pieces(self, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """See Point. A SimulationError names the settings."""
        there = _built(self)
        try:
            yield from pieces(there, self.seed, replicates, chosen_engine(there, self.engine), progress)
        except SimulationError as error:
            at = ", ".join(f"{name} = {value}" for name, value in self.settings)
            raise SimulationError(f"at {at}: {error}") from None

    def accumulator(self, span: Span) -> ReportedTrials:  # noqa: ARG002 - a point is a single span
        """See Point."""
        return ReportedTrials(_built(self), self.endpoints)


@lru_cache(maxsize=1)
def _built(point: PriorPoint) -> Scenario:
    """The scenario of a point, while it is simulated."""
    document = with_settings(point.scenario.document, dict(point.settings))
    return build(document, allow_plugins=point.scenario.allow_plugins)


class ReportedTrials:
    """Accumulates what each trial of a point would have reported."""

    def __init__(self, scenario: Scenario, endpoints: Sequence[str]) -> None:
        self._endpoints = {name: scenario.endpoints[name] for name in endpoints}
        self._sums = EndpointSums(self._endpoints, scenario.populations)

    def add(self, records: Records) -> None:
        """Count in the next records."""
        self._sums.add(records)

    def merge(self, later: PointFound) -> None:
        """A point is a single span: its long run is no sum of long runs."""
        raise NotImplementedError

    def result(self) -> PointFound:
        """Of each trial, and of all together."""
        sums = self._sums.sums()
        own = [endpoint.value(sums[name]) for name, endpoint in self._endpoints.items()]
        every = [float(endpoint.value(sums[name].sum(axis=0))) for name, endpoint in self._endpoints.items()]
        return np.column_stack(own), np.array(every)


@dataclass(frozen=True)
class TablePlan:
    """A table that can be made: `points` of the prior of the free parameters, `trials` at each."""

    scenario: Scenario
    free: tuple[SettableParameter, ...]
    endpoints: tuple[str, ...]
    seed: int
    points: int
    trials: int

    def positions(self) -> Floats:
        """The points, each number from 0 to 1 along the prior of its parameter, [points, parameters]."""
        from scipy.stats import qmc

        sequence = qmc.Sobol(len(self.free), scramble=True, seed=np.random.default_rng(self.seed))
        whole = sequence.random_base2(max(1, (self.points - 1).bit_length()))
        return np.asarray(np.clip(whole[: self.points], _EDGE, 1.0 - _EDGE))

    def points_at(self, positions: Floats, first: int, trials: int) -> list[PriorPoint]:
        """The points of the study at these positions, with trials numbered on from `first`."""
        return [
            PriorPoint(
                self.scenario,
                tuple((f.path, f.setting(float(u))) for f, u in zip(self.free, at, strict=True)),
                self.endpoints,
                self.seed,
                range(first + number * trials, first + (number + 1) * trials),
            )
            for number, at in enumerate(positions)
        ]

    @property
    def manifest(self) -> Manifest:
        """What a study folder must know of it; the scenario's own text is told apart by its checksum."""
        fitted = [{"path": f.path, "unit": f.unit, "low": f.low, "high": f.high, "log": f.log} for f in self.free]
        plan = {
            "parameters": fitted,
            "endpoints": list(self.endpoints),
            "points": self.points,
            "trials": self.trials,
            "points_together": POINTS_TOGETHER,
        }
        scenario = self.scenario
        return Manifest("calibrate", scenario.name, scenario.sha256, self.seed, self.trials, AUTO, plan=plan)


def table_plan(
    scenario: Scenario,
    free: Sequence[SettableParameter],
    endpoints: Sequence[str],
    *,
    seed: int,
    points: int,
    trials: int,
) -> TablePlan:
    """A plan, checked. Raises UsageError for a table that is too small, or too large to number its trials."""
    least = 8 * (len(free) + 1)
    if points < least:
        raise UsageError(
            f"--points: {points} is below {least}, too few to see how {len(free)} parameters move anything"
        )
    if trials < 2:
        raise UsageError(f"--trials: {trials} is below 2 (trials at each point)")
    if 2 * points * trials >= MAX_REPLICATES:
        raise UsageError(f"--points, --trials: {points} x {trials} trials are too many")
    return TablePlan(scenario, tuple(free), tuple(endpoints), seed, points, trials)


def make_table(
    plan: TablePlan, *, workers: Workers = 1, folder: StudyFolder | None = None, progress: Progress | None = None
) -> Simulated:
    """The table of a plan. With `folder`, each chunk is kept there as it is done, and those already there are read.

    `workers` as for `run`; `progress` is called with the number of trials done since the last call.
    """
    return simulate(plan.points_at(plan.positions(), 0, plan.trials), workers, folder, progress)


def simulate(
    points: Sequence[PriorPoint],
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    progress: Progress | None = None,
) -> Simulated:
    """Simulate these points; other arguments as for `make_table`."""
    finished = None if folder is None else ReferenceFiles(folder)
    result = list(conduct(points, workers, finished, progress, together=POINTS_TOGETHER))
    return Simulated(np.stack([trials for trials, _ in result]), np.stack([every for _, every in result]))


class ReferenceFiles(KeptChunks[PointFound]):
    """The finished chunks of a table, in the folder of its study; a chunk's name says which points it has."""

    def taken_up(self, work: Work[Any, PointFound]) -> list[Span]:
        """The points that the folder has already."""
        return [span for span in work.spans() if _name(span) in self.folder.entries]

    def results(self, spans: Sequence[Span]) -> Iterator[tuple[Span, PointFound]]:
        """What is kept of these points."""
        for name, together in groupby(spans, _name):
            (file,) = self.folder.files_of(self.folder.entries[name])
            with np.load(file, allow_pickle=False) as held:
                trials, long_run = held["trials"], held["long_run"]
            yield from zip(together, zip(trials, long_run, strict=True), strict=True)

    def put(self, chunk: Chunk[Any, PointFound], results: Sequence[PointFound]) -> Sequence[PointFound]:
        """Keep a finished chunk in the folder."""
        content = io.BytesIO()
        np.savez(content, trials=np.stack([t for t, _ in results]), long_run=np.stack([every for _, every in results]))
        name = _name(chunk.parts[0].span)
        self.folder.keep(name, {}, {f"{REFERENCE}/{name}.npz": content.getvalue()})
        return results


def _name(span: Span) -> str:
    """The name of the chunk that a point is in."""
    return f"chunk_{span.point // POINTS_TOGETHER:05d}"
