"""The batch engine's event loop: a vectorised state machine, advancing many subjects through one state at a time.

Each state has a work list of subjects about to enter it. All subjects on a list pass through the state together, visit
by visit, each on its own clock, in the order of events of `engine/base.py`. The records equal the reference engine's,
bit for bit: charts, rules, drugs and disease are the same code, and no number depends on which other subjects are
simulated.

Two decisions couple subjects and are therefore synchronisation points, resolved in order of subject number: enrolment
until the cohort is full, and the next position of a permuted block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.cohort.randomisation import allocations
from protocolsim.engine.base import Trial, never_ends
from protocolsim.engine.batch.buffers import Workspace
from protocolsim.engine.batch.screening import Candidates, Screening, admit
from protocolsim.engine.batch.subjects import Columns, in_order
from protocolsim.engine.batch.tables import Part
from protocolsim.errors import SimulationError
from protocolsim.protocol.states import Group, Randomisation, Rule, State, Transition, Visit, reachable
from protocolsim.randomness import NO_SHOW as NO_SHOW_STREAM
from protocolsim.records import MADE, NO_SHOW


def simulated(trial: Trial, screening: Screening, first: Candidates, room: int, memory: Workspace) -> Part:
    """Simulate these candidates, and more of them while there is room and too few are enrolled.

    Returns the columns, and a mask of the subjects that are part of the trial.
    """
    columns = Columns(trial, screening.seed, room, memory)
    scheduler = Scheduler(columns, screening)
    scheduler.run(first)
    for row in np.flatnonzero(columns.endless & scheduler.kept).tolist():
        replicate, subject = columns.who[row].tolist()
        words = never_ends(replicate, subject, trial.protocol.states[columns.state[row]].name)
        screening.failed.setdefault(int(scheduler.replicate[row]), words)
    screening.give_up()
    return columns, scheduler.kept


@dataclass(frozen=True)
class _AwaitingAllocation:
    """Subjects pending randomisation: their transition, and the values that its rules have read, [values, subjects]."""

    transition: Transition
    rows: Integers
    read: Floats
    strata: Integers


class Scheduler:
    """The scheduler: columns of subjects, and work lists of those pending a state, enrolment or an allocation."""

    def __init__(self, columns: Columns, screening: Screening) -> None:
        self.columns, self.trial, self.screening = columns, columns.trial, screening
        self.replicate = np.zeros(columns.size, dtype=np.int64)  # index of each subject's replicate
        self.states = self.trial.protocol.states
        self.waiting: dict[int, list[Integers]] = {}
        self.awaiting_allocation: list[_AwaitingAllocation] = []
        self.awaiting_enrolment: list[Integers] = []
        self.screening_over = False
        # Subjects whose awaited event certainly ends the stay: processed together after the visits.
        self.deferred: list[Integers] = []
        self.kept: Mask = np.zeros(columns.size, dtype=np.bool_)

    def run(self, first: Candidates) -> None:
        """Simulate all subjects to a final state; afterwards `kept` marks those that are part of the trial."""
        self._begin(first)
        while True:
            if self.waiting:
                number = min(self.waiting)
                self._stay(_merged(self.waiting.pop(number)), self.states[number])
            elif self.awaiting_allocation:
                self._allocate_next()
            elif not self.screening_over:
                more = self._more()
                if more is None:
                    self._enrol()
                else:
                    self._begin(more)
            else:
                return

    def _begin(self, candidates: Candidates) -> None:
        rows = self.columns.begin(candidates.who, candidates.sites, candidates.begins)
        self.replicate[rows] = candidates.replicate
        if candidates.announcement is not None:
            self.columns.announce(rows, candidates.announcement)
        self._arrive(rows, self.states[0])

    def _more(self) -> Candidates | None:
        """A further batch of candidates, if fewer subjects await enrolment than places are free and rows remain."""
        replicates = len(self.screening.replicates)
        candidates = sum(
            (np.bincount(self.replicate[r], minlength=replicates) for r in self.awaiting_enrolment),
            np.zeros(replicates, int),
        )
        return self.screening.more(self.screening.wanted - candidates, self.columns.size - self.columns.begun)

    # Enrolment and allocation: the decisions that couple subjects -----------------------------------------------------

    def _arrive(self, rows: Integers, state: State) -> None:
        """Enter subjects into a state and its work list; entry that enrols is deferred until screening ends."""
        columns = self.columns
        if columns.any_endless:
            # Drop subjects in an endless loop; the error is raised only if they are enrolled.
            rows = rows[~columns.endless[rows]]
        if state.enrolled and not self.screening_over:
            self.awaiting_enrolment.append(rows)
            return
        columns.settle(rows, state)
        if not state.final and len(rows):
            self.waiting.setdefault(state.number, []).append(rows)

    def _enrol(self) -> None:
        """End screening: enrol subjects in order of subject number until the cohort is full."""
        self.screening_over = True
        columns, screening = self.columns, self.screening
        candidates = np.zeros(columns.size, dtype=np.bool_)
        for rows in self.awaiting_enrolment:
            candidates[rows] = True
        admit(candidates[: columns.begun], self.replicate, screening.wanted, self.kept)
        rows = np.flatnonzero(candidates & self.kept)
        screening.enrolled += np.bincount(self.replicate[rows], minlength=len(screening.enrolled))
        for number in np.flatnonzero(np.bincount(columns.state[rows])):
            self._arrive(rows[columns.state[rows] == number], self.states[number])

    def _allocate_next(self) -> None:
        """Process the pending randomisation that no other pending subject can still reach."""
        successors = self.trial.protocol.successors
        waiting = {
            p.transition.randomise.number: p.transition.randomise
            for p in self.awaiting_allocation
            if p.transition.randomise
        }
        for randomisation in waiting.values():
            users = {t.source for t in self.trial.protocol.transitions if t.randomise is randomisation}
            others = [o for o in waiting.values() if o is not randomisation]
            if not any(reachable(successors, o.arms) & users for o in others):
                break
        pending = [p for p in self.awaiting_allocation if p.transition.randomise is randomisation]
        self.awaiting_allocation = [p for p in self.awaiting_allocation if p.transition.randomise is not randomisation]
        self._allocate(randomisation, pending)

    def _allocate(self, randomisation: Randomisation, pending: list[_AwaitingAllocation]) -> None:
        columns = self.columns
        rows, strata = np.concatenate([p.rows for p in pending]), np.concatenate([p.strata for p in pending])
        order = in_order(columns.who[rows])
        rows, strata = rows[order], strata[order]
        arms = np.empty(len(rows), dtype=np.int64)
        block = np.array(randomisation.block, dtype=np.int64)
        replicates = columns.who[rows, 0]
        places = self.screening.next_places(randomisation.number, replicates, strata)
        allocations(block, columns.seed, replicates, randomisation.number, strata, places, arms)
        columns.allocated[randomisation.number, rows] = arms
        for part in pending:
            mine = columns.allocated[randomisation.number, part.rows]
            for arm in randomisation.arms:
                going = mine == arm
                if going.any():
                    columns.move(part.rows[going], part.transition, self.states[arm], part.read[:, going])
        for arm in randomisation.arms:
            self._arrive(rows[arms == arm], self.states[arm])

    # One state, for many subjects at once -----------------------------------------------------------------------------

    def _stay(self, rows: Integers, state: State) -> None:
        """Simulate the stay of these subjects in a state, until each has taken a transition."""
        columns = self.columns
        columns.stay(rows, state)
        ends = columns.planned_ends(rows, state)
        done = []
        for visit in state.visits:
            if not state.same_length:
                due = columns.chart.entered[rows, state.number] + visit.offset
                done.append(rows[due > ends[rows]])
                closing = rows[due == ends[rows]]
                rows = rows[due < ends[rows]]
                done.append(self._visit(closing, visit.closing, state) if visit.closing is not None else closing)
            elif visit.offset == state.lasts:
                # Repeating activities (`every`, `times`) are not done at the end of the state.
                rows = self._visit(rows, visit.closing, state) if visit.closing is not None else rows
                continue
            rows = self._visit(rows, visit, state)
        if done:
            rows = _merged([rows, *done])
        if self.trial.changing is not None:
            rows = self._live_until(rows, ends, state)
        rows, with_event = columns.split_by_next_event(rows, ends)
        if len(with_event) and len(late := self._process_events_until(ends, with_event, state)):
            rows = _merged([rows, late])
        if self.deferred:
            self._process_events(_merged(self.deferred), state)
            self.deferred = []
        columns.wait(rows, ends)
        if state.at_end is None or len(self._decide(rows, state.at_end)):
            raise SimulationError(f"'{state.name}' ended with no transition to take")

    def _process_events_until(self, due: Integers, with_event: Integers, state: State) -> Integers:
        """Process the awaited events that fall at or before due[i].

        Returns the subjects who are still in the state after them.
        """
        if state.certainly_left_upon_events:
            self.deferred.append(with_event)
            return with_event[:0]
        here = with_event
        while len(with_event):
            self._process_events(with_event, state)
            here = self.columns.not_left(here)
            _, with_event = self.columns.split_by_next_event(here, due)
        return here

    def _live_until(self, rows: Integers, due: Integers, state: State) -> Integers:
        """Live through the awaited events and the grid minutes at or before due[i], each subject's in their order.

        Returns the subjects who are still in the state after them.
        """
        columns, here = self.columns, []
        while len(rows):
            there, with_event, on_grid = columns.split_by_next_moment(rows, due)
            here.append(there)
            columns.change_hazards(on_grid, state)
            if len(with_event) and state.certainly_left_upon_events:
                self.deferred.append(with_event)
                with_event = with_event[:0]
            elif len(with_event):
                self._process_events(with_event, state)
                with_event = columns.not_left(with_event)
            rows = _merged([on_grid, with_event])
        return _merged(here) if here else rows

    def _process_events(self, rows: Integers, state: State) -> None:
        """Record the next awaited event of each subject, and try the transitions upon it."""
        columns = self.columns
        columns.wait(rows, columns.clocks.next_due)
        causes = columns.record_awaited_events(rows, state)
        for number, cause in enumerate(self.trial.causes):
            if cause.event in state.upon:
                self._decide(rows[causes == number], state.upon[cause.event])

    def _visit(self, rows: Integers, visit: Visit, state: State) -> Integers:
        """Carry out one visit: awaited events due by then, no-shows, assessments and transitions after them, doses.

        Returns the subjects who are still in the state after it.
        """
        columns = self.columns
        if self.trial.changing is not None:
            rows = self._live_until(rows, columns.chart.entered[:, state.number] + visit.offset, state)
        rows, with_event = columns.advance_to_visit(rows, state, visit.offset)
        if len(with_event) and len(late := self._process_events_until(columns.due, with_event, state)):
            columns.advance(late, columns.due)
            rows = _merged([rows, late])
        if not len(rows):
            return rows
        come = rows
        if self.trial.cohort.no_show > 0.0:
            columns.visits_planned[rows] += 1
            away = columns.draws(rows, NO_SHOW_STREAM, columns.visits_planned) < self.trial.cohort.no_show
            self._assess(rows[away], visit, state, NO_SHOW)
            self._dose(rows[away], visit, state, NO_SHOW)
            come = rows[~away]
        left = False
        for assessment, seen in self._assess(come, visit, state, MADE):
            group = state.tried_after(assessment, visit.offset)
            if group is not None:
                here = columns.not_left(seen)
                left |= len(self._decide(here, group)) < len(here)
        if left:
            rows, come = columns.not_left(rows), columns.not_left(come)
        self._dose(come, visit, state, MADE)
        return rows

    def _assess(self, rows: Integers, visit: Visit, state: State, status: int) -> list[tuple[int, Integers]]:
        """Make the visit's assessments, or record them as missed. Returns each with the subjects assessed."""
        columns = self.columns
        made = []
        for assessment in visit.assessments:
            # Only at offset 0 can the previous state have made the same assessment at the same minute.
            assessed = columns.not_yet(rows, assessment) if visit.offset == 0 else rows
            columns.observe(assessed, assessment, state, status)
            made.append((assessment, assessed))
        return made

    def _dose(self, rows: Integers, visit: Visit, state: State, status: int) -> None:
        for dose in visit.doses:
            self.columns.give(rows, dose, state, status)

    def _decide(self, rows: Integers, group: Group | None) -> Integers:
        """Evaluate a group of transitions; each subject takes the first whose rule holds. Returns the rest.

        Those who took an internal one are not among them, though they are still in the state.
        """
        if group is None or not len(rows):
            return rows
        values = self.columns.read(rows, group) if group.reads else []
        for transition in group.transitions:
            if transition.rule is None:
                self._leave(rows, transition, values, group)
                return rows[:0]
            held = _evaluate(transition.rule, values, len(rows))
            going = np.flatnonzero(held)
            if len(going) == len(rows):
                self._leave(rows, transition, values, group)
                return rows[:0]
            if len(going):
                self._leave(rows[going], transition, _select(values, going), group)
                staying = np.flatnonzero(~held)
                rows, values = rows[staying], _select(values, staying)
        return rows

    def _leave(self, rows: Integers, transition: Transition, values: list[Any], group: Group) -> None:
        columns = self.columns
        read = columns.keep(rows, transition, group, values)
        if transition.internal:
            state = self.states[transition.source]
            columns.move(rows, transition, state, read)
            # Who is in an endless loop is dropped here, as on entering a state.
            columns.away[rows] = columns.endless[rows]
            if state.computed_levels:
                columns.change_levels(rows, state)
            return
        columns.away[rows] = True
        if transition.choose is not None:
            chosen = columns.choose(rows, transition.choose, values)
            branches = [(self.states[s], chosen == k) for k, s in enumerate(transition.choose.states)]
            branches = [(state, going) for state, going in branches if going.any()]
            for state, going in branches:
                columns.move(rows[going], transition, state, read[:, going])
            for state, going in branches:
                self._arrive(rows[going], state)
            return
        if transition.randomise is None:
            assert transition.to is not None
            to = self.states[transition.to]
            columns.move(rows, transition, to, read)
            self._arrive(rows, to)
            return
        strata = columns.sites[rows] if transition.randomise.by_site else np.zeros(len(rows), dtype=np.int64)
        for rule in transition.randomise.strata:
            strata = 2 * strata + _evaluate(rule, values, len(rows))
        self.awaiting_allocation.append(_AwaitingAllocation(transition, rows, read, strata.astype(np.int64)))


def _merged(rows: list[Integers]) -> Integers:
    """Concatenate and sort lists of rows. The lists are mostly sorted, which a stable sort exploits."""
    return np.sort(np.concatenate(rows), kind="stable")


def _select(values: list[Any], which: Integers) -> list[Any]:
    """Select these subjects from the values that are columns; scalars are the same for all and stay."""
    return [v.take(which) if isinstance(v, np.ndarray) else v for v in values]


def _evaluate(rule: Rule, values: list[Any], rows: int) -> Mask:
    """Evaluate a rule for each subject; a scalar result is broadcast to all."""
    with np.errstate(all="ignore"):
        held = rule.evaluate(values)
    return held if isinstance(held, np.ndarray) else np.full(rows, held, dtype=np.bool_)
