"""Summaries: statistics of a subject's chart that decision rules read.

A summary is one of
    observed    sum, mean, last, first, smallest, largest or count of a variable, over the observations left after
                the filters `during` (states), `within` (a time before now), then `first` or `last` (so many), or
                those of one planned visit (`at`)
    entries     how often a state has been entered
    time since  the minutes since enrolment, or since the last entry of a state
    trait       what the clinic sees of the subject at any time
    variable    a number that the protocol keeps, as it is now
    expression  a formula over other summaries, traits and parameters
Means are a sum in the order of the visits, then one division. A statistic of no observations is undefined (NaN), but a
count is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from protocolsim.arithmetic import inlined, kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.observed import Chart
from protocolsim.protocol.functions import Value
from protocolsim.protocol.rules import Evaluator
from protocolsim.units import MINUTES_PER_DAY, Dimension

HOW = ("sum", "mean", "last", "first", "smallest", "largest", "count")
SUM, MEAN, LAST, FIRST, SMALLEST, LARGEST, COUNT = range(len(HOW))


@dataclass(frozen=True)
class AtVisit:
    """A planned visit: so many minutes after the last entry of its state, or after enrolment."""

    offset: int
    since_enrolment: bool = False


@dataclass(frozen=True)
class Observed:
    """A statistic of one variable's observations. `during` empty: any state; -1: no limit.

    `at`: only those of one planned visit, of the states in `during` where it counts from their start.
    """

    how: int
    variable: int
    during: tuple[int, ...] = ()
    within: int = -1
    first: int = -1
    last: int = -1
    at: AtVisit | None = None


@dataclass(frozen=True)
class Entries:
    """How often a state has been entered."""

    state: int


@dataclass(frozen=True)
class TimeSince:
    """Minutes since enrolment (state None) or since the last entry of a state; undefined before it."""

    state: int | None


@dataclass(frozen=True)
class TraitSeen:
    """A trait of the subject that the clinic can see."""

    column: int


@dataclass(frozen=True)
class VariableNow:
    """The present value of a variable of the protocol."""

    column: int


@dataclass(frozen=True)
class Formula:
    """An expression over previously defined summaries, and parameters; `words` is its source text."""

    words: str
    evaluator: Evaluator
    reads: tuple[int, ...]


@dataclass(frozen=True)
class Summary:
    """A named summary: its definition, its dimension, and the unit of its variable where that is not the usual one.

    `label` is what readers are told it is called, "" for its name.
    """

    name: str
    made_by: Observed | Entries | TimeSince | TraitSeen | VariableNow | Formula
    dimension: Dimension
    unit: str = ""
    label: str = ""


@kernel
def observed(
    minutes: Integers,
    states: Integers,
    values: Floats,
    counts: Integers,
    rows: Integers,
    now: Integers,
    spec: Integers,
    during: Integers,
    out: Floats,
) -> None:
    """out[k] is one statistic of the subject rows[k]. spec: how, variable, within, first, last (-1: no limit)."""
    how, variable, within, first, last = spec[0], spec[1], spec[2], spec[3], spec[4]
    plain = within < 0 and during.shape[0] == 0
    for r in range(rows.shape[0]):
        i = np.uint64(rows[r])
        total, chosen, seen, result = 0.0, 0, 0, np.nan
        count = counts[i, variable]
        kept, begin = count, 0
        if plain and last >= 0 and first < 0:
            # Only the last few can count, and no filter drops any of them: skip the others.
            begin = max(0, count - last)
            seen = begin
        elif last >= 0:
            kept = 0
            for k in range(count):
                kept += _passes(states[i, variable, k], minutes[i, variable, k], during, within, now[i])
        for k in range(begin, count):
            if not _passes(states[i, variable, k], minutes[i, variable, k], during, within, now[i]):
                continue
            seen += 1
            if (first >= 0 and seen > first) or (last >= 0 and seen <= kept - last):
                continue
            x = values[i, variable, k]
            chosen += 1
            total += x
            if chosen == 1 or how == LAST or (how == SMALLEST and x < result) or (how == LARGEST and x > result):
                result = x
        out[r] = _statistic(how, chosen, total, result)


@inlined
def _statistic(how: int, chosen: int, total: float, picked: float) -> float:
    """The statistic of so many observations with this sum; `picked` is the one that is first, last, least or most."""
    if how == COUNT:
        return float(chosen)
    if chosen > 0 and how == SUM:
        return total
    return total / chosen if chosen > 0 and how == MEAN else picked


@inlined
def _passes(state: int, minute: int, during: Integers, within: int, now: int) -> bool:
    if within >= 0 and now - minute > within:
        return False
    return during.shape[0] == 0 or _is_among(state, during)


def observed_at(
    at: AtVisit, chart: Chart, rows: Integers, now: Integers, spec: Integers, during: Integers, out: Floats
) -> None:
    """out[k] is one statistic of the observations of subject rows[k] made at one planned visit.

    A visit is known by the minute it was planned for: late or not, it is the same. `spec`: how, variable, within (-1:
    no limit), and two that are not read here. `during`: the states whose visit it is; empty, where it counts from
    enrolment: any. An assessment made already when a state is entered is not repeated there (where visits queue, one of
    the same day), and counts as that of the visit at its very start.
    """
    visit = _visit(at, chart)
    columns = (chart.minute, chart.planned, chart.state, chart.value, chart.count, chart.entered, chart.enrolled)
    made_at_visit(*columns, rows, now, spec, during, visit, out)


def _visit(at: AtVisit, chart: Chart) -> Integers:
    """A planned visit for the kernels: its offset, whether that counts from enrolment, the minutes that are one."""
    return np.array([at.offset, at.since_enrolment, MINUTES_PER_DAY if chart.late else 1], dtype=np.int64)


@inlined
def of_visit(
    minute: int,
    planned: int,
    state: int,
    entered: Integers,
    enrolled: Integers,
    row: Any,
    during: Integers,
    visit: Integers,
) -> bool:
    """Whether an observation of a subject, made at this minute in this state, is of this planned visit."""
    offset, same = visit[0], visit[2]
    if visit[1] != 0:
        there = enrolled[row] >= 0 and planned == enrolled[row] + offset
        return there and (during.shape[0] == 0 or _is_among(state, during))
    for s in during:
        start = entered[row, s]
        if start < 0:
            continue
        if s == state and planned == start + offset:
            return True
        if offset == 0 and minute <= start and minute // same == start // same:
            return True
    return False


@inlined
def _is_among(state: int, during: Integers) -> bool:
    for s in during:  # noqa: SIM110 (Numba compiles the loop, not `any` over a generator)
        if s == state:
            return True
    return False


@kernel
def made_at_visit(
    minutes: Integers,
    planned: Integers,
    states: Integers,
    values: Floats,
    counts: Integers,
    entered: Integers,
    enrolled: Integers,
    rows: Integers,
    now: Integers,
    spec: Integers,
    during: Integers,
    visit: Integers,
    out: Floats,
) -> None:
    """The loop of `observed_at`. visit: the offset, whether it counts from enrolment, the minutes that count as one."""
    how, variable, within = spec[0], spec[1], spec[2]
    for r in range(rows.shape[0]):
        i = np.uint64(rows[r])
        total, chosen, result = 0.0, 0, np.nan
        for k in range(counts[i, variable]):
            minute = minutes[i, variable, k]
            if within >= 0 and now[i] - minute > within:
                continue
            plan, state = planned[i, variable, k], states[i, variable, k]
            if not of_visit(minute, plan, state, entered, enrolled, i, during, visit):
                continue
            x = values[i, variable, k]
            chosen += 1
            total += x
            if chosen == 1 or how == LAST or (how == SMALLEST and x < result) or (how == LARGEST and x > result):
                result = x
        out[r] = _statistic(how, chosen, total, result)


def minutes_in_reach(made: Observed, chart: Chart, row: int, now: int) -> list[int]:
    """The minutes of the observations of a subject that the filters before `first` and `last` leave, in order."""
    result: list[int] = []
    during = np.array(made.during, dtype=np.int64)
    for k in range(int(chart.count[row, made.variable])):
        here = row, made.variable, k
        minute, state = int(chart.minute[here]), int(chart.state[here])
        if made.within >= 0 and now - minute > made.within:
            continue
        if made.at is not None:
            plan = int(chart.planned[here])
            there = of_visit(minute, plan, state, chart.entered, chart.enrolled, row, during, _visit(made.at, chart))
        else:
            there = not made.during or state in made.during
        if there:
            result.append(minute)
    return result


class Reader:
    """Computes summaries from charts; holds only compiled definitions."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        self.summaries = tuple(summaries)
        self.units = {s.dimension: s.unit for s in reversed(self.summaries) if s.unit}  # in which readers are told
        self._specs: dict[int, tuple[Integers, Integers]] = {}
        for number, summary in enumerate(self.summaries):
            made = summary.made_by
            if isinstance(made, Observed):
                spec = np.array([made.how, made.variable, made.within, made.first, made.last], dtype=np.int64)
                self._specs[number] = (spec, np.array(made.during, dtype=np.int64))

    def values(
        self,
        wanted: Sequence[int],
        chart: Chart,
        rows: Integers,
        now: Integers,
        known: Mapping[int, Floats] = MappingProxyType({}),
    ) -> list[Value]:
        """The wanted summaries (in the order of definition) as columns, one value for each subject in rows.

        Entries for other summaries are None. For a chart of one subject the values are scalars, which are much faster
        and equal bit for bit. now[i] is the minute of subject i; known[number][i] are cached values.
        """
        columns: list[Value] = [None] * len(self.summaries)
        single = len(now) == 1
        for number in wanted:
            column = known[number][rows] if number in known else self._column(number, columns, chart, rows, now)
            columns[number] = float(column[0]) if single and isinstance(column, np.ndarray) else column
        return columns

    def _column(self, number: int, earlier: list[Value], chart: Chart, rows: Integers, now: Integers) -> Value:
        made = self.summaries[number].made_by
        if isinstance(made, Observed):
            out = np.empty(len(rows))
            spec, during = self._specs[number]
            if made.at is not None:
                observed_at(made.at, chart, rows, now, spec, during, out)
                return out
            observed(chart.minute, chart.state, chart.value, chart.count, rows, now, spec, during, out)
            return out
        if isinstance(made, Formula):
            return made.evaluator(earlier)
        if isinstance(made, Entries):
            return chart.entries[rows, made.state].astype(np.float64)
        if isinstance(made, TraitSeen):
            return chart.traits[rows, made.column]
        if isinstance(made, VariableNow):
            return chart.variables[rows, made.column]
        since = chart.enrolled[rows] if made.state is None else chart.entered[rows, made.state]
        return np.where(since < 0, np.nan, (now[rows] - since).astype(np.float64))
