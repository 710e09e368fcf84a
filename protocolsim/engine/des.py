"""The reference engine: SimPy processes that drive one shared `transitions` machine.

It is written to be read: a subject is a process that waits for the next thing planned and does it, in the order
of events of `engine/base.py`. It also knows what the fast engine does not: subjects who wait for each other.

Subjects are never registered with the machine (`add_model` searches a list); triggering an event on an object that
carries `state` is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import simpy
from transitions import Machine

from protocolsim.cohort.arrival import arrivals
from protocolsim.cohort.capacity import Resource
from protocolsim.cohort.randomisation import allocation
from protocolsim.engine.base import Trial
from protocolsim.engine.course import Course
from protocolsim.errors import SimulationError
from protocolsim.protocol.states import Group, Randomisation, Rule, State, Visit
from protocolsim.randomness import NO_SHOW as NO_SHOW_STREAM
from protocolsim.randomness import uniform
from protocolsim.records import MADE, MISSED, NO_SHOW, TABLES, Records, table_from_rows
from protocolsim.units import MINUTES_PER_DAY

Process = Generator[simpy.Event, Any, Any]


def simulate(
    trial: Trial,
    seed: int,
    replicates: range,
    progress: Callable[[int], None] | None = None,
) -> Records:
    """Run these replicates; `progress` is told after each. Raises SimulationError where a cohort cannot be filled."""
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    machine = protocol_machine(trial)
    for replicate in replicates:
        for course in Replicate(trial, machine, seed, replicate).run():
            rows["subjects"].append(course.subject_row(course.begins / MINUTES_PER_DAY))
            for table, of_subject in course.rows.items():
                rows[table].extend(of_subject)
        if progress is not None:
            progress(1)
    tables = {t: table_from_rows(t, trial.labels, rows[t]) for t in TABLES}
    return Records(trial.labels, tables, replicates.start, len(replicates))


class Decision:
    """What a transition's conditions are asked with: the numbers read, and which arm would be allocated."""

    def __init__(self, values: Sequence[Any], allocate: Callable[[Randomisation, Sequence[Any]], int]) -> None:
        self.values = values
        self.taken = -1
        self._allocate = allocate
        self._arms: dict[int, int] = {}

    def arm(self, randomisation: Randomisation) -> int:
        """The arm allocated to this subject; asked as often as there are arms, drawn once."""
        if randomisation.number not in self._arms:
            self._arms[randomisation.number] = self._allocate(randomisation, self.values)
        return self._arms[randomisation.number]


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


def _holds(rule: Rule, decision: Decision) -> bool:
    return bool(rule.evaluate(decision.values))


def _allocated(randomisation: Randomisation, arm: int, decision: Decision) -> bool:
    return decision.arm(randomisation) == arm


def _take(number: int, decision: Decision) -> None:
    decision.taken = number


