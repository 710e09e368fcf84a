"""Looks at a trial while it goes on: the reference engine, paused at each cut-off, told of each decision.

As `batch/looks.py` it needs the trial at full length as well, for what would have come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.engine.base import Trial
from protocolsim.engine.des.calendar import Calendar
from protocolsim.engine.des.simulation import protocol_machine
from protocolsim.engine.looks import hold_all, look_at, overrun
from protocolsim.protocol.conduct import NO_RULE, Conduct, Count, HeldLooks
from protocolsim.protocol.counting import dates, last_minute
from protocolsim.records import FAR, NEVER, Records, concatenate

_AT_ONCE = 2000  # subjects whose records are joined


def pieces(
    trial: Trial, seed: int, replicates: range, progress: Callable[[int], None] | None = None
) -> Iterator[Records]:
    """Records of these replicates in order, several at a time, as its conduct made each trial; with tables of looks.

    Raises SimulationError if a cohort cannot be filled.
    """
    machine = protocol_machine(trial)
    waiting: list[Records] = []
    for replicate in replicates:
        waiting.append(conducted(trial, machine, seed, replicate))
        if sum(len(records["subjects"]["subject"]) for records in waiting) >= _AT_ONCE:
            yield concatenate(waiting)
            waiting = []
        if progress is not None:
            progress(1)
    if waiting:
        yield concatenate(waiting)


def conducted(trial: Trial, machine: Any, seed: int, replicate: int) -> Records:
    """The records of one replicate with the tables of its looks."""
    conduct = trial.conduct
    assert conduct is not None
    full = Calendar(trial, machine, seed, replicate).finish()
    screened = len(full["subjects"]["subject"])
    held, final = _Ongoing(conduct, Calendar(trial, machine, seed, replicate, screened)).run()
    tables = conduct.tables(held, final, hold_all(conduct, full), overrun(conduct, held, final))
    return replace(final, trial_tables=tables)


class _Ongoing:
    """A trial that goes on from look to look, until one ends it or all have been held."""

    def __init__(self, conduct: Conduct, calendar: Calendar) -> None:
        self.conduct, self.calendar = conduct, calendar
        self.held = HeldLooks.none(1, len(conduct.looks), len(conduct.values))
        self.cutoff = self.decision = NEVER  # of the look before
        self.waits = False  # behind a look that was never triggered

    def run(self) -> tuple[HeldLooks, Records]:
        """Hold the looks, and let the trial go on to its end."""
        for number in range(len(self.conduct.looks)):
            if self._held(number) and self._ended(number):
                break
        return self.held, self.calendar.finish()

    def _held(self, number: int) -> bool:
        """Wait for a look and hold it; whether it took place."""
        trigger = self._trigger(number)
        last = number == len(self.conduct.looks) - 1
        if trigger == FAR:
            self.waits = True
            if not last:
                return False
        at = max(self.decision, *([] if trigger == FAR else [trigger]), *([self._finished()] if self.waits else []))
        self._advance(at)
        held, decision = self.held, at + self.conduct.decided_after
        held.trigger[0, number] = NEVER if trigger == FAR else trigger
        held.cutoff[0, number], held.decision[0, number] = at, decision
        look_at(self.conduct, number, self.calendar.records(), held, data_lag=self.conduct.data_lag)
        self.cutoff, self.decision = at, decision
        return True

    def _ended(self, number: int) -> bool:
        """At the decision: whether a rule holds, which then is carried out."""
        rule = self.held.rule[:, number]
        if rule[0] == NO_RULE:
            return False
        self._advance(self.decision)
        # Where nothing is left to come, nobody is there to be told, and nobody will arrive.
        if self.conduct.stops(rule)[0] and self.calendar.due < FAR:
            self.calendar.close(self.decision)
            event = int(self.conduct.told(rule)[0])
            if event != NEVER:
                self.calendar.tell(event, self.decision)
        return True

    def _trigger(self, number: int) -> int:
        """Let the trial go on until a look's trigger is known for certain. FAR where it will never come."""
        trigger, before = self.conduct.looks[number].trigger, np.array([self.cutoff])
        while True:
            due = int(trigger.due(self._dates(trigger.count, trigger.number), before)[0])
            following = self.calendar.due
            # What has not happened yet counts from its own minute on or later.
            if following > due or following >= FAR:
                return due
            self.calendar.advance(following)

    def _dates(self, count: Count | None, number: int) -> Integers:
        """From when each subject counts, [1, n], of those who do by now; none while they are too few."""
        happened, most = self.calendar.happened, 0
        if count is None:
            return np.empty((1, 0), dtype=np.int64)
        if count.of == "enrolled":
            return np.array([sorted(happened.enrolled)], dtype=np.int64) + count.followed
        # Not everything that happened counts: not what came before enrolment, nor twice.
        if count.of == "entered":
            most = sum(len(happened.entered.get(state, ())) for state in count.states)
        elif count.of == "event":
            most = len(happened.events.get(count.event, ()))
        enough = min(most, len(happened.enrolled)) >= number
        return dates(count, self.calendar.records()) if enough else np.empty((1, 0), dtype=np.int64)

    def _finished(self) -> int:
        """Let the trial go on to its end; the minute by which every subject has finished."""
        return int(last_minute(self.calendar.finish())[0])

    def _advance(self, minute: int) -> None:
        if minute > self.calendar.minute:
            self.calendar.advance(minute)
