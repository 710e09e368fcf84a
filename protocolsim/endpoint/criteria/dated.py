"""Criteria that a subject meets from one date until another: how many meet them at any date needs no second look.

What a share counts, and whom a population has, is mostly of this kind: states entered or avoided, how a course ended,
events, enrolment, time of follow-up. Where it is, the numbers at all looks at a trial are found from these dates in one
pass (`protocol/counting.py`), to the bit those that come of the records as they were known at each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.endpoint.base import ENROLLED, SCREENED, EventNames, StateNames
from protocolsim.endpoint.subjects.population import Population
from protocolsim.endpoint.subjects.rows import codes, in_states
from protocolsim.records import FAR, NEVER, Labels, Records


@dataclass(frozen=True)
class Criteria:
    """Conditions that must all be met; without any, a subject meets them from the first day.

    `entered`: one of the states of each group; `not_entered`: none of them so far; `ended_in`: in one of the states of
    each group; `not_ended_in`: in none of them so far; `with_event`: one of the events of each group. `followed_for`:
    minutes of potential follow-up, which need enrolment.
    """

    enrolled: bool = False
    entered: tuple[StateNames, ...] = ()
    not_entered: StateNames = ()
    ended_in: tuple[StateNames, ...] = ()
    not_ended_in: StateNames = ()
    with_event: tuple[EventNames, ...] = ()
    followed_for: int | None = None

    def __and__(self, other: Criteria) -> Criteria:
        """Those of both."""
        followed = [t for t in (self.followed_for, other.followed_for) if t is not None]
        return Criteria(
            self.enrolled or other.enrolled,
            self.entered + other.entered,
            self.not_entered + other.not_entered,
            self.ended_in + other.ended_in,
            self.not_ended_in + other.not_ended_in,
            self.with_event + other.with_event,
            max(followed, default=None),
        )

    def dated(self, labels: Labels) -> bool:
        """Whether they are met from one date until another: not where a course may leave what it `ended` in."""
        ends = codes((s for group in (*self.ended_in, self.not_ended_in) for s in group), labels.states, "state")
        return all(labels.outcomes[code] for code in ends.tolist())

    def dates(self, records: Records) -> tuple[Integers, Integers]:
        """From when until when each subject meets them, in minutes of the trial's calendar; FAR for never.

        The end is the first minute at which they are no longer met. Raises UsageError for a name that is unknown.
        """
        found: tuple[Integers, Integers] = records.once(("dates", self), lambda: self._find_dates(records))
        return found

    def _find_dates(self, records: Records) -> tuple[Integers, Integers]:
        begins = records.begins()
        since = [_enrolled(records) + (self.followed_for or 0)] if self._needs_enrolment else []
        since += [_first_entry(records, states) for states in self.entered]
        since += [_ended(records, states) for states in self.ended_in]
        since += [_first_event(records, events) for events in self.with_event]
        until = [_first_entry(records, self.not_entered)] if self.not_entered else []
        until += [_ended(records, self.not_ended_in)] if self.not_ended_in else []
        never: Integers = records.once("far", lambda: np.full(len(begins), FAR, dtype=np.int64))
        return (
            begins + np.maximum.reduce(since) if since else begins,
            begins + np.minimum.reduce(until) if until else never,
        )

    @property
    def _needs_enrolment(self) -> bool:
        return self.enrolled or self.followed_for is not None


def of_population(name: str, declared: Mapping[str, Population]) -> Criteria | None:
    """Those by which a population is defined; None where it also asks for something else."""
    found = Criteria(enrolled=name == ENROLLED)
    if name in (SCREENED, ENROLLED):
        return found
    population = declared[name]
    within = of_population(SCREENED if population.of is None else population.of, declared)
    if within is None or population.where is not None:
        return None
    return within & of_course(
        population.entered, population.not_entered, population.ended_in, population.not_ended_in
    )  # fmt: skip


def of_course(
    entered: StateNames = (),
    not_entered: StateNames = (),
    ended_in: StateNames = (),
    not_ended_in: StateNames = (),
    with_event: EventNames = (),
) -> Criteria:
    """Those of a course, as `course_mask` has them: a tuple means any of its names, an empty one asks nothing."""
    return Criteria(
        entered=(entered,) if entered else (),
        not_entered=not_entered,
        ended_in=(ended_in,) if ended_in else (),
        not_ended_in=not_ended_in,
        with_event=(with_event,) if with_event else (),
    )


def in_one_arm(arm: StateNames, other: StateNames) -> Criteria:
    """Who entered states of an arm and none of the other."""
    return of_course(entered=arm, not_entered=other)


# Minutes on a subject's own clock, FAR for never; found once ---------------------------------------------------------


def _enrolled(records: Records) -> Integers:
    minutes = records["subjects"]["enrolled_minute"]
    found: Integers = records.once("enrolled from", lambda: np.where(minutes == NEVER, FAR, minutes))
    return found


def _first_entry(records: Records, states: Iterable[str]) -> Integers:
    def find() -> Integers:
        each = [records.first_entries(state) for state in codes(states, records.labels.states, "state").tolist()]
        return np.asarray(np.minimum.reduce([np.where(entries == NEVER, FAR, entries) for entries in each]))

    found: Integers = records.once(("entered from", states), find)
    return found


def _ended(records: Records, states: StateNames) -> Integers:
    def find() -> Integers:
        subjects = records["subjects"]
        there = in_states(subjects["final_state"], records.labels, states)
        return np.where(there, subjects["end_minute"], FAR)

    found: Integers = records.once(("ended from", states), find)
    return found


def _first_event(records: Records, events: EventNames) -> Integers:
    def find() -> Integers:
        table = records["events"]
        rows = np.flatnonzero(np.isin(table["event"], codes(events, records.labels.events, "event")))
        first = np.full(len(records["subjects"]["subject"]), FAR, dtype=np.int64)
        np.minimum.at(first, records.subject_rows("events")[rows], table["minute"][rows].astype(np.int64))
        return first

    found: Integers = records.once(("event from", events), find)
    return found