class Replicate:
    """One replicate of the trial: its candidates, its lists of allocations, and, where limited, its queues."""

    def __init__(self, trial: Trial, machine: Machine, seed: int, replicate: int) -> None:
        self.trial, self.machine, self.seed, self.replicate = trial, machine, seed, replicate
        self._by_name = {s.name: s for s in trial.protocol.states}
        self._places: dict[tuple[int, int], int] = {}
        self.screening = self.enrolled = 0

    # Who comes ---------------------------------------------------------------------------------------------------

    def run(self) -> list[Course]:
        """Everybody screened, in the order of their numbers."""
        return self._together() if self.trial.limited else list(self._one_by_one())

    def candidates(self) -> Iterator[Course]:
        """Candidates without end, in the order of their numbers, each with the day they arrive."""
        cohort = self.trial.cohort
        for subject, (minute, site) in enumerate(arrivals(cohort.sites, self.seed, self.replicate)):
            if subject >= cohort.max_candidates:
                raise SimulationError(
                    f"replicate {self.replicate}: after {cohort.max_candidates} candidates only {self.enrolled} of "
                    f"{cohort.size} subjects are enrolled; loosen the entry rule, or raise cohort.max_candidates"
                )
            course = Course(self.trial, self.seed, self.replicate, subject, site)
            course.begins = _next_midnight(minute)
            yield course

    def _one_by_one(self) -> Iterator[Course]:
        # Nobody waits for anybody: each subject has a clock of their own, and the heap of events stays small.
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

    def _admissions(self, env: simpy.Environment, pools: dict[tuple[int, str], simpy.Resource], admitted: list[Course]) -> Process:
        # By date: a candidate is admitted while those enrolled and those in screening leave a place free.
        self._place_free = env.event()
        for course in self.candidates():
            yield env.timeout(max(0, course.begins - env.now))
            while self.enrolled + self.screening >= self.trial.cohort.size:
                if self.enrolled >= self.trial.cohort.size:
                    return
                yield self._place_free
            course.begins = _next_midnight(env.now)
            yield env.timeout(course.begins - env.now)
            self.screening += 1
            admitted.append(course)
            env.process(self._screened(env, course, pools))

    def _screened(self, env: simpy.Environment, course: Course, pools: dict[tuple[int, str], simpy.Resource]) -> Process:
        yield from self.life(env, course, pools)
        if not course.enrolled:
            self._leave_screening(env, enrols=False)

    def _leave_screening(self, env: simpy.Environment, *, enrols: bool) -> None:
        self.screening -= 1
        self.enrolled += enrols
        self._place_free.succeed()
        self._place_free = env.event()

    # A life ------------------------------------------------------------------------------------------------------

    def life(self, env: simpy.Environment, course: Course, pools: dict[tuple[int, str], simpy.Resource]) -> Process:
        """The process of one subject, from the first state to a final one."""
        counted = False
        while not course.plan.final:
            if pools and course.enrolled and not counted:
                counted = True
                self._leave_screening(env, enrols=True)
            yield from Stay(self, env, course, pools).process()

    def decide(self, course: Course, group: Group | None) -> bool:
        """Try a group of transitions on what the chart says. True if one was taken."""
        if group is None:
            return False
        values = course.read(group)
        decision = Decision(values, partial(self._allocate, course))
        if not self.machine.events[group.trigger].trigger(course, decision):
            return False
        for number, arm in decision._arms.items():
            course.allocated[number] = arm
        course.move(decision.taken, self._by_name[course.state], [values[k] for k in group.reads])
        return True

    def _allocate(self, course: Course, randomisation: Randomisation, values: Sequence[Any]) -> int:
        stratum = course.site if randomisation.by_site else 0
        for rule in randomisation.strata:
            stratum = 2 * stratum + bool(rule.evaluate(values))
        key = (randomisation.number, stratum)
        position = self._places.get(key, 0)
        self._places[key] = position + 1
        return allocation(randomisation.block, self.seed, self.replicate, randomisation.number, stratum, position)


