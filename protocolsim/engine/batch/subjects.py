"""The state of many subjects as columns (structure of arrays), and the activities that change it.

The vectorised counterpart of `des/subject.py`: `rows` are indices into the columns; kernels, charts and rules are the
same code in both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel, unsigned
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.engine.base import MOST_MOVES, Trial, find_rates
from protocolsim.engine.batch.buffers import Workspace
from protocolsim.engine.batch.event_log import MOVE_READS, EventLog, add_events, add_moves
from protocolsim.engine.batch.screening import Announcement
from protocolsim.engine.batch.visit_log import VisitLog
from protocolsim.engine.hazard_clocks import Clocks
from protocolsim.observed import CHART_ROOM, Chart
from protocolsim.protocol.choices import Choice
from protocolsim.protocol.states import Dose, Group, State, Transition
from protocolsim.protocol.variables import Computed, amounts, assigned, whole_minutes
from protocolsim.randomness import keys, uniforms
from protocolsim.records import MADE, NEVER, Labels

# Initial capacity of the logs, in entries per subject; they grow as needed.
_ROOM = {"moves": 4, "events": 2}
_VISITS, _NUMBERS = 24, 180
_STAYING, _MOVING, _WITH_EVENT = range(3)  # rows of the scratch array of row lists that kernels write


class Columns:
    """Columns of subjects, with capacity for more. `who` holds (replicate, subject); rows from `begun` on are free.

    `away` marks subjects between two states, `endless` those with more than MOST_MOVES transitions, which are in a
    loop without an exit.
    """

    def __init__(self, trial: Trial, seed: int, room: int, memory: Workspace) -> None:
        self.trial, self.seed, self.size, self.begun, self.any_endless = trial, seed, room, 0, False
        n, labels, assessments, causes = room, trial.labels, trial.assessments, len(trial.causes)
        # What every step asks of the trial.
        self._step, self._advancing, self._enrolment = trial.step, trial.advancing, trial.enrolment
        self._noted, self._factors = trial.noted, [measured.factors for measured in assessments]
        self._awaited, self._given, self._own_hazards = trial.awaited, trial.given, trial.own_hazards
        self._changing, self._following, self._settled_in = trial.changing, trial.following, trial.settled

        def zeros(name: str, *across: int, kind: type = np.int64) -> NDArray[Any]:
            # Field-major layout: a step reads a few fields of many subjects.
            return memory.full(name, (*across, n), 0, kind)

        self.who = memory.full("who", (n, 2), 0, np.int64)
        self.body = zeros("body", trial.width, kind=np.float64).T
        self.sites, self.begins, self.now, self.since, self.reached, self.due = zeros("moments", 6)
        if self._step is not None:
            self.grid, self._from, self._to = zeros("grid", 3)
        self._lists = memory.empty("lists", (3, n), np.int64)
        self.visits_planned, self.state = zeros("numbers", 2)
        self.indices, self.made_at = zeros("indices", len(assessments)), zeros("made_at", len(assessments))
        self.made_at.fill(-1)
        self.dose_numbers = zeros("dose_numbers", len(trial.drugs))
        self.allocated = zeros("allocated", len(trial.protocol.randomisations))
        self.allocated.fill(-1)
        self.choices_made = zeros("choices_made", len(trial.protocol.choices))
        self.away, self.endless = zeros("marks", 2, kind=np.bool_)
        self.visit_log = VisitLog(n, _VISITS, _NUMBERS, memory)
        widths = {"moves": MOVE_READS + labels.reasons + len(labels.kept), "events": 2}
        self.moves, self.events = (EventLog(name, n, n * _ROOM[name], width, memory) for name, width in widths.items())
        self.traits = zeros("traits", len(trial.visible) + len(trial.hidden), kind=np.float64).T
        self.chart = self._empty_chart(labels, memory, zeros)
        self.clocks = Clocks.of(
            zeros("clocks.floats", 3, causes, kind=np.float64), zeros("clocks.whole", 3, causes), zeros("firsts", 4)
        )
        self.streams = np.array([c.stream for c in trial.causes], dtype=np.int64)
        self.happens = np.array([c.event for c in trial.causes], dtype=np.int64)
        rates = np.array([c.rates for c in trial.causes], dtype=np.float64)
        self._rates = rates.reshape(causes, len(labels.states)).T.copy()
        self._levels = fixed_levels(trial)
        # For the current stay: its subjects, the summaries that are constant in it, and a cache of those computed.
        self._staying, self._settled, self._known = np.empty(0, dtype=np.int64), frozenset[int](), dict[int, Floats]()
        self._level_at = np.array([p.offset for p in trial.drugs], dtype=np.int64)

    def _empty_chart(self, labels: Labels, memory: Workspace, zeros: Callable[..., NDArray[Any]]) -> Chart:
        """What the clinic knows before anything was noted."""
        # Subjects are contiguous, since a visit is noted for all of them at once; unused capacity is never touched.
        n, states, shape = self.size, len(labels.states), (CHART_ROOM, len(labels.variables), self.size)
        return Chart(
            minute=(minute := memory.empty("chart.minute", shape, np.int64).T),
            planned=minute,  # nobody queues here
            state=memory.empty("chart.state", shape, np.int16).T,
            value=memory.empty("chart.value", shape).T,
            count=zeros("chart.count", len(labels.variables)).T,
            entered=memory.full("chart.entered", (states, n), NEVER, np.int64).T,
            entries=zeros("chart.entries", states).T,
            enrolled=memory.full("chart.enrolled", (n,), NEVER, np.int64),
            traits=self.traits[:, : len(self.trial.visible)],
            variables=zeros("chart.variables", len(labels.kept), kind=np.float64).T,
        )

    def begin(self, who: Integers, sites: Integers, begins: Integers) -> Integers:
        """Initialise these subjects in the next free rows, at their minute 0. Returns the rows."""
        trial = self.trial
        mine = slice(self.begun, self.begun + len(who))
        self.begun = mine.stop
        rows = np.arange(mine.start, mine.stop)
        self.who[mine], self.sites[mine], self.begins[mine] = who, sites, begins
        if trial.enrolment is not None:
            self.body[mine, trial.enrolment] = np.nan
        for part in (trial.disease, *trial.drugs):
            part.start(self.body, rows, part.links, part.constants, self.seed, self.who)
        for column, field in enumerate((*trial.visible, *trial.hidden)):
            self.traits[mine, column] = self.body[mine, field]
        self.chart.variables[mine] = [v.start for v in trial.protocol.variables]
        self.clocks.initialise(rows, self.streams, self.seed, self.who)
        return rows

    def announce(self, rows: Integers, announcement: Announcement) -> None:
        """Let these subjects be told of an event, before they enter a state."""
        for number, cause in enumerate(self.trial.causes):
            if cause.given:
                mine = announcement.event == cause.event
                self.clocks.due[rows[mine], number] = announcement.minute[mine]

    @property
    def observations(self) -> Integers:
        """Number of observations of each subject: every use of an assessment brings one per variable."""
        each = np.array([len(m.variables) for m in self.trial.assessments], dtype=np.int64)
        counts: Integers = each @ self.indices
        return counts

    @property
    def doses(self) -> Integers:
        """Number of doses of each subject, given or not."""
        counts: Integers = self.dose_numbers.sum(axis=0)
        return counts

    def settle(self, rows: Integers, state: State) -> None:
        """Enter a state: chart the entry, set treatment levels and hazard rates."""
        if not state.final:
            self.advance(rows, self.now)
        self.chart.enter(rows, state.number, self.now, state.enrolled)
        put(self.body, rows, self._level_at, self._levels[state.number])
        for drug, level in state.computed_levels:
            self.body[rows, self._level_at[drug]] = self._amounts(rows, level)
        if self._enrolment is not None and state.enrolled:
            self.body[rows, self._enrolment] = self.chart.enrolled[rows]
        if self._own_hazards is not None:
            self._set_own_rates(rows, state, self.trial.every_cause)
        elif self.trial.causes:
            self.clocks.set_rates(rows, self._rates[state.number], self._awaited[state.number], self.now)

    def _set_own_rates(self, rows: Integers, state: State, which: Mask) -> None:
        """Find out the hazards of these causes as the subjects are now."""
        trial = self.trial
        assert self._own_hazards is not None
        rates = np.empty((len(trial.causes), len(rows)))
        find_rates(trial, state, which, self.body, rows, self.now, rates)
        self.clocks.set_own_rates(
            rows, rates, which, self._awaited[state.number], self.now, self.chart.enrolled, self._own_hazards
        )

    def _amounts(self, rows: Integers, level: Computed) -> Floats:
        """A computed dose, as it comes to for each subject now."""
        return amounts(level, self._read(rows, level.reads), len(rows))

    def change_levels(self, rows: Integers, state: State) -> None:
        """After a variable was set: drugs and disease come to this minute on the old doses; now the new ones hold."""
        self.advance(rows, self.now)
        for drug, level in state.computed_levels:
            self.body[rows, self._level_at[drug]] = self._amounts(rows, level)
        if self._following.any():
            self._record_other_events(rows, state)
            self._set_own_rates(rows, state, self._following)

    def _dose_in_force(self, rows: Integers, state: State, drug: int, doses: Floats) -> None:
        """Let the computed doses that are given now be in force."""
        changed = rows[self.body[rows, self._level_at[drug]] != doses]
        self.body[rows, self._level_at[drug]] = doses
        if len(changed) and self._following.any():
            self._record_other_events(changed, state)
            self._set_own_rates(changed, state, self._following)

    def planned_ends(self, rows: Integers, state: State) -> Integers:
        """The planned end of the state just entered, minute by subject; of the subjects in rows."""
        entered: Integers = self.chart.entered[:, state.number]
        of, length = state.length, np.zeros(self.size, dtype=np.int64)
        if isinstance(of, Computed):
            length[rows] = whole_minutes(of, self._read(rows, of.reads), len(rows))
        else:
            assert of is not None
            length[rows] = of
        ends: Integers = length + entered
        return ends if state.until is None else np.maximum(entered, self.chart.enrolled + length)

    def _first(self, line: int, count: int, rows: Integers) -> Integers:
        """The first `count` entries of a scratch list; `rows` itself, without a copy, where none were filtered out."""
        return rows if count == len(rows) else self._lists[line, :count].copy()

    def advance_to_visit(self, rows: Integers, state: State, offset: int) -> tuple[Integers, Integers]:
        """Advance subjects to a visit, due at due[i], `offset` minutes after entry into the state.

        Returns the subjects who reach it, with drugs and disease advanced, and, unchanged, those with an awaited event
        at or before that minute.
        """
        self.visit_log.start_visit()
        with_event, moving = come(
            rows, self.chart.entered, state.number, offset, self.clocks.next_due,
            self.due, self.now, self.since, self.reached, self._lists,
        )  # fmt: skip
        there = self._first(_STAYING, len(rows) - with_event, rows)
        self._advance_parts(self._first(_MOVING, moving, there))
        return there, self._first(_WITH_EVENT, with_event, rows)

    def split_by_next_event(self, rows: Integers, due: Integers) -> tuple[Integers, Integers]:
        """Partition rows: subjects whose next awaited event falls after due[i], and those at or before it."""
        with_event = split(rows, self.clocks.next_due, due, self._lists)
        return self._first(_STAYING, len(rows) - with_event, rows), self._first(_WITH_EVENT, with_event, rows)

    def not_left(self, rows: Integers) -> Integers:
        """The rows of subjects who have not left their state."""
        return self._first(_STAYING, still(rows, self.away, self._lists[_STAYING]), rows)

    def not_yet(self, rows: Integers, assessment: int) -> Integers:
        """The rows of subjects for whom this assessment has not been made at the present minute."""
        return self._first(_STAYING, not_yet(rows, self.made_at[assessment], self.now, self._lists[_STAYING]), rows)

    def wait(self, rows: Integers, to: Integers) -> None:
        """Set the clock of each subject to to[i]; drugs and disease do not advance."""
        copy(rows, to, self.now)

    def advance(self, rows: Integers, to: Integers) -> None:
        """Set the clock of each subject to to[i], and advance drugs and disease to it."""
        moving = set_now(rows, to, self.now, self.since, self.reached, self._lists[_MOVING])
        self._advance_parts(self._first(_MOVING, moving, rows))

    def _advance_parts(self, moving: Integers) -> None:
        if self._step is not None:
            self._advance_on_grid(moving, self._step)
        elif len(moving):
            for move, links, constants in self._advancing:
                move(self.body, moving, links, constants, self.since, self.now)

    def _advance_on_grid(self, moving: Integers, step: int) -> None:
        """Advance drugs and disease from since[i] to now[i] by way of every grid minute in between."""
        copy(moving, self.since, self._from)
        while len(moving):
            going = next_piece(moving, self._from, self.now, step, self._to, self._lists[_MOVING])
            moving = self._first(_MOVING, going, moving)
            if going:
                for move, links, constants in self._advancing:
                    move(self.body, moving, links, constants, self._from, self._to)
                copy(moving, self._to, self._from)

    def split_by_next_moment(self, rows: Integers, due: Integers) -> tuple[Integers, Integers, Integers]:
        """Partition rows by what comes first: due[i], or by then an awaited event, or a grid minute (now in `grid`)."""
        assert self._step is not None
        which = np.empty(len(rows), dtype=np.int64)
        find_moments(rows, self.clocks.next_due, due, self.reached, self._step, self.grid, which)
        return rows[which == 0], rows[which == 1], rows[which == 2]

    def change_hazards(self, rows: Integers, state: State) -> None:
        """At the grid minute of each: record the events due by then that nothing waits for, and set hazards anew."""
        assert self._changing is not None
        if len(rows):
            self.advance(rows, self.grid)
            self._record_other_events(rows, state)
            self._set_own_rates(rows, state, self._changing)

    def draws(self, rows: Integers, stream: int, index: Integers) -> Floats:
        """One uniform number for each subject in rows, at index[i]."""
        return uniforms(self.seed, keys(self.who, rows, index), stream)

    def choose(self, rows: Integers, choice: Choice, values: Sequence[Any]) -> Integers:
        """For each subject in rows, the place of the state that a choice by chance leads to this time."""
        made = self.choices_made[choice.number]
        count_up(rows, made)
        return choice.chosen(values, self.draws(rows, choice.stream, made))

    def observe(self, rows: Integers, assessment: int, state: State, status: int) -> None:
        """Make an assessment now, or record why it was not made; rows in order."""
        if not len(rows):
            return
        measured, made = self.trial.assessments[assessment], status == MADE
        part, index = measured.part, self.indices[assessment]
        codes = (state.number, assessment, status)
        value, truth = self.visit_log.observe(rows, self.now, codes, len(measured.variables), made=made)
        if not made:
            count_up(rows, index)
            return
        count_made(rows, index, self.now, self.made_at[assessment])
        measured.observe(
            self.body, rows, part.links, part.constants, self.seed, self.who, index, self.now, value, truth
        )
        for column, variable in enumerate(measured.variables):
            if variable in self._noted:
                factor = self._factors[assessment][column]
                noted = value if factor == 1.0 else value * factor
                self.chart.note(rows, variable, self.now, state.number, noted, column)

    def give(self, rows: Integers, dose: Dose, state: State, status: int) -> None:
        """Give a dose now, or record why it was not given; rows in order."""
        if not len(rows):
            return
        part, number = self.trial.drugs[dose.drug], self.dose_numbers[dose.drug]
        count_up(rows, number)
        codes = (state.number, dose.drug, status)
        if part.give is None or status != MADE:
            self.visit_log.give(rows, self.now, codes, 0.0, given=False)
            return
        if isinstance(dose.amount, Computed):
            doses = self._amounts(rows, dose.amount)
            self._dose_in_force(rows, state, dose.drug, doses)
            arrived = self.visit_log.give(rows, self.now, codes, doses, given=True)
        else:
            doses = np.full(len(rows), dose.amount)
            arrived = self.visit_log.give(rows, self.now, codes, dose.amount, given=True)
        part.give(self.body, rows, part.links, part.constants, doses, dose.per_weight, arrived)

    def stay(self, rows: Integers, state: State) -> None:
        """Begin the stay of these subjects in a state, with an empty cache of summaries."""
        self.away[rows] = False
        self._staying, self._settled = rows, self._settled_in[state.number]
        self._known = {}

    def read(self, rows: Integers, group: Group) -> list[Any]:
        """The summaries that a group's rules read: columns over `rows`, or scalars that are the same for all.

        With a single subject all are scalars. Summaries that are constant in this state are computed once and cached.
        """
        values = self.trial.protocol.reader.values
        with np.errstate(all="ignore"):
            for number in self._settled.intersection(group.reads).difference(self._known):
                self._known[number] = np.empty(self.size)
                self._known[number][self._staying] = values([number], self.chart, self._staying, self.now)[number]
            return values(group.reads, self.chart, rows, self.now, self._known)

    def _read(self, rows: Integers, reads: Sequence[int]) -> list[Any]:
        """These summaries as they are now, without the cache of a stay."""
        with np.errstate(all="ignore"):
            return self.trial.protocol.reader.values(reads, self.chart, rows, self.now)

    def keep(self, rows: Integers, transition: Transition, group: Group, values: Sequence[Any]) -> Floats:
        """Set what a transition sets. Returns what is recorded of it, [cells, subjects]: values read, then set."""
        labels, variables = self.trial.labels, self.trial.protocol.variables
        cells = np.empty((len(group.reads), len(rows)))
        if transition.sets:
            cells = np.full((labels.reasons + len(labels.kept), len(rows)), np.nan)
        for k, number in enumerate(group.reads):
            cells[k] = values[number]
        for variable, value in assigned(variables, transition.sets, values, len(rows)):
            self.chart.keep(rows, variable, value)
            cells[labels.reasons + variable] = value
        return cells

    def move(self, rows: Integers, transition: Transition, to: State, read: Floats) -> None:
        """Record that the subjects leave for another state, or stay in theirs (an internal transition).

        Rows in order; read[:, k] is what the rules read, and what was set.
        """
        if not transition.internal:
            self._record_other_events(rows, self.trial.protocol.states[transition.source])
        codes = (transition.source, to.number, transition.number)
        most = add_moves(*self.moves.entries(rows), rows, codes, self.now, read)
        if most > MOST_MOVES:
            self.any_endless = True
            self.endless[rows] = self.moves.count[rows] > MOST_MOVES
        self.state[rows] = to.number

    def record_awaited_events(self, rows: Integers, state: State) -> Integers:
        """Record the awaited event of each subject, after the other events due by then. Returns the causes."""
        causes = self.clocks.next_cause[rows]
        if self._given.any():
            first = rows[self._given[causes]]  # what is given comes before whatever else is due at its minute
            self.now[first] -= 1
            self._record_other_events(first, state)
            self.now[first] += 1
            self._record_other_events(rows[~self._given[causes]], state)
        else:
            self._record_other_events(rows, state)
        self._record_events(rows, state, self.clocks.next_cause, self.now)
        return causes

    def _record_other_events(self, rows: Integers, state: State) -> None:
        """Record the events due by now that trigger no transition of the state."""
        while len(rows := self._first(_WITH_EVENT, split(rows, self.clocks.other_due, self.now, self._lists), rows)):
            self._record_events(rows, state, self.clocks.other_cause, self.clocks.other_due)

    def _record_events(self, rows: Integers, state: State, causes: Integers, at: Integers) -> None:
        add_events(*self.events.entries(rows), rows, state.number, self.happens, causes, at)
        which = (rows, causes, self.streams, self._awaited[state.number], self.seed, self.who, at)
        if self._own_hazards is not None:
            self.clocks.record_own_event(*which, self.chart.enrolled, self._own_hazards)
        else:
            self.clocks.record_event(*which)


def fixed_levels(trial: Trial) -> Floats:
    """The treatment in force, [states, drugs]; 0 where it is computed for each subject."""
    levels = [[0.0 if isinstance(x, Computed) else x for x in s.levels] for s in trial.protocol.states]
    return np.array(levels, dtype=np.float64).reshape(len(levels), -1)


def in_order(who: Integers) -> Integers:
    """Argsort of `who` by (replicate, subject); fast for nearly sorted input."""
    order: Integers = np.argsort((who[:, 0] << 32) + who[:, 1], kind="stable")  # both are below 2^31
    return order


@kernel
def come(
    rows: Integers,
    entered: Integers,
    state: int,
    offset: int,
    event_due: Integers,
    due: Integers,
    now: Integers,
    since: Integers,
    reached: Integers,
    lists: Integers,
) -> tuple[int, int]:
    """Advance each clock to a visit at due[i] = entered[i, state] + offset, unless an awaited event comes first.

    Lists those who reach the visit, those of them whose time has advanced (since[i] to reached[i]), and those whose
    event is due at or before it. Returns how many events are due, and how many subjects advanced.
    """
    there = moving = with_event = 0
    for i in unsigned(rows):
        due[i] = entered[i, state] + offset
        lists[_WITH_EVENT, with_event] = i
        if event_due[i] <= due[i]:
            with_event += 1
            continue
        since[i] = reached[i]
        now[i] = reached[i] = due[i]
        lists[_STAYING, there] = lists[_MOVING, moving] = i
        there += 1
        moving += reached[i] != since[i]
    return with_event, moving


@kernel
def split(rows: Integers, event_due: Integers, due: Integers, lists: Integers) -> int:
    """Partition rows by whether the event falls after due[i] or not. Returns how many events are due by then."""
    staying = with_event = 0
    for i in unsigned(rows):
        lists[_STAYING, staying] = lists[_WITH_EVENT, with_event] = i
        has_event = event_due[i] <= due[i]
        staying += not has_event
        with_event += has_event
    return with_event


@kernel
def still(rows: Integers, away: NDArray[np.bool_], integers: Integers) -> int:
    """List the subjects who have not left their state. Returns their number."""
    count = 0
    for i in unsigned(rows):
        integers[count] = i
        count += not away[i]
    return count


@kernel
def not_yet(rows: Integers, made_at: Integers, now: Integers, integers: Integers) -> int:
    """List the subjects whose last assessment of this kind was not at the present minute. Returns their number."""
    count = 0
    for i in unsigned(rows):
        integers[count] = i
        count += made_at[i] != now[i]
    return count


@kernel
def put(body: Floats, rows: Integers, columns: Integers, numbers: Floats) -> None:
    """body[i, columns[d]] = numbers[d]."""
    for d in range(columns.shape[0]):
        for i in unsigned(rows):
            body[i, columns[d]] = numbers[d]


@kernel
def set_now(rows: Integers, to: Integers, now: Integers, since: Integers, reached: Integers, integers: Integers) -> int:
    """since[i] = reached[i], then now[i] = reached[i] = to[i]. Lists those that advanced, returns how many."""
    count = 0
    for i in unsigned(rows):
        since[i] = reached[i]
        now[i] = reached[i] = to[i]
        integers[count] = i
        count += reached[i] != since[i]
    return count


@kernel
def next_piece(rows: Integers, since: Integers, until: Integers, step: int, to: Integers, integers: Integers) -> int:
    """to[i] = the first grid minute after since[i], or until[i] if that is earlier. Lists those with since < until."""
    count = 0
    for i in unsigned(rows):
        to[i] = min(until[i], (since[i] // step + 1) * step)
        integers[count] = i
        count += since[i] != until[i]
    return count


@kernel
def find_moments(
    rows: Integers, event_due: Integers, due: Integers, reached: Integers, step: int, grid: Integers, which: Integers
) -> None:
    """grid[i] = the next grid minute; which[k] = what comes first to rows[k]: 0 due[i], 1 the event, 2 the grid."""
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        grid[i] = (reached[i] // step + 1) * step
        first = min(event_due[i], grid[i])
        which[k] = 0 if first > due[i] else (1 if event_due[i] <= grid[i] else 2)


@kernel
def copy(rows: Integers, source: Integers, target: Integers) -> None:
    """target[i] = source[i]."""
    for i in unsigned(rows):
        target[i] = source[i]


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
