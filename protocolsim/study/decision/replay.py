"""One subject of a run, lived through again: what was read at each decision, and what no table holds.

The records are the script, and the engine's own course of one subject plays it: the same kernels with the same columns
at the same minutes, so that what is seen in between has the bits of the run. Between these minutes copies of the body
are moved on, which leaves the subject's own steps as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.engine.base import Trial
from protocolsim.engine.des.subject import ROW, Course
from protocolsim.errors import SimulationError, UsageError
from protocolsim.protocol.states import END, Group, State, Transition
from protocolsim.protocol.summaries import FIRST, LAST, Observed, minutes_in_reach
from protocolsim.protocol.variables import Computed
from protocolsim.records import MADE, Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed, whole_number
from protocolsim.study.engines import AUTO, chosen_engine, engine_named
from protocolsim.units import MINUTES_PER_DAY

CONCENTRATION = "concentration"  # the field of a drug that is drawn over time
_EVERY = 2 * MINUTES_PER_DAY  # of the curve between the subject's own minutes


@dataclass(frozen=True)
class SeenVariable:
    """One variable of an assessment; value and truth are nan where it was not made."""

    minute: int
    state: int
    assessment: int
    variable: int
    status: int
    value: float
    truth: float


@dataclass(frozen=True)
class Given:
    """One dose and what arrived, in the units of the drug's doses."""

    minute: int
    state: int
    drug: int
    status: int
    dose: float
    amount: float


@dataclass(frozen=True)
class Happened:
    """An event with a clock of its own."""

    minute: int
    state: int
    event: int


@dataclass(frozen=True)
class Tried:
    """Rules tried together. `read`: each summary they read, by number; `used`: the minutes of the observations in it.

    `taken` and `to` are None where no rule held and the subject stayed.
    """

    minute: int
    state: State
    group: Group
    read: dict[int, float]
    used: dict[int, tuple[int, ...]]
    taken: Transition | None
    to: State | None


Step = SeenVariable | Given | Happened | Tried


@dataclass
class Life:
    """All that happened to one subject, in order. `enrolled` is -1 for a subject who never was.

    `curves` holds, for each drug that has one, the concentration as (minute, value); `rows` the records that playing it
    again wrote, which are those of the run.
    """

    scenario: Scenario
    seed: int
    replicate: int
    subject: int
    records: Records
    row: int
    enrolled: int
    ended: int
    steps: list[Step] = field(default_factory=list)
    curves: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)


def life(
    scenario: Scenario, subject: int | None, *, replicate: int = 0, seed: int | None = None, engine: str = AUTO
) -> Life:
    """The life of one subject (None: the first enrolled) of one replicate.

    Raises UsageError where there is no such subject.
    """
    replicates, seed = replicates_and_seed(scenario, None, seed)
    if subject is not None:
        whole_number("subject", subject, 0, 2**31 - 1)
    if not 0 <= replicate < replicates:
        raise UsageError(f"replicate {replicate}: the scenario has replicates 0 to {replicates - 1}")
    records = replicate_of(scenario, seed, replicate, engine, subject)
    if subject is None:
        subject = int(records["subjects"]["subject"][records["subjects"]["enrolled"]].min())
    number = int(records["subjects"]["subject"].max(initial=-1))
    flatnonzero = np.flatnonzero(records["subjects"]["subject"] == subject)
    if len(flatnonzero) == 0:
        raise UsageError(f"subject {subject}: replicate {replicate} screened subjects 0 to {number}")
    row = int(flatnonzero[0])
    subjects = records["subjects"]
    whole = Life(
        scenario, seed, replicate, subject, records, row, int(subjects["enrolled_minute"][row]),
        int(subjects["end_minute"][row]),
    )  # fmt: skip
    _Player(whole).play()
    return whole


def replicate_of(
    scenario: Scenario, seed: int, replicate: int, engine: str, subject: int | None, trial: Trial | None = None
) -> Records:
    """The records of one replicate (of this trial instead, if given).

    Of a large one, those of the block of the subject (None: of the first enrolled).
    """
    result: Records | None = None
    simulate = engine_named(chosen_engine(scenario, engine)).pieces
    for result in simulate(trial or scenario.trial, seed, range(replicate, replicate + 1)):
        subjects = result["subjects"]
        if subjects["enrolled"].any() if subject is None else subjects["subject"].max(initial=-1) >= subject:
            break
    assert result is not None
    return result


