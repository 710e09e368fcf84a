"""The state of many subjects as columns (structure of arrays), in the memory of one round of simulation.

The vectorised counterpart of `des/subject.py`. `rows` are indices into the columns, mostly in order; kernels, charts
and rules are the same code in both engines. What happens to the subjects stands by subject: `advance.py` (time passes),
`in_force.py` (treatment, hazards and their events), `stay.py` (visits), `decisions.py` (transitions).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import LEAST_EXTENT, Integers
from protocolsim.engine.base import Trial
from protocolsim.engine.batch.buffers import Workspace
from protocolsim.engine.batch.event_log import MOVE_READS, EventLog
from protocolsim.engine.batch.screening import Candidates
from protocolsim.engine.batch.visit_log import VisitLog
from protocolsim.engine.hazard_clocks import Clocks
from protocolsim.observed import CHART_ROOM, Chart
from protocolsim.protocol.functions import Value
from protocolsim.protocol.variables import Computed
from protocolsim.records import NEVER

# Initial capacity of the logs, in entries per subject; they grow as needed.
_ROOM = {"moves": 4, "events": 2}
_VISITS, _NUMBERS = 24, 180


class Columns:
    """Columns of subjects, with capacity for `size`; rows from `begun` on are free.

    who                         [subjects, 2]        replicate and subject
    replicate                   [subjects]           the index of the replicate among those simulated together
    sites, begins               [subjects]           the site, and minute 0 in minutes of the trial's calendar
    state, now                  [subjects]           the present state, and the present minute on the own clock
    reached, since              [subjects]           where drugs and disease are, and where they were before that
    due, grid, piece            [subjects]           of the next visit, the next grid minute, a piece of time: for use
                                                     while subjects advance
    body                        [subjects, width]    the hidden truth: what disease and drugs keep
    chart, clocks               what the clinic knows, and when events come
    visit_log, moves, events    what is recorded
    visits_planned              [subjects]           how many visits so far
    indices, made_at            [assessments, subjects]     how many so far, and the minute of the last
    dose_numbers                [drugs, subjects]           how many doses so far, given or not
    allocated, choices_made     [randomisations or choices, subjects]
    away                        [subjects]           between two states
    endless                     [subjects]           more than MOST_MOVES transitions: in a loop without an exit
    lists                       [3, subjects]        row lists that kernels write: scratch
    levels                      [states, drugs]      the treatment in force; 0 where it is computed for each subject
    """

    def __init__(self, trial: Trial, seed: int, room: int, memory: Workspace) -> None:
        self.trial, self.seed, self.size, self.begun, self.any_endless = trial, seed, room, 0, False
        n, labels, protocol = room, trial.labels, trial.protocol
        assessments, columns = len(trial.assessments), max(len(trial.causes), LEAST_EXTENT)
        # Field-major layout: a step reads a few fields of many subjects.
        self.who = memory.full("who", (n, 2), 0, np.int64)
        self.body = memory.full("body", (trial.width, n), 0).T
        whole = memory.full("whole", (11, n), 0, np.int64)
        self.replicate, self.sites, self.begins, self.state, self.visits_planned = whole[:5]
        self.now, self.since, self.reached, self.due, self.grid, self.piece = whole[5:]
        self.lists = memory.empty("lists", (3, n), np.int64)
        self.indices = memory.full("indices", (assessments, n), 0, np.int64)
        self.made_at = memory.full("made_at", (assessments, n), -1, np.int64)
        self.dose_numbers = memory.full("dose_numbers", (len(trial.drugs), n), 0, np.int64)
        self.allocated = memory.full("allocated", (len(protocol.randomisations), n), -1, np.int64)
        self.choices_made = memory.full("choices_made", (len(protocol.choices), n), 0, np.int64)
        self.away, self.endless = memory.full("marks", (2, n), 0, np.bool_)
        self.traits = memory.full("traits", (len(trial.visible) + len(trial.hidden), n), 0).T
        self.chart = self._empty_chart(memory)
        self.clocks = Clocks.of(
            memory.full("clocks.floats", (3, columns, n), 0),
            memory.full("clocks.whole", (3, columns, n), 0, np.int64),
            memory.full("firsts", (4, n), 0, np.int64),
        )
        self.visit_log = VisitLog(n, _VISITS, _NUMBERS, memory)
        widths = {"moves": MOVE_READS + labels.reasons + len(labels.kept), "events": 2}
        self.moves, self.events = (EventLog(name, n, n * _ROOM[name], width, memory) for name, width in widths.items())
        levels = [[0.0 if isinstance(x, Computed) else x for x in s.levels] for s in protocol.states]
        self.levels = np.array(levels, dtype=np.float64).reshape(len(levels), -1)
        self.level_at = np.array([p.offset for p in trial.drugs], dtype=np.int64)

    def _empty_chart(self, memory: Workspace) -> Chart:
        """What the clinic knows before anything was noted."""
        n, variables, states = self.size, len(self.trial.labels.variables), len(self.trial.labels.states)
        kept = len(self.trial.labels.kept)
        # Subjects are contiguous, since a visit is noted for all of them at once; unused capacity is never touched.
        shape = (CHART_ROOM, variables, n)
        minute: NDArray[Any] = memory.empty("chart.minute", shape, np.int64).T
        return Chart(
            minute=minute,
            planned=minute,  # nobody queues here
            state=memory.empty("chart.state", shape, np.int16).T,
            value=memory.empty("chart.value", shape).T,
            count=memory.full("chart.count", (variables, n), 0, np.int64).T,
            entered=memory.full("chart.entered", (states, n), NEVER, np.int64).T,
            entries=memory.full("chart.entries", (states, n), 0, np.int64).T,
            enrolled=memory.full("chart.enrolled", (n,), NEVER, np.int64),
            traits=self.traits[:, : len(self.trial.visible)],
            variables=memory.full("chart.variables", (kept, n), 0).T,
        )

    def begin(self, candidates: Candidates) -> Integers:
        """Initialise these subjects in the next free rows, at their minute 0. Returns the rows."""
        trial, mine = self.trial, slice(self.begun, self.begun + len(candidates.who))
        self.begun = mine.stop
        rows = np.arange(mine.start, mine.stop)
        self.who[mine], self.replicate[mine] = candidates.who, candidates.replicate
        self.sites[mine], self.begins[mine] = candidates.sites, candidates.begins
        if trial.enrolment is not None:
            self.body[mine, trial.enrolment] = np.nan
        for part in (trial.disease, *trial.drugs):
            part.start(self.body, rows, part.links, part.constants, self.seed, self.who)
        for column, field in enumerate((*trial.visible, *trial.hidden)):
            self.traits[mine, column] = self.body[mine, field]
        self.chart.variables[mine] = [v.start for v in trial.protocol.variables]
        self.clocks.initialise(rows, trial.streams, self.seed, self.who)
        if candidates.announcement is not None:  # they are told of an event before they enter a state
            for number in np.flatnonzero(trial.given).tolist():
                told = candidates.announcement.event == trial.causes[number].event
                self.clocks.due[rows[told], number] = candidates.announcement.minute[told]
        return rows

    def read(self, rows: Integers, summaries: Sequence[int]) -> list[Value]:
        """These summaries as they are now: columns over `rows`, or scalars that are the same for all."""
        with np.errstate(all="ignore"):
            return self.trial.protocol.reader.values(summaries, self.chart, rows, self.now)


def merged(rows: list[Integers]) -> Integers:
    """Concatenate and sort lists of rows. The lists are mostly sorted, which a stable sort exploits."""
    return np.sort(np.concatenate(rows), kind="stable")


def in_order(who: Integers) -> Integers:
    """Argsort of `who` by (replicate, subject); fast for nearly sorted input."""
    order: Integers = np.argsort((who[:, 0] << 32) + who[:, 1], kind="stable")  # both are below 2^31
    return order
