"""How much each threshold loses against the better branch for each subject, averaged over random streams.

What a subject brings is what is drawn at the start: its traits, and the state in which it comes. Everything later is
chance: visits, observations, events, no-shows, the other candidates. With the same start every subject is simulated
again with other random streams, on both branches of the decision; its expected loss on a branch is the mean over those
random streams in which it reaches the decision. The better branch (individually optimal) has the smaller expected loss,
and regret is the expected loss of the branch that the rule takes on the subject's own chart minus the smaller one.

A mean over few random streams is noisy, and the smaller of two noisy numbers is too small on average: this plug-in
estimate of regret is biased upwards. Where half of the random streams choose the better branch and the other half say
what it costs (sample splitting), the estimate is biased downwards. Both are reported, and the truth lies between them
(up to their Monte Carlo errors).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import counted_in
from protocolsim.engine.base import PlacedComponent, Progress, Trial
from protocolsim.errors import UsageError
from protocolsim.randomness import MAX_SEED
from protocolsim.records import keys_of
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import whole_number
from protocolsim.study.conduct import Workers, conduct
from protocolsim.study.decision.curve import Measure, ThresholdCurve
from protocolsim.study.decision.threshold_rule import ThresholdRule, forced
from protocolsim.study.decision.thresholds import Branches, Reached, decision_of, simulate_branches, the_rule
from protocolsim.study.decision.utility import Worth, worth_of
from protocolsim.study.engines import AUTO, chosen_engine
from protocolsim.study.estimation.columns import GrowingColumns
from protocolsim.study.estimation.estimate import estimate
from protocolsim.study.execution.chunks import Span

if TYPE_CHECKING:
    import pandas as pd

STREAMS, TRIALS, MOST_STREAMS = 20, 200, 10_000
_STEP = 0x9E3779B97F4A7C15  # seeds of other random streams lie far apart
_PARTS = 3  # of a loss: the count, the probability of a stop, the dose
# (branch, half of the random streams, subject, part of the loss)
Sums = NDArray[np.float64]
MEASURES = {
    "regret": ("Regret: expected loss above the better branch", ""),
    "regret_at_least": ("Regret, other random streams choosing the better branch", ""),
    "share_better": ("Share sent down the better branch", "%"),
    "loss": ("Expected loss, averaged over random streams", ""),
    "smallest_loss": ("Smaller expected loss of each", ""),
}


@dataclass(frozen=True)
class Regret:
    """The expected losses of subjects who reached a decision, averaged over random streams.

    `curve` is the one they are taken from. `number`, [2, subjects], counts the random streams of each half in which a
    subject reached the decision (and was seen after it on both branches); `sums`, [2 branches, 2 halves, subjects, 3],
    adds the count, the probability of a stop and the dose over them. The first branch is that of the subjects who pass.
    Of `replicates` trials.
    """

    curve: ThresholdCurve
    streams: int
    replicates: int
    number: Floats
    sums: Sums

    @cached_property
    def known(self) -> Mask:
        """The subjects whose losses are known: from at least one random stream of each half."""
        return np.asarray((self.number > 0).all(axis=0))

    def weights(self) -> tuple[float, float]:
        """The scenario's own prices of a stop and of a unit of dose."""
        decision = decision_of(self.curve.scenario, self.curve.rule)
        assert decision is not None
        return decision.stop_weight, decision.dose_weight

    def losses(self, stop_weight: float | None = None, dose_weight: float | None = None) -> Floats:
        """The expected loss of each known subject on either branch, [2, subjects], at these prices or the own ones."""
        return self._priced(
            self.sums.sum(axis=1) / np.maximum(self.number.sum(axis=0), 1.0)[:, None], stop_weight, dose_weight
        )

    def _priced(self, parts: Floats, stop_weight: float | None, dose_weight: float | None) -> Floats:
        own = self.weights()
        stop = own[0] if stop_weight is None else stop_weight
        dose = own[1] if dose_weight is None else dose_weight
        parts = parts[..., self.known, :]
        return np.asarray(parts[..., 0] + stop * parts[..., 1] + dose * parts[..., 2])

    def better_off(self, stop_weight: float | None = None, dose_weight: float | None = None) -> float:
        """The share of the known subjects for whom it is better to pass."""
        passes, refused = self.losses(stop_weight, dose_weight)
        return float((passes < refused).mean()) if passes.size else float("nan")

    def branches(self, stop_weight: float | None = None, dose_weight: float | None = None) -> tuple[Floats, Floats]:
        """What each known subject contributes to `MEASURES` if it passes, and if not; [subjects, measures] each."""
        loss = self.losses(stop_weight, dose_weight)
        half = self._priced(self.sums / np.maximum(self.number, 1.0)[None, :, :, None], stop_weight, dose_weight)
        chosen = half.argmin(axis=0)  # by each half of the random streams
        subjects = np.arange(loss.shape[1])
        # What the choice of one half costs by the other; equal halves weigh alike.
        honest = 0.5 * (half[chosen[0], 1, subjects] + half[chosen[1], 0, subjects])
        smallest = loss.min(axis=0)
        branches = [
            np.column_stack([loss[w] - smallest, half[w].mean(axis=0) - honest, loss[w] <= smallest, loss[w], smallest])
            for w in (0, 1)
        ]
        return branches[0], branches[1]

    def frame(
        self, thresholds: Floats | None = None, *, stop_weight: float | None = None, dose_weight: float | None = None
    ) -> pd.DataFrame:
        """One row per threshold and measure: value, mcse (between trials, chance included) and unit."""
        import pandas as pd

        curve = self.curve
        wanted = np.sort(curve.grid if thresholds is None else np.asarray(thresholds, dtype=np.float64))
        branches = self.branches(stop_weight, dose_weight)
        all_known = np.ones(len(branches[0]), dtype=np.bool_)
        rows = []
        for threshold in wanted.tolist():
            sent = self.sent(threshold)
            for k, (name, (label, unit)) in enumerate(MEASURES.items()):
                measure = Measure(name=name, label=label, in_units=unit)
                taken = np.where(sent, branches[0][:, k], branches[1][:, k])
                columns = np.column_stack([counted_in(all_known, taken), counted_in(all_known)])
                frame = estimate(measure, measure.added(columns, self._replicate, self.replicates))
                rows.append((threshold, name, label, frame.value, frame.mcse, unit))
        return pd.DataFrame(rows, columns=["threshold", "estimate", "label", "value", "mcse", "unit"])

    def sent(self, threshold: float) -> Mask:
        """Which of the known subjects the rule lets pass at this threshold, on their own charts."""
        return self.curve.rule.holds(self._measured, threshold)

    def values(self, thresholds: Floats, stop_weight: float | None = None, dose_weight: float | None = None) -> Floats:
        """Regret at many thresholds, without its error."""
        passes, refused = (w[:, 0] for w in self.branches(stop_weight, dose_weight))
        return np.array([np.where(self.sent(float(t)), passes, refused).mean() for t in thresholds])

    @cached_property
    def _measured(self) -> Floats:
        return np.asarray(self.curve.measured[: len(self.known)][self.known])

    @cached_property
    def _replicate(self) -> Integers:
        return np.asarray(self.curve.replicate[: len(self.known)][self.known])


