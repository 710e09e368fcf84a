"""Running the validation suite: every published result of many scenarios, each among simulated trials of its own.

Members are the scenarios of the suite, and shipped ones whose own file says what was published: what a variant of a
trial inherits from it is no further datum. Each member has its own seed, so that no two trials share patients, and all
are points of one study: one folder, one set of workers.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Role
from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError, UsageError
from protocolsim.randomness import MAX_SEED
from protocolsim.scenario.file import library
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.denominators import OfPublishedSize
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.endpoint_sums import PointSums
from protocolsim.study.estimation.estimate import estimate
from protocolsim.study.execution.trials import Trials
from protocolsim.study.result import Result
from protocolsim.study.storage.chunk_files import ChunkFiles
from protocolsim.study.storage.manifest import Manifest, content_of
from protocolsim.study.storage.study_folder import StudyFolder
from protocolsim.study.storage.write import checksum_of
from protocolsim.study.suite.leave_one_out import LeftOut
from protocolsim.study.suite.scores import Scale, ScoredRange, kind_of, naive_range, scale_of, scored
from protocolsim.study.validation import PublishedComparison, judged_trials, published_rows, validation_plan

SHIPPED = "the suite that comes with protocolsim"
KIND = "validate --all"
ROLES: tuple[Role, ...] = ("checked", "not independent", "fitted")


@dataclass(frozen=True)
class Member:
    """A scenario of the suite: which of its published results are its own, and what is simulated of it."""

    scenario: Scenario
    rows: tuple[str, ...]
    seed: int
    replicates: int
    published_size: OfPublishedSize

    def points(self, engine: str) -> list[Trials]:
        """The trials themselves, and those of the larger cohort that its published counts take."""
        there = [s for s in (self.scenario, self.published_size.enlarged) if s is not None]
        return [Trials(s, chosen_engine(s, engine), self.seed, range(self.replicates)) for s in there]


@dataclass(frozen=True)
class SuitePlan:
    """A suite that can be run. `source` says where it comes from."""

    members: tuple[Member, ...]
    source: str
    engine: str

    @property
    def trials(self) -> int:
        """How many trials will be simulated."""
        return sum(len(m.points(self.engine)) * m.replicates for m in self.members)

    @property
    def manifest(self) -> Manifest:
        """What a study folder must know of it."""
        members = {m.scenario.name: self._said(m) for m in self.members}
        content = checksum_of(repr(sorted((n, m["content"]) for n, m in members.items())).encode())
        replicates = max(m.replicates for m in self.members)
        return Manifest(KIND, self.source, content, self.members[0].seed, replicates, self.engine, plan=members)

    def _said(self, member: Member) -> dict[str, Any]:
        larger = member.published_size.enlarged
        return {
            "content": content_of(member.scenario),
            "seed": member.seed,
            "replicates": member.replicates,
            "cohort for published counts": None if larger is None else larger.trial.cohort.size,
        }


@dataclass(frozen=True)
class SuiteRow:
    """One published result of the suite.

    `scenario` is its name, `compared` the row as `validate` has it, `trials` what it is in each trial that it is judged
    among. `scale` is that of its scores, None where it has none. `own` is the simulated range, `naive` that of the
    naive reference, each with its score; None where there is none. `datum` is the name of the row whose datum it is.
    `left_out` is what the other rows say of it, None where parameters were not drawn or no other row says anything.
    """

    scenario: str
    title: str
    compared: PublishedComparison
    datum: str
    trials: Floats = field(repr=False, compare=False)
    scale: Scale | None = None
    own: ScoredRange | None = None
    naive: ScoredRange | None = None
    left_out: LeftOut | None = None

    @property
    def name(self) -> str:
        """Its name in the whole suite: scenario and endpoint."""
        return f"{self.scenario}.{self.compared.estimate.name}"

    @property
    def inside(self) -> bool | None:
        """Whether it lies inside; None where that is not defined."""
        return None if self.compared.verdict == "undefined" else self.compared.verdict == "inside"

    @property
    def inside_without_it(self) -> bool | None:
        """Whether it lies in what the other rows say of it."""
        if self.left_out is None:
            return None
        return self.left_out.lo - 1e-9 <= self.compared.published.value <= self.left_out.hi + 1e-9


@dataclass(frozen=True)
class Suite:
    """The whole suite: its rows, and what each member was simulated with, by name."""

    plan: SuitePlan
    rows: tuple[SuiteRow, ...]
    seconds: float

    @property
    def members(self) -> Mapping[str, Mapping[str, int]]:
        """Seed and replicates of each scenario."""
        return {m.scenario.name: {"seed": m.seed, "replicates": m.replicates} for m in self.plan.members}

    @property
    def provenance(self) -> dict[str, str]:
        """What is needed to get the same numbers again."""
        return {
            "suite": self.plan.source,
            "scenarios": str(len(self.plan.members)),
            "seeds": ", ".join(f"{m.scenario.name} {m.seed}" for m in self.plan.members),
            "replicates": ", ".join(f"{m.scenario.name} {m.replicates}" for m in self.plan.members),
            "engine": self.plan.engine,
            "run time": f"{self.seconds:.1f} s",
            "protocolsim": version("protocolsim"),
        }


def own_rows(scenario: Scenario) -> tuple[str, ...]:
    """The endpoints whose published value stands in the scenario's own file, and is not inherited."""
    document = scenario.document
    return tuple(
        name
        for name, endpoint in scenario.endpoints.items()
        if endpoint.published is not None and document.places["published", name, "value"].source == document.source
    )


