"""Estimates of endpoints from sums by replicate: value, Monte Carlo standard error, and the range of single trials.

Two spreads that must not be confused. `mcse` is the Monte Carlo standard error, the variation of the value between
seeds; it shrinks with more replicates. `lo` to `hi` is the central 90 % of single trials; it does not shrink, but is
estimated more precisely. Of trials that share their parameters it is the sampling range at fixed parameters; of trials
for which these are drawn it is the prediction range, parameters included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Published, Reported
from protocolsim.interim.estimates.base import OperatingCharacteristic

LOW, MIDDLE, HIGH = 0.05, 0.50, 0.95
# The tolerance within which values are equal, as in decision rules.
_EQUAL = 1e-9


@dataclass(frozen=True)
class Estimate:
    """One endpoint over all replicates. Shares (unit "%") are 0 to 1; nan stands for undefined.

    `value` is the endpoint of all replicates taken together, `mcse` its Monte Carlo standard error (nan below
    two replicates), `lo`, `median` and `hi` the 5th, 50th and 95th percentile of single trials, of which
    `n_undefined` have no value. `percentile` (0 to 100) is the share of single trials below the published value,
    ties counting half; None where nothing is published or no trial has a value. `decides`: one trial only says yes or
    no, so that there is no range of single trials (nan). `of_looks`: it is of the looks at the accumulating data.
    `over_trials`: it is of many trials together (the coverage of an interval, the bias of an estimate), so that one has
    none.
    """

    name: str
    label: str
    unit: str
    among: str
    counting: str
    value: float
    mcse: float
    lo: float
    hi: float
    median: float
    n_undefined: int
    n_replicates: int
    published: Published | None
    percentile: float | None
    decides: bool = False
    of_looks: bool = False
    over_trials: bool = False

    @property
    def role(self) -> str | None:
        """Whether the published value was fitted to or checked against; None where nothing is published."""
        return None if self.published is None else self.published.role


def estimate(endpoint: Reported, sums: Floats, together: int = 1) -> Estimate:
    """The estimate from the sums [replicates, k] that `endpoint.sums` left, in replicate order.

    `together`: so many replicates in a row have something in common (a draw of the parameters), so that the standard
    error leaves them out together.

    The percentiles are the inverse of the empirical distribution function, so each is the value of some trial:
    with 13 patients a share moves in steps of 1/13, and a value between two steps cannot occur.
    """
    sums, decides, over_trials = endpoint.completed(sums), endpoint.decides, endpoint.over_trials
    trials = endpoint.value(sums)
    defined = trials[~np.isnan(trials)]
    lo, median, hi = (float("nan"),) * 3 if decides or over_trials else _quantiles(defined)
    published = endpoint.published
    return Estimate(
        name=endpoint.name,
        label=endpoint.label,
        unit=endpoint.unit,
        among=endpoint.among,
        counting=endpoint.counting,
        value=float(endpoint.value(_running(sums)[-1])),
        mcse=jackknife(endpoint, added_together(sums, together)),
        lo=lo,
        hi=hi,
        median=median,
        n_undefined=len(trials) - len(defined),
        n_replicates=len(trials),
        published=published,
        percentile=None if published is None else mid_rank(defined, published.value),
        decides=decides,
        of_looks=isinstance(endpoint, OperatingCharacteristic),
        over_trials=over_trials,
    )


def added_together(sums: Floats, together: int) -> Floats:
    """The sums of each `together` replicates in a row, added; the last may be of fewer."""
    if together == 1:
        return sums
    return np.add.reduceat(sums, np.arange(0, len(sums), together), axis=0)


def jackknife(endpoint: Reported, sums: Floats) -> float:
    """Monte Carlo standard error of the value of all replicates, each left out in turn (Efron and Stein 1981).

    nan for fewer than two replicates, or where the value hangs on a single one.
    """
    number = len(sums)
    if number < 2:
        return float("nan")
    # Prefix plus suffix sums, rather than total minus one: no cancellation, so a sum of zeros stays zero.
    before, after = _running(sums)[:-1], _running(sums[::-1])[-2::-1]
    left = endpoint.value(before + after)
    centred = left - left.mean()
    return float(np.sqrt((number - 1) / number * (centred * centred).sum()))


def mid_rank(trials: Floats, value: float) -> float | None:
    """The percentile (0 to 100) of a value among trials: those below, and half of those equal; None without trials."""
    if len(trials) == 0:
        return None
    equal = np.abs(trials - value) <= _EQUAL
    below = (trials < value) & ~equal
    return float(100.0 * (below.sum() + 0.5 * equal.sum()) / len(trials))


def as_json(json: Estimate) -> dict[str, float | int | str | None]:
    """Plain values for a file; None for undefined, the published value as a number."""
    published = json.published
    return {
        "value": nan_as_none(json.value),
        "mcse": nan_as_none(json.mcse),
        "lo": nan_as_none(json.lo),
        "hi": nan_as_none(json.hi),
        "median": nan_as_none(json.median),
        "n_undefined": json.n_undefined,
        "published": None if published is None else float(published.value),
        "role": json.role,
        "percentile": json.percentile,
        "label": json.label,
        "among": json.among,
        "unit": json.unit,
    }


def nan_as_none(value: float) -> float | None:
    """A number as JSON has it, which knows no nan: None stands for undefined."""
    return None if np.isnan(value) else float(value)


def _running(sums: Floats) -> Floats:
    """Cumulative sums with a leading zero row, added sequentially (numpy.sum adds pairwise)."""
    zero = np.zeros((1, *sums.shape[1:]))
    return np.cumsum(np.concatenate([zero, sums]), axis=0)


def _quantiles(defined: Floats) -> tuple[float, float, float]:
    if len(defined) == 0:
        return (float("nan"),) * 3
    quantile = np.quantile(defined, (LOW, MIDDLE, HIGH), method="inverted_cdf")
    return float(quantile[0]), float(quantile[1]), float(quantile[2])
