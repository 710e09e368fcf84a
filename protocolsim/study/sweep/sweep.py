"""Parameter sweeps: one scenario at every point of a grid of settings, with common random numbers.

Every point is simulated with the same seed, so its difference from the scenario's own value is paired by replicate
(variance reduction). Of each point only the estimates are kept.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Reported
from protocolsim.engine.base import Progress
from protocolsim.errors import ScenarioError, SimulationError, UsageError
from protocolsim.names import as_column
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import with_settings
from protocolsim.scenario.load import ScenarioLike, Settings, scenario_of
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.setting_names import settings
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.endpoint_sums import PointSums
from protocolsim.study.estimation.estimate import (
    Estimate,
    added_together,
    as_json,
    estimate,
    jackknife,
    nan_as_none,
)
from protocolsim.study.execution.trials import Trials
from protocolsim.study.parameters.asked import FIXED, ParametersLike, draws_asked
from protocolsim.study.parameters.draws import TOGETHER, ParameterDraws
from protocolsim.study.parameters.told import planned_draws, prediction_as_json
from protocolsim.study.result import Result
from protocolsim.study.storage.chunk_files import ChunkFiles
from protocolsim.study.storage.manifest import Manifest, manifest_of
from protocolsim.study.storage.study_folder import StudyFolder
from protocolsim.study.sweep.grid_values import FORM, MOST_POINTS, Axis, Settable, axis

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("estimate", "label", "value", "mcse", "lo", "hi", "median", "n_undefined"),
    *("difference", "difference_mcse", "unit", "published"),
)
DRAWN_COLUMNS = ("prediction_lo", "prediction_hi", "drawn_value", "drawn_difference", "drawn_difference_mcse")
"""What the frame has besides where parameters are drawn."""
# Not to be varied: paired comparison needs the same seed and number of replicates at every point.
_SAME_THROUGHOUT = ("seed", "replicates")


@dataclass(frozen=True)
class GridPoint:
    """One point of the grid: the number of each axis, the same as settings, the scenario there, and what it draws."""

    values: tuple[float, ...]
    settings: tuple[Settable, ...]
    scenario: Scenario
    draws: ParameterDraws | None = None


@dataclass(frozen=True)
class Plan:
    """A sweep that can be carried out: the scenario itself, and every point of the grid, all of them checked.

    `draws` is what the scenario itself draws; each point has its own, without what is varied.
    """

    scenario: Scenario
    axes: tuple[Axis, ...]
    points: tuple[GridPoint, ...]
    seed: int
    replicates: int
    engine: str
    draws: ParameterDraws | None = None

    @property
    def manifest(self) -> Manifest:
        """What a study folder must know of it."""
        engine = chosen_engine(self.scenario, self.engine)
        plan = planned_draws(self.draws)
        manifest = manifest_of("sweep", self.scenario, self.seed, self.replicates, engine, plan)
        points = (tuple(a.own for a in self.axes), *(p.values for p in self.points))
        if self.draws is not None:
            points = (*points, *points)  # each of them once more, with parameters drawn
        return replace(manifest, axes=tuple(a.name for a in self.axes), points=points)

    @property
    def trials(self) -> int:
        """How many trials will be simulated, those of the scenario itself included."""
        return (len(self.points) + 1) * self.replicates * (1 if self.draws is None else 2)


@dataclass(frozen=True)
class Outcome:
    """The result at one point: estimates, and (difference from the scenario's own value, its mcse), by endpoint.

    `drawn` are the same with the uncertain parameters drawn, the same draws at every point; None where these are fixed.
    """

    values: tuple[float, ...]
    settings: tuple[Settable, ...]
    estimates: Mapping[str, Estimate]
    differences: Mapping[str, tuple[float, float]]
    drawn: Outcome | None = None


@dataclass(frozen=True)
class Sweep:
    """What a sweep found. `own` is the scenario at its own values; `outcomes` come in the order of the grid."""

    own: Result
    axes: tuple[Axis, ...]
    outcomes: tuple[Outcome, ...]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each point and endpoint: a column for each parameter (in its unit), and `COLUMNS`.

        Shares (unit "%") are 0 to 1. `difference` is from the scenario's own value; nan stands for undefined.
        """
        import pandas as pd

        names = [a.name for a in self.axes]
        rows = [
            (
                *(*outcome.values, name, e.label, e.value, e.mcse, e.lo, e.hi, e.median, e.n_undefined),
                *(*outcome.differences[name], e.unit, np.nan if e.published is None else float(e.published.value)),
            )
            for outcome in self.outcomes
            for name, e in outcome.estimates.items()
        ]
        frame = pd.DataFrame(rows, columns=[*names, *COLUMNS])
        drawn = [_drawn_cells(o.drawn, name) for o in self.outcomes if o.drawn is not None for name in o.estimates]
        return pd.concat([frame, pd.DataFrame(drawn, columns=list(DRAWN_COLUMNS))], axis=1) if drawn else frame

    def summary(self) -> dict[str, Any]:
        """Everything, as `protocolsim sweep --json` prints it; None for undefined."""
        return {
            **self.own.summary(),
            "parameters": [{"name": a.name, "unit": a.unit, "values": list(a.values), "own": a.own} for a in self.axes],
            "points": [self._point(outcome) for outcome in self.outcomes],
        }

    def _point(self, outcome: Outcome) -> dict[str, Any]:
        names = [a.name for a in self.axes]
        point: dict[str, Any] = {}
        for name, e in outcome.estimates.items():
            difference, error = map(nan_as_none, outcome.differences[name])
            point[name] = {**as_json(e), "difference": difference, "difference_mcse": error}
            if outcome.drawn is not None:
                apart, its_error = map(nan_as_none, outcome.drawn.differences[name])
                prediction = prediction_as_json(outcome.drawn.estimates[name])
                point[name]["prediction"] = {**prediction, "difference": apart, "difference_mcse": its_error}
        return {
            "parameters": dict(zip(names, outcome.values, strict=True)),
            "settings": dict(zip(names, outcome.settings, strict=True)),
            "estimates": point,
        }

    @property
    def provenance(self) -> dict[str, str]:
        """What is needed to get the same numbers again."""
        varied = {f"varied: {a.name}": ", ".join(str(s) for s in a.settings) for a in self.axes}
        return {**self.own.provenance, **varied}


def _drawn_cells(outcome: Outcome, name: str) -> tuple[float, ...]:
    """What stands in the columns of drawn parameters."""
    e = outcome.estimates[name]
    return (e.lo, e.hi, e.value, *outcome.differences[name])


def sweep(
    scenario: ScenarioLike,
    vary: Mapping[str, object],
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    set: Settings | None = None,
    progress: Progress | None = None,
    allow_plugins: bool = False,
) -> pd.DataFrame:
    """Simulate a scenario (its name, its path, or as loaded) at every point of a grid; one row per point and endpoint.

    `vary`: a parameter by any name that `load(set=...)` takes, and "25%:95%:5%", "1,2,5" or a sequence of numbers.
    `difference` is from the scenario's own value (with `set` applied), with common random numbers, and
    `difference_mcse` its paired Monte Carlo standard error. The other arguments and columns are those of `run` and its
    estimates. Raises UsageError before anything runs for what cannot be varied so, SimulationError where a cohort
    cannot be filled. `plan` and `carry_out` do the same in two steps and keep more.
    """
    planned = plan(
        scenario, vary, replicates=replicates, seed=seed, engine=engine, set=set, allow_plugins=allow_plugins
    )
    return carry_out(planned, progress).frame


# Planning ------------------------------------------------------------------------------------------------------------


def plan(
    scenario: ScenarioLike,
    vary: Mapping[str, object],
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    set: Settings | None = None,
    parameters: ParametersLike = FIXED,
    allow_plugins: bool = False,
) -> Plan:
    """Check a whole sweep without running anything; arguments and errors as for `sweep`.

    `parameters`: "plausible" or a posterior's path draws those that are uncertain, but for what is varied.
    """
    base = scenario_of(scenario, set, allow_plugins)
    replicates, seed = replicates_and_seed(base, replicates, seed, many_points=True)
    chosen_engine(base, engine)
    if not vary:
        raise UsageError(f"a sweep varies something: give --vary {FORM}, such as response_threshold=25%:95%:5%")
    paths: dict[str, str] = {}
    axes: list[Axis] = []
    for name, given in vary.items():
        path = _path(base, str(name))
        if path in paths:
            raise UsageError(f"--vary {name}: it is varied twice, as '{paths[path]}' too")
        paths[path] = str(name)
        varied = base.settable(path)
        axes.append(axis(str(name), given, log=varied.log))
        axes[-1] = replace(axes[-1], own=base.written_at(varied, axes[-1].unit))
    sizes = [len(a.values) for a in axes]
    number = int(np.prod(sizes, dtype=object))
    if number > MOST_POINTS:
        raise UsageError(
            f"--vary: a grid of {' x '.join(f'{s:,}' for s in sizes)} has {number:,} points, more than {MOST_POINTS:,}"
        )
    grid = itertools.product(*(zip(a.values, a.settings, strict=True) for a in axes))
    points = tuple(_point(base, dict(zip(paths, axes, strict=True)), at) for at in grid)
    for point in points:
        chosen_engine(point.scenario, engine)
    draws = draws_asked(base, parameters, seed)
    if draws is not None:
        points = tuple(replace(p, draws=draws_asked(p.scenario, parameters, seed)) for p in points)
    return Plan(base, tuple(axes), points, seed, replicates, engine, draws)


def _path(base: Scenario, name: str) -> str:
    """The place that a name means. Raises UsageError where it means none, or one that cannot be varied."""
    try:
        (path,) = settings(base.document, {name: 0}, base.allow_plugins)
    except UsageError as error:
        raise UsageError(str(error).replace("--set", "--vary", 1)) from None
    if path in _SAME_THROUGHOUT:
        raise UsageError(f"--vary {name}: every point has the same {path}; give --{path} instead")
    if as_column(name) in (*COLUMNS, *DRAWN_COLUMNS):
        raise UsageError(f"--vary {name}: the results have a column of that name; write {path} instead")
    return path


def _point(base: Scenario, axes: Mapping[str, Axis], at: Sequence[tuple[float, Settable]]) -> GridPoint:
    chosen = {path: written for path, (_, written) in zip(axes, at, strict=True)}
    said = _said(axes.values(), chosen.values())
    try:
        point = build(with_settings(base.document, chosen), allow_plugins=base.allow_plugins)
    except UsageError as error:
        raise UsageError(f"--vary {said}: {error}") from None
    except ScenarioError as error:
        # What is wrong with the value itself explains what is wrong elsewhere.
        faults = [f.message for f in error.faults if f.path in axes] or [f"{f.path}: {f.message}" for f in error.faults]
        raise UsageError(f"--vary {said}: {'; '.join(faults).replace(' (from --set)', '')}") from None
    return GridPoint(tuple(number for number, _ in at), tuple(chosen.values()), point)


def _said(axes: Iterable[Axis], chosen: Iterable[Settable]) -> str:
    return ", ".join(f"{a.name}={written}" for a, written in zip(axes, chosen, strict=True))


# Carrying out --------------------------------------------------------------------------------------------------------


def carry_out(
    planned: Plan, progress: Progress | None = None, *, workers: Workers = 1, folder: StudyFolder | None = None
) -> Sweep:
    """Simulate the scenario itself and every point. `progress` is called with the trials done since the last call.

    `workers` and `folder` as for `run`. Raises SimulationError, which names the point, where a cohort cannot be filled;
    UsageError where a point has other looks, whose numbers are none of the scenario's own.
    """
    started = time.perf_counter()
    for point in planned.points:
        other = point.scenario.of_looks.keys() ^ planned.scenario.of_looks.keys()
        if other:
            at = _said(planned.axes, point.settings)
            raise UsageError(f"at {at} there are other looks: '{min(other)}' is not found at every point")
    scenarios = (planned.scenario, *(p.scenario for p in planned.points))
    replicates = range(planned.replicates)
    points = [Trials(s, chosen_engine(s, planned.engine), planned.seed, replicates) for s in scenarios]
    if planned.draws is not None:
        drawn = (planned.draws, *(p.draws for p in planned.points))
        points += [replace(point, draws=own) for point, own in zip(points, drawn, strict=True)]
    made = conduct(points, workers, None if folder is None else ChunkFiles(folder), progress)
    try:
        result, outcomes = _outcomes(planned, points[0], made)
        if planned.draws is not None:
            own, once_more = _outcomes(planned, points[len(scenarios)], made)
            result = replace(result, drawn=own)
            outcomes = [replace(one, drawn=other) for one, other in zip(outcomes, once_more, strict=True)]
    except SimulationError as error:
        number = (error.point or 0) % len(scenarios)
        if not number:
            raise
        at = _said(planned.axes, planned.points[number - 1].settings)
        raise SimulationError(f"at {at}: {error}") from None
    return Sweep(replace(result, seconds=time.perf_counter() - started), planned.axes, tuple(outcomes))


def _outcomes(planned: Plan, first: Trials, made: Iterator[PointSums]) -> tuple[Result, list[Outcome]]:
    """The result of the scenario itself, whose trials are `first`, and after it those of every point."""
    own, base = next(made), planned.scenario
    together = 1 if first.draws is None else TOGETHER
    estimates = {name: estimate(endpoint, own.sums[name], together) for name, endpoint in base.reported.items()}
    outcomes = [
        _outcome(base, estimates, own.sums, point, there.sums, together)
        for point, there in zip(planned.points, itertools.islice(made, len(planned.points)), strict=True)
    ]
    facts = (planned.seed, planned.replicates, first.engine, estimates, 0.0, own.rows)
    sums = {} if first.draws is None else own.sums  # of which the shares of variance are made
    return Result(base, *facts, draws=first.draws, sums=sums), outcomes


def _outcome(
    base: Scenario,
    estimates: Mapping[str, Estimate],
    sums: Mapping[str, Floats],
    point: GridPoint,
    there: Mapping[str, Floats],
    together: int,
) -> Outcome:
    """The result at a point, compared with the scenario's own estimates and sums."""
    own, at_point = base.reported, point.scenario.reported
    pairs = {name: (at_point[name], there[name]) for name in own}
    outcome = {name: estimate(endpoint, at, together) for name, (endpoint, at) in pairs.items()}
    differences = {
        name: (outcome[name].value - estimates[name].value, paired_mcse(endpoint, at, own[name], sums[name], together))
        for name, (endpoint, at) in pairs.items()
    }
    return Outcome(point.values, point.settings, outcome, differences)


@dataclass(frozen=True)
class _PairedDifference:
    """The difference of an endpoint between two settings, as a value of the sums of both side by side."""

    there: Reported
    here: Reported
    width: int

    def value(self, sums: Floats) -> Floats:
        """The value from the first `width` columns minus the value from the rest."""
        return self.there.value(sums[..., : self.width]) - self.here.value(sums[..., self.width :])


def paired_mcse(there: Reported, sums_there: Floats, here: Reported, sums_here: Floats, together: int = 1) -> float:
    """Monte Carlo standard error of a paired difference between two settings with common random numbers.

    Each replicate is left out of both at once (delete-one jackknife), or so many `together` that share a draw. nan
    where it is undefined.
    """
    sums_there, sums_here = there.completed(sums_there), here.completed(sums_here)
    difference = _PairedDifference(there, here, sums_there.shape[1])
    # The jackknife uses only the endpoint's `value` of sums.
    sums = np.concatenate([sums_there, sums_here], axis=1)
    return jackknife(cast(Reported, difference), added_together(sums, together))


# Storing -------------------------------------------------------------------------------------------------------------


def write_sweep(result: Sweep, folder: Path) -> None:
    """The frame as parquet and CSV, the summary, the scenario itself, and the provenance."""
    from protocolsim.study.storage.csv_files import write_frame
    from protocolsim.study.storage.results_folder import write_facts

    write_frame(result.frame, folder, "sweep")
    write_facts(folder, result.summary(), result.own.scenario, result.provenance, result.own.asked)
