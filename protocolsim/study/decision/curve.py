"""The curve over a threshold: the subjects who reached the decision on both branches, and what was measured of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Endpoint, quotient
from protocolsim.errors import UsageError, unknown
from protocolsim.records import Records
from protocolsim.scenario.measures import OWN
from protocolsim.scenario.scenario import DecisionWorth, Scenario
from protocolsim.study.decision.threshold_rule import ThresholdRule, threshold_rule
from protocolsim.study.estimation.estimate import Estimate, estimate

if TYPE_CHECKING:
    import pandas as pd


_MOST_STEPS, _GROUPS = 51, 20
_MOST_SMALL = 250  # subjects of a trial whose small numbers add up to small numbers


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

    `measured` is what the rule compared for each subject who reached it, identified by `replicate` and `subject`.
    Columns of the endpoints' contributions: `taken` and `refused` for those subjects, one of which counts at each
    threshold, and `others`, [replicates, k], the sums of all other subjects. `otherwise` is what other definitions of
    the measure would have compared, by name; `definition` is the one that this curve is about. `trait` is each
    subject's hidden trait that makes a true responder, None where the scenario names none.
    """

    scenario: Scenario
    rule: ThresholdRule
    seed: int
    replicates: int
    measured: Floats
    replicate: Integers
    subject: Integers
    endpoints: Mapping[str, Endpoint]
    taken: Mapping[str, Floats]
    refused: Mapping[str, Floats]
    others: Mapping[str, Floats]
    otherwise: Mapping[str, Floats]
    definition: str = OWN
    trait: Floats | None = None

    def __reduce__(self) -> tuple[Callable[..., ThresholdCurve], tuple[dict[str, Any]]]:
        """It travels between processes without its rule, which holds compiled expressions and is found again."""
        return _received, (
            {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "rule"}
            | {"parameter": self.rule.parameter, "differing": {} if self._whole else self._differing},
        )

    def for_reading(self) -> ThresholdCurve:
        """The same for `at`, `sums` and `by` only, in a fifth of the memory: a page keeps one for each visitor."""
        if not (self._whole and self._parts):
            return self
        ranked = [name for name, endpoint in self.endpoints.items() if endpoint.ranks]
        for name in self.endpoints:
            if name not in ranked:
                self._refused_and_more(name)
        taken, refused, others = ({n: side[n] for n in ranked} for side in (self.taken, self.refused, self.others))
        light = dataclasses.replace(self, taken=taken, refused=refused, others=others)
        light.__dict__["_differing"] = self._differing
        return light

    @property
    def _whole(self) -> bool:
        """Whether all contributions are here, not only what is read at single thresholds."""
        return len(self.taken) == len(self.endpoints)

    @property
    def parameter(self) -> str:
        """The threshold's name."""
        return self.rule.parameter

    @property
    def own(self) -> float:
        """The scenario's own threshold, in internal units."""
        return self.scenario.named[self.parameter].value

    @property
    def decision(self) -> DecisionWorth | None:
        """What the scenario says that the rule of this threshold is worth."""
        return next((d for d in self.scenario.decisions.values() if d.threshold == self.parameter), None)

    @property
    def definitions(self) -> dict[str, str]:
        """The definitions of the measure and what a reader calls them; the rule's own first, as "own"."""
        decision = self.decision
        if decision is None:
            return {OWN: "the rule's own"}
        return {OWN: decision.label, **{name: d.label for name, d in decision.definitions.items()}}

    def by(self, definition: str) -> ThresholdCurve:
        """The curve of the rule with another definition of the measure, from the same subjects on both branches."""
        if definition not in self.definitions:
            raise UsageError(unknown("measure", definition, self.definitions))
        if definition == self.definition:
            return self
        if definition not in self._judged:
            known = {self.definition: self.measured, **self.otherwise}
            measured = known.pop(definition)
            curve = dataclasses.replace(self, measured=measured, otherwise=known, definition=definition)
            # The branches are the same, whatever decides between them.
            curve.__dict__["_differing"] = self._differing
            self._judged[definition] = curve
        return self._judged[definition]

    @cached_property
    def _judged(self) -> dict[str, ThresholdCurve]:
        """What `by` has made: each keeps what it has found for the next threshold."""
        return {}

    def at(self, threshold: float, names: Collection[str] | None = None) -> dict[str, Estimate]:
        """Every estimate at this threshold (internal units: a share is 0 to 1), equal to the run at that setting.

        `names`: only these.
        """
        return {name: estimate(self.endpoints[name], sums) for name, sums in self.sums(threshold, names).items()}

    def sums(self, threshold: float, names: Collection[str] | None = None) -> dict[str, Floats]:
        """The sums of every endpoint (or of `names`) by replicate at this threshold, [replicates, k] each."""
        sent = self.rule.holds(self.measured, threshold)
        passing = np.bincount(self.replicate[sent], minlength=self.replicates)
        return {name: self._summed(name, sent, passing) for name in self.endpoints if names is None or name in names}

    def _summed(self, name: str, sent: Mask, passing: Integers) -> Floats:
        """The sums of one endpoint where these subjects, so many of each trial, take the transition.

        Those of a trial who pass at one threshold come first in `_passing`, so that what they differ by is looked up
        by their number. Contributions add without error: every order of adding gives the same bits.
        """
        if self.endpoints[name].ranks or not self._parts:
            return self._added(name, np.where(sent[:, np.newaxis], self.taken[name], self.refused[name]))
        refused, more = self._refused_and_more(name)
        if more is None:
            return refused
        if name not in self._running_in_trial:
            self._running_in_trial[name] = self._added_up(more)
        return np.asarray(refused + self._running_in_trial[name][np.arange(self.replicates), passing])

    def _refused_and_more(self, name: str) -> tuple[Floats, NDArray[Any] | None]:
        """The sums of one endpoint if no subject passes, and what each adds who does; None: that is no subject."""
        if name not in self._differing:
            more: NDArray[Any] = self.taken[name] - self.refused[name]
            small = more.astype(np.int8)  # most endpoints count
            found = None if not more.any() else small if (small == more).all() else more
            self._differing[name] = self._added(name, self.refused[name]), found
        return self._differing[name]

    @cached_property
    def _differing(self) -> dict[str, tuple[Floats, NDArray[Any] | None]]:
        """What `_refused_and_more` has found."""
        return {}

    @cached_property
    def _running_in_trial(self) -> dict[str, NDArray[Any]]:
        """By endpoint what the first so many who pass add to the sums of their trial, [replicates, number, k]."""
        return {}

    def _added_up(self, more: NDArray[Any]) -> NDArray[Any]:
        order, place = self._passing
        most = int(place.max()) + 2
        columns = np.zeros((self.replicates, most, more.shape[1]), dtype=more.dtype)
        columns[self.replicate[order], place + 1] = more[order]
        whole = more.dtype == np.int8
        return np.cumsum(columns, axis=1, dtype=(np.int16 if most < _MOST_SMALL else np.int32) if whole else np.float64)

    @cached_property
    def _passing(self) -> tuple[Integers, Integers]:
        """The subjects by trial, those first who pass at more thresholds, and the place of each in its trial."""
        better = -self.measured if self._sent_above else self.measured
        order = np.lexsort((better, self.replicate))  # of whom nothing was measured never passes, and comes last
        trial = self.replicate[order]
        return order, np.arange(len(order)) - np.searchsorted(trial, trial)

    def _added(self, name: str, mine: Floats) -> Floats:
        endpoint = self.endpoints[name]
        if endpoint.ranks:
            theirs = self.others[name]
            both = np.concatenate([mine, theirs[:, :1]])
            trial = np.concatenate([self.replicate, theirs[:, 1].astype(np.int64)])
            return endpoint.added(both, trial, self.replicates)
        return np.asarray(self.others[name] + endpoint.added(mine, self.replicate, self.replicates))

    @property
    def size(self) -> int:
        """Bytes of the numbers kept, about, with what was found in them."""
        columns = [a for side in (self.taken, self.refused, self.others) for a in side.values()]
        found = [a for both in self._differing.values() for a in both if a is not None]
        judged = [a for curve in (self, *self._judged.values()) for a in curve._running_in_trial.values()]  # noqa: SLF001
        return sum(a.nbytes for a in (self.measured, self.replicate, *columns, *found, *judged))

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
        """At most 51 thresholds to show: all steps where they are few, else even steps (or factors) over the range."""
        if len(self.steps) <= _MOST_STEPS:
            return self.steps
        low, high = float(self.steps[0]), float(self.steps[-1])
        log = self.scenario.settable(f"parameters.{self.parameter}").log
        spread = np.geomspace(low, high, _MOST_STEPS) if log else np.linspace(low, high, _MOST_STEPS)
        return np.unique(np.append(spread, self.own))

    def values(self, name: str, thresholds: Floats | None = None) -> Floats:
        """One estimate (that is no median) at many thresholds, by default all `steps`, without its error.

        The subjects are sorted by what was measured and their contributions added up once. Raises UsageError for an
        unknown name.
        """
        if name not in self.endpoints:
            raise UsageError(unknown("endpoint", name, self.endpoints))
        endpoint = self.endpoints[name]
        wanted = self.steps if thresholds is None else np.asarray(thresholds, dtype=np.float64)
        if endpoint.ranks:
            return np.array([self.at(float(t))[name].value for t in wanted])
        taken, refused = self._running(name)
        first = self._first(wanted)
        # Contributions add without error, so these are the sums of `at`, whatever the order.
        below, above = (refused, taken) if self._sent_above else (taken, refused)
        undefined = refused[-1] - refused[len(self._ordered)]
        mine = below[first] + (above[len(self._ordered)] - above[first]) + undefined
        return np.asarray(endpoint.value(self.others[name].sum(axis=0) + mine))

    def area(self) -> tuple[float, float]:
        """The area under the ROC curve of this measure, and its Monte Carlo standard error.

        How often a true responder measures better than a subject who is none, ties counting half; what is undefined is
        worse than everything. The error is a jackknife over twenty groups of trials. nan where it is undefined.
        """
        if "sensitivity" not in self.endpoints:
            return float("nan"), float("nan")
        true = self.taken["sensitivity"][:, 1] > 0
        better = np.where(np.isnan(self.measured), -np.inf, self.measured if self._sent_above else -self.measured)
        whole = _area(better, true)
        groups = min(_GROUPS, self.replicates)
        left = np.array([_area(better[k], true[k]) for k in (self.replicate % groups != g for g in range(groups))])
        if groups < 2 or np.isnan(left).any():
            return whole, float("nan")
        return whole, float(np.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum()))

    @property
    def _parts(self) -> bool:
        """Whether the rule parts the subjects into those below and those above."""
        return self.rule.op in (">", ">=", "<", "<=")

    @property
    def _sent_above(self) -> bool:
        """Whether large values pass. Raises UsageError where the rule asks whether values are equal."""
        if not self._parts:
            raise UsageError(f"'{self.rule.op}' does not part the subjects into those below and those above")
        return self.rule.op in (">", ">=")

    @cached_property
    def _order(self) -> Integers:
        """The subjects in the order of what was measured; those of whom nothing was come last."""
        return np.argsort(self.measured, kind="stable")

    @cached_property
    def _ordered(self) -> Floats:
        return self.measured[self._order][: int((~np.isnan(self.measured)).sum())]

    @cached_property
    def _taken_below(self) -> dict[str, tuple[Floats, Floats]]:
        """What `_running` has found."""
        return {}

    def _running(self, name: str) -> tuple[Floats, Floats]:
        """Running sums over the subjects in that order, on either branch, of an estimate that is no median."""

        def running(columns: Floats) -> Floats:
            zero = np.zeros((1, columns.shape[1]))
            return np.concatenate([zero, np.cumsum(columns[self._order], axis=0)])

        if name not in self._taken_below:
            self._taken_below[name] = running(self.taken[name]), running(self.refused[name])
        return self._taken_below[name]

    def _first(self, thresholds: Floats) -> Integers:
        """How many of the ordered subjects lie below each threshold, as the rule itself sees it.

        Sought among the values that occur, not among the subjects: thousands may share one.
        """
        above = self._sent_above
        occurring, begins = np.unique(self._ordered, return_index=True)
        number = len(occurring)
        if number == 0:
            return np.zeros(len(thresholds), dtype=np.int64)
        place = np.searchsorted(occurring, thresholds)

        def on_upper_side(place: Integers) -> Mask:
            held = self.rule.compare(occurring[np.clip(place, 0, number - 1)], thresholds)
            return np.where(place < 0, False, np.where(place >= number, True, held == above))

        # The rule itself says on which side a value lies that is all but equal to the threshold.
        while (back := on_upper_side(place - 1)).any():
            place = place - back
        while (on := ~on_upper_side(place)).any():
            place = place + on
        return np.append(begins, len(self._ordered))[place].astype(np.int64)

    def frame(self, thresholds: Floats | None = None, names: Collection[str] | None = None) -> pd.DataFrame:
        """One row per threshold and estimate: value, mcse, lo, hi, median, unit, in the order of the thresholds.

        Medians of patients' values are left out: ask `at` for them. `names`: only these estimates.
        """
        import pandas as pd

        rows = []
        wanted = np.sort(self.grid if thresholds is None else np.asarray(thresholds, dtype=np.float64))
        frame: dict[str, Estimate] = {}
        for threshold, sums, changed in self._sums_along(wanted, names):
            frame |= {name: estimate(self.endpoints[name], sums[name]) for name in changed}
            rows += [
                (threshold, name, e.label, e.value, e.mcse, e.lo, e.hi, e.median, e.unit)
                for name, e in ((n, frame[n]) for n in sums)
            ]
        columns = ["threshold", "estimate", "label", "value", "mcse", "lo", "hi", "median", "unit"]
        return pd.DataFrame(rows, columns=columns)

    def _sums_along(
        self, thresholds: Floats, asked: Collection[str] | None = None
    ) -> Iterator[tuple[float, dict[str, Floats], list[str]]]:
        """The sums of every endpoint that does not rank at each threshold, [replicates, k], and which have changed.

        Only subjects whose branch changes from one threshold to the next are added and taken away; contributions add
        without error, so the sums are those of `at`.
        """
        names = [n for n, e in self.endpoints.items() if not e.ranks and (asked is None or n in asked)]
        sent = np.zeros(len(self.measured), dtype=np.bool_)
        sums = {n: self._added(n, self.refused[n]) for n in names}
        changed = names
        for threshold in thresholds.tolist():
            now = self.rule.holds(self.measured, threshold)
            moved = np.flatnonzero(now != sent)
            sign = np.where(now[moved], 1.0, -1.0)[:, np.newaxis]
            for name in names if len(moved) else ():
                more = sign * (self.taken[name][moved] - self.refused[name][moved])
                if more.any():
                    sums[name] = sums[name] + self.endpoints[name].added(more, self.replicate[moved], self.replicates)
                    changed = [*changed, name] if name not in changed else changed
            sent = now
            yield threshold, sums, changed
            changed = []


def _received(state: dict[str, Any]) -> ThresholdCurve:
    """A curve that has travelled."""
    rule = threshold_rule(state["scenario"], state.pop("parameter"))
    assert isinstance(rule, ThresholdRule)  # it was one when it was sent
    differing = state.pop("differing")
    curve = ThresholdCurve(rule=rule, **state)
    curve.__dict__["_differing"] = differing
    return curve


def _area(better: Floats, true: Mask) -> float:
    """How often one of `true` has the larger number than one of the others, ties counting half; nan without a pair."""
    values, place = np.unique(better, return_inverse=True)
    ours, theirs = (np.bincount(place[chosen], minlength=len(values)).astype(np.float64) for chosen in (true, ~true))
    pairs = ours.sum() * theirs.sum()
    if pairs == 0.0:
        return float("nan")
    return float((ours * (np.cumsum(theirs) - 0.5 * theirs)).sum() / pairs)
