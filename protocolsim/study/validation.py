"""Simulated against published, row by row: where the published value lies among single simulated trials.

The verdict is about one trial: the model could well have produced a published value that lies between the 5th and the
95th percentile of simulated trials. That is evidence for the model only where the model was not made from that value.
A published count n/N is held against trials of exactly N where that can be done (denominators.py), and each range says
how far its own ends are known (trial_range.py). Rows that say one datum in two ways count as one (`data`).

Where the parameters that are uncertain are drawn, the verdict rests on the prediction range that includes them, and the
sampling range at fixed parameters stands beside it. A wide range holds much, so its width stands beside each verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from protocolsim.arithmetic import special_functions
from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Published, Role
from protocolsim.errors import UsageError
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.denominators import OfPublishedSize, of_published_size, shares_of, validated_replicates
from protocolsim.study.estimation.estimate import Estimate, mid_rank, nan_as_none
from protocolsim.study.estimation.trial_range import PREDICTION, SAMPLING, TrialRange, range_of
from protocolsim.study.parameters.draws import TOGETHER

if TYPE_CHECKING:
    from protocolsim.study.result import Result

Verdict = Literal["inside", "outside", "undefined"]

CONFIDENCE = 0.95
# Values this near count as equal, here as in every decision rule.
_EQUAL = 1e-9

EVIDENCE: dict[Role, str] = {
    "checked": "not used to choose any parameter",
    "fitted": "used to choose the model's parameters: lying inside tests nothing",
    "not independent": "the parameters come from data that include this result: lying inside tests little",
}


@dataclass(frozen=True)
class PublishedComparison:
    """One published result beside simulated trials, in the endpoint's own terms (a share is 0 to 1).

    `interval` is the exact (Clopper-Pearson) 95 % confidence interval of a published count [D]; None where it is no
    count. "undefined": fewer than two simulated trials have a value, so that there is no range. The `lo`, `median`,
    `hi` and `percentile` of `estimate` are of the trials it is judged among: those of exactly `size` members, or where
    that is None trials as the scenario makes them; `why_not` says of a count why. `range` is what is known of the
    range, None where the sums of single trials were not kept. `fixed` is the sampling range at fixed parameters, where
    the verdict rests on another: the prediction range of trials with parameters drawn.
    """

    estimate: Estimate
    published: Published
    interval: tuple[float, float] | None
    verdict: Verdict
    range: TrialRange | None = None
    size: int | None = None
    why_not: str = ""
    fixed: TrialRange | None = None

    @property
    def range_used(self) -> str:
        """The name of the range that the verdict rests on."""
        return SAMPLING if self.fixed is None else PREDICTION

    @property
    def width(self) -> float:
        """How wide that range is, in the endpoint's own terms; nan where there is none."""
        return self.estimate.hi - self.estimate.lo

    @property
    def within_error(self) -> bool:
        """Whether the Monte Carlo error of an end of the range could turn the verdict."""
        if self.range is None or self.verdict == "undefined":
            return False
        return self.range.within_error(self.published.value)

    @property
    def evidence(self) -> str:
        """What lying inside says of the model."""
        return EVIDENCE[self.published.role]


@dataclass(frozen=True)
class ValidationPlan:
    """What a validation simulates: so many trials, under this seed, and how published counts are judged."""

    replicates: int
    seed: int
    published_size: OfPublishedSize


def validation_plan(
    scenario: Scenario, replicates: int | None, seed: int | None, engine: str, *, where: str
) -> ValidationPlan:
    """The plan, with as many trials as the ends of ranges need unless a number is given.

    Raises UsageError where the scenario, which the user called `where`, has no published results.
    """
    if not any(e.published is not None for e in scenario.endpoints.values()):
        raise UsageError(f"{where}: it has no published results to be held against (`published:`)")
    asked = validated_replicates(scenario) if replicates is None else replicates
    replicates, seed = replicates_and_seed(scenario, asked, seed)
    return ValidationPlan(replicates, seed, of_published_size(scenario, seed, engine))


def comparisons(estimates: Iterable[Estimate]) -> list[PublishedComparison]:
    """One row for each estimate that has a published value, in their order."""
    return [
        PublishedComparison(e, e.published, exact_interval(e.published), _verdict(e))
        for e in estimates
        if e.published is not None
    ]


def published_rows(result: Result) -> list[PublishedComparison]:
    """One row for each published result of a run, each among the trials that it is judged by.

    Where parameters are drawn, those are the trials with them drawn.
    """
    rows = [_judged(row, result) for row in comparisons(result.estimates.values())]
    if result.drawn is None:
        return rows
    drawn = [_judged(row, result.drawn) for row in comparisons(result.drawn.estimates.values())]
    return [replace(one, fixed=fixed.range) for one, fixed in zip(drawn, rows, strict=True)]


