"""Looks at finished trials: what a conduct reads and decides at each cut-off, without running anything again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.engine.snapshot import as_of
from protocolsim.protocol.conduct import FAR, NO_RULE, Conduct, HeldLooks
from protocolsim.protocol.counting import dates, last_minute
from protocolsim.records import NEVER, Records


def hold_all(conduct: Conduct, records: Records) -> HeldLooks:
    """Every look on these finished trials, as if no rule had ever been obeyed. `records`: whole replicates."""
    held = HeldLooks.none(records.replicates, len(conduct.looks), len(conduct.values))
    cutoff = np.full(records.replicates, NEVER, dtype=np.int64)  # of the look before
    decision = cutoff.copy()
    finished = last_minute(records)
    waits = np.zeros(records.replicates, dtype=np.bool_)  # behind a look that was never triggered
    for number, look in enumerate(conduct.looks):
        count = look.trigger.count
        counted = np.empty((records.replicates, 0), dtype=np.int64) if count is None else dates(count, records)
        due = look.trigger.due(counted, cutoff)
        triggered = due < FAR
        last = number == len(conduct.looks) - 1
        waits |= ~triggered
        at = np.maximum(np.where(triggered, due, finished), decision)
        at = np.where(waits, np.maximum(at, finished), at)
        takes_place = triggered | last
        held.trigger[:, number] = np.where(triggered, due, NEVER)
        held.cutoff[:, number] = np.where(takes_place, at, NEVER)
        held.decision[:, number] = np.where(takes_place, at + conduct.decided_after, NEVER)
        cutoff = np.where(takes_place, held.cutoff[:, number], cutoff)
        decision = np.where(takes_place, held.decision[:, number], decision)
        look_at(conduct, number, records, held, data_lag=conduct.data_lag)
    return held


def look_at(conduct: Conduct, number: int, records: Records, held: HeldLooks, *, data_lag: int) -> None:
    """Fill in what a look reads at its cut-offs, and the rule that holds."""
    cutoffs = np.ascontiguousarray(held.cutoff[:, number])
    held.values[:, number] = conduct.read(number, as_of(records, cutoffs, data_lag), cutoffs)
    rules = conduct.decide(number, held.values[:, number])
    held.rule[:, number] = np.where(cutoffs == NEVER, NO_RULE, rules)


def obeyed(every: HeldLooks) -> HeldLooks:
    """The looks that are held where rules are obeyed: none after the first at which a rule held."""
    looks = np.arange(every.cutoff.shape[1])
    ended = np.where(every.ended_at == NEVER, FAR, every.ended_at)
    after = looks[None, :] > ended[:, None]
    never = {name: np.where(after, NEVER, getattr(every, name)) for name in ("trigger", "cutoff", "decision", "rule")}
    return replace(every, values=np.where(after[:, :, None], np.nan, every.values), **never)


def closed_from(conduct: Conduct, held: HeldLooks) -> Integers:
    """The calendar minute of the stop that closed each trial to candidates, [replicates]; NEVER where none did."""
    ended = held.ended_at
    every = np.arange(len(ended))
    stops = (ended != NEVER) & conduct.stops(held.rule[every, ended])
    return np.where(stops, held.decision[every, ended], NEVER)


def overrun(conduct: Conduct, held: HeldLooks, final: Records) -> HeldLooks:
    """The look that stopped each trial early, once more when every subject enrolled has been followed to the end."""
    again = HeldLooks.none(*held.values.shape)
    ended, finished = held.ended_at, last_minute(final)
    for number in range(len(conduct.looks) - 1):
        stopped = (ended == number) & conduct.stops(held.rule[:, number])
        if stopped.any():
            at = np.where(stopped, np.maximum(finished, held.cutoff[:, number]), NEVER)
            again.cutoff[:, number] = at
            look_at(conduct, number, final, again, data_lag=0)
    return again


def told(conduct: Conduct, held: HeldLooks, final: Records) -> Integers:
    """The code of the event that the stop sent to each trial's subjects, [replicates]; NEVER where it reached nobody.

    final: the trials as they were, or would have been had the stop only closed them to candidates.
    """
    ended = held.ended_at
    every = np.arange(len(ended))
    events = np.where(ended == NEVER, NEVER, conduct.told(held.rule[every, ended]))
    # It comes in the minute after the decision; who ends in that very minute is still there.
    return np.where(held.decision[every, ended] < last_minute(final), events, NEVER)
