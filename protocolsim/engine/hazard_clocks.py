"""Event times under competing hazards, by inversion of the cumulative hazard.

For subject i and cause c: an event occurs when the cumulative hazard since the last occurrence (`spent`) reaches
threshold[i, c], a unit-exponential draw keyed by the occurrence. Columns are [subjects, causes]; `due` is the minute of
the event at the current rate, NEVER if the rate is 0. A cause is awaited if a transition of the current state is
triggered by its event. `next_due` and `next_cause` [subjects] are the minimum over the awaited causes, `other_due` and
`other_cause` over the rest; ties go to the first cause.

In most trials a rate is constant within a state and the same for everybody there (`set_rates`, `strike`). Where a
cause has a baseline, a multiplier of each subject's own, comes once, or counts from enrolment, all causes of the trial
go by `set_own_rates` and `strike_own`: `rate` is then what the baseline is multiplied by, and the cumulative hazard
grows by that times the difference of the baseline's. Both give a cause that has none of these the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import inlined, kernel, unsigned
from protocolsim.arrays import LEAST_EXTENT, Floats, Integers, Mask
from protocolsim.engine.baselines import (
    CONSTANT,
    END,
    FIRST,
    KIND,
    ONCE,
    SINCE_ENROLMENT,
    OwnHazards,
    cumulative,
    time_of,
)
from protocolsim.randomness import exponential_quantile, keys_of_use, uniform, uniforms

NEVER = 2**62
_MOST_RATE = 1e300  # so that neither a sum of hazards nor a time until an event is nan


@dataclass
class Clocks:
    """Hazard clocks of a column of subjects."""

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
        columns = max(causes, LEAST_EXTENT)
        return cls.of(
            np.zeros((3, columns, subjects)),
            np.zeros((3, columns, subjects), dtype=np.int64),
            np.zeros((4, subjects), dtype=np.int64),
        )

    @classmethod
    def of(cls, floats: Floats, whole: Integers, firsts: Integers) -> Clocks:
        """Uninitialised hazard clocks in given arrays of zeros: [3, causes, subjects] twice, and [4, subjects].

        There may be more columns than causes.
        """
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
        """Initialise these subjects at minute 0: rates of 0, and the thresholds of the first occurrences."""
        for cause, stream in enumerate(streams):
            wind(self.threshold, self.spent, self.occurrence, rows, cause, stream, seed, who)

    def set_rates(self, rows: Integers, rates: Floats, awaited: Mask, now: Integers) -> None:
        """Change the rates and the awaited causes from now[i] on, the same for all rows."""
        set_rates(
            self.threshold, self.spent, self.rate, self.since, self.due, *self._firsts, rows, rates, awaited, now
        )  # fmt: skip

    def set_own_rates(
        self,
        rows: Integers,
        rates: Floats,
        which: Mask,
        awaited: Mask,
        now: Integers,
        enrolled: Integers,
        own: OwnHazards,
    ) -> None:
        """Change the rates rates[c, k] of subject rows[k] from its minute now[rows[k]] on, of the causes in `which`.

        enrolled[i] is the minute of enrolment, negative before it. A rate that is negative or nan counts as 0.
        """
        set_own_rates(
            self.threshold, self.spent, self.rate, self.since, self.due, self.occurrence, *self._firsts,
            rows, rates, which, awaited, now, enrolled, own.form, own.numbers,
        )  # fmt: skip

    def record_own_event(
        self,
        rows: Integers,
        causes: Integers,
        streams: Integers,
        awaited: Mask,
        seed: int,
        who: Integers,
        at: Integers,
        enrolled: Integers,
        own: OwnHazards,
    ) -> None:
        """As `record_event`, in a trial of `set_own_rates`; what comes once does not come again."""
        strike_own(
            self.threshold, self.spent, self.rate, self.since, self.due, self.occurrence, *self._firsts,
            rows, causes, streams, awaited, seed, who, at, enrolled, own.form, own.numbers,
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
        """Record that the event of causes[i] occurred to each subject i at minute at[i].

        Draws the threshold of the next occurrence, from stream streams[causes[i]], and restarts the cumulative hazard.
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
    """Draw the threshold of the first occurrence; the cumulative hazard is 0."""
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
    """Accumulate hazard up to now[i] at the old rates, then switch to the new ones."""
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
    """Draw a new threshold for the cause of each subject; hazard accumulates from at[i] on, at the current rate."""
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
    """Find the next event of each subject, over awaited causes and over the others; ties go to the first cause."""
    for i in unsigned(rows):
        next_due[i], next_cause[i], other_due[i], other_cause[i] = NEVER, 0, NEVER, 0
        for c in range(awaited.shape[0]):
            if awaited[c] and due[i, c] < next_due[i]:
                next_due[i], next_cause[i] = due[i, c], c
            elif not awaited[c] and due[i, c] < other_due[i]:
                other_due[i], other_cause[i] = due[i, c], c


