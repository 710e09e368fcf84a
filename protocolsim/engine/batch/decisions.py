"""Decisions: the rules of a state evaluated for many subjects, and the transitions that they take.

Who has left is handed back to the scheduler, which lets them enter their next state or await an allocation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.engine.base import MOST_MOVES
from protocolsim.engine.batch.columns import Columns
from protocolsim.engine.batch.event_log import add_moves
from protocolsim.engine.batch.in_force import change_levels, record_other_events
from protocolsim.protocol.choices import Choice
from protocolsim.protocol.states import Group, Rule, State, Transition
from protocolsim.protocol.variables import assigned
from protocolsim.randomness import keys, uniforms


@dataclass(frozen=True)
class AwaitingAllocation:
    """Subjects pending randomisation: their transition, and the values that its rules have read, [values, subjects]."""

    transition: Transition
    rows: Integers
    read: Floats
    strata: Integers


class Decisions:
    """The decisions of subjects who are in one state: the transitions that they take, and where these lead to.

    left_for: by number of a state, the lists of those who have left for it. `to_allocate`: those who have left to be
    randomised.
    """

    def __init__(self, columns: Columns, rows: Integers, state: State) -> None:
        self.columns, self.state = columns, state
        self.left_for: dict[int, list[Integers]] = {}
        self.to_allocate: list[AwaitingAllocation] = []
        # The summaries that are constant during the stay, and a cache of those computed.
        self._staying, self._settled = rows, columns.trial.settled[state.number]
        self._known: dict[int, Floats] = {}

    def decide(self, rows: Integers, group: Group | None) -> Integers:
        """Evaluate a group of transitions; each subject takes the first whose rule holds. Returns the rest.

        Those who took an internal one are not among them, though they are still in the state.
        """
        if group is None or not len(rows):
            return rows
        values = self._read(rows, group) if group.reads else []
        for transition in group.transitions:
            if transition.rule is None:
                self._take(rows, transition, values, group)
                return rows[:0]
            held = _evaluate(transition.rule, values, len(rows))
            going = np.flatnonzero(held)
            if len(going) == len(rows):
                self._take(rows, transition, values, group)
                return rows[:0]
            if len(going):
                self._take(rows[going], transition, _select(values, going), group)
                staying = np.flatnonzero(~held)
                rows, values = rows[staying], _select(values, staying)
        return rows

    def _read(self, rows: Integers, group: Group) -> list[Any]:
        """The summaries that a group's rules read: columns over `rows`, or scalars that are the same for all.

        With a single subject all are scalars. Summaries that are constant in this state are computed once and cached.
        """
        columns = self.columns
        values = columns.trial.protocol.reader.values
        with np.errstate(all="ignore"):
            for number in self._settled.intersection(group.reads).difference(self._known):
                self._known[number] = np.empty(columns.size)
                here = values([number], columns.chart, self._staying, columns.now)[number]
                self._known[number][self._staying] = here
            return values(group.reads, columns.chart, rows, columns.now, self._known)

    def _take(self, rows: Integers, transition: Transition, values: Sequence[Any], group: Group) -> None:
        """Take a transition: set its variables, record it, and leave, unless it is internal."""
        columns, states = self.columns, self.columns.trial.protocol.states
        read = _set_variables(columns, rows, transition, group, values)
        if transition.internal:
            move(columns, rows, transition, self.state, read)
            # Who is in an endless loop is dropped here, as on entering a state.
            columns.away[rows] = columns.endless[rows]
            if self.state.computed_levels:
                change_levels(columns, rows, self.state)
            return
        columns.away[rows] = True
        if transition.choose is not None:
            chosen = _choose(columns, rows, transition.choose, values)
            for k, number in enumerate(transition.choose.states):
                self._leave_for(states[number], rows, transition, read, chosen == k)
        elif transition.randomise is not None:
            strata = columns.sites[rows] if transition.randomise.by_site else np.zeros(len(rows), dtype=np.int64)
            for rule in transition.randomise.strata:
                strata = 2 * strata + _evaluate(rule, values, len(rows))
            self.to_allocate.append(AwaitingAllocation(transition, rows, read, strata.astype(np.int64)))
        else:
            assert transition.to is not None
            move(columns, rows, transition, states[transition.to], read)
            self.left_for.setdefault(transition.to, []).append(rows)

    def _leave_for(self, to: State, rows: Integers, transition: Transition, read: Floats, going: Mask) -> None:
        if going.any():
            move(self.columns, rows[going], transition, to, read[:, going])
            self.left_for.setdefault(to.number, []).append(rows[going])


def move(columns: Columns, rows: Integers, transition: Transition, to: State, read: Floats) -> None:
    """Record that the subjects leave for another state, or stay in theirs (an internal transition).

    Rows in order; read[:, k] is what the rules read, and what was set.
    """
    if not transition.internal:
        record_other_events(columns, rows, columns.trial.protocol.states[transition.source])
    codes = (transition.source, to.number, transition.number)
    most = add_moves(*columns.moves.entries(rows), rows, codes, columns.now, read)
    if most > MOST_MOVES:
        columns.any_endless = True
        columns.endless[rows] = columns.moves.count[rows] > MOST_MOVES
    columns.state[rows] = to.number


def _set_variables(
    columns: Columns, rows: Integers, transition: Transition, group: Group, values: Sequence[Any]
) -> Floats:
    """Set what a transition sets. Returns what is recorded of it, [cells, subjects]: values read, then set."""
    labels, variables = columns.trial.labels, columns.trial.protocol.variables
    cells = np.empty((len(group.reads), len(rows)))
    if transition.sets:
        cells = np.full((labels.reasons + len(labels.kept), len(rows)), np.nan)
    for k, number in enumerate(group.reads):
        cells[k] = values[number]
    for variable, value in assigned(variables, transition.sets, values, len(rows)) if transition.sets else ():
        columns.chart.keep(rows, variable, value)
        cells[labels.reasons + variable] = value
    return cells


def _choose(columns: Columns, rows: Integers, choice: Choice, values: Sequence[Any]) -> Integers:
    """For each subject in rows, the place of the state that a choice by chance leads to this time."""
    made = columns.choices_made[choice.number]
    made[rows] += 1
    return choice.chosen(values, uniforms(columns.seed, keys(columns.who, rows, made), choice.stream))


def _select(values: Sequence[Any], which: Integers) -> list[Any]:
    """Select these subjects from the values that are columns; scalars are the same for all and stay."""
    return [v.take(which) if isinstance(v, np.ndarray) else v for v in values]


def _evaluate(rule: Rule, values: Sequence[Any], rows: int) -> Mask:
    """Evaluate a rule for each subject; a scalar result is broadcast to all."""
    with np.errstate(all="ignore"):
        held = rule.evaluate(values)
    return held if isinstance(held, np.ndarray) else np.full(rows, held, dtype=np.bool_)
