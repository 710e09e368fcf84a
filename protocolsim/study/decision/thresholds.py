"""The whole curve over a threshold from one pass over both branches of the decision.

Both branches share every random number, so a subject sent down one branch at some threshold is, number by number, the
subject of the run at that threshold. Anything about how one subject would fare on both branches is with common random
numbers, not identified.

The pass is cut into chunks of replicates where a run would be cut, each a pure function of the scenario, the parameter,
the seed, the engine and its replicates: the curve does not depend on the executor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Endpoint, counted_in
from protocolsim.endpoint.subjects.population import populations
from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.engine.base import Progress, Trial
from protocolsim.errors import UsageError
from protocolsim.records import Records
from protocolsim.scenario.measures import MEASURES, OWN
from protocolsim.scenario.scenario import DecisionWorth, Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.decision.counterfactual import Further
from protocolsim.study.decision.curve import Measure, ThresholdCurve
from protocolsim.study.decision.threshold_rule import ThresholdRule, defined, forced, threshold_rule, unmoved
from protocolsim.study.decision.utility import worth_of
from protocolsim.study.engines import AUTO, chosen_engine, engine_named
from protocolsim.study.estimation.columns import GrowingColumns
from protocolsim.study.execution.chunks import Span


def thresholds(
    scenario: Scenario,
    rule: str | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> ThresholdCurve:
    """The curve of every estimate over a threshold, and of what the rule is worth where the scenario says against whom.

    `rule` names the parameter. Costs two runs. `workers` as for `run`. Raises UsageError where the parameter is more
    than the bound of one comparison that each subject meets once: then a sweep answers.
    """
    result = the_rule(scenario, rule)
    replicates, seed = replicates_and_seed(scenario, replicates, seed, many_points=True)
    engine = chosen_engine(scenario, engine)
    point = BothBranches(scenario, result.parameter, engine, seed, range(replicates))
    (columns,) = conduct([point], workers, progress=progress)
    return point.curve(columns)


@dataclass(frozen=True)
class BothBranches:
    """Trials of a scenario on both branches of a decision, as a point of a study."""

    scenario: Scenario
    parameter: str
    engine: str
    seed: int
    replicates: range

    def pieces(self, replicates: range, progress: Progress | None = None) -> Iterator[Branches]:
        """See Point."""
        rule, further = the_rule(self.scenario, self.parameter), further_of(self.scenario, self.parameter)
        trials = [forced(self.scenario.trial, rule.transition, taken, further) for taken in (True, False)]
        return simulate_branches(trials, self.seed, replicates, self.engine, progress)

    def accumulator(self, span: Span) -> BranchColumns:
        """See Point."""
        return BranchColumns(self.scenario, the_rule(self.scenario, self.parameter), span.replicates)

    def curve(self, columns: GrowingColumns) -> ThresholdCurve:
        """The curve of all its replicates, from what was accumulated of them."""
        folded = BranchColumns(self.scenario, the_rule(self.scenario, self.parameter), self.replicates)
        folded.merge(columns)
        return folded.curve(self.seed)


Branches = tuple[Records, Records]
"""The records of the same subjects, of whom all take the decision's transition, and none."""


def the_rule(scenario: Scenario, parameter: str | None = None) -> ThresholdRule:
    """The rule of this parameter, or of the only one there is. Raises UsageError where it is more than a threshold."""
    rule = threshold_rule(scenario, parameter)
    if isinstance(rule, str):
        raise UsageError(f"{rule}; a sweep over it answers instead")
    return rule


def simulate_branches(
    trials: list[Trial], seed: int, replicates: range, engine: str, progress: Progress | None = None
) -> Iterator[Branches]:
    """The records of two trials piece by piece, the same subjects in each. Raises UsageError where they are not."""
    pieces = engine_named(engine).pieces
    streams = [pieces(t, seed, replicates, p) for t, p in zip(trials, (progress, None), strict=True)]
    for taken, refused in zip(*streams, strict=True):
        if not np.array_equal(taken["subjects"]["subject"], refused["subjects"]["subject"]):
            raise UsageError("the rule decides more than the branch a subject takes; a sweep answers instead")
        yield taken, refused


def decision_of(scenario: Scenario, rule: ThresholdRule) -> DecisionWorth | None:
    """What the scenario says that this rule is worth."""
    return _decision_about(scenario, rule.parameter)


def _decision_about(scenario: Scenario, parameter: str) -> DecisionWorth | None:
    return next((d for d in scenario.decisions.values() if d.threshold == parameter), None)


def further_of(scenario: Scenario, parameter: str) -> Further | None:
    """The other definitions of what the rule of this parameter compares, where the scenario has any."""
    decision = _decision_about(scenario, parameter)
    if decision is None or not decision.definitions:
        return None
    return Further(decision.summaries, decision.definitions)


@dataclass(frozen=True)
class Reached:
    """Subjects who reached a decision: `moves`, the rows of their moves; `rows` and `decided`, of the subjects."""

    moves: Integers
    rows: Integers
    decided: Mask
    minute: Integers

    @classmethod
    def of(cls, records: Records, rule: ThresholdRule) -> Reached:
        """From the records of the trial in which the rule always holds."""
        moves = np.flatnonzero(records["moves"]["transition"] == rule.transition.number)
        rows = rows_of(records, "moves")[moves]
        size = len(records["subjects"]["subject"])
        decided, minute = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.int64)
        decided[rows] = True
        minute[rows] = records["moves"]["minute"][moves]
        return cls(moves, rows, decided, minute)


