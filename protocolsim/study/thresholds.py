"""The whole curve over a threshold from one pass over both ways of the decision.

Both ways share every random number, so a subject sent one way at some threshold is, number by number, the subject of
the run at that threshold. Anything about how one subject would fare on both ways is under shared luck, not identified.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocolsim.endpoint.base import Endpoint, Mask, counted_in, populations, rows_of
from protocolsim.engine.base import Trial
from protocolsim.errors import UsageError
from protocolsim.records import Records
from protocolsim.scenario.scenario import DecisionWorth, Scenario
from protocolsim.study.branches import Further, ThresholdRule, defined, forced, threshold_rule, unmoved
from protocolsim.study.curve import Measure, ThresholdCurve
from protocolsim.study.pieces import ENGINES
from protocolsim.study.run import AUTO, chosen_engine, replicates_and_seed
from protocolsim.study.spill import Spill
from protocolsim.study.worth import worth_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def thresholds(
    scenario: Scenario,
    rule: str | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    engine: str = AUTO,
    progress: Callable[[int], None] | None = None,
) -> ThresholdCurve:
    """The curve of every estimate over a threshold, and of what the rule is worth where the scenario says against whom.

    `rule` names the parameter. Costs two runs. Raises UsageError where the parameter is more than the bound of one
    comparison that each subject meets once: then a sweep answers.
    """
    found = the_rule(scenario, rule)
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    gathered = _Gathered(scenario, found, replicates)
    trials = [forced(scenario.trial, found.transition, taken, gathered.further) for taken in (True, False)]
    for taken, refused in both_ways(trials, seed, range(replicates), chosen_engine(scenario, engine), progress):
        gathered.add(taken, refused)
    return gathered.curve(seed)


def the_rule(scenario: Scenario, parameter: str | None = None) -> ThresholdRule:
    """The rule of this parameter, or of the only one there is. Raises UsageError where it is more than a threshold."""
    found = threshold_rule(scenario, parameter)
    if isinstance(found, str):
        raise UsageError(f"{found}; a sweep over it answers instead")
    return found


def both_ways(
    trials: list[Trial], seed: int, replicates: range, engine: str, progress: Callable[[int], None] | None = None
) -> Iterator[tuple[Records, Records]]:
    """The records of two trials piece by piece, the same subjects in each. Raises UsageError where they are not."""
    pieces = importlib.import_module(ENGINES[engine]).pieces
    streams = [pieces(t, seed, replicates, p) for t, p in zip(trials, (progress, None), strict=True)]
    for taken, refused in zip(*streams, strict=True):
        if not np.array_equal(taken["subjects"]["subject"], refused["subjects"]["subject"]):
            raise UsageError("the rule decides more than the way a subject takes; a sweep answers instead")
        yield taken, refused


def decision_of(scenario: Scenario, rule: ThresholdRule) -> DecisionWorth | None:
    """What the scenario says that this rule is worth."""
    return next((d for d in scenario.decisions.values() if d.threshold == rule.parameter), None)


@dataclass(frozen=True)
class Reached:
    """Who reached a decision: `moves`, the rows of their moves; `rows` and `decided`, of the subjects; and when."""

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


class _Gathered:
    """The contributions of both ways, while records stream by."""

    def __init__(self, scenario: Scenario, rule: ThresholdRule, replicates: int) -> None:
        self.scenario, self.rule, self.replicates = scenario, rule, replicates
        decision = decision_of(scenario, rule)
        self.worth = worth_of(scenario, decision) if decision is not None else None
        further = decision is not None and decision.definitions
        self.further = Further(decision.summaries, decision.definitions) if decision is not None and further else None
        measures = {n: Measure(name=n, label=label, in_units=u, counted=c) for n, (label, u, c) in MEASURES.items()}
        names = measures if self.worth is not None else {"share_sent": measures["share_sent"]}
        self.endpoints: dict[str, Endpoint] = {**names, **unmoved(scenario, rule.parameter)}
        self.definitions = {"own": rule.measured(scenario), **(self.further.definitions if self.further else {})}
        self.measured = {name: Spill(1) for name in self.definitions}
        self.who = Spill(2, np.int64)
        self.ways: dict[str, tuple[Spill, Spill]] = {}
        self.others: dict[str, Floats] = {}
        self.ranked = {n: Spill(2) for n, e in self.endpoints.items() if e.ranks}

    def add(self, taken: Records, refused: Records) -> None:
        """Count in the next piece, the same subjects on both ways."""
        subjects, here = taken["subjects"], Reached.of(taken, self.rule)
        reads: tuple[int, ...] = self.scenario.trial.protocol.group_of(self.rule.transition).reads
        if self.further is not None:
            reads = self.further.reads_with(reads)
        columns = [taken["moves"][f"value_{k}"][here.moves] for k in range(len(reads))]
        for name, definition in self.definitions.items():
            self.measured[name].add(defined(definition, reads, columns, len(here.rows)))
        self.who.add(np.column_stack([subjects["replicate"][here.rows], subjects["subject"][here.rows]]))
        for side, records, sent in ((0, taken, 1.0), (1, refused, 0.0)):
            known = populations(records, self.scenario.populations)
            columns_of = self._measures(records, here, sent)
            for name, endpoint in self.endpoints.items():
                all_ = columns_of[name] if name in columns_of else endpoint.contributions(records, known)
                if name not in self.ways:
                    self.ways[name] = Spill(all_.shape[1]), Spill(all_.shape[1])
                self.ways[name][side].add(all_[here.rows])
                if side == 0:
                    self._add_rest(endpoint, all_, here.decided, records)

    def _add_rest(self, endpoint: Endpoint, all_: Floats, decided: Mask, records: Records) -> None:
        """What everybody who did not reach the decision adds: sums by replicate, or (value, replicate) for a median."""
        trial = records["subjects"]["replicate"][~decided]
        if endpoint.ranks:
            counted = ~np.isnan(all_[~decided, 0])
            self.ranked[endpoint.name].add(np.column_stack([all_[~decided, 0], trial])[counted])
            return
        if endpoint.name not in self.others:
            self.others[endpoint.name] = np.zeros((self.replicates, all_.shape[1]))
        first, number = records.first_replicate, records.replicates
        more = endpoint.added(all_[~decided], trial - first, number)
        # Contributions add without error, so that it does not matter where a replicate was split.
        self.others[endpoint.name][first : first + number] += more

    def _measures(self, records: Records, here: Reached, sent: float) -> dict[str, Floats]:
        decided = here.decided
        found = {"share_sent": np.column_stack([counted_in(decided) * sent, counted_in(decided)])}
        if self.worth is not None:
            found |= self.worth.columns(records, decided, here.minute, sent)
        return found

    def curve(self, seed: int) -> ThresholdCurve:
        """All of it together."""
        measured = {name: found.column() for name, found in self.measured.items()}
        who = self.who.rows()
        return ThresholdCurve(
            scenario=self.scenario,
            rule=self.rule,
            seed=seed,
            replicates=self.replicates,
            measured=measured.pop("own"),
            replicate=who[:, 0],
            subject=who[:, 1],
            endpoints=self.endpoints,
            taken={n: w[0].rows() for n, w in self.ways.items()},
            refused={n: w[1].rows() for n, w in self.ways.items()},
            others={**self.others, **{n: found.rows() for n, found in self.ranked.items()}},
            otherwise=measured,
        )


_ALL = "those who reach the decision"
MEASURES: Mapping[str, tuple[str, str, str]] = {
    "share_sent": ("Share that passes the rule", "%", _ALL),
    "sensitivity": ("Sensitivity: true responders who pass", "%", "true responders who reach the decision"),
    "specificity": ("Specificity: others who do not pass", "%", "those without a true response who reach the decision"),
    "predictive_value_positive": ("True responders among those who pass", "%", "those who pass"),
    "predictive_value_negative": ("Others among those who do not pass", "%", "those who do not pass"),
    "expected_count": ("Expected count over the horizon", "", f"{_ALL}, hidden means rather than luck"),
    "expected_stop": ("Probability of stopping over the horizon", "%", f"{_ALL}, from the hazard in force"),
    "expected_dose": ("Dose given over the horizon", "mg/kg", _ALL),
    "expected_loss": ("Expected loss over the horizon", "", f"{_ALL}, at the scenario's weights"),
}