def regret(
    curve: ThresholdCurve,
    *,
    streams: int = STREAMS,
    replicates: int | None = None,
    engine: str = AUTO,
    workers: Workers = 1,
    progress: Progress | None = None,
) -> Regret:
    """The expected losses, averaged over random streams, of a curve's subjects in its first `replicates` trials.

    Costs two runs of so many trials for each random stream; at most 200 trials by default. `workers` as for `run`;
    `progress` is called with the trials done. Raises UsageError where the scenario does not say what the decision
    costs, or for fewer than two random streams.
    """
    streams = whole_number("streams", streams, 2, MOST_STREAMS)
    decision = decision_of(curve.scenario, curve.rule)
    if decision is None:
        raise UsageError(f"the scenario has no decision about '{curve.parameter}' (decisions:), so nothing has a loss")
    most = min(curve.replicates, TRIALS if replicates is None else whole_number("replicates", replicates, 1, 2**31))
    engine = chosen_engine(curve.scenario, engine)
    points = other_streams(curve.scenario, curve.parameter, engine, curve.seed, range(most), streams)
    return added_regret(curve, points, conduct(points, workers, progress=progress))


def other_streams(
    scenario: Scenario, parameter: str, engine: str, seed: int, replicates: range, streams: int
) -> list[OtherStream]:
    """The points of a study of regret, one for each random stream."""
    return [OtherStream(scenario, parameter, engine, seed, replicates, k) for k in range(1, streams + 1)]


