"""The reference engine: SimPy processes that drive one shared `transitions` machine.

It is written to be read: a subject is a process that waits for the next thing planned and does it, in the order
of events of `engine/base.py`. It also knows what the fast engine does not: subjects who wait for each other.

The machine is the independent witness of the rules: `transitions` chooses the first transition whose conditions hold,
where the fast engine does so itself. Its model is one decision, which carries the name of a state; it is never
registered (`add_model` searches a list), since triggering an event on an object that has a `state` is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import simpy
from transitions import Machine

from protocolsim.cohort.arrival import arrivals
from protocolsim.cohort.capacity import Resource
from protocolsim.cohort.randomisation import allocation
from protocolsim.engine.base import Trial, next_midnight, not_filled
from protocolsim.engine.des.records import records_of
from protocolsim.engine.des.subject import Course
from protocolsim.errors import SimulationError
from protocolsim.protocol.states import Group, Randomisation, Rule, State, Visit
from protocolsim.randomness import NO_SHOW as NO_SHOW_STREAM
from protocolsim.randomness import uniform
from protocolsim.records import MADE, MISSED, NO_SHOW, Records, concatenate

Process = Generator[simpy.Event, Any, Any]
Pools = dict[tuple[int, str], simpy.Resource]
Numbered = Sequence[tuple[int, int]]  # assessments, each with its planned number


def pieces(
    trial: Trial, seed: int, replicates: range, progress: Callable[[int], None] | None = None
) -> Iterator[Records]:
    """Records of these replicates in order: whole replicates together, or one large replicate in blocks of subjects.

    `progress` is called with the number of replicates done since the last call.
    Raises SimulationError where a cohort cannot be filled.
    """
    machine = protocol_machine(trial)
    return records_of(trial, ((r, Replicate(trial, machine, seed, r).run()) for r in replicates), progress)


def simulate(trial: Trial, seed: int, replicates: range) -> Records:
    """All records of these replicates."""
    return concatenate(list(pieces(trial, seed, replicates)))


class RuleEvaluation:
    """A group of transitions tried once: the model of the machine, and what its conditions read.

    `state` names the state left, and afterwards the one entered; `values` are the summaries that the rules read.
    """

    def __init__(
        self, state: str, values: Sequence[Any], allocate: Callable[[Randomisation, Sequence[Any]], int]
    ) -> None:
        self.state, self.values = state, values
        self.taken = -1
        self._allocate = allocate
        self.arms: dict[int, int] = {}

    def arm(self, randomisation: Randomisation) -> int:
        """The arm allocated to this subject: each arm has a transition that asks for it, but it is drawn once."""
        if randomisation.number not in self.arms:
            self.arms[randomisation.number] = self._allocate(randomisation, self.values)
        return self.arms[randomisation.number]


def protocol_machine(trial: Trial) -> Machine:
    """The protocol as a `transitions` machine: rules are conditions, tried in file order."""
    states = trial.protocol.states
    transitions = []
    for transition in trial.protocol.transitions:
        for to in transition.destinations:
            conditions = [partial(_holds, transition.rule)] if transition.rule is not None else []
            if transition.randomise is not None:
                conditions.append(partial(_allocated, transition.randomise, to))
            transitions.append(
                {
                    "trigger": transition.trigger,
                    "source": states[transition.source].name,
                    "dest": states[to].name,
                    "conditions": conditions,
                    "before": partial(_take, transition.number),
                }
            )
    return Machine(
        model=None,
        states=[s.name for s in states],
        initial=states[0].name,
        transitions=transitions,
        auto_transitions=False,
    )


def _holds(rule: Rule, decision: RuleEvaluation) -> bool:
    return bool(rule.evaluate(decision.values))


def _allocated(randomisation: Randomisation, arm: int, decision: RuleEvaluation) -> bool:
    return decision.arm(randomisation) == arm


def _take(number: int, decision: RuleEvaluation) -> None:
    decision.taken = number


class Replicate:
    """One replicate of the trial: its candidates, its lists of allocations, and, where limited, its queues."""

    def __init__(self, trial: Trial, machine: Machine, seed: int, replicate: int) -> None:
        self.trial, self.machine, self.seed, self.replicate = trial, machine, seed, replicate
        self._by_name = {s.name: s for s in trial.protocol.states}
        self._places: dict[tuple[int, int], int] = {}
        self.screening = self.enrolled = 0

    # Enrolment ---------------------------------------------------------------------------------------------------

    def run(self) -> Iterator[Course]:
        """All subjects screened, in the order of their numbers."""
        return iter(self._together()) if self.trial.limited else self._one_by_one()

    def candidates(self) -> Iterator[Course]:
        """Candidates without end, in the order of their numbers, each with the day they arrive."""
        cohort = self.trial.cohort
        for subject, (minute, site) in enumerate(arrivals(cohort.sites, self.seed, self.replicate)):
            if subject >= cohort.max_candidates:
                raise SimulationError(not_filled(cohort, self.replicate, self.enrolled))
            course = Course(self.trial, self.seed, self.replicate, subject, site)
            course.begins = int(next_midnight(minute))
            yield course

    def _one_by_one(self) -> Iterator[Course]:
        # Subjects do not compete for capacity: each has a calendar of their own, so that its heap of events is small.
        enrolled = 0
        for course in self.candidates():
            env = simpy.Environment(initial_time=course.begins)
            env.process(self.life(env, course, {}))
            env.run()
            enrolled += course.enrolled
            self.enrolled = enrolled
            yield course
            if enrolled >= self.trial.cohort.size:
                return

    def _together(self) -> list[Course]:
        env = simpy.Environment()
        pools = {
            (site, resource.name): simpy.Resource(env, capacity=resource.units)
            for resource in self.trial.cohort.capacity
            for site in resource.sites
        }
        admitted: list[Course] = []
        env.process(self._admissions(env, pools, admitted))
        env.run()
        return admitted

    def _admissions(self, env: simpy.Environment, pools: Pools, admitted: list[Course]) -> Process:
        # In calendar time: a candidate is admitted while those enrolled and those in screening leave a place free.
        self._place_free = env.event()
        for course in self.candidates():
            yield env.timeout(max(0, course.begins - env.now))
            while self.enrolled + self.screening >= self.trial.cohort.size:
                if self.enrolled >= self.trial.cohort.size:
                    return
                yield self._place_free
            course.begins = int(next_midnight(env.now))
            yield env.timeout(course.begins - env.now)
            self.screening += 1
            admitted.append(course)
            env.process(self._screened(env, course, pools))

    def _screened(self, env: simpy.Environment, course: Course, pools: Pools) -> Process:
        yield from self.life(env, course, pools)
        if not course.enrolled:
            self._leave_screening(env, enrols=False)

    def _leave_screening(self, env: simpy.Environment, *, enrols: bool) -> None:
        self.screening -= 1
        self.enrolled += enrols
        self._place_free.succeed()
        self._place_free = env.event()

    # One subject ------------------------------------------------------------------------------------------------------

    def life(self, env: simpy.Environment, course: Course, pools: Pools) -> Process:
        """The process of one subject, from the first state to a final one."""
        counted = False
        while not course.state.final:
            if pools and course.enrolled and not counted:
                counted = True
                self._leave_screening(env, enrols=True)
            yield from Stay(self, env, course, pools).process()

    def decide(self, course: Course, group: Group | None) -> bool:
        """Try a group of transitions on what the chart says. True if one was taken."""
        if group is None:
            return False
        values = course.read(group)
        decision = RuleEvaluation(course.state.name, values, partial(self._allocate, course))
        if not self.machine.events[group.trigger].trigger(decision, decision):
            return False
        for number, arm in decision.arms.items():
            course.allocated[number] = arm
        course.move(decision.taken, self._by_name[decision.state], [values[k] for k in group.reads])
        return True

    def _allocate(self, course: Course, randomisation: Randomisation, values: Sequence[Any]) -> int:
        stratum = course.site if randomisation.by_site else 0
        for rule in randomisation.strata:
            stratum = 2 * stratum + bool(rule.evaluate(values))
        key = (randomisation.number, stratum)
        position = self._places.get(key, 0)
        self._places[key] = position + 1
        block = np.array(randomisation.block, dtype=np.int64)
        return allocation(block, self.seed, self.replicate, randomisation.number, stratum, position)


class Stay:
    """A subject's time in one state."""

    def __init__(self, replicate: Replicate, env: simpy.Environment, course: Course, pools: Pools) -> None:
        self.replicate, self.env, self.course, self.pools = replicate, env, course, pools
        self.trial = replicate.trial
        self.state: State = course.state
        self.entered, self.moves = course.now, course.moves
        self.left = env.event()
        self.open: list[simpy.Process] = []

    @property
    def minute(self) -> int:
        """The present moment in the subject's own minutes."""
        return int(self.env.now) - self.course.begins

    @property
    def over(self) -> bool:
        """Whether the subject has left this state (perhaps to enter it again)."""
        return self.course.moves != self.moves

    def process(self) -> Process:
        """Wait for what is planned, and do it, until a transition is taken."""
        ends = self.state.ends(self.entered, int(self.course.chart.enrolled[0]))
        for visit in self._planned(ends):
            yield from self._until(self.entered + visit.offset)
            if not self.over:
                yield from self._come(visit)
        yield from self._until(ends)
        while self._still_open() and not self.over:
            yield from self._wait_for_open_visits()
        if not self.over:
            self.course.wait(self.minute)
            if not self.replicate.decide(self.course, self.state.at_end):
                raise SimulationError(f"'{self.state.name}' ended with no transition to take")
        self._lapse()

    def _planned(self, ends: int) -> Iterator[Visit]:
        """The visits before the end, and what is still done at it."""
        for visit in self.state.visits:
            due = self.entered + visit.offset
            if due < ends:
                yield visit
            elif due == ends and visit.closing is not None:
                yield visit.closing

    def _until(self, due: int) -> Process:
        """Wait until a planned minute, living through the events that come before it."""
        while not self.over:
            event_first = self.course.event_due <= due
            moment = self.course.event_due if event_first else due
            # A visit that slipped past `due` has already taken us there.
            wait = self.env.timeout(max(0, moment - self.minute))
            yield (wait | self.left) if self._still_open() else wait
            if not event_first:
                return
            self._live_through_events()

    def _live_through_events(self) -> None:
        """The events due by now: one or none, or more at a tie."""
        while not self.over and self.course.event_due <= self.minute:
            self.course.wait(self.minute)
            self.replicate.decide(self.course, self.state.upon[self.course.event()])

    def _wait_for_open_visits(self) -> Process:
        closed = simpy.AllOf(self.env, self.open)
        yield closed | self.left | self.env.timeout(max(0, self.course.event_due - self.minute))
        self._live_through_events()

    def _still_open(self) -> bool:
        self.open = [p for p in self.open if p.is_alive]
        return bool(self.open)

    def _lapse(self) -> None:
        for process in self.open:
            if process.is_alive and process is not self.env.active_process:
                process.interrupt("the state was left")

    # Visits ------------------------------------------------------------------------------------------------------

    def _come(self, visit: Visit) -> Process:
        """A visit is due: carried out at once, or by a process of its own where it has to queue."""
        planned = self.entered + visit.offset
        self.course.advance(self.minute)
        self.course.visits_planned += 1
        todo = self.course.numbered(visit)
        if self._no_show():
            for assessment, index in todo:
                self.course.observe(assessment, index, planned, NO_SHOW)
            for dose in visit.doses:
                self.course.give(dose, planned, NO_SHOW)
        elif self._waits(visit):
            self.open.append(self.env.process(self._in_queues(visit, todo, planned)))
        else:
            yield from self._visit(visit, todo, planned)

    def _no_show(self) -> bool:
        probability, course = self.trial.cohort.no_show, self.course
        if probability <= 0.0:
            return False
        draw = uniform(course.seed, course.replicate, course.subject, NO_SHOW_STREAM, course.visits_planned)
        return draw < probability

    def _in_queues(self, visit: Visit, todo: Numbered, planned: int) -> Process:
        try:
            yield from self._visit(visit, todo, planned)
        except simpy.Interrupt:
            return
        if self.over and not self.left.triggered:
            self.left.succeed()

    def _visit(self, visit: Visit, todo: Numbered, planned: int) -> Process:
        """Assessments, then the transitions after them, then doses. Waits only where capacity is limited."""
        course = self.course
        closes = planned + self.trial.protocol.window
        made = []
        for assessment, index in todo:
            act = partial(course.observe, assessment, index, planned)
            name = self.trial.assessments[assessment].assessment.name
            if (yield from self._served(name, closes, act)) if self.pools else self._do(act, MADE):
                made.append(assessment)
        for assessment in made:
            if self.over or self.replicate.decide(course, self.state.after.get(assessment)):
                return
        for dose in visit.doses:
            name, act = self.trial.labels.drugs[dose.drug], partial(course.give, dose, planned)
            _ = (yield from self._served(name, closes, act)) if self.pools else self._do(act, MADE)

    def _served(self, name: str, closes: int, act: Callable[[int], None]) -> Process:
        """Do one activity when its turn has come; miss it where the visit's window closes first. True if done."""
        limit, course, env = self._limit(name), self.course, self.env
        done, elsewhere = False, True
        while elsewhere:
            if course.busy_until > self.minute:
                yield env.timeout(course.busy_until - self.minute)
            if limit is None:
                return self._do(act, MADE)
            done, elsewhere = yield from self._queued(limit, closes, act)
        if limit is not None and done:
            course.busy_until = self.minute + limit.slot
            return True
        yield env.timeout(max(0, closes - self.minute))
        return self._do(act, MISSED)

    def _queued(self, limit: Resource, closes: int, act: Callable[[int], None]) -> Process:
        """Queue for a unit until the window closes, and use it for one activity.

        Returns whether the activity was done, and whether the subject was in use elsewhere when the unit was free: then
        they queue again.
        """
        course, env = self.course, self.env
        pool = self.pools[course.site, limit.name]
        request, done, elsewhere = pool.request(), False, False
        try:
            yield request | env.timeout(max(0, closes - self.minute))
            start = limit.next_start(int(env.now))
            if request.triggered and start <= course.begins + closes:
                yield env.timeout(start - env.now)
                elsewhere = course.busy_until > self.minute
                done = not elsewhere and self._do(act, MADE)
        finally:
            # The unit is in use to the end of the slot, whatever becomes of the subject.
            env.process(_release(env, pool, request, limit.slot if done else 0))
        return done, elsewhere

    def _do(self, act: Callable[[int], None], status: int) -> bool:
        """Act now, unless the subject has left the state; an event of the same minute comes first. True if made."""
        if self.pools:
            # Only a subject who had to wait can have missed either.
            self._live_through_events()
            if self.over:
                return False
            self.course.advance(self.minute)
        act(status)
        return status == MADE

    def _waits(self, visit: Visit) -> bool:
        if not self.pools:
            return False
        names = [self.trial.assessments[a].assessment.name for a in visit.assessments]
        names += [self.trial.labels.drugs[d.drug] for d in visit.doses]
        return self.course.busy_until > self.minute or any(self._limit(n) is not None for n in names)

    def _limit(self, name: str) -> Resource | None:
        here = (r for r in self.trial.cohort.capacity if name in r.serves and self.course.site in r.sites)
        return next(here, None)


def _release(env: simpy.Environment, pool: simpy.Resource, request: Any, after: int) -> Process:
    yield env.timeout(after)
    request.cancel()
    pool.release(request)
