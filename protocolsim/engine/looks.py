"""Looks at finished trials: what a conduct reads and decides at each cut-off, without running anything again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.engine.snapshot import as_of
from protocolsim.protocol.conduct import NO_RULE, Conduct, HeldLooks, Numbers
from protocolsim.protocol.counting import dates, last_minute, numbers_at
from protocolsim.records import FAR, NEVER, Records


def hold_all(conduct: Conduct, records: Records) -> HeldLooks:
    """Every look on these finished trials, as if no rule had ever been obeyed. `records`: whole replicates."""
    held = HeldLooks.none(records.replicates, len(conduct.looks), len(conduct.values))
    _find_cutoffs(conduct, records, held)
    _hold(conduct, records, held, range(len(conduct.looks)), conduct.data_lag)
    return held


def _find_cutoffs(conduct: Conduct, records: Records, held: HeldLooks) -> None:
    """Fill in when each look is held, which does not depend on what any of them reads."""
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


def _hold(conduct: Conduct, records: Records, held: HeldLooks, looks: Sequence[int], data_lag: int) -> None:
    """Look at finished trials at the cut-offs of these looks; what dates tell is counted once for all of them."""
    if not looks:
        return
    numbers = numbers_at(conduct.counts, records, held.cutoff)
    values = conduct.read_counts(held.cutoff, numbers)
    if values is not None:
        held.values[:] = values
        held.rule[:] = np.where(held.cutoff == NEVER, NO_RULE, conduct.decide_all(values))
        return
    for number in looks:
        of_look = {counted: found[:, number] for counted, found in numbers.items()}
        look_at(conduct, number, records, held, data_lag=data_lag, numbers=of_look)


def look_at(
    conduct: Conduct,
    number: int,
    records: Records,
    held: HeldLooks,
    *,
    data_lag: int,
    numbers: Numbers = MappingProxyType({}),
) -> None:
    """Fill in what a look reads at its cut-offs, and the rule that holds. `numbers`: see Conduct.read."""
    cutoffs = np.ascontiguousarray(held.cutoff[:, number])
    held.values[:, number] = conduct.read(number, as_of(records, cutoffs, data_lag), cutoffs, numbers)
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
    early = []
    for number in range(len(conduct.looks) - 1):
        stopped = (ended == number) & conduct.stops(held.rule[:, number])
        if stopped.any():
            again.cutoff[:, number] = np.where(stopped, np.maximum(finished, held.cutoff[:, number]), NEVER)
            early.append(number)
    _hold(conduct, final, again, early, data_lag=0)
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
