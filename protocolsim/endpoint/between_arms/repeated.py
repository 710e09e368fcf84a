"""How the interval and the estimate of a contrast do over many trials: coverage and bias.

The value that they are held against is the contrast of all replicates together, which is as near to the truth of the
model as the replicates are many. Each is a number of sums, so that its Monte Carlo error is found as all others are.
For a coverage this value is taken as it is, whose own error matters little: what one end loses the other gains.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, Reported, quotient
from protocolsim.endpoint.contrast import Contrast
from protocolsim.records import Records

TRIALS = "trials"
COVERAGE, BIAS, BIAS_OF_SIGNIFICANT = "coverage", "bias", "bias_of_significant"


def characteristic_name(contrast: str, what: str) -> str:
    """The name of what is reported beside a contrast; it has brackets, which names of users have not."""
    return f"contrast[{contrast}][{what}]"


@dataclass(frozen=True, kw_only=True)
class OverTrials(Reported):
    """A number of a contrast over many trials, of those that have an interval. One trial alone has none."""

    contrast: Contrast
    among: str = TRIALS

    @property
    def over_trials(self) -> bool:
        """It is of many trials together."""
        return True

    def sums(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Those of the contrast, and what each trial adds.

        A large replicate that comes in parts has one interval, of all its parts: `completed` finds what it adds.
        """
        sums = self.contrast.sums(records, populations)
        return np.column_stack([sums, np.zeros((len(sums), 2))])

    def completed(self, sums: Floats) -> Floats:
        """Puts what each trial adds in the last two columns, and 0 in both where it has no interval."""
        own = np.asarray(sums)[:, :-2]
        interval, estimate = self.contrast.interval(own), self.contrast.value(own)
        has = ~(np.isnan(interval.low) | np.isnan(interval.high) | np.isnan(estimate))
        whole = self.contrast.value(_total(own))
        added, counts = self.of_trials(estimate, interval.low, interval.high, float(whole))
        has &= counts
        return np.column_stack([own, np.where(has, added, 0.0), has.astype(np.float64)])

    @abstractmethod
    def of_trials(self, estimate: Floats, low: Floats, high: Floats, whole: float) -> tuple[Floats, Mask]:
        """What each trial adds, and whether it counts. `whole` is the contrast of all trials together."""


@dataclass(frozen=True, kw_only=True)
class IntervalCoverage(OverTrials):
    """The share of intervals that hold the contrast of all trials together."""

    @property
    def unit(self) -> str:
        """A share of trials."""
        return "%"

    @property
    def counting(self) -> str:
        """What is to be expected."""
        level = 100.0 * self.contrast.confidence
        return (
            f"share of {level:g} % intervals ({self.contrast.method}) that hold the value of all trials together; "
            "trials without an interval are left out"
        )

    def of_trials(self, estimate: Floats, low: Floats, high: Floats, whole: float) -> tuple[Floats, Mask]:
        """Whether the interval holds it."""
        covers = (low <= whole) & (whole <= high)
        return covers.astype(np.float64), np.ones(len(estimate), dtype=np.bool_)

    def value(self, sums: Floats) -> Floats:
        """Those that hold it over all."""
        return quotient(sums[..., -2], sums[..., -1])


@dataclass(frozen=True, kw_only=True)
class EstimateBias(OverTrials):
    """The mean of single trials' estimates minus the contrast of all trials together.

    `significant`: the mean of those only whose interval leaves out the value of no difference.
    """

    significant: bool = False

    @property
    def unit(self) -> str:
        """That of the contrast."""
        return self.contrast.unit

    @property
    def counting(self) -> str:
        """Whose mean it is."""
        which = f", of those only whose interval leaves out {self.contrast.null:g}" if self.significant else ""
        return (
            f"mean of the estimates of single trials{which}, minus the value of all trials together; trials without an "
            "interval are left out"
        )

    def of_trials(self, estimate: Floats, low: Floats, high: Floats, whole: float) -> tuple[Floats, Mask]:  # noqa: ARG002
        """The estimate."""
        null = self.contrast.null
        counts: Mask = (low > null) | (high < null) if self.significant else np.ones(len(estimate), dtype=np.bool_)
        return estimate, counts

    def value(self, sums: Floats) -> Floats:
        """One mean minus the other."""
        return np.asarray(quotient(sums[..., -2], sums[..., -1]) - self.contrast.value(sums[..., :-2]))


def beside(endpoints: Iterable[Endpoint]) -> dict[str, Reported]:
    """What is reported beside every contrast among these, by name."""
    made: list[OverTrials] = []
    for one in endpoints:
        if isinstance(one, Contrast):
            names = {what: characteristic_name(one.name, what) for what in (COVERAGE, BIAS, BIAS_OF_SIGNIFICANT)}
            made += [
                IntervalCoverage(name=names[COVERAGE], label=f"coverage: {one.label}", contrast=one),
                EstimateBias(name=names[BIAS], label=f"bias of single trials: {one.label}", contrast=one),
                EstimateBias(
                    name=names[BIAS_OF_SIGNIFICANT], label=f"bias of significant trials: {one.label}", contrast=one,
                    significant=True,
                ),
            ]  # fmt: skip
    return {one.name: one for one in made}


def _total(sums: Floats) -> Floats:
    """The sums of all replicates, added one after the other."""
    return np.asarray(np.add.accumulate(sums, axis=0)[-1]) if len(sums) else np.zeros(sums.shape[1])