class Stay:
    """A subject's time in one state."""

    def __init__(self, replicate: Replicate, env: simpy.Environment, course: Course, pools: dict[tuple[int, str], simpy.Resource]) -> None:
        self.replicate, self.env, self.course, self.pools = replicate, env, course, pools
        self.trial = replicate.trial
        self.state: State = course.plan
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
            if self.over:
                return self._lapse()
            yield from self._come(visit)
            if self.over:
                return self._lapse()
        yield from self._until(ends)
        while self._still_open() and not self.over:
            yield from self._wait_for_open_visits()
        if not self.over:
            self.course.advance(self.minute)
            if not self.replicate.decide(self.course, self.state.at_end):
                raise SimulationError(f"'{self.state.name}' ended with no transition to take")
        return self._lapse()

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
            if self.over or not event_first:
                return
            self._event()

    def _event(self) -> None:
        self.course.advance(self.minute)
        self.replicate.decide(self.course, self.state.upon.get(self.course.event()))

    def _wait_for_open_visits(self) -> Process:
        event_due = self.course.event_due
        closed = simpy.AllOf(self.env, self.open)
        yield closed | self.left | self.env.timeout(max(0, event_due - self.minute))
        if not self.over and self.minute >= event_due:
            self._event()

    def _still_open(self) -> bool:
        self.open = [p for p in self.open if p.is_alive]
        return bool(self.open)

    def _lapse(self) -> None:
        for process in self.open:
            if process.is_alive and process is not self.env.active_process:
                process.interrupt("the state was left")

    # Visits ------------------------------------------------------------------------------------------------------

    def _come(self, visit: Visit) -> Process:
        """A visit is due: at once where nobody needs to wait, else as a process of its own."""
        planned = self.entered + visit.offset
        self.course.advance(self.minute)
        self.course.visits_planned += 1
        if self._stays_away():
            self._miss_all(visit, planned)
        elif self._limits(visit):
            self.open.append(self.env.process(self._in_queues(visit, planned)))
        else:
            yield from self._visit(visit, planned)

    def _stays_away(self) -> bool:
        probability, course = self.trial.cohort.no_show, self.course
        if probability <= 0.0:
            return False
        draw = uniform(course.seed, course.replicate, course.subject, NO_SHOW_STREAM, course.visits_planned)
        return draw < probability

    def _miss_all(self, visit: Visit, planned: int) -> None:
        for assessment in visit.assessments:
            if not self.course.made_now(assessment):
                self.course.observe(assessment, planned, NO_SHOW)
        for dose in visit.doses:
            self.course.give(dose, planned, NO_SHOW)

    def _in_queues(self, visit: Visit, planned: int) -> Process:
        try:
            yield from self._visit(visit, planned)
        except simpy.Interrupt:
            return
        if self.over and not self.left.triggered:
            self.left.succeed()

    def _visit(self, visit: Visit, planned: int) -> Process:
        """Assessments, then the transitions after them, then doses. Waits only where capacity is limited."""
        course = self.course
        closes = planned + self.trial.protocol.window
        made = []
        for assessment in visit.assessments:
            if course.made_now(assessment):
                continue
            name = self.trial.assessments[assessment].assessment.name
            if (yield from self._served(name, closes, partial(course.observe, assessment, planned))):
                made.append(assessment)
        for assessment in made:
            if self.replicate.decide(course, self.state.after.get(assessment)):
                return
        for dose in visit.doses:
            yield from self._served(self.trial.labels.drugs[dose.drug], closes, partial(course.give, dose, planned))

    def _served(self, name: str, closes: int, act: Callable[[int], None]) -> Process:
        """Do one activity when its turn has come; miss it where the visit's window closes first. True if done."""
        limit = self._limit(name)
        if limit is None:
            self.course.advance(self.minute)
            act(MADE)
            return True
        with self.pools[self.course.site, limit.name].request() as request:
            yield request | self.env.timeout(max(0, closes - self.minute))
            start = limit.next_start(int(self.env.now))
            if request.triggered and start - self.course.begins <= closes:
                yield self.env.timeout(start - self.env.now)
                self.course.advance(self.minute)
                act(MADE)
                yield self.env.timeout(limit.slot)
                return True
        yield self.env.timeout(max(0, closes - self.minute))
        self.course.advance(self.minute)
        act(MISSED)
        return False

    def _limits(self, visit: Visit) -> bool:
        if not self.pools:
            return False
        names = [self.trial.assessments[a].assessment.name for a in visit.assessments]
        names += [self.trial.labels.drugs[d.drug] for d in visit.doses]
        return any(self._limit(name) is not None for name in names)

    def _limit(self, name: str) -> Resource | None:
        for resource in self.trial.cohort.capacity:
            if name in resource.serves and self.course.site in resource.sites:
                return resource
        return None


def _next_midnight(minute: float) -> int:
    return -int(-minute // MINUTES_PER_DAY) * MINUTES_PER_DAY