def suite_scenarios(folder: Path | None = None, *, allow_plugins: bool = False) -> list[Scenario]:
    """The scenarios of the suite that have published results of their own: those shipped, or those of a folder.

    Raises UsageError for a folder without any, ScenarioError for a file with faults.
    """
    if folder is None:
        names = [*library.validation(), *library.names()]
    else:
        if not folder.is_dir():
            raise UsageError(f"--suite {folder}: there is no such folder")
        names = [str(p) for p in sorted(folder.iterdir()) if p.suffix.lower() in (".yaml", ".yml") and p.is_file()]
    found = [load(name, allow_plugins=allow_plugins) for name in names]
    found = [scenario for scenario in found if own_rows(scenario)]
    if not found:
        where = SHIPPED if folder is None else f"--suite {folder}"
        raise UsageError(f"{where}: expected scenario files (.yaml) with published results (`published:`), found none")
    return found


def suite_plan(
    folder: Path | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    allow_plugins: bool = False,
) -> SuitePlan:
    """A plan of the shipped suite, or of the scenarios in a folder; each has its own number of trials unless given.

    With `seed` the seed of each member comes from it and from the member's name; without, it is the scenario's own.
    Raises UsageError where there is nothing to run, ScenarioError for files with faults.
    """
    members = []
    for scenario in suite_scenarios(folder, allow_plugins=allow_plugins):
        chosen = None if seed is None else (seed + zlib.crc32(scenario.name.encode())) % (MAX_SEED + 1)
        plan = validation_plan(scenario, replicates, chosen, engine, where=scenario.name)
        members.append(Member(scenario, own_rows(scenario), plan.seed, plan.replicates, plan.published_size))
    return SuitePlan(tuple(members), SHIPPED if folder is None else str(folder), engine)


def run_suite(
    plan: SuitePlan, *, workers: Workers = 1, folder: StudyFolder | None = None, progress: Progress | None = None
) -> Suite:
    """Simulate every member and judge every row; `workers`, `folder` and `progress` as for `run`.

    Raises SimulationError, which names the scenario, where a cohort cannot be filled.
    """
    started = time.perf_counter()
    points = [(member, point) for member in plan.members for point in member.points(plan.engine)]
    work = [point for _, point in points]
    made = conduct(work, workers, None if folder is None else ChunkFiles(folder), progress)
    results: dict[str, list[Result]] = {}
    try:
        for (member, point), sums in zip(points, made, strict=True):
            results.setdefault(member.scenario.name, []).append(_result(point, sums))
    except SimulationError as error:
        raise SimulationError(f"{points[error.point][0].scenario.name}: {error}") from None
    rows = [row for member in plan.members for row in _rows(member, *results[member.scenario.name])]
    return Suite(plan, tuple(_with_naive(rows, plan)), time.perf_counter() - started)


def _result(point: Trials, made: PointSums) -> Result:
    estimates = {name: estimate(endpoint, made.sums[name]) for name, endpoint in point.scenario.reported.items()}
    return Result(
        point.scenario, point.seed, len(point.replicates), point.engine, estimates, 0.0, made.rows, sums=made.sums
    )


def _rows(member: Member, result: Result, enlarged: Result | None = None) -> Iterator[SuiteRow]:
    whole = replace(result, published_size=member.published_size, enlarged=enlarged)
    name, there = member.scenario.name, set(member.rows)
    for compared in published_rows(whole):
        e, said = compared.estimate, compared.published
        if e.name not in there:
            continue
        trials, _ = judged_trials(e.name, whole)
        scale = scale_of(member.scenario.endpoints[e.name])
        own = None if scale is None or compared.verdict == "undefined" else scored(e.lo, e.hi, said.value, scale)
        datum = said.same_as if said.same_as in there else e.name
        yield SuiteRow(name, member.scenario.title, compared, f"{name}.{datum}", trials, scale, own)


def _with_naive(rows: Sequence[SuiteRow], plan: SuitePlan) -> Iterator[SuiteRow]:
    """Each row with the naive reference: one result for each datum of the same kind, of other scenarios."""
    endpoints = {m.scenario.name: m.scenario.endpoints for m in plan.members}
    kinds = [kind_of(endpoints[row.scenario][row.compared.estimate.name]) for row in rows]
    for row, kind in zip(rows, kinds, strict=True):
        others = {
            other.datum: other.compared.published.value
            for other, of in zip(rows, kinds, strict=True)
            if of == kind and other.scenario != row.scenario and other.name == other.datum
        }
        endpoint = endpoints[row.scenario][row.compared.estimate.name]
        naive = naive_range(tuple(others.values()), row.compared.published.value, endpoint)
        yield replace(row, naive=naive)
