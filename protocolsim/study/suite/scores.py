"""Coverage and sharpness of prediction ranges together: the interval score, on a scale on which rows can be added.

The interval score of a central 90 % range [l, u] at the published y (Gneiting and Raftery 2007, J Am Stat Assoc
102:359-378, equation 43) is u - l, plus 20 times how far y lies outside: it rewards narrow ranges and punishes a miss,
and is smallest on average for who gives the true 5th and 95th percentile. A range widened until it holds everything
pays for its width.

Shares, falls and correlations are scored in points (100 are the whole). Quantities that are above zero are scored on
their natural logarithm, times 100: a range from 1.0 to 1.5 is as wide as one from 40 to 80 %. Which of the two a row
takes depends on its endpoint alone and never on what was simulated, so that the score stays proper. Differences of
other quantities (steps of a scale) have no such scale, and no score.

The naive reference knows no model: of each result the 5th to 95th percentile of a Student distribution (the prediction
interval for one more normal observation) from what other trials published of the same kind of endpoint, three at least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from protocolsim.arithmetic import special_functions
from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Reported

LEVEL = 0.90
FEWEST = 3
"""So many results of other trials does the naive reference need."""

Scale = Literal["points", "log"]

_POINTS = 100.0
_OF_SHARES = ("autocorrelation",)


@dataclass(frozen=True)
class ScoredRange:
    """A range on the row's own scale, and what it costs: `width` and `score` in points or hundredths of a log."""

    lo: float
    hi: float
    width: float
    score: float
    inside: bool


def scale_of(endpoint: Reported) -> Scale | None:
    """The scale on which an endpoint's ranges are scored; None where there is none that other rows share."""
    if endpoint.unit == "%" or getattr(endpoint, "kind", "") in _OF_SHARES:
        return "points"
    how = {getattr(endpoint, "measure", ""), getattr(endpoint, "reading", "")}
    return None if "difference" in how else "log"


def on_scale(values: Floats, scale: Scale) -> Floats:
    """Values on the scale of scores; nan where a logarithm is none."""
    if scale == "points":
        return np.asarray(_POINTS * values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0.0, _POINTS * np.log(np.where(values > 0.0, values, 1.0)), np.nan)


def off_scale(values: Floats, scale: Scale) -> Floats:
    """The values again."""
    return np.asarray(values / _POINTS if scale == "points" else np.exp(values / _POINTS))


def interval_score(lo: float, hi: float, value: float, level: float = LEVEL) -> float:
    """The interval score of a central range of this level; nan where the range has no end."""
    below, above = max(0.0, lo - value), max(0.0, value - hi)
    return hi - lo + 2.0 / (1.0 - level) * (below + above)


def scored(lo: float, hi: float, value: float, scale: Scale) -> ScoredRange | None:
    """What a range costs; None where an end has no place on the scale (a lower end of zero has no logarithm)."""
    low, high, at = on_scale(np.array([lo, hi, value]), scale).tolist()
    if math.isnan(low) or math.isnan(high) or math.isnan(at):
        return None
    score = interval_score(low, high, at)
    return ScoredRange(lo, hi, high - low, score, score == high - low)


def naive_range(others: Sequence[float], value: float, endpoint: Reported) -> ScoredRange | None:
    """What who knows only these other published results would say; None where they are too few.

    No part of a whole is above 100 %, and no share below 0.
    """
    stdtrit = special_functions().stdtrit
    scale = scale_of(endpoint)
    if scale is None:
        return None
    known = on_scale(np.array(others, dtype=np.float64), scale)
    known = known[~np.isnan(known)]
    number = len(known)
    if number < FEWEST:
        return None
    spread = float(known.std(ddof=1)) * math.sqrt(1.0 + 1.0 / number)
    reach = float(stdtrit(number - 1, 0.5 + LEVEL / 2.0)) * spread
    ends = np.array([known.mean() - reach, known.mean() + reach])
    if scale == "points":
        ends = np.clip(ends, 0.0 if "share" in getattr(endpoint, "kind", "") else None, _POINTS)
    lo, hi = off_scale(ends, scale).tolist()
    return scored(lo, hi, value, scale)


def kind_of(endpoint: Reported) -> tuple[Any, ...]:
    """What results must have in common to be of one kind for the naive reference."""
    parts = (getattr(endpoint, what, "") for what in ("kind", "measure", "reading"))
    return (*parts, endpoint.unit, scale_of(endpoint))
