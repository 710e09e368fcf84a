"""The whole curve over a threshold from one pass over both ways of the decision.

Both ways share every random number, so a subject sent one way at some threshold is, number by number, the subject of
the run at that threshold. Anything about how one subject would fare on both ways is under shared luck, not identified.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from protocolsim.endpoint.base import Endpoint, Mask, counted_in, populations, quotient, rows_of
from protocolsim.errors import UsageError
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.branches import ThresholdRule, forced, threshold_rule
from protocolsim.study.estimates import Estimate, estimate
from protocolsim.study.pieces import ENGINES
from protocolsim.study.run import AUTO, chosen_engine, replicates_and_seed
from protocolsim.study.worth import worth_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MOST_STEPS = 51


@dataclass(frozen=True)
class Measure(Endpoint):
    """A number about the decision itself, from columns that are handed in: the first over the second."""

    kind: ClassVar[str] = "measure"
    meaning: ClassVar[str] = "a number about a decision"

    in_units: str = "%"
    counted: str = "those who reach the decision"

    @property
    def unit(self) -> str:
        """As declared."""
        return self.in_units

    @property
    def counting(self) -> str:
        """As declared."""
        return self.counted

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Not from records."""
        raise NotImplementedError

    def value(self, sums: Floats) -> Floats:
        """The first sum over the second."""
        return quotient(sums[..., 0], sums[..., 1])


@dataclass(frozen=True)
class ThresholdCurve:
    """Every threshold of one rule.

    `measured` is what the rule compared for each subject who reached it, `replicate` whose trial that was. Columns of
    the endpoints' contributions: `taken` and `refused` for those subjects, one of which counts at each threshold, and
    `others`, [replicates, k], the sums of everybody else.
    """

    scenario: Scenario
    rule: ThresholdRule
    seed: int
    replicates: int
    measured: Floats
    replicate: Integers
    endpoints: Mapping[str, Endpoint]
    taken: Mapping[str, Floats]
    refused: Mapping[str, Floats]
    others: Mapping[str, Floats]

    @property
    def parameter(self) -> str:
        """The threshold's name."""
        return self.rule.parameter

    @property
    def own(self) -> float:
        """The scenario's own threshold, in internal units."""
        return self.scenario.named[self.parameter].value

    def at(self, threshold: float) -> dict[str, Estimate]:
        """Every estimate at this threshold (internal units: a share is 0 to 1), equal to the run at that setting."""
        sent = self.rule.holds(self.measured, threshold)[:, np.newaxis]
        found = {}
        for name, endpoint in self.endpoints.items():
            mine = np.where(sent, self.taken[name], self.refused[name])
            if endpoint.ranks:
                theirs = self.others[name]
                both = np.concatenate([mine, theirs[:, :1]])
                trial = np.concatenate([self.replicate, theirs[:, 1].astype(np.int64)])
                sums = endpoint.added(both, trial, self.replicates)
            else:
                sums = self.others[name] + endpoint.added(mine, self.replicate, self.replicates)
            found[name] = estimate(endpoint, sums)
        return found

    @cached_property
    def steps(self) -> Floats:
        """The thresholds at which anything changes, within the parameter's range, and that range's ends."""
        named = self.scenario.named[self.parameter]
        seen = np.unique(self.measured[np.isfinite(self.measured)])
        low = named.low if named.low is not None else float(seen.min(initial=self.own))
        high = named.high if named.high is not None else float(seen.max(initial=self.own))
        return np.unique(np.concatenate([[low, self.own, high], seen[(seen > low) & (seen < high)]]))

    @property
    def grid(self) -> Floats:
        """At most 51 thresholds to show: all steps where they are few, else even steps over the range."""
        if len(self.steps) <= _MOST_STEPS:
            return self.steps
        return np.unique(np.append(np.linspace(self.steps[0], self.steps[-1], _MOST_STEPS), self.own))

    def frame(self, thresholds: Floats | None = None) -> pd.DataFrame:
        """One row per threshold and estimate: value, mcse, lo, hi, median, unit, in the order of the thresholds.

        Medians of patients' values are left out: ask `at` for them.
        """
        import pandas as pd

        rows = []
        wanted = np.sort(self.grid if thresholds is None else np.asarray(thresholds, dtype=np.float64))
        for threshold, sums in self._sums_along(wanted):
            for name, of_trials in sums.items():
                e = estimate(self.endpoints[name], of_trials)
                rows.append((threshold, name, e.label, e.value, e.mcse, e.lo, e.hi, e.median, e.unit))
        columns = ["threshold", "estimate", "label", "value", "mcse", "lo", "hi", "median", "unit"]
        return pd.DataFrame(rows, columns=columns)

    def _sums_along(self, thresholds: Floats) -> Iterator[tuple[float, dict[str, Floats]]]:
        """The sums of every endpoint that does not rank at each threshold, [replicates, k].

        Only those whose way changes from one threshold to the next are added and taken away; contributions add
        without error, so the sums are those of `at`.
        """
        names = [n for n, e in self.endpoints.items() if not e.ranks]
        sent = np.zeros(len(self.measured), dtype=np.bool_)
        sums = {
            n: self.others[n] + self.endpoints[n].added(self.refused[n], self.replicate, self.replicates) for n in names
        }
        for threshold in thresholds.tolist():
            now = self.rule.holds(self.measured, threshold)
            for change, sign in ((now & ~sent, 1.0), (sent & ~now, -1.0)):
                moved = np.flatnonzero(change)
                for name in names if len(moved) else ():
                    more = sign * (self.taken[name][moved] - self.refused[name][moved])
                    sums[name] = sums[name] + self.endpoints[name].added(more, self.replicate[moved], self.replicates)
            sent = now
            yield threshold, sums


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
    found = threshold_rule(scenario, rule)
    if isinstance(found, str):
        raise UsageError(f"{found}; a sweep over it answers instead")
    replicates, seed = replicates_and_seed(scenario, replicates, seed)
    pieces = importlib.import_module(ENGINES[chosen_engine(scenario, engine)]).pieces
    ways = [forced(scenario.trial, found.transition, taken) for taken in (True, False)]
    told = (progress, None)
    streams = [pieces(t, seed, range(replicates), p) for t, p in zip(ways, told, strict=True)]
    gathered = _Gathered(scenario, found, replicates)
    for taken, refused in zip(*streams, strict=True):
        gathered.add(taken, refused)
    return gathered.curve(seed)


