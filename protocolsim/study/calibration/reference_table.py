"""A reference table: many points of the prior, and some simulated trials at each.

The points are a scrambled Sobol sequence, the same for the same seed, and a shorter table is the beginning of a longer
one. Trials have random numbers of their own at every point: a published trial is one draw of its own, and a table in
which all points shared a few draws would know only those.

The work is a list of chunks, each a pure function of what it holds, so that it can be done in any order, elsewhere, or
later: whoever runs it may hand in another `map` than Python's own.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import SimulationError, UsageError
from protocolsim.randomness import MAX_REPLICATES
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import with_settings
from protocolsim.scenario.file.yaml_reader import Document
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.calibration.targets import Free
from protocolsim.study.engines import ENGINES, Progress
from protocolsim.study.estimation.endpoint_sums import Tally
from protocolsim.study.run import AUTO, chosen_engine
from protocolsim.study.storage.manifest import Manifest
from protocolsim.study.storage.ours import REFERENCE
from protocolsim.study.storage.study_folder import StudyFolder

Map = Callable[[Callable[["Chunk"], "Simulated"], Iterable["Chunk"]], Iterable["Simulated"]]

POINTS_TOGETHER = 16
# A position of 0 or 1 has no logit.
_EDGE = 2.0**-31


@dataclass(frozen=True)
class Chunk:
    """Some points of a table: what to set at each, and which trials to simulate (numbered on from `first`)."""

    document: Document
    allow_plugins: bool
    settings: tuple[tuple[tuple[str, str | float], ...], ...]
    endpoints: tuple[str, ...]
    seed: int
    first: int
    trials: int
    engine: str = AUTO


@dataclass(frozen=True)
class Simulated:
    """What came of it: each endpoint in every trial, [points, trials, endpoints], and over all trials of a point."""

    trials: Floats
    long_run: Floats


def simulate(chunk: Chunk) -> Simulated:
    """Simulate the points of a chunk; the same chunk gives the same numbers, whoever asks and wherever."""
    found = [_point(chunk, number) for number in range(len(chunk.settings))]
    return Simulated(np.stack([trials for trials, _ in found]), np.stack([value for _, value in found]))


def _point(chunk: Chunk, number: int) -> tuple[Floats, Floats]:
    settings = dict(chunk.settings[number])
    scenario = build(with_settings(chunk.document, settings), allow_plugins=chunk.allow_plugins)
    endpoints = {name: scenario.endpoints[name] for name in chunk.endpoints}
    tally = Tally(endpoints, scenario.populations)
    first = chunk.first + number * chunk.trials
    engine = importlib.import_module(ENGINES[chosen_engine(scenario, chunk.engine)])
    try:
        for records in engine.pieces(scenario.trial, chunk.seed, range(first, first + chunk.trials)):
            tally.add(records)
    except SimulationError as error:
        at = ", ".join(f"{name} = {value}" for name, value in settings.items())
        raise SimulationError(f"at {at}: {error}") from None
    sums = tally.sums()
    own = [endpoint.value(sums[name]) for name, endpoint in endpoints.items()]
    every = [float(endpoint.value(sums[name].sum(axis=0))) for name, endpoint in endpoints.items()]
    return np.column_stack(own), np.array(every)


@dataclass(frozen=True)
class TablePlan:
    """A table that can be made: `points` of the prior of the free parameters, `trials` at each."""

    scenario: Scenario
    free: tuple[Free, ...]
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

    def chunks(self) -> list[Chunk]:
        """The whole work."""
        return self.chunks_at(self.positions(), 0, self.trials)

    def chunks_at(self, positions: Floats, first: int, trials: int) -> list[Chunk]:
        """The work at these positions, with trials numbered on from `first`."""
        starts = range(0, len(positions), POINTS_TOGETHER)
        return [self._chunk(positions[s : s + POINTS_TOGETHER], first + s * trials, trials) for s in starts]

    def _chunk(self, positions: Floats, first: int, trials: int) -> Chunk:
        settings = tuple(
            tuple((f.path, f.setting(float(u))) for f, u in zip(self.free, at, strict=True)) for at in positions
        )
        scenario = self.scenario
        return Chunk(scenario.document, scenario.allow_plugins, settings, self.endpoints, self.seed, first, trials)

    @property
    def manifest(self) -> Manifest:
        """What a study folder must know of it; the scenario's own text is told apart by its checksum."""
        told = [{k: v for k, v in asdict(f).items() if k in ("path", "unit", "low", "high", "log")} for f in self.free]
        plan = {
            "parameters": told,
            "endpoints": list(self.endpoints),
            "points": self.points,
            "trials": self.trials,
            "points_together": POINTS_TOGETHER,
        }
        scenario = self.scenario
        return Manifest("calibrate", scenario.name, scenario.sha256, self.seed, self.trials, AUTO, plan=plan)


def table_plan(
    scenario: Scenario, free: Sequence[Free], endpoints: Sequence[str], *, seed: int, points: int, trials: int
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
    plan: TablePlan, *, keep: StudyFolder | None = None, progress: Progress | None = None, run: Map = map
) -> Simulated:
    """The table of a plan. With `keep`, each chunk is kept there as it is done, and those already there are read.

    `progress` is told how many trials were done since it was last called. `run` does the work, in order: `map`, or what
    takes its place on several processors.
    """
    return work_off(plan.chunks(), progress, run, keep)


def work_off(
    chunks: Sequence[Chunk], progress: Progress | None = None, run: Map = map, keep: StudyFolder | None = None
) -> Simulated:
    """All chunks together; arguments as for `make_table`."""
    done = {} if keep is None else dict(_kept(keep, len(chunks)))
    if keep is not None:
        keep.planned = len(chunks)
    if progress is not None and done:
        progress(sum(c.trials.shape[0] * c.trials.shape[1] for c in done.values()))
    missing = [n for n in range(len(chunks)) if n not in done]
    for number, simulated in zip(missing, run(simulate, [chunks[n] for n in missing]), strict=True):
        if keep is not None:
            _keep(keep, number, simulated)
        if progress is not None:
            progress(simulated.trials.shape[0] * simulated.trials.shape[1])
        done[number] = simulated
    parts = [done[n] for n in range(len(chunks))]
    return Simulated(np.concatenate([p.trials for p in parts]), np.concatenate([p.long_run for p in parts]))


def _name(number: int) -> str:
    return f"chunk_{number:05d}"


def _kept(folder: StudyFolder, number: int) -> Iterator[tuple[int, Simulated]]:
    """The chunks that are there."""
    for n in range(number):
        entry = folder.entries.get(_name(n))
        if entry is not None:
            with np.load(folder.files_of(entry)[0], allow_pickle=False) as held:
                yield n, Simulated(held["trials"], held["long_run"])


def _keep(folder: StudyFolder, number: int, simulated: Simulated) -> None:
    content = io.BytesIO()
    np.savez(content, trials=simulated.trials, long_run=simulated.long_run)
    folder.keep(_name(number), {}, {f"{REFERENCE}/{_name(number)}.npz": content.getvalue()})