def added_regret(curve: ThresholdCurve, points: Sequence[OtherStream], results: Iterable[GrowingColumns]) -> Regret:
    """The losses of a curve's subjects, added up over the random streams, of which there is one at least."""
    size = int(np.searchsorted(curve.replicate, points[0].replicates.stop))
    reached = keys_of(curve.replicate[:size], curve.subject[:size])
    number, sums = np.zeros((2, size)), np.zeros((2, 2, size, _PARTS))
    # The losses of a subject are added in the order of the random streams, so that no bit depends on the workers.
    for point, columns in zip(points, results, strict=True):
        half = (point.stream - 1) % 2
        keys = columns.column("keys")
        place = np.minimum(np.searchsorted(reached, keys), max(0, size - 1))
        both = reached[place] == keys if size else np.zeros(len(keys), dtype=np.bool_)
        number[half, place[both]] += 1.0
        for branch, what in enumerate(("taken", "refused")):
            sums[branch, half, place[both]] += columns.rows(what)[both]
    return Regret(curve, len(points), len(points[0].replicates), number, sums)


@dataclass(frozen=True)
class OtherStream:
    """The subjects of some trials, simulated with another random stream on both branches: a point of a study."""

    scenario: Scenario
    parameter: str
    engine: str
    seed: int
    replicates: range
    stream: int

    def pieces(self, replicates: range, progress: Progress | None = None) -> Iterator[Branches]:
        """See Point."""
        rule = the_rule(self.scenario, self.parameter)
        trial = self.scenario.trial
        trials = [other_stream(forced(trial, rule.transition, taken), self.seed) for taken in (True, False)]
        seed = (self.seed + self.stream * _STEP) % (MAX_SEED + 1)
        return simulate_branches(trials, seed, replicates, self.engine, progress)

    def accumulator(self, span: Span) -> Losses:  # noqa: ARG002 - it knows its replicates by their keys
        """See Point."""
        return Losses(self.scenario, the_rule(self.scenario, self.parameter))


class Losses:
    """Accumulates what subjects lose on either branch, where that is known on both.

    Rows are in the order of the replicates: "keys" of the subjects, and "taken" and "refused", the parts of the loss.
    """

    def __init__(self, scenario: Scenario, rule: ThresholdRule) -> None:
        decision = decision_of(scenario, rule)
        assert decision is not None
        self._rule, self._worth = rule, worth_of(scenario, decision)
        self._known = GrowingColumns()

    def add(self, piece: Branches) -> None:
        """Count in the next piece, the same subjects on both branches."""
        taken, refused = piece
        here = Reached.of(taken, self._rule)
        (passing, seen), (staying, also) = (_parts(self._worth, records, here) for records in (taken, refused))
        both = seen & also
        subjects = taken["subjects"]
        self._known.add("keys", "", keys_of(subjects["replicate"][both], subjects["subject"][both]))
        self._known.add("taken", "", passing[both])
        self._known.add("refused", "", staying[both])

    def merge(self, later: GrowingColumns) -> None:
        """Count in those of the replicates that follow."""
        self._known.merge(later)

    def result(self) -> GrowingColumns:
        """All of them."""
        return self._known


def _parts(worth: Worth, records: Any, here: Reached) -> tuple[Floats, Mask]:
    count, seen = worth.expected_count(records, here.decided, here.minute)
    stop = worth.expected_stop(records, here.decided, here.minute)
    return np.column_stack([count, stop, worth.expected_dose(records, here.decided, here.minute)]), seen


def other_stream(trial: Trial, seed: int) -> Trial:
    """The trial whose subjects begin as they would under this seed, whatever the seed of all that follows."""

    def begun(part: PlacedComponent) -> PlacedComponent:
        start = part.start

        def start_there(
            body: Floats, rows: Integers, links: Integers, constants: Floats, _: int, who: Integers
        ) -> None:
            start(body, rows, links, constants, seed, who)

        return dataclasses.replace(part, start=start_there)

    return dataclasses.replace(trial, disease=begun(trial.disease), drugs=tuple(begun(d) for d in trial.drugs))
