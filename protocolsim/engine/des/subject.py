"""The state of one subject, and the activities that change it: the kernels applied to columns of length one.

A course carries out each activity (advance, observe, give, enter) and records it; `simulation.py` schedules them.
Minutes are on the subject's own clock, from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from protocolsim.arrays import LEAST_EXTENT, Integers, Mask
from protocolsim.engine.base import MOST_MOVES, Trial, find_rates, never_ends
from protocolsim.engine.hazard_clocks import NEVER, Clocks
from protocolsim.errors import SimulationError
from protocolsim.observed import Chart
from protocolsim.protocol.choices import Choice
from protocolsim.protocol.states import Dose, Group, State, Transition, Visit
from protocolsim.protocol.variables import Computed, amounts, assigned, whole_minutes
from protocolsim.randomness import uniform
from protocolsim.records import MADE
from protocolsim.units import MINUTES_PER_DAY

ROW = np.zeros(1, dtype=np.int64)


class Course:
    """One subject's course through the trial: current state, body, chart, and the rows of the tables so far."""

    def __init__(self, trial: Trial, seed: int, replicate: int, subject: int, site: int) -> None:
        self.trial, self.seed, self.replicate, self.subject, self.site = trial, seed, replicate, subject, site
        self.begins = 0  # this subject's minute 0, in minutes of the trial's calendar
        self.who = np.array([[replicate, subject]], dtype=np.int64)
        self.body = np.zeros((LEAST_EXTENT, trial.width), order="F")
        self._reached = np.zeros(1, dtype=np.int64)
        self.now, self._now = 0, np.zeros(1, dtype=np.int64)  # current minute; as an array, for kernels
        self._planned_number = np.zeros(1, dtype=np.int64)
        self._indices = [0] * len(trial.assessments)
        self._dose_numbers = [0] * len(trial.drugs)
        self._made_at = [-1] * len(trial.assessments)
        self.visits_planned = self.moves = self.stays = 0
        self.busy_until = 0  # the end of the subject's last use of a limited resource
        self.state: State = trial.protocol.states[0]
        self.allocated = [-1] * len(trial.protocol.randomisations)
        self.choices_made = [0] * len(trial.protocol.choices)
        self.rows: dict[str, list[tuple[Any, ...]]] = {t: [] for t in ("observations", "doses", "moves", "events")}
        self._start()

    def _start(self) -> None:
        trial = self.trial
        if trial.enrolment is not None:
            self.body[0, trial.enrolment] = np.nan
        for part in (trial.disease, *trial.drugs):
            part.start(self.body, ROW, part.links, part.constants, self.seed, self.who)
        self.traits = [float(self.body[0, c]) for c in (*trial.visible, *trial.hidden)]
        labels = trial.labels
        starts = [v.start for v in trial.protocol.variables]
        widths = len(labels.variables), len(labels.states), len(trial.visible)
        self.chart = Chart.empty(LEAST_EXTENT, *widths, starts, late=trial.limited)
        self.chart.traits[0] = self.traits[: len(trial.visible)]
        self.streams = np.array([c.stream for c in trial.causes], dtype=np.int64)
        self.clocks = Clocks.empty(LEAST_EXTENT, len(self.streams))
        self.clocks.initialise(ROW, self.streams, self.seed, self.who)
        self._settle()

    def _settle(self) -> None:
        """Set treatment levels and hazard rates of the current state."""
        state, trial = self.state, self.trial
        if not state.final:
            self.advance(self.now)
        self.chart.enter(ROW, state.number, self._now, state.enrolled)
        for part, level in zip(trial.drugs, state.levels, strict=True):
            self.body[0, part.offset] = self._amount(level)
        if trial.enrolment is not None and self.enrolled:
            self.body[0, trial.enrolment] = self.chart.enrolled[0]
        if trial.own_hazards is not None:
            self._set_own_rates(trial.every_cause)
        elif trial.causes:
            rates = np.array([c.rates[state.number] for c in trial.causes])
            self.clocks.set_rates(ROW, rates, trial.awaited[state.number], self._now)

    def _set_own_rates(self, which: Mask) -> None:
        """Find out the hazards of these causes as the subject is now."""
        trial, state = self.trial, self.state
        assert trial.own_hazards is not None
        rates = np.zeros((len(trial.causes), 1))
        find_rates(trial, state, which, self.body, ROW, self._now, rates)
        self.clocks.set_own_rates(
            ROW, rates, which, trial.awaited[state.number], self._now, self.chart.enrolled, trial.own_hazards
        )

    def _amount(self, level: float | Computed) -> float:
        """A dose or treatment, as it comes to for this subject now."""
        if not isinstance(level, Computed):
            return level
        return float(amounts(level, self._read(level.reads), 1)[0])

    def _change_levels(self) -> None:
        """After a variable was set: drugs and disease come to this minute on the old doses; now the new ones hold."""
        self.advance(self.now)
        for drug, level in self.state.computed_levels:
            self.body[0, self.trial.drugs[drug].offset] = self._amount(level)
        if self.trial.following.any():
            self._pass_others()
            self._set_own_rates(self.trial.following)

    def _dose_in_force(self, drug: int, dose: float) -> None:
        """Let a computed dose that is given now be in force."""
        column = self.trial.drugs[drug].offset
        changed, self.body[0, column] = self.body[0, column] != dose, dose
        if changed and self.trial.following.any():
            self._pass_others()
            self._set_own_rates(self.trial.following)

    def planned_end(self) -> int:
        """The planned end of the state just entered, in minutes."""
        state, length = self.state, self.state.length
        if isinstance(length, Computed):
            length = int(whole_minutes(length, self._read(length.reads), 1)[0])
        assert length is not None
        return state.ends(self.now, int(self.chart.enrolled[0]), length)

    @property
    def event_due(self) -> int:
        """The minute of the next awaited event: one that triggers a transition of the current state."""
        return int(self.clocks.next_due[0])

    @property
    def reached(self) -> int:
        """The minute to which drugs and disease have been advanced."""
        return int(self._reached[0])

    @property
    def grid_due(self) -> int:
        """The next grid minute at which a hazard changes; NEVER where none does."""
        step = self.trial.step
        return NEVER if step is None or self.trial.changing is None else (self.reached // step + 1) * step

    def change_hazards(self) -> None:
        """At the next grid minute: record the events due by then that nothing waits for, and set hazards anew."""
        assert self.trial.changing is not None
        self.advance(self.grid_due)
        self._pass_others()
        self._set_own_rates(self.trial.changing)

    def wait(self, minute: int) -> None:
        """Set the clock to this minute; drugs and disease do not advance."""
        self.now = self._now[0] = minute

    def advance(self, minute: int) -> None:
        """Set the clock to this minute, and advance drugs and disease to it."""
        self.now = self._now[0] = minute
        if minute == self._reached[0]:
            return
        if self.trial.step is not None:
            for grid in self.trial.moments(self.reached, minute)[1:-1]:
                self._advance_parts(np.array([grid]))
        self._advance_parts(self._now)

    def _advance_parts(self, until: Integers) -> None:
        for move, links, constants in self.trial.advancing:
            move(self.body, ROW, links, constants, self._reached, until)
        self._reached[0] = until[0]

    def numbered(self, visit: Visit) -> list[tuple[int, int]]:
        """The assessments of a visit that is due now, each with its planned number; without those already made.

        With queues, a state may be entered hours after an assessment of the same day; at offset 0 an assessment made
        earlier on that day therefore counts as already made.
        """
        moment = MINUTES_PER_DAY if self.trial.limited and visit.offset == 0 else 1
        numbered = []
        for assessment in visit.assessments:
            if self._made_at[assessment] // moment != self.now // moment:
                self._indices[assessment] += 1
                numbered.append((assessment, self._indices[assessment]))
        return numbered

    def observe(self, assessment: int, number: int, planned: int, status: int) -> None:
        """Make an assessment now, or record why it was not made."""
        measured = self.trial.assessments[assessment]
        index = self._planned_number
        index[0] = number
        shape = (1, len(measured.variables))
        value, truth = np.empty(shape), np.empty(shape)
        if status != MADE:
            value.fill(np.nan)
            truth.fill(np.nan)
        else:
            part = measured.part
            measured.observe(
                self.body, ROW, part.links, part.constants, self.seed, self.who, index, self._now, value, truth
            )
            self._made_at[assessment] = self.now
        state, now, noted = self.state.number, self.now, self.trial.noted
        seen, behind = value[0].tolist(), truth[0].tolist()
        rows = self.rows["observations"]
        for column, variable in enumerate(measured.variables):
            if status == MADE and variable in noted:
                factor = measured.factors[column]
                self.chart.note(ROW, variable, self._now, state, value if factor == 1.0 else value * factor, column)
                self.chart.plan(0, variable, planned)
            rows.append(
                (self.replicate, self.subject, state, assessment, variable, number, planned, now,
                 status, seen[column], behind[column])
            )  # fmt: skip

    def give(self, dose: Dose, planned: int, status: int) -> None:
        """Give a dose now, or record why it was not given."""
        part = self.trial.drugs[dose.drug]
        self._dose_numbers[dose.drug] += 1
        given, amount = 0.0, np.zeros(1)
        if status == MADE and part.give is not None:
            given = self._amount(dose.amount)
            if isinstance(dose.amount, Computed):
                self._dose_in_force(dose.drug, given)
            part.give(self.body, ROW, part.links, part.constants, np.array([given]), dose.per_weight, amount)
        self.rows["doses"].append(
            (self.replicate, self.subject, self.state.number, dose.drug, self._dose_numbers[dose.drug], planned,
             self.now, status, given, float(amount[0]))
        )  # fmt: skip

    def read(self, group: Group) -> list[Any]:
        """The summaries that a group's rules read, computed from the chart; entries for other summaries are None."""
        return self._read(group.reads)

    def _read(self, reads: Sequence[int]) -> list[Any]:
        return self.trial.protocol.reader.values(reads, self.chart, ROW, self._now)

    def choose(self, choice: Choice, values: Sequence[Any]) -> int:
        """The state that a choice by chance leads to this time."""
        key = self.seed, self.replicate, self.subject, choice.stream, self.choices_made[choice.number] + 1
        return choice.states[int(choice.chosen(values, np.array([uniform(*key)]))[0])]

    def take(self, transition: Transition, to: State, group: Group, values: Sequence[Any]) -> None:
        """Take a transition now: set its variables, and move to a state (an internal one stays in its own).

        values: the summaries; those that the group reads are recorded as the reason, then what is set.
        """
        protocol, labels = self.trial.protocol, self.trial.labels
        cells = [float("nan")] * (labels.reasons + len(labels.kept))
        for k, number in enumerate(group.reads):
            if values[number] == values[number]:  # undefined values are recorded as one canonical nan
                cells[k] = values[number]
        for variable, value in assigned(protocol.variables, transition.sets, values, 1):
            self.chart.keep(ROW, variable, value)
            if value[0] == value[0]:
                cells[labels.reasons + variable] = float(value[0])
        if not transition.internal:
            self._pass_others()
        self.rows["moves"].append(
            (self.replicate, self.subject, self.now, self.state.number, to.number, transition.number, *cells)
        )
        self.state = to
        self.moves += 1
        if self.moves > MOST_MOVES:
            raise SimulationError(never_ends(self.replicate, self.subject, to.name))
        if not transition.internal:
            self.stays += 1
            self._settle()
        elif to.computed_levels:
            self._change_levels()

    def event(self) -> int:
        """Record the awaited event that is due, after the other events due by then. Returns its code."""
        self._pass_others()
        return self._happens(self.clocks.next_cause, self._now)

    def told(self, event: int) -> None:
        """Record an event that comes now from outside, before whatever else is due now."""
        self.pass_others(self.now - 1)
        self.rows["events"].append((self.replicate, self.subject, self.now, self.state.number, event))

    @property
    def other_due(self) -> int:
        """The minute of the next event that triggers no transition of the current state."""
        return int(self.clocks.other_due[0])

    def _pass_others(self) -> None:
        """Record the events due by now that trigger no transition of the state."""
        self.pass_others(self.now)

    def pass_others(self, minute: int) -> None:
        """Record the events due by this minute that trigger no transition of the state."""
        while self.clocks.other_due[0] <= minute:
            self._happens(self.clocks.other_cause, self.clocks.other_due)

    def _happens(self, causes: Integers, at: Integers) -> int:
        state, event = self.state.number, self.trial.causes[int(causes[0])].event
        self.rows["events"].append((self.replicate, self.subject, int(at[0]), state, event))
        which = (ROW, causes, self.streams, self.trial.awaited[state], self.seed, self.who, at)
        if self.trial.own_hazards is not None:
            self.clocks.record_own_event(*which, self.chart.enrolled, self.trial.own_hazards)
        else:
            self.clocks.record_event(*which)
        return event

    @property
    def enrolled(self) -> bool:
        """Whether the subject has ever entered a state that enrols."""
        return bool(self.chart.enrolled[0] >= 0)

    def subject_row(self, paused: int | None = None) -> tuple[Any, ...]:
        """The subject's row in the table of subjects; who is still in the trial ends where it was paused, if it was."""
        ends = self.now if self.state.final or paused is None else paused - self.begins
        arrival_day = self.begins / MINUTES_PER_DAY
        return (self.replicate, self.subject, self.site, arrival_day, self.enrolled, int(self.chart.enrolled[0]),
                self.state.number, ends, *self.allocated, *self.traits)  # fmt: skip
