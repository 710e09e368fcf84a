"""Type I error, power and size of any boundaries, from one pass under the effect and one without it.

Both passes have the same random numbers. What a run with some boundary would report is found from them to the last bit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError, UsageError
from protocolsim.interim.estimates.made import CLAIMS, DECISION, DURATION, ENROLLED, IGNORING, SCREENED
from protocolsim.scenario.equal_arms import equal_arms
from protocolsim.scenario.load import changed
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.boundaries.matrix import AllLooks, LookMatrix, design_of, durations_known, sizes_known
from protocolsim.study.boundaries.scaled import Scaled, scaled
from protocolsim.study.boundaries.sets import BoundarySet, GivenBounds, as_bounds, given_set, own_set, usual_sets
from protocolsim.study.boundaries.tried import TriedBoundaries, tried
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.estimate import nan_as_none
from protocolsim.study.result import Result
from protocolsim.study.storage.chunk_files import ChunkFiles
from protocolsim.study.storage.study_folder import StudyFolder

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    ("type_i_error", CLAIMS, "null"), ("type_i_error_ignoring_futility", IGNORING, "null"),
    ("power", CLAIMS, "effect"), ("power_ignoring_futility", IGNORING, "effect"),
    ("expected_enrolled", ENROLLED, "effect"), ("expected_enrolled_null", ENROLLED, "null"),
    ("expected_screened", SCREENED, "effect"), ("expected_weeks_to_decision", DECISION, "effect"),
    ("expected_weeks_to_decision_null", DECISION, "null"), ("expected_duration", DURATION, "effect"),
)  # fmt: skip
"""The columns of the table that have names of their own: what each is of, and of which pass."""
_WITH_ERROR = ("type_i_error", "power", "expected_enrolled")
EQUAL_ARMS = "equal arms"


@dataclass(frozen=True)
class Passes:
    """Every look of every trial with the scenario's effect, and of the trial without one (None where there is none)."""

    effect: LookMatrix
    null: LookMatrix | None