class BranchColumns:
    """Accumulates what the subjects of some replicates contribute to each endpoint on both branches of a decision.

    Rows are in the order of the replicates. Of those who reached the decision: "keys", "measured" by definition, and
    "taken" and "refused" by endpoint. Of all other subjects: "others", the sums by replicate or, of an endpoint that
    ranks, each value with its replicate.
    """

    def __init__(self, scenario: Scenario, rule: ThresholdRule, replicates: range) -> None:
        self.scenario, self.rule, self.replicates = scenario, rule, replicates
        decision = decision_of(scenario, rule)
        self.worth = worth_of(scenario, decision) if decision is not None else None
        self.further = further_of(scenario, rule.parameter)
        measures = {n: Measure(name=n, label=label, in_units=u, counted=c) for n, (label, u, c) in MEASURES.items()}
        if decision is not None:
            labels = scenario.trial.labels
            unit = labels.dose_units[labels.drugs.index(decision.drug)] or ""
            measures["expected_dose"] = replace(measures["expected_dose"], in_units=unit)
        names = measures if self.worth is not None else {"share_sent": measures["share_sent"]}
        self.endpoints: dict[str, Endpoint] = {**names, **unmoved(scenario, rule.parameter)}
        self.definitions = {OWN: rule.measured(scenario), **(self.further.definitions if self.further else {})}
        self._columns = GrowingColumns()
        self._sums: dict[str, Floats] = {}

    def add(self, piece: Branches) -> None:
        """Count in the next piece, the same subjects on both branches."""
        taken, refused = piece
        subjects, here = taken["subjects"], Reached.of(taken, self.rule)
        reads: tuple[int, ...] = self.scenario.trial.protocol.group_of(self.rule.transition).reads
        if self.further is not None:
            reads = self.further.reads_with(reads)
        columns = [taken["moves"][f"value_{k}"][here.moves] for k in range(len(reads))]
        for name, definition in self.definitions.items():
            self._columns.add("measured", name, defined(definition, reads, columns, len(here.rows)))
        self._columns.add(
            "keys", "", np.column_stack([subjects["replicate"][here.rows], subjects["subject"][here.rows]])
        )
        if self.worth is not None:
            self._columns.add("trait", "", subjects[self.worth.decision.trait][here.rows].astype(np.float64))
        for side, records, sent in (("taken", taken, 1.0), ("refused", refused, 0.0)):
            known = populations(records, self.scenario.populations)
            columns_of = self._measures(records, here, sent)
            for name, endpoint in self.endpoints.items():
                all_ = columns_of[name] if name in columns_of else endpoint.contributions(records, known)
                self._columns.add(side, name, all_[here.rows])
                if side == "taken":
                    self._add_rest(endpoint, all_, here.decided, records)

    def _add_rest(self, endpoint: Endpoint, all_: Floats, decided: Mask, records: Records) -> None:
        """What subjects who did not reach the decision add: sums by replicate, or (value, replicate) for a median."""
        trial = records["subjects"]["replicate"][~decided]
        if endpoint.ranks:
            counted = ~np.isnan(all_[~decided, 0])
            self._columns.add("others", endpoint.name, np.column_stack([all_[~decided, 0], trial])[counted])
            return
        if endpoint.name not in self._sums:
            self._sums[endpoint.name] = np.zeros((len(self.replicates), all_.shape[1]))
        first, number = records.first_replicate - self.replicates.start, records.replicates
        more = endpoint.added(all_[~decided], trial - records.first_replicate, number)
        # Contributions add without error, so that it does not matter where a replicate was split.
        self._sums[endpoint.name][first : first + number] += more

    def result(self) -> GrowingColumns:
        """Every column of these replicates, when all of their records were added."""
        for name, sums in self._sums.items():
            self._columns.add("others", name, sums)
        self._sums = {}
        return self._columns

    def merge(self, later: GrowingColumns) -> None:
        """Count in the columns of the replicates that follow those which are there."""
        self._columns.merge(later)

    def _measures(self, records: Records, here: Reached, sent: float) -> dict[str, Floats]:
        decided = here.decided
        measures = {"share_sent": np.column_stack([counted_in(decided) * sent, counted_in(decided)])}
        if self.worth is not None:
            measures |= self.worth.columns(records, decided, here.minute, sent)
        return measures

    def curve(self, seed: int) -> ThresholdCurve:
        """All of it together."""
        columns = self._columns
        measured = {name: columns.column("measured", name) for name in self.definitions}
        keys = columns.rows("keys")
        added = {kind: {n: columns.rows(kind, n) for n in self.endpoints} for kind in ("taken", "refused", "others")}
        return ThresholdCurve(
            scenario=self.scenario,
            rule=self.rule,
            seed=seed,
            replicates=len(self.replicates),
            measured=measured.pop(OWN),
            replicate=keys[:, 0],
            subject=keys[:, 1],
            endpoints=self.endpoints,
            otherwise=measured,
            taken=added["taken"],
            refused=added["refused"],
            others=added["others"],
            trait=columns.column("trait") if self.worth is not None else None,
        )
