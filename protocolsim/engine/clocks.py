"""Clocks of events: competing hazards, each with a threshold of its own.

For subject i and cause c: an event falls when the hazard spent since the last one reaches threshold[i, c], a unit
exponential keyed by the occurrence. Columns are [subjects, causes]; `due` is the minute of the event at the present
rate, NEVER where the rate is 0.
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

    @classmethod
    def unwound(cls, subjects: int, causes: int) -> Clocks:
        """Clocks that nobody has wound yet."""
        shape = (subjects, causes)
        threshold, spent, rate = (np.zeros(shape) for _ in range(3))
        since, occurrence = (np.zeros(shape, dtype=np.int64) for _ in range(2))
        return cls(threshold, spent, rate, since, np.full(shape, NEVER, dtype=np.int64), occurrence)

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
        set_rates(self.threshold, self.spent, self.rate, self.since, self.due, rows, rates, now)

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
            rows, causes, streams, seed, who, now,
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


@kernel
def strike(
    threshold: Floats,
    spent: Floats,
    rate: Floats,
    since: Integers,
    due: Integers,
    occurrence: Integers,
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
