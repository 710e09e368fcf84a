"""Baselines of hazards: cumulative hazard over time, and its inverse, for all causes of a trial in arrays.

A baseline's time is counted in minutes from its origin: the subject's minute 0, or enrolment. Of a cause without a
baseline it is 1 per minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import inlined, power
from protocolsim.arrays import Floats, Integers
from protocolsim.component import Baseline, Weibull

CONSTANT, WEIBULL, PIECEWISE = range(3)
KIND, FIRST, END, SINCE_ENROLMENT, ONCE = range(5)  # columns of OwnHazards.form


@dataclass(frozen=True)
class OwnHazards:
    """What the causes of a trial have beyond a rate by state, as kernels read it.

    form [causes, 5]: KIND is CONSTANT, WEIBULL or PIECEWISE; numbers[FIRST:END] are a scale and a shape, or pieces,
    three numbers each: where it starts, the cumulative hazard there, and its rate; whether time counts SINCE_ENROLMENT,
    and whether it comes to nobody twice (ONCE).
    """

    form: Integers
    numbers: Floats

    @classmethod
    def of(cls, causes: Sequence[tuple[Baseline | None, bool, bool]]) -> OwnHazards:
        """Of causes with a baseline (None: 1 per minute), those since enrolment, and those that come once."""
        numbers: list[float] = []
        form = []
        for baseline, since_enrolment, once in causes:
            first = len(numbers)
            numbers += _numbers(baseline)
            kind = CONSTANT if baseline is None else WEIBULL if isinstance(baseline, Weibull) else PIECEWISE
            form.append((kind, first, len(numbers), since_enrolment, once))
        return cls(np.array(form, dtype=np.int64), np.array(numbers, dtype=np.float64))


def _numbers(baseline: Baseline | None) -> list[float]:
    if baseline is None:
        return []
    if isinstance(baseline, Weibull):
        return [baseline.scale, baseline.shape]
    numbers: list[float] = []
    start = reached = 0.0
    for rate, end in zip(baseline.rates, (*baseline.cuts, np.inf), strict=True):
        numbers += [start, reached, rate]
        reached += rate * (end - start) if rate > 0.0 else 0.0
        start = end
    return numbers


@inlined
def cumulative(kind: int, numbers: Floats, first: int, end: int, time: float) -> float:
    """The cumulative hazard of the baseline whose numbers are numbers[first:end], from its origin to `time` >= 0."""
    hazard: float = time
    if kind == WEIBULL:
        hazard = power(time / numbers[first], numbers[first + 1]) if time > 0.0 else 0.0
    elif kind == PIECEWISE:
        k = first
        while k + 3 < end and numbers[k + 3] <= time:
            k += 3
        hazard = numbers[k + 1] + numbers[k + 2] * (time - numbers[k])
    return hazard


@inlined
def time_of(kind: int, numbers: Floats, first: int, end: int, hazard: float) -> float:
    """The first time at which the cumulative hazard of the baseline is `hazard`; infinite where it never is."""
    time: float = hazard
    if kind == WEIBULL:
        time = numbers[first] * power(hazard, 1.0 / numbers[first + 1]) if hazard > 0.0 else 0.0
    elif kind == PIECEWISE:
        k = first
        while k + 3 < end and numbers[k + 4] < hazard:
            k += 3
        time = numbers[k]
        if hazard > numbers[k + 1]:
            time = time + (hazard - numbers[k + 1]) / numbers[k + 2] if numbers[k + 2] > 0.0 else np.inf
    return time
