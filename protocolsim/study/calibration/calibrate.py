"""Calibration of a scenario's parameters to published summaries; the result is a posterior, not a point estimate.

    plan        a reference table over the prior (reference.py)
    fit         the trials of the table that are nearest to what was published (posterior.py)
    check       fresh trials at draws from the posterior, beside what was published (posterior predictive check)
    criticise   what was published beside the nearest trials, and planted misfits beside them (misfit.py)
    believe     every so many trials of the table, taken as if they had been published (simulation-based calibration)

What a trial of the table would have reported has the same error as the published summary. For what this very trial
reported that is the simulated trial itself: its small numbers do all that they do, and its endpoints go together as
they do in one trial, where binomials about the long-run values would take them for independent. A count of another
trial is drawn as a binomial of its own patients about the long-run value at the point, a mean with a standard error as
a normal.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Published
from protocolsim.engine.base import Progress
from protocolsim.randomness import MAX_SEED
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter
from protocolsim.study.arguments import whole_number
from protocolsim.study.calibration.abc_posterior import (
    COVERAGE_BOUNDS,
    MOST_SD_RATIO,
    Coverage,
    Posterior,
    Table,
    coverage,
)
from protocolsim.study.calibration.identified import EDGE, MOST_AT_EDGE, Identified, identification
from protocolsim.study.calibration.misfit import PLANTED, Misfit, misfit
from protocolsim.study.calibration.reference_table import Simulated, TablePlan, make_table, simulate, table_plan
from protocolsim.study.calibration.targets import WEIGHT, Target, Targets
from protocolsim.study.conduct import Workers
from protocolsim.study.estimation.estimate import mid_rank, nan_as_none
from protocolsim.study.parameters.posterior_file import posterior_text
from protocolsim.study.storage.study_folder import StudyFolder
from protocolsim.units import in_words

if TYPE_CHECKING:
    import pandas as pd


POINTS, TRIALS, FITS = 1024, 64, 200
CHECKED, TRIALS_CHECKED = 96, 16
# Below and above these percentiles of the whole table a target is out of the model's reach.
_REACH = (0.5, 99.5)
_ENDS = (0.05, 0.50, 0.95)
_SEEN = 0.5


@dataclass(frozen=True)
class Fitted:
    """The posterior of one parameter, in its unit. `sd_ratio` is posterior over prior standard deviation.

    `own` is the scenario's own value, `own_percentile` (0 to 100) where it lies in the posterior, `held` how often the
    50 and 90 % intervals held the truth when it was known. `found` is what the criteria of identification found.
    """

    free: SettableParameter
    mean: float
    low: float
    median: float
    high: float
    sd_ratio: float
    own_percentile: float | None
    held: Mapping[float, float]
    found: Identified

    @property
    def identified(self) -> bool:
        """Whether the targets identify the parameter, by criteria that a wider prior survives (identified.py)."""
        return self.found.verdict == "identified"

    @property
    def own_inside(self) -> bool | None:
        """Whether the scenario's own value lies between the posterior's 5th and 95th percentile."""
        return None if self.own_percentile is None else 5.0 <= self.own_percentile <= 95.0


@dataclass(frozen=True)
class Predicted:
    """A published result beside trials at draws from the posterior; `target` is None where it was not fitted to.

    `prior_percentile` is its place among the trials of the whole table.
    """

    endpoint: str
    label: str
    unit: str
    value: float
    text: str
    mark: str
    target: Target | None
    lo: float
    median: float
    hi: float
    percentile: float | None
    prior_percentile: float | None


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration."""

    scenario: Scenario
    targets: Targets
    plan: TablePlan
    posterior: Posterior
    coverage: Coverage
    parameters: tuple[Fitted, ...]
    predicted: tuple[Predicted, ...]
    misfit: Misfit
    warnings: tuple[str, ...]
    seconds: float

    @property
    def not_identified(self) -> list[str]:
        """The parameters that the targets do not identify."""
        return [p.free.name for p in self.parameters if not p.identified]

    @property
    def check_fails(self) -> list[Predicted]:
        """The targets at which the posterior predictive check fails: outside the 5-95 % of fresh trials."""
        targets = [p for p in self.predicted if p.target is not None]
        return [p for p in targets if p.percentile is None or not 5.0 <= p.percentile <= 95.0]

    @cached_property
    def draws(self) -> pd.DataFrame:
        """The posterior: one row for each draw, a column for each parameter in its unit, and its weight."""
        import pandas as pd

        columns = {
            f.name: [f.at(float(u)) for u in self.posterior.positions[:, k]] for k, f in enumerate(self.plan.free)
        }
        return pd.DataFrame({**columns, WEIGHT: self.posterior.weights})

    @property
    def posterior_json(self) -> str:
        """The draws with their weights, and what they belong to, as a file that --parameters reads."""
        draws = self.draws
        columns = draws.drop(columns=WEIGHT)
        paths = [f.path for f in self.plan.free]
        return posterior_text(self.scenario, paths, columns.to_numpy().tolist(), draws[WEIGHT].tolist())

    def summary(self) -> dict[str, Any]:
        """Everything but the draws, as `protocolsim calibrate --json` prints it; None for undefined."""
        names = [p.free.name for p in self.parameters]
        return {
            "scenario": self.scenario.name,
            "version": version("protocolsim"),
            "seed": self.plan.seed,
            "points": self.plan.points,
            "trials": self.plan.trials,
            "parameters": {p.free.name: _parameter(p) for p in self.parameters},
            "not_identified": self.not_identified,
            "correlations": dict(zip(names, self._correlations(names), strict=True)),
            "predicted": {p.endpoint: _predicted(p) for p in self.predicted},
            "calibration": {
                "fits": self.coverage.fits,
                "verdict": self.coverage.believed,
                "bounds": {f"{s:.0%}": list(b) for s, b in COVERAGE_BOUNDS.items()},
            },
            "model_check": {
                "p": nan_as_none(self.misfit.p),
                "fails": self.misfit.fails,
                "fits": self.misfit.fits,
                "planted_misfit_noticed": {
                    t.endpoint: nan_as_none(share)
                    for t, share in zip(self.targets.targets, self.misfit.noticed, strict=True)
                },
                "predictive_check_fails": [p.endpoint for p in self.check_fails],
            },
            "draws": {"kept": len(self.posterior.weights), "from_points": self.posterior.points},
            "warnings": list(self.warnings),
        }

    def _correlations(self, names: Sequence[str]) -> list[dict[str, float | None]]:
        rows = self.posterior.correlation
        return [{n: nan_as_none(float(v)) for n, v in zip(names, row, strict=True)} for row in rows]

    @property
    def provenance(self) -> dict[str, str]:
        """What is needed to get the same numbers again."""
        return {
            "scenario": self.scenario.name,
            "scenario_sha256": self.scenario.sha256,
            "targets": self.targets.source,
            "seed": str(self.plan.seed),
            "points": str(self.plan.points),
            "trials at each point": str(self.plan.trials),
            "run time": f"{self.seconds:.1f} s",
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            **{package: version(package) for package in ("protocolsim", "numpy", "scipy", "numba")},
        }


