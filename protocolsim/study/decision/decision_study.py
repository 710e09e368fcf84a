"""The study of a decision: its curve over every threshold, and what each threshold loses, carried out together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocolsim.engine.base import Progress
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed, whole_number
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.regret import (
    MOST_STREAMS,
    STREAMS,
    TRIALS,
    OtherStream,
    Regret,
    added_regret,
    other_streams,
)
from protocolsim.study.decision.thresholds import BothBranches, Branches, decision_of, the_rule
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.columns import GrowingColumns
from protocolsim.study.execution.chunks import Point
from protocolsim.study.storage.column_files import ColumnFiles
from protocolsim.study.storage.manifest import Manifest, manifest_of
from protocolsim.study.storage.study_folder import StudyFolder


@dataclass(frozen=True)
class DecisionPlan:
    """A study of a decision that can be carried out: `branches` gives the curve, `streams` its regret, if any."""

    branches: BothBranches
    streams: tuple[OtherStream, ...]

    @property
    def manifest(self) -> Manifest:
        """What a study folder must know of it."""
        of = self.branches
        plan: Mapping[str, Any] = {"--rule": of.parameter, "--random-streams": len(self.streams)}
        return manifest_of("thresholds", of.scenario, of.seed, len(of.replicates), of.engine, plan)

    @property
    def points(self) -> list[Point[Branches, GrowingColumns]]:
        """What is simulated: the trials of the curve first."""
        return [self.branches, *self.streams]

    @property
    def trials(self) -> int:
        """How many trials will be simulated, each on both branches."""
        return sum(len(point.replicates) for point in self.points)


def decision_plan(
    scenario: Scenario,
    rule: str | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    streams: int = STREAMS,
) -> DecisionPlan:
    """Check a study of a decision without running anything; arguments and errors as for `thresholds`.

    `streams`: how many random streams losses are averaged over, of the first 200 trials; 0: no regret is wanted. Where
    the scenario does not say what the decision costs there is none.
    """
    the_one = the_rule(scenario, rule)
    replicates, seed = replicates_and_seed(scenario, replicates, seed, many_points=True)
    engine = chosen_engine(scenario, engine)
    if streams != 0:
        whole_number("--random-streams (0 for none)", streams, 2, MOST_STREAMS)
    if decision_of(scenario, the_one) is None:
        streams = 0
    of_regret = range(min(replicates, TRIALS))
    return DecisionPlan(
        BothBranches(scenario, the_one.parameter, engine, seed, range(replicates)),
        tuple(other_streams(scenario, the_one.parameter, engine, seed, of_regret, streams)),
    )


def carry_out_decision(
    planned: DecisionPlan,
    progress: Progress | None = None,
    *,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
) -> tuple[ThresholdCurve, Regret | None]:
    """The curve of a plan and, where it is wanted and any subject reaches the decision, its regret.

    `workers` as for `run`; `folder` keeps what is finished; `progress` is told of trials done. No bit of the results
    depends on any of them. Raises UsageError and SimulationError as `thresholds` does.
    """
    finished = None if folder is None else ColumnFiles(folder)
    results = conduct(planned.points, workers, finished, progress)
    curve = planned.branches.curve(next(results))
    if not planned.streams or not len(curve.measured):
        return curve, None
    return curve, added_regret(curve, planned.streams, results)
