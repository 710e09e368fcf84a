"""Running the validation suite: every published result of many scenarios, each among simulated trials of its own.

Members are the scenarios of the suite, and shipped ones whose own file says what was published: what a variant of a
trial inherits from it is no further datum. Each member has its own seed, so that no two trials share patients, and all
are points of one study: one folder, one set of workers.

Parameters that are drawn are drawn under one seed for the whole suite, so that two members that share a model have its
values in common, draw by draw, and nothing else: that is what one published result can say of another.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError, UsageError, nearest
from protocolsim.randomness import MAX_SEED
from protocolsim.scenario.file import library
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.denominators import OfPublishedSize
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.execution.trials import Trials
from protocolsim.study.parameters.asked import FIXED, PLAUSIBLE
from protocolsim.study.parameters.draws import ParameterDraws
from protocolsim.study.parameters.told import planned_draws
from protocolsim.study.parameters.uncertain import uncertain_in
from protocolsim.study.result import Result
from protocolsim.study.run import result_of
from protocolsim.study.storage.chunk_files import ChunkFiles
from protocolsim.study.storage.manifest import Manifest, content_of
from protocolsim.study.storage.study_folder import StudyFolder
from protocolsim.study.storage.write import checksum_of
from protocolsim.study.suite.predicted import predicted_by_others
from protocolsim.study.suite.row import SuiteRow
from protocolsim.study.suite.scores import kind_of, naive_range, scale_of, scored
from protocolsim.study.validation import judged_trials, published_rows, validation_plan

SHIPPED = "the suite that comes with protocolsim"
KIND = "validate --all"
_PARAMETER_SEED = 1
_TRIALS, _SUBJECTS = 600, 30_000


@dataclass(frozen=True)
class Member:
    """A scenario of the suite: which of its published results are its own, and what is simulated of it."""

    scenario: Scenario
    rows: tuple[str, ...]
    seed: int
    replicates: int
    published_size: OfPublishedSize
    draws: ParameterDraws | None = None

    def points(self, engine: str) -> list[Trials]:
        """The trials themselves, and those of the larger cohort that its published counts take; then the same drawn."""
        there = [s for s in (self.scenario, self.published_size.enlarged) if s is not None]
        fixed = [Trials(s, chosen_engine(s, engine), self.seed, range(self.replicates)) for s in there]
        return fixed if self.draws is None else [*fixed, *(replace(point, draws=self.draws) for point in fixed)]


@dataclass(frozen=True)
class SuitePlan:
    """A suite that can be run. `source` says where it comes from."""

    members: tuple[Member, ...]
    source: str
    engine: str
    parameters: str = FIXED

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
            **planned_draws(member.draws),
            "cohort for published counts": None if larger is None else larger.trial.cohort.size,
        }


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
            "parameters": self.plan.parameters,
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


def _said_anew(scenarios: Iterable[Scenario]) -> set[tuple[str, str, str]]:
    """Scenario, endpoint and words of each published value that another of them, which extends it, says again itself.

    It is one datum, and that of the scenario that says it last, which was written to hold it.
    """
    found = set()
    for scenario in scenarios:
        document = scenario.document
        parents = {place.source for place in document.places.values()} - {document.source}
        for row in own_rows(scenario):
            said = scenario.endpoints[row].published
            found |= {(parent, row, said.text) for parent in parents if said is not None}
    return found


def suite_scenarios(
    folder: Path | None = None, *, allow_plugins: bool = False
) -> list[tuple[Scenario, tuple[str, ...]]]:
    """The scenarios of the suite with their own published results: those shipped, or those of a folder.

    Raises UsageError for a folder without any, ScenarioError for a file with faults.
    """
    if folder is None:
        names = [*library.validation(), *library.names()]
    else:
        if not folder.is_dir():
            raise UsageError(f"--suite {folder}: there is no such folder")
        names = [str(p) for p in sorted(folder.iterdir()) if p.suffix.lower() in (".yaml", ".yml") and p.is_file()]
    read = [load(name, allow_plugins=allow_plugins) for name in names]
    again = _said_anew(read)
    found = []
    for scenario in read:
        said = {row: scenario.endpoints[row].published for row in own_rows(scenario)}
        rows = tuple(r for r, p in said.items() if p is not None and (scenario.name, r, p.text) not in again)
        if rows:
            found.append((scenario, rows))
    if not found:
        where = SHIPPED if folder is None else f"--suite {folder}"
        raise UsageError(f"{where}: expected scenario files (.yaml) with published results (`published:`), found none")
    return found


def suite_replicates(scenario: Scenario) -> int:
    """How many trials of each member unless told otherwise; a whole suite then takes minutes.

    600, or of larger cohorts as many as have 30,000 subjects; never fewer than the scenario's own number. An end of
    90 % is then known to two percentiles, and the error of each end stands in the row.
    """
    return max(scenario.replicates, min(_TRIALS, _SUBJECTS // scenario.trial.cohort.size))


def suite_plan(
    folder: Path | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    parameters: str = FIXED,
    allow_plugins: bool = False,
) -> SuitePlan:
    """A plan of the shipped suite, or of the scenarios in a folder; each has its own number of trials unless given.

    `parameters` is "fixed", or "plausible" to draw those that are uncertain too. With `seed` the seed of each member
    comes from it and from the member's name; without, it is the scenario's own.

    Raises UsageError where there is nothing to run, ScenarioError for files with faults.
    """
    if parameters not in (FIXED, PLAUSIBLE):
        close = nearest(parameters, (FIXED, PLAUSIBLE))
        meant = "" if close is None else f"; did you mean '{close}'?"
        raise UsageError(
            f"--parameters {parameters}: a suite takes fixed or plausible, since a posterior is of one scenario{meant}"
        )
    members = []
    for scenario, rows in suite_scenarios(folder, allow_plugins=allow_plugins):
        chosen = None if seed is None else (seed + zlib.crc32(scenario.name.encode())) % (MAX_SEED + 1)
        number = suite_replicates(scenario) if replicates is None else replicates
        plan = validation_plan(scenario, number, chosen, engine, where=scenario.name)
        of_suite = _PARAMETER_SEED if seed is None else seed
        draws = None if parameters == FIXED else ParameterDraws(uncertain_in(scenario)[0], of_suite)
        members.append(Member(scenario, rows, plan.seed, plan.replicates, plan.published_size, draws))
    return SuitePlan(tuple(members), SHIPPED if folder is None else str(folder), engine, parameters)


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
            results.setdefault(member.scenario.name, []).append(result_of(point, sums))
    except SimulationError as error:
        raise SimulationError(f"{points[error.point][0].scenario.name}: {error}") from None
    rows = [row for member in plan.members for row in _rows(member, results[member.scenario.name])]
    rows = [*_with_naive(rows, plan)]
    if plan.parameters != FIXED:
        rows = predicted_by_others(rows, {m.scenario.name: m.draws for m in plan.members})
    return Suite(plan, tuple(rows), time.perf_counter() - started)


def _judged_so(member: Member, result: Result, enlarged: Result | None = None) -> Result:
    return replace(result, published_size=member.published_size, enlarged=enlarged)


def _rows(member: Member, results: Sequence[Result]) -> Iterator[SuiteRow]:
    whole = _judged_so(member, *(r for r in results if r.draws is None))
    judged = whole if member.draws is None else _judged_so(member, *(r for r in results if r.draws is not None))
    whole = replace(whole, drawn=None if member.draws is None else judged)
    name, there = member.scenario.name, set(member.rows)
    for compared in published_rows(whole):
        e, said = compared.estimate, compared.published
        if e.name not in there:
            continue
        trials, _ = judged_trials(e.name, judged)
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