@dataclass(frozen=True)
class Boundaries:
    """Boundaries of a scenario, and what each of them brings about.

    `sets` are the boundaries, the design's own first; `effect` and `null` what runs with each would report, with the
    scenario's effect and without one. `without` says how the trial without an effect is made. `calibrated` is the
    boundary scaled to a target error, where one was asked for; it is the last of the sets then. `passes` are what all
    of it was found from: `trying` tries others, without simulating anything.
    """

    scenario: Scenario
    seed: int
    replicates: int
    engine: str
    sets: tuple[BoundarySet, ...]
    effect: TriedBoundaries
    null: TriedBoundaries | None
    without: str
    seconds: float
    passes: Passes = field(repr=False)
    calibrated: Scaled | None = None

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each set of boundaries, the design's own first. Shares are 0 to 1; nan stands for undefined.

        Columns: family, futility, chosen (the design's own), the bounds (boundary at look), `COLUMNS`, the Monte Carlo
        errors of three of them, then every other number of looks, of the effect and (null) without.
        """
        import pandas as pd

        design = design_of(self.scenario)
        bounds = as_bounds(design, self.sets)
        columns: dict[str, Any] = {
            "family": [one.family for one in self.sets],
            "futility": [one.futility for one in self.sets],
            "chosen": [k == 0 for k in range(len(self.sets))],
        }
        for name, values in bounds.items():
            columns |= {f"{name} at {look.name}": values[:, k] for k, look in enumerate(design.looks)}
        for name, of, which in COLUMNS:
            found = self._of(which)
            if found is not None and of in found.values:
                columns[name] = found.values[of]
                if name in _WITH_ERROR and of in found.errors:
                    columns[f"{name}_mcse"] = found.errors[of]
        named = {(of, which) for _, of, which in COLUMNS}
        for which in ("effect", "null"):
            found = self._of(which)
            for of in () if found is None else found.values:
                if (of, which) not in named:
                    assert found is not None
                    columns[of if which == "effect" else f"{of} (null)"] = found.values[of]
        return pd.DataFrame(columns)

    def _of(self, which: str) -> TriedBoundaries | None:
        return self.effect if which == "effect" else self.null

    def trying(self, sets: Sequence[GivenBounds]) -> Boundaries:
        """The same trials with other boundaries beside the design's own; nothing is simulated.

        Raises UsageError for bounds that do not fit.
        """
        design = design_of(self.scenario)
        wanted = [own_set(design), *(given_set(design, one) for one in sets)]
        effect, null = _tried(self.scenario, self.passes, wanted)
        return replace(self, sets=tuple(wanted), effect=effect, null=null, calibrated=None)

    @cached_property
    def provenance(self) -> dict[str, str]:
        """What is needed to get the same numbers again."""
        return self._run.provenance

    @property
    def asked(self) -> dict[str, int]:
        """The seed and the replicates it was made with, as a scenario file says them."""
        return self._run.asked

    @property
    def resolved(self) -> str:
        """The scenario as YAML, with everything merged in."""
        return self._run.resolved

    @cached_property
    def _run(self) -> Result:
        """The run that the pass with the effect was, without its records and estimates."""
        return Result(self.scenario, self.seed, self.replicates, self.engine, {}, self.seconds, 0)

    def summary(self) -> dict[str, Any]:
        """As `protocolsim boundaries --json` prints it; None for undefined."""
        rows = self.frame.to_dict(orient="records")
        return {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "replicates": self.replicates,
            "engine": self.engine,
            "without_effect": self.without or None,
            "boundaries": [
                {str(k): nan_as_none(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows
            ],
            "calibrated": None if self.calibrated is None else self.calibrated.as_json(),
        }


def without_effect(scenario: Scenario) -> tuple[Scenario | None, str]:
    """The trial without an effect, as the design says it, and in words; None and "" where it says none.

    Raises UsageError where it cannot be made.
    """
    design = design_of(scenario)
    if design.null is None:
        return equal_arms(scenario), EQUAL_ARMS
    if not design.null:
        return None, ""
    return changed(scenario, design.null), ", ".join(f"{name} = {value}" for name, value in design.null.items())


def boundaries(
    scenario: Scenario,
    *,
    sets: Sequence[GivenBounds] | None = None,
    calibrate: float | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    progress: Progress | None = None,
) -> Boundaries:
    """What every boundary of a design brings about. Costs two runs; then boundaries cost next to nothing.

    `sets`: boundaries to try beside the design's own; the usual families unless given. `calibrate`: a type I error to
    which the boundary on success is scaled. Other arguments as for `run`. Raises UsageError for a scenario without
    looks or boundaries, for bounds that do not fit, and where an error is to be met in a scenario that does not say how
    it is without an effect.
    """
    started = time.perf_counter()
    design = design_of(scenario)
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    if calibrate is not None and not 0.0 < calibrate < 1.0:
        raise UsageError(f"--calibrate: the error, {100.0 * calibrate:g} %, is not between 0 and 100 %")
    other, words = without_effect(scenario)
    if calibrate is not None and other is None:
        raise UsageError(
            f"{scenario.name}: it does not say what the trial without an effect is; say `of:` and `control:`, or "
            "`without_effect:`, in `interim:`"
        )
    given = None if sets is None else [own_set(design), *(given_set(design, one) for one in sets)]
    wanted = list(usual_sets(design)) if given is None else given
    engine = chosen_engine(scenario, engine)
    passes = simulated(scenario, other, engine, seed, replicates, workers, folder, progress)
    found = None
    if calibrate is not None:
        assert passes.null is not None
        found = scaled(passes.null, calibrate)
        wanted.append(found.made)
    effect, null = _tried(scenario, passes, wanted)
    seconds = time.perf_counter() - started
    return Boundaries(
        scenario, seed, replicates, engine, tuple(wanted), effect, null, words, seconds, passes, found
    )  # fmt: skip


def simulated(
    scenario: Scenario,
    other: Scenario | None,
    engine: str,
    seed: int,
    replicates: int,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    progress: Progress | None = None,
) -> Passes:
    """Both passes: every look of every trial, with the effect and without. `folder` keeps what is finished."""
    points = [AllLooks(scenario, engine, seed, range(replicates))]
    if other is not None:
        points.append(AllLooks(other, chosen_engine(other, engine), seed, range(replicates)))
    try:
        made = list(conduct(points, workers, None if folder is None else ChunkFiles(folder), progress))
    except SimulationError as error:
        raise SimulationError(f"{'without an effect: ' if error.point else ''}{error}") from None
    matrices = [LookMatrix.of(design_of(p.scenario), sums) for p, sums in zip(points, made, strict=True)]
    return Passes(matrices[0], matrices[1] if len(matrices) > 1 else None)


def _tried(
    scenario: Scenario, passes: Passes, sets: Sequence[BoundarySet]
) -> tuple[TriedBoundaries, TriedBoundaries | None]:
    bounds = as_bounds(design_of(scenario), sets)
    known = {"sizes": sizes_known(scenario), "durations": durations_known(scenario)}
    effect = tried(passes.effect, bounds, **known)
    return effect, None if passes.null is None else tried(passes.null, bounds, **known)
