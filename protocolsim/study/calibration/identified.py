"""Whether the targets identify a parameter, by criteria that a wider prior does not overturn.

A posterior that is narrower than its prior says little where it leans on an edge of the prior: with another edge it
would lie elsewhere. A parameter counts as identified where

    its posterior's standard deviation is at most 0.9 of its prior's,
    no edge carries it: the outermost 5 % of the prior on either side hold at most 2.5 % of the posterior,
    the width of the prior does not decide: from the half of the prior around the posterior's median to the whole,
        which is twice as wide, the standard deviation grows by less than 1.5 (where the prior decides, by 2), and
    it is not known only together with one that fails these (correlation of 0.5 or more).

The posterior under the narrower prior is the same draws without those outside of it; with a uniform prior that is
exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.study.calibration.abc_posterior import MOST_SD_RATIO, Posterior

EDGE, MOST_AT_EDGE = 0.05, 0.025
MOST_WIDENED = 1.5
STRONG = 0.5

Identification = Literal["identified", "not identified", "leans on an edge", "prior decides", "with another"]


@dataclass(frozen=True)
class Identified:
    """What the criteria found of one parameter.

    `at_low` and `at_high` are the shares of the posterior in the outermost 5 % of the prior, `widened` is the standard
    deviation over that under a prior of half the width, `leans_with` the places of parameters without which it is not
    known.
    """

    sd_ratio: float
    at_low: float
    at_high: float
    widened: float
    leans_with: tuple[int, ...] = ()

    @property
    def edges(self) -> tuple[str, ...]:
        """The edges of its prior that the posterior leans on: "lower", "upper", or both."""
        both = (("lower", self.at_low), ("upper", self.at_high))
        return tuple(name for name, share in both if share > MOST_AT_EDGE)

    @property
    def verdict(self) -> Identification:
        """The first criterion that it fails, or "identified"."""
        if self.sd_ratio > MOST_SD_RATIO:
            return "not identified"
        if self.edges:
            return "leans on an edge"
        if self.widened >= MOST_WIDENED:
            return "prior decides"
        return "with another" if self.leans_with else "identified"


def identification(posterior: Posterior) -> list[Identified]:
    """What the criteria find of each parameter of a posterior, in their order."""
    ratios, medians = posterior.sd_ratio, posterior.quantiles((0.5,))[0]
    alone = [
        Identified(
            float(ratios[k]),
            float(posterior.weights @ (posterior.positions[:, k] < EDGE)),
            float(posterior.weights @ (posterior.positions[:, k] > 1.0 - EDGE)),
            _widened(posterior.positions[:, k], posterior.weights, float(medians[k])),
        )
        for k in range(len(ratios))
    ]
    failing = [k for k, one in enumerate(alone) if one.verdict != "identified"]
    correlation = posterior.correlation
    return [
        Identified(
            one.sd_ratio, one.at_low, one.at_high, one.widened,
            tuple(j for j in failing if j != k and abs(correlation[k, j]) >= STRONG),
        )
        for k, one in enumerate(alone)
    ]  # fmt: skip


def _widened(positions: Floats, weights: Floats, median: float) -> float:
    """The standard deviation over that of the draws in the half of the prior around the median."""
    low = min(max(0.0, median - 0.25), 0.5)
    within = (positions >= low) & (positions <= low + 0.5)
    narrow = _sd(positions[within], weights[within])
    return _sd(positions, weights) / narrow if narrow > 0.0 else 1.0


def _sd(positions: Floats, weights: Floats) -> float:
    share = weights / weights.sum()
    centred = positions - share @ positions
    return float(np.sqrt(share @ (centred * centred)))
