"""The reference engine: SimPy processes that drive one shared `transitions` state machine.

It is written to be read: a subject is a process that waits for its next planned visit or event and carries it out, in
the order of events of `engine/base.py`. Unlike the batch engine it supports limited capacity, with subjects in queues.

The state machine is an independent implementation of the rules: `transitions` selects the first transition whose
conditions hold, which the batch engine does in its own code. The machine's model is one rule evaluation, with the
current state as its `state`; it is never registered (`add_model` does a linear search), which triggering does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import simpy
from transitions import Machine

from protocolsim.cohort.arrival import arrivals, next_midnight
from protocolsim.cohort.capacity import Resource
from protocolsim.cohort.randomisation import allocation
from protocolsim.engine.base import Trial, not_filled
from protocolsim.engine.des.records import records_of
from protocolsim.engine.des.subject import Course
from protocolsim.engine.hazard_clocks import NEVER
from protocolsim.errors import SimulationError
from protocolsim.protocol.choices import Choice
from protocolsim.protocol.states import Group, Randomisation, Rule, State, Visit
from protocolsim.randomness import NO_SHOW as NO_SHOW_STREAM
from protocolsim.randomness import uniform
from protocolsim.records import MADE, MISSED, NO_SHOW, Records, concatenate

Process = Generator[simpy.Event, Any, Any]
Begun = tuple[simpy.Environment, simpy.Process]
Pools = dict[tuple[int, str], simpy.Resource]
Numbered = Sequence[tuple[int, int]]  # assessments, each with its planned number


def pieces(
    trial: Trial, seed: int, replicates: range, progress: Callable[[int], None] | None = None
) -> Iterator[Records]:
    """Records of these replicates in order: several whole replicates at a time, or a large one in blocks of subjects.

    They are as if no look at the trial were held (`looks.py` holds them).
    `progress` is called with the number of replicates done since the last call.
    Raises SimulationError if a cohort cannot be filled.
    """
    machine = protocol_machine(trial)
    return records_of(trial, ((r, Replicate(trial, machine, seed, r).run()) for r in replicates), progress)


def simulate(trial: Trial, seed: int, replicates: range) -> Records:
    """All records of these replicates."""
    return concatenate(list(pieces(trial, seed, replicates)))


class RuleEvaluation:
    """One evaluation of a group of transitions: the model of the state machine, and the values its conditions read.

    `state` is the name of the state left, and after the trigger that of the state entered; `values` are the summaries
    that the rules read.
    """

    def __init__(
        self,
        state: str,
        values: Sequence[Any],
        allocate: Callable[[Randomisation, Sequence[Any]], int],
        choose: Callable[[Choice, Sequence[Any]], int],
    ) -> None:
        self.state, self.values = state, values
        self.taken = -1
        self.chosen: dict[int, int] = {}
        self._allocate, self._choose = allocate, choose
        self.arms: dict[int, int] = {}

    def branch(self, choice: Choice) -> int:
        """The state chosen for this subject by chance, cached likewise."""
        if choice.number not in self.chosen:
            self.chosen[choice.number] = self._choose(choice, self.values)
        return self.chosen[choice.number]

    def arm(self, randomisation: Randomisation) -> int:
        """The arm allocated to this subject, cached: the condition of every arm's transition asks for it."""
        if randomisation.number not in self.arms:
            self.arms[randomisation.number] = self._allocate(randomisation, self.values)
        return self.arms[randomisation.number]