def judged_trials(name: str, result: Result) -> tuple[Floats, int | None]:
    """What an endpoint is in each trial that its published value is judged among; and of how many members each."""
    plan = result.published_size
    size = None if plan is None else plan.sizes.get(name)
    if plan is None or size is None:
        return result.scenario.endpoints[name].value(result.sums[name]), None
    own = name in plan.own or result.enlarged is None
    source = result if own or result.enlarged is None else result.enlarged
    return shares_of(name, size, source.sums[name], result.seed), size


def _judged(row: PublishedComparison, result: Result) -> PublishedComparison:
    name, plan = row.estimate.name, result.published_size
    if name not in result.sums:
        return row
    trials, size = judged_trials(name, result)
    known = range_of(trials, 1 if result.draws is None else TOGETHER)
    if size is None:
        return replace(row, range=known, why_not="" if plan is None else plan.not_possible.get(name, ""))
    defined = trials[~np.isnan(trials)]
    estimate = replace(
        row.estimate, lo=known.lo, median=known.median, hi=known.hi, n_replicates=len(trials),
        n_undefined=len(trials) - len(defined), percentile=mid_rank(defined, row.published.value),
    )  # fmt: skip
    return replace(row, estimate=estimate, verdict=_verdict(estimate), range=known, size=size)


def data(rows: Sequence[PublishedComparison]) -> list[list[PublishedComparison]]:
    """The rows by datum: those that a file says to be the same as another stand with it; in the order of the rows."""
    groups: dict[str, list[PublishedComparison]] = {}
    there = {row.estimate.name for row in rows}
    for row in rows:
        same = row.published.same_as
        groups.setdefault(same if same is not None and same in there else row.estimate.name, []).append(row)
    return list(groups.values())


def inside(estimate: Estimate) -> bool | None:
    """Whether the published value lies in the range of single trials; None where either is missing."""
    if estimate.published is None or estimate.lo != estimate.lo:
        return None
    return estimate.lo - _EQUAL <= estimate.published.value <= estimate.hi + _EQUAL


def exact_interval(published: Published | None) -> tuple[float, float] | None:
    """The exact (Clopper-Pearson) 95 % confidence interval of a published count, as shares; None: it is no count."""
    if published is None or published.numerator is None or published.denominator is None:
        return None
    # Its two beta quantiles, and not scipy.stats, which takes a second to load.
    betaincinv = special_functions().betaincinv
    k, n, tail = published.numerator, published.denominator, (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1.0 - tail))
    return low, high


def _verdict(estimate: Estimate) -> Verdict:
    if estimate.n_replicates - estimate.n_undefined < 2:
        return "undefined"
    return "inside" if inside(estimate) else "outside"


def as_json(row: PublishedComparison) -> dict[str, Any]:
    """Plain values for a file; None for undefined and for what is no count."""
    low, high = row.interval if row.interval is not None else (None, None)
    e, said = row.estimate, row.published
    return {
        "label": e.label,
        "among": e.among,
        "unit": e.unit,
        "published": said.value,
        "published_as": said.text,
        "exact_low": low,
        "exact_high": high,
        "simulated": nan_as_none(e.value),
        "mcse": nan_as_none(e.mcse),
        "lo": nan_as_none(e.lo),
        "hi": nan_as_none(e.hi),
        "percentile": e.percentile,
        "verdict": row.verdict,
        "range_used": row.range_used,
        "width": nan_as_none(row.width),
        "fixed_lo": None if row.fixed is None else nan_as_none(row.fixed.lo),
        "fixed_hi": None if row.fixed is None else nan_as_none(row.fixed.hi),
        "within_error_of_end": row.within_error,
        **_range_as_json(row.range),
        "trials_of": row.size,
        "why_not_of_published_size": row.why_not,
        "same_as": said.same_as,
        "role": said.role,
        "evidence": row.evidence,
        "source": said.source,
        "mark": said.mark,
        "note": said.note,
        "explanation": said.explanation,
    }


def _range_as_json(known: TrialRange | None) -> dict[str, Any]:
    """How far the ends of the range are known; None for an end that is not bounded."""
    nan = float("nan")
    ends = (nan,) * 4 if known is None else (*known.lo_error, *known.hi_error)
    names = ("lo_error_low", "lo_error_high", "hi_error_low", "hi_error_high")
    said: dict[str, Any] = {n: v if math.isfinite(v) else None for n, v in zip(names, ends, strict=True)}
    return said | {"holds": None if known is None else nan_as_none(known.holds)}