def calibration_plan(
    scenario: Scenario, targets: Targets, *, points: int = POINTS, trials: int = TRIALS, seed: int | None = None
) -> TablePlan:
    """The reference table of a calibration, checked. Raises UsageError for a table that cannot be."""
    seed = scenario.seed if seed is None else whole_number("seed", seed, 0, MAX_SEED)
    fitted = [t.endpoint for t in targets.targets]
    beside = [n for n, e in scenario.endpoints.items() if e.published is not None and n not in fitted]
    return table_plan(scenario, targets.parameters, [*fitted, *beside], seed=seed, points=points, trials=trials)


def trials_of(plan: TablePlan) -> int:
    """How many trials a calibration simulates in all."""
    return plan.points * plan.trials + CHECKED * TRIALS_CHECKED


def calibrate(
    targets: Targets,
    plan: TablePlan,
    *,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Carry out a calibration; the same plan and targets give the same numbers.

    `folder` keeps the chunks of the table as they are done, and what it has is not simulated again; `workers` as for
    `run`. Raises SimulationError, which names the point, where a cohort cannot be filled.
    """
    started = time.perf_counter()
    scenario = plan.scenario
    made = make_table(plan, workers=workers, folder=folder, progress=progress)
    table = Table(plan.positions(), reported(targets.targets, made, plan.seed))
    observed = np.array([t.value for t in targets.targets])
    posterior = table.fit(observed)
    believed = coverage(table, FITS)
    found = identification(posterior)
    fitted = tuple(_fitted(f, k, posterior, believed, found[k]) for k, f in enumerate(plan.free))
    check = misfit(table, observed, FITS)
    checked = plan.points_at(posterior.resampled(CHECKED), plan.points * plan.trials, TRIALS_CHECKED)
    again = simulate(checked, workers, progress=progress)
    predicted = tuple(_beside(scenario, targets, plan, again, made))
    return Calibration(
        scenario=scenario,
        targets=targets,
        plan=plan,
        posterior=posterior,
        coverage=believed,
        parameters=fitted,
        predicted=predicted,
        misfit=check,
        warnings=(*_warnings(targets, table, predicted), *_leaning(fitted), *_wrong(check, targets)),
        seconds=time.perf_counter() - started,
    )


def reported(targets: Sequence[Target], made: Simulated, seed: int) -> Floats:
    """What each trial of a table would have reported of each target, [points, trials, targets], with its error."""
    from scipy.stats import binom, norm

    shape = made.trials.shape[:2]
    result = np.empty((*shape, len(targets)))
    for k, target in enumerate(targets):
        uniforms = np.random.default_rng([seed, k]).random(shape)
        about = made.long_run[:, k, None]
        if target.standard_error is not None:
            result[:, :, k] = about + target.standard_error * norm.ppf(uniforms)
        elif target.patients is not None:
            result[:, :, k] = binom.ppf(uniforms, target.patients, about) / target.patients
        else:
            result[:, :, k] = made.trials[:, :, k]
    return result


def _fitted(free: SettableParameter, k: int, posterior: Posterior, believed: Coverage, found: Identified) -> Fitted:
    low, median, high = (free.at(float(u)) for u in posterior.quantiles(_ENDS)[:, k])
    mean = float(posterior.weights @ np.array([free.at(float(u)) for u in posterior.positions[:, k]]))
    own = None
    least, most = free.ends
    if free.value is not None and least <= free.value <= most:
        own = float(100.0 * posterior.below(np.full(posterior.positions.shape[1], free.position(free.value)))[k])
    held = {share: float(each[k]) for share, each in believed.held.items()}
    return Fitted(free, mean, low, median, high, float(posterior.sd_ratio[k]), own, held, found)


def _beside(
    scenario: Scenario, targets: Targets, plan: TablePlan, again: Simulated, made: Simulated
) -> list[Predicted]:
    """Every target, and every other published result, beside trials at draws from the posterior."""
    by_name = {t.endpoint: t for t in targets.targets}
    drawn = {t.endpoint: k for k, t in enumerate(targets.targets)}
    fresh, prior = (reported(targets.targets, table, plan.seed + n) for n, table in enumerate((again, made)))
    beside = []
    for column, name in enumerate(plan.endpoints):
        endpoint = scenario.endpoints[name]
        said: Target | Published | None = by_name.get(name, endpoint.published)
        assert said is not None  # endpoints of a plan are targets or published
        at = drawn.get(name)
        ours = (again.trials[:, :, column] if at is None else fresh[:, :, at]).ravel()
        theirs = (made.trials[:, :, column] if at is None else prior[:, :, at]).ravel()
        ours, theirs = ours[~np.isnan(ours)], theirs[~np.isnan(theirs)]
        lo, median, hi = np.quantile(ours, _ENDS, method="inverted_cdf") if len(ours) else (float("nan"),) * 3
        beside.append(
            Predicted(
                endpoint=name,
                label=endpoint.label,
                unit=endpoint.unit,
                value=said.value,
                text=said.text,
                mark=said.mark,
                target=by_name.get(name),
                lo=float(lo),
                median=float(median),
                hi=float(hi),
                percentile=mid_rank(ours, said.value),
                prior_percentile=mid_rank(theirs, said.value),
            )
        )
    return beside


def _warnings(targets: Targets, table: Table, predicted: Sequence[Predicted]) -> list[str]:
    warnings = list(targets.warnings)
    for target, scale in zip(targets.targets, table.scale, strict=True):
        if scale == 0.0:
            warnings.append(
                f"{target.endpoint} is the same in every simulated trial: it tells nothing of these parameters"
            )
    for one in predicted:
        place = one.prior_percentile
        if one.target is not None and (place is None or not _REACH[0] <= place <= _REACH[1]):
            warnings.append(
                f"{one.endpoint}: {one.text} is beyond what the scenario gives anywhere in these ranges; the posterior "
                "is where it comes least far from it, and means little"
            )
    return warnings


def _leaning(fitted: Sequence[Fitted]) -> list[str]:
    """Of each parameter whose posterior leans on an edge of its prior."""
    warnings = []
    for p in fitted:
        for edge in p.found.edges if p.sd_ratio <= MOST_SD_RATIO else ():
            least, most = p.free.ends
            at, share = (least, p.found.at_low) if edge == "lower" else (most, p.found.at_high)
            warnings.append(
                f"{p.free.name}: the posterior leans on the {edge} edge of its prior, {in_words(at, p.free.unit)}: the "
                f"outermost {100 * EDGE:.0f} % of the prior hold {100 * share:.0f} % of it (more than "
                f"{100 * MOST_AT_EDGE:g} %). A wider prior would move it."
            )
    return warnings


def _wrong(check: Misfit, targets: Targets) -> list[str]:
    """Where the model cannot have the published results together, or the check could hardly notice that."""
    if check.fails:
        far = f"{100 * (1 - check.p):.0f} % of simulated trials do from the others"
        so = "the model cannot have them all, and its posterior means little"
        return [f"the published results together lie farther from every simulated trial than {far}: {so}"]
    blind = [t.endpoint for t, share in zip(targets.targets, check.noticed, strict=True) if share < _SEEN]
    if not blind:
        return []
    seen = f"less than {100 * _SEEN:.0f} % of trials: that it finds no misfit there says little"
    return [f"the check of the model notices {PLANTED:g} spreads more or less of {', '.join(blind)} in {seen}"]


def _parameter(p: Fitted) -> dict[str, Any]:
    return {
        "unit": p.free.unit,
        "prior": {"low": p.free.low, "high": p.free.high, "scale": p.free.scale},
        "mean": p.mean,
        "low": p.low,
        "median": p.median,
        "high": p.high,
        "sd_ratio": p.sd_ratio,
        "identified": p.identified,
        "verdict": p.found.verdict,
        "leans_on": list(p.found.edges),
        "at_lower_edge": p.found.at_low,
        "at_upper_edge": p.found.at_high,
        "widened_by_twice_the_prior": p.found.widened,
        "own": p.free.value,
        "own_percentile": p.own_percentile,
        "own_inside": p.own_inside,
        "coverage": {f"{share:.0%}": held for share, held in p.held.items()},
    }


def _predicted(p: Predicted) -> dict[str, Any]:
    return {
        "label": p.label,
        "unit": p.unit,
        "published": p.value,
        "target": p.target is not None,
        "error": p.target.error if p.target is not None else "one simulated trial",
        "lo": nan_as_none(p.lo),
        "median": nan_as_none(p.median),
        "hi": nan_as_none(p.hi),
        "percentile": p.percentile,
        "prior_percentile": p.prior_percentile,
    }