def protocol_machine(trial: Trial) -> Machine:
    """The protocol as a `transitions` machine: rules are conditions, tried in file order."""
    states = trial.protocol.states
    transitions = []
    for transition in trial.protocol.transitions:
        for to in transition.destinations or (None,):  # internal transitions have no destination
            conditions = [partial(_holds, transition.rule)] if transition.rule is not None else []
            if transition.randomise is not None and to is not None:
                conditions.append(partial(_allocated, transition.randomise, to))
            if transition.choose is not None and to is not None:
                conditions.append(partial(_chosen, transition.choose, to))
            transitions.append(
                {
                    "trigger": transition.trigger,
                    "source": states[transition.source].name,
                    "dest": None if to is None else states[to].name,
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


def _chosen(choice: Choice, state: int, decision: RuleEvaluation) -> bool:
    return decision.branch(choice) == state


def _take(number: int, decision: RuleEvaluation) -> None:
    decision.taken = number


class Replicate:
    """One replicate of the trial: its candidates, its allocation lists, and its limited resources."""

    def __init__(self, trial: Trial, machine: Machine, seed: int, replicate: int) -> None:
        self.trial, self.machine, self.seed, self.replicate = trial, machine, seed, replicate
        self._by_name = {s.name: s for s in trial.protocol.states}
        self._places: dict[tuple[int, int], int] = {}
        self.screening = self.enrolled = 0
        self.closes = NEVER  # the last minute of the trial's calendar at which a candidate may begin

    # Enrolment ---------------------------------------------------------------------------------------------------

    def run(self) -> Iterator[Course]:
        """All subjects screened, in order of subject number."""
        return iter(self._together()) if self.trial.limited else self._one_by_one()

    def candidates(self) -> Iterator[Course]:
        """An infinite iterator over candidates, in order of subject number, each with an arrival time."""
        cohort = self.trial.cohort
        for subject, (minute, site) in enumerate(arrivals(cohort.sites, self.seed, self.replicate)):
            if subject >= cohort.max_candidates:
                raise SimulationError(not_filled(cohort, self.replicate, self.enrolled))
            course = Course(self.trial, self.seed, self.replicate, subject, site)
            course.begins = int(next_midnight(minute))
            yield course

    def _one_by_one(self) -> Iterator[Course]:
        # Without queues subjects are independent: an environment each keeps SimPy's event heap small.
        enrolled = 0
        for course in self.candidates():
            env, _ = self.alone(course)
            env.run()
            enrolled += course.enrolled
            self.enrolled = enrolled
            yield course
            if enrolled >= self.trial.cohort.size:
                return

    def alone(self, course: Course) -> Begun:
        """An environment in which this subject is alone, in which nothing has happened yet, and the subject's life."""
        env = simpy.Environment(initial_time=course.begins)
        return env, env.process(self.life(env, course, {}))

    def _together(self) -> list[Course]:
        admitted: list[tuple[Course, simpy.Process]] = []
        self.shared(admitted).run()
        return [course for course, _ in admitted]

    def shared(self, admitted: list[tuple[Course, simpy.Process]]) -> simpy.Environment:
        """The environment of all subjects, in which nothing has happened yet; it adds those who begin to `admitted`."""
        env = simpy.Environment()
        pools = {
            (site, resource.name): simpy.Resource(env, capacity=resource.units)
            for resource in self.trial.cohort.capacity
            for site in resource.sites
        }
        env.process(self._admissions(env, pools, admitted))
        return env

    def _admissions(
        self, env: simpy.Environment, pools: Pools, admitted: list[tuple[Course, simpy.Process]]
    ) -> Process:
        # In calendar time: admit a candidate while fewer subjects than places are enrolled or in screening.
        self._place_free = env.event()
        for course in self.candidates():
            yield env.timeout(max(0, course.begins - env.now))
            while self.enrolled + self.screening >= self.trial.cohort.size:
                if self.enrolled >= self.trial.cohort.size:
                    return
                yield self._place_free
            course.begins = int(next_midnight(env.now))
            yield env.timeout(course.begins - env.now)
            if course.begins > self.closes:
                return
            self.screening += 1
            admitted.append((course, env.process(self._screened(env, course, pools))))

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
        """Evaluate a group of transitions on the chart, and take the first whose rule holds. True if one was taken.

        After an internal transition the subject is still in the state.
        """
        if group is None:
            return False
        values = course.read(group)
        decision = RuleEvaluation(course.state.name, values, partial(self._allocate, course), course.choose)
        if not self.machine.events[group.trigger].trigger(decision, decision):
            return False
        for number, arm in decision.arms.items():
            course.allocated[number] = arm
        for number in decision.chosen:
            course.choices_made[number] += 1
        transition = self.trial.protocol.transitions[decision.taken]
        course.take(transition, self._by_name[decision.state], group, values)
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
        self.entered, self.stays = course.now, course.stays
        self.left = env.event()
        self.open: list[simpy.Process] = []

    @property
    def minute(self) -> int:
        """The current time on the subject's own clock, in minutes."""
        return int(self.env.now) - self.course.begins

    @property
    def over(self) -> bool:
        """Whether the subject has left this state (perhaps to enter it again)."""
        return self.course.stays != self.stays

    def process(self) -> Process:
        """The SimPy process of the stay: carry out visits and events in order until a transition is taken."""
        ends = self.course.planned_end()
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
        """The visits before the end of the state, and the closing visit at it."""
        for visit in self.state.visits:
            due = self.entered + visit.offset
            if due < ends:
                yield visit
            elif due == ends and visit.closing is not None:
                yield visit.closing

    def _until(self, due: int) -> Process:
        """Wait until a planned minute, processing the events that fall before it, and grid minutes."""
        while not self.over:
            by_itself = self._next_by_itself
            event_first = by_itself <= due
            moment = by_itself if event_first else due
            # A visit delayed beyond `due` has advanced the clock already.
            wait = self.env.timeout(max(0, moment - self.minute))
            try:
                yield (wait | self.left) if self._still_open() else wait
            except simpy.Interrupt as told:
                self._hear(told.cause)
                continue
            if not event_first:
                return
            self._live_through_events()

    @property
    def _next_by_itself(self) -> int:
        """The minute of the next awaited event, or of the next grid minute at which a hazard changes."""
        course = self.course
        return course.event_due if self.trial.changing is None else min(course.event_due, course.grid_due)

    def _live_through_events(self) -> None:
        """Process the events and grid minutes due by now: none, one, or several at a tie, where events come first."""
        while not self.over and self._next_by_itself <= self.minute:
            if self.course.event_due > self.course.grid_due:
                self.course.change_hazards()
                continue
            self.course.wait(self.minute)
            self.replicate.decide(self.course, self.state.upon[self.course.event()])

    def _wait_for_open_visits(self) -> Process:
        closed = simpy.AllOf(self.env, self.open)
        try:
            yield closed | self.left | self.env.timeout(max(0, self._next_by_itself - self.minute))
        except simpy.Interrupt as told:
            self._hear(told.cause)
        self._live_through_events()

    def _hear(self, event: Any) -> None:
        """An event that comes from outside, to every subject at once: the first thing of the minute."""
        self.course.wait(self.minute)
        self.course.told(event)
        self.replicate.decide(self.course, self.state.upon.get(event))

    def _still_open(self) -> bool:
        self.open = [p for p in self.open if p.is_alive]
        return bool(self.open)

    def _lapse(self) -> None:
        for process in self.open:
            if process.is_alive and process is not self.env.active_process:
                process.interrupt("the state was left")

    # Visits ------------------------------------------------------------------------------------------------------

    def _come(self, visit: Visit) -> Process:
        """Carry out a visit that is due: immediately, or in a SimPy process of its own if it has to queue."""
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
        """Assessments, then the transitions after them, then doses. Waits only if capacity is limited."""
        course = self.course
        closes = planned + self.trial.protocol.window
        made = []
        for assessment, index in todo:
            act = partial(course.observe, assessment, index, planned)
            name = self.trial.assessments[assessment].assessment.name
            if (yield from self._served(name, closes, act)) if self.pools else self._do(act, MADE):
                made.append(assessment)
        for assessment in made:
            if not self.over:
                self.replicate.decide(course, self.state.tried_after(assessment, visit.offset))
        if self.over:
            return
        for dose in visit.doses:
            name, act = self.trial.labels.drugs[dose.drug], partial(course.give, dose, planned)
            _ = (yield from self._served(name, closes, act)) if self.pools else self._do(act, MADE)

    def _served(self, name: str, closes: int, act: Callable[[int], None]) -> Process:
        """Carry out one activity, queueing if it is limited; missed if the visit window closes first. True if done."""
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
        """Queue for a unit until the visit window closes, and use it for one activity.

        Returns whether the activity was done, and whether the subject was busy elsewhere when the unit became free:
        the caller then queues again.
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
            # The unit stays occupied to the end of the slot, even if the subject leaves the state.
            env.process(_release(env, pool, request, limit.slot if done else 0))
        return done, elsewhere

    def _do(self, act: Callable[[int], None], status: int) -> bool:
        """Act now, after events of the same minute, unless the subject has left the state. True if made."""
        if self.pools:
            # Only after queueing can an event have come first.
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
