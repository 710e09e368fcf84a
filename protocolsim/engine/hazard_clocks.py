"""Clocks of events: competing hazards, each with a threshold of its own.

For subject i and cause c: an event falls when the hazard spent since the last one reaches threshold[i, c], a unit
exponential keyed by the occurrence. Columns are [subjects, causes]; `due` is the minute of the event at the present
rate, NEVER where the rate is 0. Some causes are awaited in the present state: a transition waits for their event.
`next_due` and `next_cause` [subjects] say which of these comes first, `other_due` and `other_cause` which of the rest;
the first cause at a tie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import inlined, kernel, unsigned
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.randomness import exponential_quantile, keys_of_use, uniform, uniforms

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
    other_due: Integers
    other_cause: Integers

    @classmethod
    def empty(cls, subjects: int, causes: int) -> Clocks:
        """Uninitialised hazard clocks."""
        return cls.of(
            np.zeros((3, causes, subjects)),
            np.zeros((3, causes, subjects), dtype=np.int64),
            np.zeros((4, subjects), dtype=np.int64),
        )

    @classmethod
    def of(cls, floats: Floats, whole: Integers, firsts: Integers) -> Clocks:
        """The same in arrays of zeros that are there already: [3, causes, subjects] twice, and [4, subjects]."""
        whole[2].fill(NEVER)
        firsts[::2].fill(NEVER)
        threshold, spent, rate = (a.T for a in floats)
        since, occurrence, due = (a.T for a in whole)
        return cls(threshold, spent, rate, since, due, occurrence, *firsts)

    @classmethod
    def initialised(cls, streams: Integers, seed: int, who: Integers) -> Clocks:
        """Hazard clocks of these subjects, initialised."""
        clocks = cls.empty(len(who), len(streams))
        clocks.initialise(np.arange(len(who)), streams, seed, who)
        return clocks

    def initialise(self, rows: Integers, streams: Integers, seed: int, who: Integers) -> None:
        """The clocks of these subjects at minute 0, with no hazard yet and the thresholds of the first occurrences."""
        for cause, stream in enumerate(streams):
            wind(self.threshold, self.spent, self.occurrence, rows, cause, stream, seed, who)

    def set_rates(self, rows: Integers, rates: Floats, awaited: Mask, now: Integers) -> None:
        """New rates from now[i] on, and which causes are awaited from now on, the same for all rows."""
        set_rates(
            self.threshold, self.spent, self.rate, self.since, self.due, *self._firsts, rows, rates, awaited, now
        )  # fmt: skip

    def record_event(
        self,
        rows: Integers,
        causes: Integers,
        streams: Integers,
        awaited: Mask,
        seed: int,
        who: Integers,
        at: Integers,
    ) -> None:
        """The event of each subject i, of causes[i], has happened at minute at[i].

        Winds its clock, whose stream is streams[causes[i]], for the next occurrence, at the same rate.
        """
        strike(
            self.threshold, self.spent, self.rate, self.since, self.due, self.occurrence, *self._firsts,
            rows, causes, streams, awaited, seed, who, at,
        )  # fmt: skip

    @property
    def _firsts(self) -> tuple[Integers, Integers, Integers, Integers]:
        return self.next_due, self.next_cause, self.other_due, self.other_cause


@kernel
def wind(
    threshold: Floats,
    spent: Floats,
    occurrence: Integers,
    rows: Integers,
    cause: int,
    stream: int,
    seed: int,
    who: Integers,
) -> None:
    """The threshold of the first occurrence, and nothing spent."""
    drawn = uniforms(seed, keys_of_use(who, rows, 1), stream)
    for k in range(rows.shape[0]):
        drawn[k] = exponential_quantile(drawn[k])
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        threshold[i, cause], spent[i, cause], occurrence[i, cause] = drawn[k], 0.0, 1


@inlined
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
    other_due: Integers,
    other_cause: Integers,
    rows: Integers,
    rates: Floats,
    awaited: Mask,
    now: Integers,
) -> None:
    """Spend the hazard up to now[i] at the old rates, then go on at the new ones."""
    for i in unsigned(rows):
        for c in range(rates.shape[0]):
            if rates[c] == rate[i, c]:
                continue
            spent[i, c] += rate[i, c] * (now[i] - since[i, c])
            since[i, c] = now[i]
            rate[i, c] = rates[c]
            due[i, c] = _due(threshold[i, c], spent[i, c], rates[c], now[i])
    find_next(due, rows, awaited, next_due, next_cause, other_due, other_cause)


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
    other_due: Integers,
    other_cause: Integers,
    rows: Integers,
    causes: Integers,
    streams: Integers,
    awaited: Mask,
    seed: int,
    who: Integers,
    at: Integers,
) -> None:
    """A fresh threshold of the cause of each, counted from at[i] on, at the rate in force."""
    for i in unsigned(rows):
        c = causes[i]
        occurrence[i, c] += 1
        threshold[i, c] = exponential_quantile(uniform(seed, who[i, 0], who[i, 1], streams[c], occurrence[i, c]))
        spent[i, c] = 0.0
        since[i, c] = at[i]
        due[i, c] = _due(threshold[i, c], 0.0, rate[i, c], at[i])
    find_next(due, rows, awaited, next_due, next_cause, other_due, other_cause)


@kernel
def find_next(
    due: Integers,
    rows: Integers,
    awaited: Mask,
    next_due: Integers,
    next_cause: Integers,
    other_due: Integers,
    other_cause: Integers,
) -> None:
    """The next event of each subject, of the awaited causes and of the others: the first of them at a tie."""
    for i in unsigned(rows):
        next_due[i], next_cause[i], other_due[i], other_cause[i] = NEVER, 0, NEVER, 0
        for c in range(due.shape[1]):
            if awaited[c] and due[i, c] < next_due[i]:
                next_due[i], next_cause[i] = due[i, c], c
            elif not awaited[c] and due[i, c] < other_due[i]:
                other_due[i], other_cause[i] = due[i, c], c
