"""Summaries: statistics of a subject's chart that decision rules read.

A summary is one of
    observed    sum, mean, last, first, smallest, largest or count of a variable, over the observations left after
                the filters `during` (states), `within` (a time before now), then `first` or `last` (so many)
    entries     how often a state has been entered
    time since  the minutes since enrolment, or since the last entry of a state
    trait       what the clinic sees of the subject at any time
    expression  a formula over other summaries, traits and parameters
Means are a sum in the order of the visits, then one division. A statistic of no observations is undefined (NaN), but a
count is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from protocolsim.arithmetic import inlined, kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.observed import Chart
from protocolsim.protocol.functions import Value
from protocolsim.protocol.rules import Evaluator
from protocolsim.units import Dimension

HOW = ("sum", "mean", "last", "first", "smallest", "largest", "count")
SUM, MEAN, LAST, FIRST, SMALLEST, LARGEST, COUNT = range(len(HOW))


@dataclass(frozen=True)
class Observed:
    """A statistic of one variable's observations. `during` empty: any state; -1: no limit."""

    how: int
    variable: int
    during: tuple[int, ...] = ()
    within: int = -1
    first: int = -1
    last: int = -1


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
class Formula:
    """An expression over previously defined summaries, and parameters; `words` is its source text."""

    words: str
    evaluator: Evaluator
    reads: tuple[int, ...]


@dataclass(frozen=True)
class Summary:
    """A named summary: its definition, and its dimension."""

    name: str
    made_by: Observed | Entries | TimeSince | TraitSeen | Formula
    dimension: Dimension


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
        if how == COUNT:
            result = float(chosen)
        elif how == SUM and chosen > 0:
            result = total
        elif how == MEAN and chosen > 0:
            result = total / chosen
        out[r] = result


@inlined
def _passes(state: int, minute: int, during: Integers, within: int, now: int) -> bool:
    if within >= 0 and now - minute > within:
        return False
    if during.shape[0] == 0:
        return True
    for s in during:  # noqa: SIM110 (Numba compiles the loop, not `any` over a generator)
        if s == state:
            return True
    return False


class Reader:
    """Computes summaries from charts; holds only compiled definitions."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        self.summaries = tuple(summaries)
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
            observed(chart.minute, chart.state, chart.value, chart.count, rows, now, spec, during, out)
            return out
        if isinstance(made, Formula):
            return made.evaluator(earlier)
        if isinstance(made, Entries):
            return chart.entries[rows, made.state].astype(np.float64)
        if isinstance(made, TraitSeen):
            return chart.traits[rows, made.column]
        since = chart.enrolled[rows] if made.state is None else chart.entered[rows, made.state]
        return np.where(since < 0, np.nan, (now[rows] - since).astype(np.float64))
