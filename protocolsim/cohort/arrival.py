"""Recruitment: the arrival times of candidates, and their sites.

Arrivals are a Poisson process whose rate is the total over the sites open at the time, a step function: candidate k
arrives when the cumulative rate reaches the sum of the unit-exponential gaps 1..k. Gaps and sites are keyed by the
candidate's number, so arrivals are independent of a subject's course.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from protocolsim.arithmetic import inlined, kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.cohort.cohort import Site
from protocolsim.randomness import ARRIVAL, SITE, exponential_quantile, uniforms
from protocolsim.units import MINUTES_PER_DAY

_AT_ONCE = 32


def arrivals(sites: Sequence[Site], seed: int, replicate: int) -> Iterator[tuple[float, int]]:
    """An infinite iterator over candidates, in order: (minute of the trial's calendar, site number)."""
    desk = Desk(sites, seed, np.array([replicate]))
    while True:
        _, minutes, numbers = desk.next(np.array([0]), np.array([_AT_ONCE]))
        yield from zip(minutes.tolist(), numbers.tolist(), strict=True)


class Desk:
    """The arrival processes of several replicates, vectorised; `came` counts the arrivals of each so far."""

    def __init__(self, sites: Sequence[Site], seed: int, replicates: Integers) -> None:
        self.rates = np.array([s.rate for s in sites])
        self.opens = np.array([s.opens for s in sites], dtype=np.int64)
        self.openings = np.unique(self.opens)
        self.seed, self.replicates = seed, replicates
        self.came, self._period = np.zeros((2, len(replicates)), dtype=np.int64)
        self._minute = np.full(len(replicates), float(self.openings[0]))

    def next(self, which: Integers, counts: Integers) -> tuple[Integers, Floats, Integers]:
        """The next counts[k] candidates of replicate which[k], for each k in turn.

        Returns (replicate, subject), [candidates, 2]; arrival times in minutes; and site numbers, [candidates] each.
        """
        count = counts.sum()
        key, minutes, sites = np.empty((3, count), dtype=np.int64), np.empty(count), np.empty(count, dtype=np.int64)
        where = (self.rates, self.opens, self.openings, self.seed, self.replicates)
        arrive(*where, which, counts, self.came, self._minute, self._period, key, minutes, sites)
        return key[:2].T, minutes, sites


def next_midnight(minute: Any) -> Any:
    """The first midnight at or after these minutes of the trial's calendar: subjects begin on whole days."""
    return -(np.ceil(minute).astype(np.int64) // -MINUTES_PER_DAY) * MINUTES_PER_DAY


@kernel
def arrive(
    rates: Floats,
    opens: Integers,
    openings: Integers,
    seed: int,
    replicates: Integers,
    which: Integers,
    counts: Integers,
    came: Integers,
    last_minute: Floats,
    last_period: Integers,
    key: Integers,
    minutes: Floats,
    sites: Integers,
) -> None:
    """Fill in the next candidates of some replicates: numbers, arrival times, sites; update each arrival process."""
    at = 0
    for w in range(which.shape[0]):
        for subject in range(came[which[w]], came[which[w]] + counts[w]):
            key[0, at], key[1, at], key[2, at] = replicates[which[w]], subject, 0
            at += 1
    u_wait, u_site = uniforms(seed, key, ARRIVAL), uniforms(seed, key, SITE)
    for k in range(at):
        u_wait[k] = exponential_quantile(u_wait[k])
    at = 0
    for w in range(which.shape[0]):
        r = which[w]
        minute, period = last_minute[r], last_period[r]
        for _ in range(counts[w]):
            left = u_wait[at]
            while True:
                rate = _rate(rates, opens, openings[period])
                if period + 1 >= openings.shape[0] or minute + left / rate <= openings[period + 1]:
                    minute += left / rate
                    break
                left -= (openings[period + 1] - minute) * rate
                period += 1
                minute = float(openings[period])
            minutes[at] = minute
            sites[at] = _site(rates, opens, openings[period], u_site[at])
            at += 1
        came[r] += counts[w]
        last_minute[r], last_period[r] = minute, period


@inlined
def _rate(rates: Floats, opens: Integers, opened: int) -> float:
    total = 0.0
    for s in range(rates.shape[0]):
        if opens[s] <= opened:
            total += rates[s]
    return total


@inlined
def _site(rates: Floats, opens: Integers, opened: int, u: float) -> int:
    wanted, total, chosen = u * _rate(rates, opens, opened), 0.0, 0
    for s in range(rates.shape[0]):
        if opens[s] <= opened and total < wanted:
            chosen = s
            total += rates[s]
    return chosen