class _Gathered:
    """The contributions of both ways, while records stream by."""

    def __init__(self, scenario: Scenario, rule: ThresholdRule, replicates: int) -> None:
        self.scenario, self.rule, self.replicates = scenario, rule, replicates
        decision = next((d for d in scenario.decisions.values() if d.threshold == rule.parameter), None)
        self.worth = worth_of(scenario, decision) if decision is not None else None
        measures = {n: Measure(name=n, label=label, in_units=u, counted=c) for n, (label, u, c) in MEASURES.items()}
        names = measures if self.worth is not None else {"share_sent": measures["share_sent"]}
        self.endpoints: dict[str, Endpoint] = {**names, **scenario.endpoints}
        self.parts: dict[str, list[Any]] = {"measured": [], "replicate": []}
        self.ways: dict[str, tuple[list[Floats], list[Floats]]] = {n: ([], []) for n in self.endpoints}
        self.others: dict[str, list[Floats]] = {n: [] for n in self.endpoints}

    def add(self, taken: Records, refused: Records) -> None:
        """Count in the next piece, the same subjects on both ways."""
        subjects = taken["subjects"]
        if not np.array_equal(subjects["subject"], refused["subjects"]["subject"]):
            raise UsageError(
                f"'{self.rule.parameter}' decides more than the way a subject takes; a sweep answers instead"
            )
        moves = taken["moves"]
        here = np.flatnonzero(moves["transition"] == self.rule.transition.number)
        rows = rows_of(taken, "moves")[here]
        reads = self.scenario.trial.protocol.group_of(self.rule.transition).reads
        columns = [moves[f"value_{k}"][here] for k in range(len(reads))]
        self.parts["measured"].append(self.rule.measured(self.scenario, reads, columns))
        self.parts["replicate"].append(subjects["replicate"][rows])
        decided = np.zeros(len(subjects["subject"]), dtype=np.bool_)
        decided[rows] = True
        minute = np.zeros(len(decided), dtype=np.int64)
        minute[rows] = moves["minute"][here]
        for side, records, sent in ((0, taken, 1.0), (1, refused, 0.0)):
            known = populations(records, self.scenario.populations)
            columns_of = self._measures(records, decided, minute, sent)
            for name, endpoint in self.endpoints.items():
                all_ = columns_of[name] if name in columns_of else endpoint.contributions(records, known)
                self.ways[name][side].append(all_[rows])
                if side == 0:
                    self.others[name].append(self._rest(endpoint, all_, decided, records))

    def _rest(self, endpoint: Endpoint, all_: Floats, decided: Mask, records: Records) -> Floats:
        """What everybody who did not reach the decision adds: sums by replicate, or (value, replicate) for a median."""
        trial = records["subjects"]["replicate"]
        if endpoint.ranks:
            return np.column_stack([all_[~decided, 0], trial[~decided]])
        return np.asarray(endpoint.added(all_[~decided], trial[~decided], self.replicates))

    def _measures(self, records: Records, decided: Mask, minute: Integers, sent: float) -> dict[str, Floats]:
        found = {"share_sent": np.column_stack([counted_in(decided) * sent, counted_in(decided)])}
        if self.worth is not None:
            found |= self.worth.columns(records, decided, minute, sent)
        return found

    def curve(self, seed: int) -> ThresholdCurve:
        """All of it together."""
        return ThresholdCurve(
            scenario=self.scenario,
            rule=self.rule,
            seed=seed,
            replicates=self.replicates,
            measured=np.concatenate(self.parts["measured"]),
            replicate=np.concatenate(self.parts["replicate"]).astype(np.int64),
            endpoints=self.endpoints,
            taken={n: np.concatenate(w[0]) for n, w in self.ways.items()},
            refused={n: np.concatenate(w[1]) for n, w in self.ways.items()},
            others={n: self._joined(n, o) for n, o in self.others.items()},
        )

    def _joined(self, name: str, parts: list[Floats]) -> Floats:
        if self.endpoints[name].ranks:
            return np.concatenate(parts)
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


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