class _Player:
    """Plays the records of one subject with a course of their own."""

    def __init__(self, whole: Life) -> None:
        self.whole, self.trial = whole, whole.scenario.trial
        site = int(whole.records["subjects"]["site"][whole.row])
        self.course = Course(self.trial, whole.seed, whole.replicate, whole.subject, site)
        self.todo = {t: self._rows(t) for t in ("events", "observations", "doses", "moves")}
        self.drugs = {
            k: p.offset + p.component.fields.index(CONCENTRATION)
            for k, p in enumerate(self.trial.drugs)
            if CONCENTRATION in p.component.fields
        }
        whole.curves = {k: [] for k in self.drugs}

    def _rows(self, table: str) -> list[dict[str, Any]]:
        columns = self.whole.records[table]
        mine = np.flatnonzero(rows_of(self.whole.records, table) == self.whole.row)
        names = list(columns)
        return [
            dict(zip(names, values, strict=True))
            for values in zip(*(columns[n][mine].tolist() for n in names), strict=True)
        ]

    def play(self) -> None:
        """From the first minute to the last."""
        minutes = sorted({r["minute"] for rows in self.todo.values() for r in rows} | {self.whole.ended})
        for minute in minutes:
            self._draw_until(minute)
            self._change_hazards(minute - 1)
            self.course.wait(minute)
            while self._event(minute):
                pass
            self._change_hazards(minute)
            if any(rows and rows[0]["minute"] == minute for rows in (self.todo["observations"], self.todo["doses"])):
                self.course.advance(minute)
            while self._event(minute) or self._visit(minute) or self._end(minute):
                pass
        if any(self.todo.values()):
            raise SimulationError(f"subject {self.whole.subject}: the records could not be played again")
        self.whole.rows = self.course.rows

    def _change_hazards(self, until: int) -> None:
        """What the engine does at grid minutes, where a hazard changes there."""
        course = self.course
        while self.trial.changing is not None and not course.state.final and course.grid_due <= until:
            course.change_hazards()

    # What happens ----------------------------------------------------------------------------------------------------

    def _next(self, table: str, minute: int, state: str = "state") -> dict[str, Any] | None:
        rows = self.todo[table]
        return rows[0] if rows and rows[0]["minute"] == minute and rows[0][state] == self.course.state.number else None

    def _event(self, minute: int) -> bool:
        event = self._next("events", minute)
        if event is None:
            return False
        del self.todo["events"][0]
        self.whole.steps.append(Happened(minute, event["state"], event["event"]))
        awaited = self.course.state.upon.get(event["event"])
        if awaited is not None:
            self.course.event()
            self._try(awaited, minute)
        return True

    def _visit(self, minute: int) -> bool:
        """The assessments due, the rules after them, then the doses."""
        made: list[tuple[int, int]] = []
        state, stays = self.course.state, self.course.stays
        any_ = False
        while (first := self._next("observations", minute)) is not None:
            any_ = True
            number = len(self.trial.assessments[first["assessment"]].variables)
            for row in self.todo["observations"][:number]:
                self.whole.steps.append(
                    SeenVariable(
                        minute,
                        row["state"],
                        row["assessment"],
                        row["variable"],
                        row["status"],
                        row["value"],
                        row["truth"],
                    )
                )
            del self.todo["observations"][:number]
            self.course.observe(first["assessment"], first["index"], first["planned_minute"], first["status"])
            if first["status"] == MADE:
                entered = int(self.course.chart.entered[0, state.number])
                made.append((first["assessment"], first["planned_minute"] - entered))
        for visit in made:
            if self.course.stays == stays:
                self._try(state.tried_after(*visit), minute)
        while self.course.stays == stays and (dose := self._next("doses", minute)) is not None:
            any_ = True
            del self.todo["doses"][0]
            self.whole.steps.append(
                Given(minute, dose["state"], dose["drug"], dose["status"], dose["dose"], dose["amount"])
            )
            planned = next(d for v in state.visits for d in v.doses if d.drug == dose["drug"] and _same(d.amount, dose))
            self.course.give(planned, dose["planned_minute"], dose["status"])
            self._note_concentrations(minute)
        return any_

    def _end(self, minute: int) -> bool:
        move = self._next("moves", minute, "from_state")
        if move is None or self.trial.protocol.transitions[move["transition"]].trigger != END:
            return False
        self._try(self.course.state.at_end, minute)
        return True

    def _try(self, group: Group | None, minute: int) -> None:
        """What the rules read, and the move that follows, if one does."""
        if group is None:
            return
        values = self.course.read(group)
        state, move = self.course.state, self._next("moves", minute, "from_state")
        taken = to = None
        if move is not None and self.trial.protocol.transitions[move["transition"]] in group.transitions:
            taken = self.trial.protocol.transitions[move["transition"]]
            to = self.trial.protocol.states[move["to_state"]]
        read = {k: float(values[k]) for k in group.reads}
        used = {k: self._used(k, minute) for k in group.reads}
        self.whole.steps.append(Tried(minute, state, group, read, used, taken, to))
        if taken is not None and to is not None:
            del self.todo["moves"][0]
            self.course.take(taken, to, group, values)

    def _used(self, summary: int, minute: int) -> tuple[int, ...]:
        """The minutes of the observations that a summary is made of, the last ones that its filters leave."""
        made = self.trial.protocol.reader.summaries[summary].made_by
        if not isinstance(made, Observed):
            return ()
        kept = minutes_in_reach(made, self.course.chart, 0, minute)
        kept = kept[: made.first] if made.first >= 0 else kept
        kept = kept[-made.last :] if made.last > 0 else kept if made.last < 0 else []
        return _chosen(made, kept)

    # The concentration -----------------------------------------------------------------------------------------------

    def _draw_until(self, minute: int) -> None:
        """The curve up to the next minute of the subject's own, and at it, from copies of the body."""
        for moment in (*range(self.course.now + _EVERY, minute, _EVERY), minute):
            body = self.course.body.copy()
            for since, until in pairwise(self.trial.moments(self.course.reached, moment)):
                for part in self.trial.drugs:
                    if part.advance is not None:
                        part.advance(body, ROW, part.links, part.constants, np.array([since]), np.array([until]))
            for drug, column in self.drugs.items():
                self.whole.curves[drug].append((moment, float(body[0, column])))

    def _note_concentrations(self, minute: int) -> None:
        for drug, column in self.drugs.items():
            self.whole.curves[drug].append((minute, float(self.course.body[0, column])))


def _same(amount: float | Computed, dose: dict[str, Any]) -> bool:
    """Whether this is the planned dose that was recorded; one that was missed has no amount of its own."""
    return bool(dose["status"] != MADE or isinstance(amount, Computed) or amount == dose["dose"])


def _chosen(made: Observed, kept: Sequence[int]) -> tuple[int, ...]:
    """Of a last or a first only that one."""
    if made.how == LAST:
        return tuple(kept[-1:])
    return tuple(kept[:1]) if made.how == FIRST else tuple(kept)
