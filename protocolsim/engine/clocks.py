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
    def wound(cls, streams: Integers, seed: int, who: Integers) -> Clocks:
        """All clocks at minute 0, with no hazard yet and the thresholds of the first occurrences."""
        shape = (len(who), len(streams))
        clocks = cls(
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape, dtype=np.int64),
            np.full(shape, NEVER, dtype=np.int64),
            np.zeros(shape, dtype=np.int64),
        )
        rows = np.arange(len(who))
        for cause in range(len(streams)):
            rewind(clocks.threshold, clocks.spent, clocks.occurrence, rows, cause, streams[cause], seed, who)
        return clocks

    def set_rates(self, rows: Integers, rates: Floats, now: Integers) -> None:
        """New rates from now[i] on, the same for all rows."""
        set_rates(self.threshold, self.spent, self.rate, self.since, self.due, rows, rates, now)

    def strike(self, rows: Integers, cause: int, stream: int, seed: int, who: Integers, now: Integers) -> None:
        """The event of a cause has happened: wind its clock for the next occurrence, at the same rate."""
        rewind(self.threshold, self.spent, self.occurrence, rows, cause, stream, seed, who)
        restart(self.threshold, self.spent, self.rate, self.since, self.due, rows, cause, now)


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
def restart(
    threshold: Floats,
    spent: Floats,
    rate: Floats,
    since: Integers,
    due: Integers,
    rows: Integers,
    cause: int,
    now: Integers,
) -> None:
    """Count from now[i] on, at the rate in force."""
    for i in rows:
        since[i, cause] = now[i]
        due[i, cause] = _due(threshold[i, cause], spent[i, cause], rate[i, cause], now[i])