@inlined
def _own_due(
    threshold: float, spent: float, rate: float, now: int, origin: int, kind: int, numbers: Floats, first: int, end: int
) -> int:
    """The minute at which the cumulative hazard reaches the threshold, at a multiplier of `rate` from now on."""
    if kind == CONSTANT or rate <= 0.0:
        return _due(threshold, spent, rate, now)
    here = cumulative(kind, numbers, first, end, np.float64(now - origin))
    if not here < np.inf:
        return now
    minute = np.ceil(time_of(kind, numbers, first, end, here + (threshold - spent) / rate))
    if not minute < 4e18:
        return NEVER
    return max(now, origin + int(minute))


@kernel
def set_own_rates(
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
    rates: Floats,
    which: Mask,
    awaited: Mask,
    now: Integers,
    enrolled: Integers,
    form: Integers,
    numbers: Floats,
) -> None:
    """Accumulate hazard up to now[i] at the old rates, then switch to rates[c, k], for the causes in `which`."""
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        for c in range(rates.shape[0]):
            if not which[c]:
                continue
            new = min(rates[c, k], _MOST_RATE) if rates[c, k] > 0.0 else 0.0
            if (form[c, ONCE] and occurrence[i, c] > 1) or (form[c, SINCE_ENROLMENT] and enrolled[i] < 0):
                new = 0.0
            old = rate[i, c]
            if new == old:
                continue
            origin = enrolled[i] if form[c, SINCE_ENROLMENT] else 0
            kind, first, end = form[c, KIND], form[c, FIRST], form[c, END]
            if kind == CONSTANT:
                spent[i, c] += old * (now[i] - since[i, c])
            elif old > 0.0:
                before = cumulative(kind, numbers, first, end, np.float64(since[i, c] - origin))
                here = cumulative(kind, numbers, first, end, np.float64(now[i] - origin))
                spent[i, c] += old * (here - before)
            since[i, c] = now[i]
            rate[i, c] = new
            due[i, c] = _own_due(threshold[i, c], spent[i, c], new, now[i], origin, kind, numbers, first, end)
    find_next(due, rows, awaited, next_due, next_cause, other_due, other_cause)


@kernel
def strike_own(
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
    enrolled: Integers,
    form: Integers,
    numbers: Floats,
) -> None:
    """As `strike`, at the current multiplier of the baseline; a cause that comes once has a rate of 0 from now on.

    The next event falls on a later minute, however large the hazard is.
    """
    for i in unsigned(rows):
        c = causes[i]
        occurrence[i, c] += 1
        threshold[i, c] = exponential_quantile(uniform(seed, who[i, 0], who[i, 1], streams[c], occurrence[i, c]))
        spent[i, c] = 0.0
        since[i, c] = at[i]
        if form[c, ONCE]:
            rate[i, c] = 0.0
        origin = enrolled[i] if form[c, SINCE_ENROLMENT] else 0
        kind, first, end = form[c, KIND], form[c, FIRST], form[c, END]
        minute = _own_due(threshold[i, c], 0.0, rate[i, c], at[i], origin, kind, numbers, first, end)
        due[i, c] = max(minute, at[i] + 1)
    find_next(due, rows, awaited, next_due, next_cause, other_due, other_cause)
