"""Many subjects on the way through the protocol: what `course.py` is to one, over columns.

Rows are positions in these columns. The kernels, the charts and the rules are the reference engine's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arithmetic import kernel
from protocolsim.component import Floats, Integers
from protocolsim.engine.base import MOST_MOVES, Trial
from protocolsim.engine.clocks import NEVER, Clocks
from protocolsim.engine.diary import Diary
from protocolsim.engine.journal import MOVE_READS, Journal, add_events, add_moves, ordered, write_read
from protocolsim.engine.workspace import Workspace
from protocolsim.observed import CHART_ROOM, Chart
from protocolsim.protocol.states import Dose, Group, State, Transition
from protocolsim.randomness import uniform
from protocolsim.records import MADE

# Entries per subject that journals and diary have room for at first; they grow where a protocol needs more.
_ROOM = {"moves": 4, "events": 2}
_VISITS, _NUMBERS = 24, 180


class Columns:
    """Columns of subjects, with room for some more. `who` holds (replicate, subject).

    `away` marks those who have left the state they were in and not yet begun the next, `endless` those who have moved
    more often than anybody may. Rows from `begun` on belong to nobody yet.
    """

    def __init__(self, trial: Trial, seed: int, room: int, memory: Workspace) -> None:
        self.trial, self.seed, self.size, self.begun = trial, seed, room, 0
        n, labels = room, trial.labels
        self.who = np.zeros((n, 2), dtype=np.int64)
        self.sites, self.begins = np.zeros((2, n), dtype=np.int64)
        # Field by field: a step reads a few fields of many subjects.
        self.body = memory.full("body", (trial.width, n), 0.0).T
        self.now, self.reached, self.entered, self.due, self.visits_planned, self.state = (
            np.zeros(n, dtype=np.int64) for _ in range(6)
        )
        self.indices = np.zeros((len(trial.assessments), n), dtype=np.int64)
        self.dose_numbers = np.zeros((len(trial.drugs), n), dtype=np.int64)
        self.made_at = np.full((len(trial.assessments), n), -1, dtype=np.int64)
        self.allocated = np.full((len(trial.protocol.randomisations), n), -1, dtype=np.int64)
        self.away, self.endless = np.zeros((2, n), dtype=np.bool_)
        most = max((len(m.variables) for m in trial.assessments), default=1)
        self._value, self._truth = memory.empty("value", (n, most)), memory.empty("truth", (n, most))
        self._dose, self._amount = np.empty(n), np.zeros(n)
        self.diary = Diary(n, _VISITS, _NUMBERS, memory)
        widths = {"moves": MOVE_READS + labels.reasons, "events": 2}
        self.moves, self.events = (Journal(name, n, n * _ROOM[name], width, memory) for name, width in widths.items())
        self.traits = np.zeros((n, len(trial.visible) + len(trial.hidden)))
        # Subjects lie side by side in memory, since all of a visit are noted together; room not used stays untouched.
        shape = (CHART_ROOM, len(labels.variables), n)
        self.chart = Chart.empty(
            n, len(labels.variables), len(labels.states), len(trial.visible),
            minute=memory.empty("chart.minute", shape, np.int64).T,
            state=memory.empty("chart.state", shape, np.int16).T,
            value=memory.empty("chart.value", shape).T,
        )  # fmt: skip
        self.clocks = Clocks.unwound(n, len(trial.causes))
        self.streams = np.array([c.stream for c in trial.causes], dtype=np.int64)
        self.happens = np.array([c.event for c in trial.causes], dtype=np.int64)
        self.event_due = np.full(n, NEVER, dtype=np.int64)
        self.cause = np.zeros(n, dtype=np.int64)

    def begin(self, who: Integers, sites: Integers, begins: Integers) -> Integers:
        """These subjects begin, in the next rows that belong to nobody. Returns their rows."""
        trial = self.trial
        rows = np.arange(self.begun, self.begun + len(who))
        self.begun += len(who)
        self.who[rows], self.sites[rows], self.begins[rows] = who, sites, begins
        for part in (trial.disease, *trial.drugs):
            part.start(self.body, rows, part.links, part.constants, self.seed, self.who)
        for column, field in enumerate((*trial.visible, *trial.hidden)):
            self.traits[rows, column] = self.body[rows, field]
        self.chart.traits[rows] = self.traits[rows, : len(trial.visible)]
        self.clocks.wind(rows, self.streams, self.seed, self.who)
        return rows

    @property
    def in_order(self) -> bool:
        """Whether the rows are in the order of replicates and subjects."""
        replicate, subject = self.who[: self.begun].T
        later = (replicate[1:] > replicate[:-1]) | ((replicate[1:] == replicate[:-1]) & (subject[1:] > subject[:-1]))
        return bool(later.all())

    def settle(self, rows: Integers, state: State) -> None:
        """Take up the treatment and the hazards of a state just entered."""
        self.entered[rows] = self.now[rows]
        self.state[rows] = state.number
        self.chart.enter(rows, state.number, self.now, state.enrolled)
        for part, level in zip(self.trial.drugs, state.levels, strict=True):
            put(self.body, rows, part.offset, level)
        if self.trial.causes:
            rates = np.array([c.rates[state.number] for c in self.trial.causes])
            self.clocks.set_rates(rows, rates, self.now)
            next_event(self.clocks.due, rows, self.event_due, self.cause)

    def plan(self, rows: Integers, offset: int) -> bool:
        """A visit at due[i], so many minutes after entry. Whether an event of anybody comes before it, or with it."""
        self.diary.turn()
        return plan(rows, self.entered, offset, self.event_due, self.due)

    def advance(self, rows: Integers, to: Integers) -> None:
        """Time, drugs and disease go on to exactly minute to[i]."""
        moving = set_now(rows, to, self.now, self.reached)
        if not len(moving):
            return
        for move, links, constants in self.trial.advancing:
            move(self.body, moving, links, constants, self.reached, self.now)
        copy(moving, self.now, self.reached)

    def draws(self, rows: Integers, stream: int, index: Integers) -> Floats:
        """One uniform number for each subject in rows, at index[i]."""
        out = np.empty(len(rows))
        draw(self.seed, self.who, rows, stream, index, out)
        return out

    def observe(self, rows: Integers, assessment: int, state: State, status: int) -> None:
        """Make an assessment now, or record why it was not made."""
        if not len(rows):
            return
        measured = self.trial.assessments[assessment]
        index = self.indices[assessment]
        count_up(rows, index)
        if status == MADE:
            part = measured.part
            measured.observe(
                self.body, rows, part.links, part.constants, self.seed, self.who, index, self.now,
                self._value, self._truth,
            )  # fmt: skip
            copy(rows, self.now, self.made_at[assessment])
            for column, variable in enumerate(measured.variables):
                if variable in self.trial.noted:
                    self.chart.note(rows, variable, self.now, state.number, self._value, column)
        seen = (self._value, self._truth) if status == MADE else None
        self.diary.observe(rows, self.now, (state.number, assessment, status), len(measured.variables), seen)

    def give(self, rows: Integers, dose: Dose, state: State, status: int) -> None:
        """Give a dose now, or record why it was not given."""
        if not len(rows):
            return
        part, number = self.trial.drugs[dose.drug], self.dose_numbers[dose.drug]
        count_up(rows, number)
        codes = (state.number, dose.drug, status)
        if status != MADE or part.give is None:
            self.diary.give(rows, self.now, codes, dose.amount if status == MADE else 0.0, None)
            return
        self._dose[rows] = dose.amount
        part.give(self.body, rows, part.links, part.constants, self._dose, self._amount)
        self.diary.give(rows, self.now, codes, dose.amount, self._amount)

    def read(self, rows: Integers, group: Group) -> list[Any]:
        """The summaries that a group's rules read, each over all subjects; only those of rows have a meaning."""
        with np.errstate(all="ignore"):
            return self.trial.protocol.reader.values(group.reads, self.chart, rows, self.now)

    def whole(self, value: Any, kind: type = np.float64) -> NDArray[Any]:
        """A value of a rule or summary as a column: a chart of one subject answers with a plain number."""
        return np.broadcast_to(np.asarray(value, dtype=kind), (self.size,))

    def move(self, rows: Integers, transition: Transition, to: State, read: Sequence[Any]) -> None:
        """Record that the subjects leave for another state; `read` holds what the rules read, one column each."""
        in_order = ordered(rows)
        entries = self.moves.entries(rows)
        add_moves(*entries, in_order, self.state, to.number, transition.number, self.now)
        for column, value in enumerate(read, start=MOVE_READS):
            write_read(*entries[:2], column, in_order, self.whole(value))
        self.endless[rows] = self.moves.count[rows] > MOST_MOVES
        self.state[rows] = to.number

    def strike(self, rows: Integers) -> None:
        """The next event of each subject happens: recorded, its clock wound again; cause[i] is then the one after."""
        add_events(*self.events.entries(rows), ordered(rows), self.state, self.happens, self.cause, self.now)
        self.clocks.strike_each(rows, self.cause, self.streams, self.seed, self.who, self.now)
        next_event(self.clocks.due, rows, self.event_due, self.cause)


