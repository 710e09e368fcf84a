"""Clocks of events: competing hazards, each with a threshold of its own.

For subject i and cause c: an event falls when the hazard spent since the last one reaches threshold[i, c], a unit
exponential keyed by the occurrence. Columns are [subjects, causes]; `due` is the minute of the event at the present
rate, NEVER where the rate is 0. `next_due` and `next_cause` [subjects] say which comes first; the first cause at a tie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.component import Floats, Integers
from protocolsim.randomness import exponential_quantile, uniform

NEVER = 2**62


@dataclass
class Clocks:
    """The clocks of a column of subjects."""

    threshold: Floats
    spent: Floats
    rate: Floats
    since: Integers
    due: Integers
    occurrence: Integers
    next_due: Integers
    next_cause: Integers

    @classmethod
    def unwound(cls, subjects: int, causes: int) -> Clocks:
        """Clocks that nobody has wound yet."""
        return cls.of(
            np.zeros((3, causes, subjects)),
            np.zeros((3, causes, subjects), dtype=np.int64),
            np.zeros((2, subjects), dtype=np.int64),
        )

    @classmethod
    def of(cls, floats: Floats, whole: Integers, firsts: Integers) -> Clocks:
        """The same in arrays of zeros that are there already: [3, causes, subjects] twice, and [2, subjects]."""
        whole[2].fill(NEVER)
        firsts[0].fill(NEVER)
        threshold, spent, rate = (a.T for a in floats)
        since, occurrence, due = (a.T for a in whole)
        return cls(threshold, spent, rate, since, due, occurrence, firsts[0], firsts[1])

    @classmethod
    def wound(cls, streams: Integers, seed: int, who: Integers) -> Clocks:
        """All clocks of these subjects, wound."""
        clocks = cls.unwound(len(who), len(streams))
        clocks.wind(np.arange(len(who)), streams, seed, who)
        return clocks

    def wind(self, rows: Integers, streams: Integers, seed: int, who: Integers) -> None:
        """The clocks of these subjects at minute 0, with no hazard yet and the thresholds of the first occurrences."""
        for cause, stream in enumerate(streams):
            rewind(self.threshold, self.spent, self.occurrence, rows, cause, stream, seed, who)

    def set_rates(self, rows: Integers, rates: Floats, now: Integers) -> None:
        """New rates from now[i] on, the same for all rows."""
        set_rates(
            self.threshold, self.spent, self.rate, self.since, self.due, self.next_due, self.next_cause,
            rows, rates, now,
        )  # fmt: skip

    def strike(self, rows: Integers, cause: int, stream: int, seed: int, who: Integers, now: Integers) -> None:
        """The event of a cause has happened: wind its clock for the next occurrence, at the same rate."""
        causes, streams = np.full(len(now), cause), np.full(cause + 1, stream)
        self.strike_each(rows, causes, streams, seed, who, now)

    def strike_each(
        self, rows: Integers, causes: Integers, streams: Integers, seed: int, who: Integers, now: Integers
    ) -> None:
        """The same where the event of each subject i is that of causes[i], whose stream is streams[causes[i]]."""
        strike(
            self.threshold, self.spent, self.rate, self.since, self.due, self.occurrence,
            self.next_due, self.next_cause, rows, causes, streams, seed, who, now,
        )  # fmt: skip


@kernel
def rewind(
    threshold: Floats,
    spent: Floats,
    occurrence: Integers,
    rows: Integers,
    cause: int,
    stream: int,
    seed: int,
    who: Integers,
) -> None:
    """A fresh threshold, nothing spent, the next occurrence."""
    for i in rows:
        occurrence[i, cause] += 1
        spent[i, cause] = 0.0
        threshold[i, cause] = exponential_quantile(uniform(seed, who[i, 0], who[i, 1], stream, occurrence[i, cause]))


@kernel
def _due(threshold: float, spent: float, rate: float, now: int) -> int:
    if rate <= 0.0:
        return NEVER
    wait = np.ceil((threshold - spent) / rate)
    if wait >= 4e18:
        return NEVER
    return now + max(0, int(wait))


@kernel
def set_rates(
    threshold: Floats,
    spent: Floats,
    rate: Floats,
    since: Integers,
    due: Integers,
    next_due: Integers,
    next_cause: Integers,
    rows: Integers,
    rates: Floats,
    now: Integers,
) -> None:
    """Spend the hazard up to now[i] at the old rates, then go on at the new ones."""
    for i in rows:
        for c in range(rates.shape[0]):
            if rates[c] == rate[i, c]:
                continue
            spent[i, c] += rate[i, c] * (now[i] - since[i, c])
            since[i, c] = now[i]
            rate[i, c] = rates[c]
            due[i, c] = _due(threshold[i, c], spent[i, c], rates[c], now[i])
    find_next(due, rows, next_due, next_cause)


@kernel
def strike(
    threshold: Floats,
    spent: Floats,
    rate: Floats,
    since: Integers,
    due: Integers,
    occurrence: Integers,
    next_due: Integers,
    next_cause: Integers,
    rows: Integers,
    causes: Integers,
    streams: Integers,
    seed: int,
    who: Integers,
    now: Integers,
) -> None:
    """A fresh threshold of the cause of each, counted from now[i] on, at the rate in force."""
    for i in rows:
        c = causes[i]
        occurrence[i, c] += 1
        spent[i, c] = 0.0
        threshold[i, c] = exponential_quantile(uniform(seed, who[i, 0], who[i, 1], streams[c], occurrence[i, c]))
        since[i, c] = now[i]
        due[i, c] = _due(threshold[i, c], 0.0, rate[i, c], now[i])
    find_next(due, rows, next_due, next_cause)


@kernel
def find_next(due: Integers, rows: Integers, next_due: Integers, next_cause: Integers) -> None:
    """The next event of each subject: the earliest clock, the first of them at a tie."""
    if due.shape[1] == 0:
        return
    for i in rows:
        first = 0
        for c in range(1, due.shape[1]):
            if due[i, c] < due[i, first]:
                first = c
        next_cause[i] = first
        next_due[i] = due[i, first]
