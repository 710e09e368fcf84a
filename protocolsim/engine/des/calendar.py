"""One replicate on the trial's calendar: the reference engine, paused at any minute.

Everything of a minute is carried out before that of the next. Where capacity is not limited, subjects meet only in the
lists of randomisations: each has an environment of its own, and at one minute they come by number, so that places go by
minute, then number. Where it is limited, all share one environment, and at one minute they come in SimPy's order (that
in which their waits began), as in a run that is not paused.

Who is screened: without limits the candidates that a run of the replicate subject by subject screens, as if it were
known at once who turns out eligible; with limits a candidate is admitted while fewer subjects than places are enrolled
or in screening.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from protocolsim.engine.base import Trial
from protocolsim.engine.des.records import records_from
from protocolsim.engine.des.simulation import Replicate
from protocolsim.engine.des.subject import Course
from protocolsim.engine.hazard_clocks import NEVER
from protocolsim.errors import UsageError
from protocolsim.records import Records


@dataclass
class CalendarLog:
    """What has happened so far, in minutes of the trial's calendar, in the order of time.

    enrolled   of each subject enrolled
    entered    by state: of each entry into it, the first state's too
    events     by event: of the first of each subject
    """

    enrolled: list[int] = field(default_factory=list)
    entered: dict[int, list[int]] = field(default_factory=dict)
    events: dict[int, list[int]] = field(default_factory=dict)


@dataclass
class _Followed:
    """A subject who has begun, the process of the subject's life, and how much of it is among what has happened."""

    course: Course
    life: Any
    moves: int = 0
    events: int = 0
    enrolled: bool = False
    had: set[int] = field(default_factory=set)

    def note(self, happened: CalendarLog) -> None:
        """Add what is new."""
        course = self.course
        moves, events = course.rows["moves"], course.rows["events"]
        for _, _, minute, _, to, transition, *_ in moves[self.moves :]:
            if transition not in course.trial.labels.internal:
                happened.entered.setdefault(to, []).append(course.begins + minute)
        for _, _, minute, _, event in events[self.events :]:
            if event not in self.had:
                self.had.add(event)
                happened.events.setdefault(event, []).append(course.begins + minute)
        if course.enrolled and not self.enrolled:
            self.enrolled = True
            happened.enrolled.append(course.begins + int(course.chart.enrolled[0]))
        self.moves, self.events = len(moves), len(events)


class _Lane:
    """An environment, and the subjects whose courses it carries out; more may begin in it."""

    def __init__(self, env: Any, subjects: list[tuple[Course, Any]]) -> None:
        self.env, self._subjects = env, subjects
        self._begun = 0
        self._going_on: list[_Followed] = []  # who have begun and not ended, by number

    @property
    def due(self) -> int:
        """The next minute at which something happens; NEVER where nothing will."""
        wakes = self.env.peek()
        soonest = NEVER if wakes == float("inf") else int(wakes)
        courses = (one.course for one in self._going_on)
        return min([soonest, *(c.begins + c.other_due for c in courses if c.other_due < NEVER)])

    def live(self, minute: int, happened: CalendarLog) -> None:
        """Carry out all that is due by a minute, and add it to what has happened."""
        while self.env.peek() <= minute:
            self.env.step()
        for course, life in self._subjects[self._begun :]:
            self._going_on.append(_Followed(course, life))
            happened.entered.setdefault(course.trial.protocol.states[0].number, []).append(course.begins)
        self._begun = len(self._subjects)
        for one in self._going_on:
            # Events that no transition waits for are otherwise recorded when the state is left.
            one.course.pass_others(minute - one.course.begins)
            one.note(happened)
        self._going_on = [one for one in self._going_on if not one.course.state.final]

    def tell(self, event: int, minute: int) -> None:
        """Let an event come to each subject, the first thing of this minute."""
        if self.env.now < minute:
            self.env.run(until=minute)  # to before the first thing of the minute
        for one in self._going_on:
            one.life.interrupt(event)