@kernel
def plan(rows: Integers, entered: Integers, offset: int, event_due: Integers, due: Integers) -> bool:
    """due[i] = entered[i] + offset; whether any event comes before it, or with it."""
    any_before = False
    for i in rows:
        due[i] = entered[i] + offset
        any_before |= event_due[i] <= due[i]
    return any_before


@kernel
def due_by(rows: Integers, event_due: Integers, due: Integers) -> Integers:
    """The subjects whose next event comes before due[i], or with it."""
    found = np.empty(rows.shape[0], dtype=np.int64)
    count = 0
    for i in rows:
        found[count] = i
        count += event_due[i] <= due[i]
    return found[:count]


@kernel
def still(rows: Integers, away: NDArray[np.bool_]) -> Integers:
    """The subjects who are still in their state."""
    found = np.empty(rows.shape[0], dtype=np.int64)
    count = 0
    for i in rows:
        found[count] = i
        count += not away[i]
    return found[:count]


@kernel
def put(body: Floats, rows: Integers, column: int, number: float) -> None:
    """body[i, column] = number."""
    for i in rows:
        body[i, column] = number


@kernel
def set_now(rows: Integers, to: Integers, now: Integers, reached: Integers) -> Integers:
    """now[i] = to[i]; the subjects for whom time has passed since reached[i]."""
    moving = np.empty(rows.shape[0], dtype=np.int64)
    count = 0
    for i in rows:
        now[i] = to[i]
        if now[i] != reached[i]:
            moving[count] = i
            count += 1
    return moving[:count]


@kernel
def copy(rows: Integers, source: Integers, target: Integers) -> None:
    """target[i] = source[i]."""
    for i in rows:
        target[i] = source[i]


@kernel
def count_up(rows: Integers, numbers: Integers) -> None:
    """numbers[i] += 1."""
    for i in rows:
        numbers[i] += 1


@kernel
def next_event(due: Integers, rows: Integers, event_due: Integers, cause: Integers) -> None:
    """The next event of each subject: the earliest clock, the first of them at a tie."""
    for i in rows:
        first = 0
        for c in range(1, due.shape[1]):
            if due[i, c] < due[i, first]:
                first = c
        cause[i] = first
        event_due[i] = due[i, first]


@kernel
def draw(seed: int, who: Integers, rows: Integers, stream: int, index: Integers, out: Floats) -> None:
    """out[k] is the draw of subject rows[k] at its index."""
    for k in range(rows.shape[0]):
        i = rows[k]
        out[k] = uniform(seed, who[i, 0], who[i, 1], stream, index[i])
