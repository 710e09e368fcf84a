"""One state, for many subjects at once: visit by visit, each on its own clock, until each has taken a transition.

The order of events is that of `engine/base.py`. The records equal the reference engine's, bit for bit, and no number
depends on which other subjects are simulated.
"""

from __future__ import annotations

import numpy as np

from protocolsim.arithmetic import kernel, unsigned
from protocolsim.arrays import Integers
from protocolsim.engine.batch.advance import (
    advance,
    advance_to_visit,
    not_left,
    split_by_next_event,
    split_by_next_moment,
    wait,
)
from protocolsim.engine.batch.columns import Columns, merged
from protocolsim.engine.batch.decisions import Decisions
from protocolsim.engine.batch.in_force import (
    change_dose,
    change_hazards,
    computed_doses,
    planned_ends,
    record_awaited_events,
)
from protocolsim.errors import SimulationError
from protocolsim.protocol.states import Dose, State, Visit
from protocolsim.protocol.variables import Computed
from protocolsim.randomness import NO_SHOW as NO_SHOW_STREAM
from protocolsim.randomness import keys, uniforms
from protocolsim.records import MADE, NO_SHOW


class JointStay:
    """The stay of subjects in a state. `decisions` says where they go.

    `deferred` are those whose awaited event certainly ends the stay: processed together after the visits.
    """

    def __init__(self, columns: Columns, state: State, decisions: Decisions) -> None:
        self.columns, self.trial, self.state, self.decisions = columns, columns.trial, state, decisions
        self.deferred: list[Integers] = []

    def simulate(self, rows: Integers) -> None:
        """Simulate the stay of these subjects until each has taken a transition."""
        columns, state = self.columns, self.state
        columns.away[rows] = False
        ends = planned_ends(columns, rows, state)
        done = []
        for visit in state.visits:
            if not state.same_length:
                due = columns.chart.entered[rows, state.number] + visit.offset
                done.append(rows[due > ends[rows]])
                closing = rows[due == ends[rows]]
                rows = rows[due < ends[rows]]
                done.append(self._visit(closing, visit.closing) if visit.closing is not None else closing)
            elif visit.offset == state.lasts:
                # Repeating activities (`every`, `times`) are not done at the end of the state.
                rows = self._visit(rows, visit.closing) if visit.closing is not None else rows
                continue
            rows = self._visit(rows, visit)
        if done:
            rows = merged([rows, *done])
        if self.trial.changing is not None:
            rows = self._live_until(rows, ends)
        rows, with_event = split_by_next_event(columns, rows, ends)
        if len(with_event) and len(late := self._process_events_until(ends, with_event)):
            rows = merged([rows, late])
        if self.deferred:
            self._process_events(merged(self.deferred))
        wait(columns, rows, ends)
        if state.at_end is None or len(self.decisions.decide(rows, state.at_end)):
            raise SimulationError(f"'{state.name}' ended with no transition to take")

    # A visit ---------------------------------------------------------------------------------------------------------

    def _visit(self, rows: Integers, visit: Visit) -> Integers:
        """Carry out one visit: awaited events due by then, no-shows, assessments and transitions after them, doses.

        Returns the subjects who are still in the state after it.
        """
        columns, state = self.columns, self.state
        columns.visit_log.start_visit()
        if self.trial.changing is not None:
            rows = self._live_until(rows, columns.chart.entered[:, state.number] + visit.offset)
        rows, with_event = advance_to_visit(columns, rows, state.number, visit.offset)
        if len(with_event) and len(late := self._process_events_until(columns.due, with_event)):
            advance(columns, late, columns.due)
            rows = merged([rows, late])
        if not len(rows):
            return rows
        come = rows
        if self.trial.cohort.no_show > 0.0:
            columns.visits_planned[rows] += 1
            key = keys(columns.who, rows, columns.visits_planned)
            away = uniforms(columns.seed, key, NO_SHOW_STREAM) < self.trial.cohort.no_show
            self._assess(rows[away], visit, NO_SHOW)
            self._dose(rows[away], visit, NO_SHOW)
            come = rows[~away]
        left = False
        for assessment, seen in self._assess(come, visit, MADE):
            group = state.tried_after(assessment, visit.offset)
            if group is not None:
                here = not_left(columns, seen)
                left |= len(self.decisions.decide(here, group)) < len(here)
        if left:
            rows, come = not_left(columns, rows), not_left(columns, come)
        self._dose(come, visit, MADE)
        return rows

    def _assess(self, rows: Integers, visit: Visit, status: int) -> list[tuple[int, Integers]]:
        """Make the visit's assessments, or record them as missed. Returns each with the subjects assessed."""
        made = []
        for assessment in visit.assessments:
            # Only at offset 0 can the previous state have made the same assessment at the same minute.
            assessed = self._not_yet_made(rows, assessment) if visit.offset == 0 else rows
            self._observe(assessed, assessment, status)
            made.append((assessment, assessed))
        return made

    def _not_yet_made(self, rows: Integers, assessment: int) -> Integers:
        """The rows of subjects for whom this assessment has not been made at the present minute."""
        those = np.empty_like(rows)
        count = not_yet(rows, self.columns.made_at[assessment], self.columns.now, those)
        return rows if count == len(rows) else those[:count]

    def _observe(self, rows: Integers, assessment: int, status: int) -> None:
        """Make an assessment now, or record why it was not made; rows in order."""
        if not len(rows):
            return
        columns, measured, index = self.columns, self.trial.assessments[assessment], self.columns.indices[assessment]
        codes, part = (self.state.number, assessment, status), measured.part
        if status != MADE:
            count_up(rows, index)
            columns.visit_log.observe(rows, columns.now, codes, len(measured.variables), made=False)
            return
        count_made(rows, index, columns.now, columns.made_at[assessment])
        value, truth = columns.visit_log.observe(rows, columns.now, codes, len(measured.variables), made=True)
        measured.observe(
            columns.body, rows, part.links, part.constants, columns.seed, columns.who, index, columns.now, value, truth
        )
        for column, variable in enumerate(measured.variables):
            if variable in self.trial.noted:
                factor = measured.factors[column]
                noted = value if factor == 1.0 else value * factor
                columns.chart.note(rows, variable, columns.now, self.state.number, noted, column)

    def _dose(self, rows: Integers, visit: Visit, status: int) -> None:
        """Give the visit's doses now, or record why they were not given; rows in order."""
        for dose in visit.doses if len(rows) else ():
            self._give(rows, dose, status)

    def _give(self, rows: Integers, dose: Dose, status: int) -> None:
        columns, part = self.columns, self.trial.drugs[dose.drug]
        count_up(rows, columns.dose_numbers[dose.drug])
        codes = (self.state.number, dose.drug, status)
        if part.give is None or status != MADE:
            columns.visit_log.give(rows, columns.now, codes, 0.0, given=False)
            return
        if isinstance(dose.amount, Computed):
            doses = computed_doses(columns, rows, dose.amount)
            change_dose(columns, rows, self.state, dose.drug, doses)
            arrived = columns.visit_log.give(rows, columns.now, codes, doses, given=True)
        else:
            doses = np.full(len(rows), dose.amount)
            arrived = columns.visit_log.give(rows, columns.now, codes, dose.amount, given=True)
        part.give(columns.body, rows, part.links, part.constants, doses, dose.per_weight, arrived)

    # Events ----------------------------------------------------------------------------------------------------------

    def _process_events_until(self, due: Integers, with_event: Integers) -> Integers:
        """Process the awaited events that fall at or before due[i].

        Returns the subjects who are still in the state after them.
        """
        if self.state.certainly_left_upon_events:
            self.deferred.append(with_event)
            return with_event[:0]
        here = with_event
        while len(with_event):
            self._process_events(with_event)
            here = not_left(self.columns, here)
            _, with_event = split_by_next_event(self.columns, here, due)
        return here

    def _live_until(self, rows: Integers, due: Integers) -> Integers:
        """Live through the awaited events and the grid minutes at or before due[i], each subject's in their order.

        Returns the subjects who are still in the state after them.
        """
        columns, here = self.columns, []
        while len(rows):
            there, with_event, on_grid = split_by_next_moment(columns, rows, due)
            here.append(there)
            change_hazards(columns, on_grid, self.state)
            if len(with_event) and self.state.certainly_left_upon_events:
                self.deferred.append(with_event)
                with_event = with_event[:0]
            elif len(with_event):
                self._process_events(with_event)
                with_event = not_left(columns, with_event)
            rows = merged([on_grid, with_event])
        return merged(here) if here else rows

    def _process_events(self, rows: Integers) -> None:
        """Record the next awaited event of each subject, and try the transitions upon it."""
        columns, upon = self.columns, self.state.upon
        wait(columns, rows, columns.clocks.next_due)
        causes = record_awaited_events(columns, rows, self.state)
        for number, cause in enumerate(self.trial.causes):
            if cause.event in upon:
                self.decisions.decide(rows[causes == number], upon[cause.event])


@kernel
def count_up(rows: Integers, numbers: Integers) -> None:
    """numbers[i] += 1."""
    for i in unsigned(rows):
        numbers[i] += 1


@kernel
def count_made(rows: Integers, numbers: Integers, now: Integers, made_at: Integers) -> None:
    """numbers[i] += 1, made at minute now[i]."""
    for i in unsigned(rows):
        numbers[i] += 1
        made_at[i] = now[i]


@kernel
def not_yet(rows: Integers, made_at: Integers, now: Integers, integers: Integers) -> int:
    """List the subjects whose last assessment of this kind was not at the present minute. Returns their number."""
    count = 0
    for i in unsigned(rows):
        integers[count] = i
        count += made_at[i] != now[i]
    return count