class Calendar:
    """One replicate of a trial from its first minute on; it is told how far to go.

    `machine` is the protocol's (`simulation.protocol_machine`). `screened`: how many candidates a run of the replicate
    subject by subject screens, which is found out where it is not told; no matter where capacity is limited.
    `minute` is the last minute that is over, `happened` what had happened by its end.
    Raises SimulationError if the cohort cannot be filled.
    """

    def __init__(self, trial: Trial, machine: Any, seed: int, replicate: int, screened: int | None = None) -> None:
        self.trial, self.minute, self.happened = trial, -1, CalendarLog()
        self._replicate = Replicate(trial, machine, seed, replicate)
        self._lanes: list[tuple[int, int, _Lane]] = []  # a heap: when something is due, the number of the subject
        self._subjects: list[tuple[Course, Any]] = []
        self._told: list[tuple[int, int]] = []
        self._coming: Iterator[Course] = iter(())
        if trial.limited:
            self._push(0, _Lane(self._replicate.shared(self._subjects), self._subjects))
        else:
            if screened is None:
                screened = sum(1 for _ in Replicate(trial, machine, seed, replicate).run())
            self._coming = islice(self._replicate.candidates(), screened)
        self._next = next(self._coming, None)

    @property
    def due(self) -> int:
        """The next minute at which something happens; NEVER where everything has."""
        lanes = self._lanes[0][0] if self._lanes else NEVER
        told = self._told[0][0] if self._told else NEVER
        return min(lanes, told, NEVER if self._next is None else self._next.begins)

    def advance(self, minute: int) -> None:
        """Carry out everything up to the end of this minute of the trial's calendar.

        Raises UsageError for a minute that lies before one that is over.
        """
        if minute < self.minute:
            raise UsageError(f"minute {self.minute} of the calendar is over; it cannot go back to minute {minute}")
        while (due := self.due) <= minute and due < NEVER:
            self._live(due)
        self.minute = minute

    def finish(self) -> Records:
        """Carry out everything to the end of every course. Returns the records."""
        while (due := self.due) < NEVER:
            self._live(due)
            self.minute = due
        return self.records()

    def records(self) -> Records:
        """What is there at the end of this minute, hidden truth included. Who is still in the trial ends with it."""
        courses = [course for course, _ in self._subjects]
        return records_from(self.trial, courses, self._replicate.replicate, 1, whole=True, paused=self.minute)

    def close(self, minute: int) -> None:
        """Screen no candidate who begins after this minute. Raises UsageError for one that lies before one over."""
        if minute < self.minute:
            raise UsageError(f"minute {self.minute} of the calendar is over; screening cannot end at minute {minute}")
        self._replicate.closes = min(minute, self._replicate.closes)

    def tell(self, event: int, minute: int) -> None:
        """Let an event (a code of `labels.events`) come to every subject who has begun by this minute and not ended.

        It comes as the first thing of the minute after it: it is recorded, and the transitions upon it are tried.
        Raises UsageError for a minute that lies before one that is over.
        """
        if minute < self.minute:
            raise UsageError(f"minute {self.minute} of the calendar is over; no event can be told for minute {minute}")
        heapq.heappush(self._told, (minute + 1, event))

    def _push(self, number: int, lane: _Lane) -> None:
        due = lane.due
        if due < NEVER:
            heapq.heappush(self._lanes, (due, number, lane))

    def _live(self, minute: int) -> None:
        """All of one minute, the next at which something is due."""
        while self._told and self._told[0][0] == minute:
            self._tell(heapq.heappop(self._told)[1], minute)
        while self._next is not None and self._next.begins == minute:
            if self._next.begins > self._replicate.closes:
                self._next = None
                break
            env, life = self._replicate.alone(self._next)
            self._subjects.append((self._next, life))
            self._push(self._next.subject, _Lane(env, [self._subjects[-1]]))
            self._next = next(self._coming, None)
        while self._lanes and self._lanes[0][0] == minute:
            _, number, lane = heapq.heappop(self._lanes)
            lane.live(minute, self.happened)
            self._push(number, lane)

    def _tell(self, event: int, minute: int) -> None:
        """Tell all lanes, and let each be due now."""
        for _, _, lane in sorted(self._lanes, key=lambda entry: entry[1]):
            lane.tell(event, minute)
        self._lanes = [(minute, number, lane) for _, number, lane in self._lanes]
        heapq.heapify(self._lanes)
