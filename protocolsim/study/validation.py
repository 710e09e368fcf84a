"""Simulated against published, row by row: where the published value lies among single simulated trials.

The verdict is about one trial: the model could well have produced a published value that lies between the 5th and the
95th percentile of simulated trials. That is evidence for the model only where the model was not made from that value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from protocolsim.endpoint.base import Published, Role
from protocolsim.study.estimation.estimate import Estimate, nan_as_none

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
    count. "undefined": fewer than two simulated trials have a value, so that there is no range.
    """

    estimate: Estimate
    published: Published
    interval: tuple[float, float] | None
    verdict: Verdict

    @property
    def evidence(self) -> str:
        """What lying inside says of the model."""
        return EVIDENCE[self.published.role]


def comparisons(estimates: Iterable[Estimate]) -> list[PublishedComparison]:
    """One row for each estimate that has a published value, in their order."""
    return [
        PublishedComparison(e, e.published, exact_interval(e.published), _verdict(e))
        for e in estimates
        if e.published is not None
    ]


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
    from scipy.special import betaincinv

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
        "role": said.role,
        "evidence": row.evidence,
        "source": said.source,
        "mark": said.mark,
        "note": said.note,
    }
