"""Each summary is what a plain computation over the list of observations says, for one subject or for a column."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.observed import Chart
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import parse
from protocolsim.protocol.summaries import (
    COUNT,
    HOW,
    Entries,
    Formula,
    Observed,
    Reader,
    Summary,
    TimeSince,
    TraitSeen,
)
from protocolsim.units import NONE

Observation = tuple[int, int, float]  # minute, state, value

lists = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 2), st.floats(-1e6, 1e6, allow_subnormal=False)), max_size=40
).map(sorted)
filters = st.fixed_dictionaries(
    {
        "during": st.lists(st.integers(0, 2), max_size=2, unique=True).map(tuple),
        "within": st.sampled_from([-1, 0, 5, 30]),
    },
    optional={"first": st.integers(1, 5), "last": st.integers(1, 5)},
)


def in_order(values: Sequence[float]) -> float:
    """A sum from left to right: the order of visits is part of its meaning."""
    total = 0.0
    for value in values:
        total += value
    return total


PLAIN: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": in_order,
    "mean": lambda v: in_order(v) / len(v),
    "last": lambda v: v[-1],
    "first": lambda v: v[0],
    "smallest": min,
    "largest": max,
}


def plainly(how: str, made: Sequence[Observation], now: int, during: tuple[int, ...], within: int,
            first: int = -1, last: int = -1) -> float:  # fmt: skip
    """The statistic by the book: filter by state, then by time; then the first or last so many of those."""
    left = [v for m, s, v in made if (not during or s in during) and (within < 0 or now - m <= within)]
    chosen = range(len(left))
    kept = [left[k] for k in chosen if (first < 0 or k < first) and (last < 0 or k >= len(left) - last)]
    if how == "count":
        return float(len(kept))
    return PLAIN[how](kept) if kept else math.nan


def chart_of(subjects: Sequence[Sequence[Observation]]) -> Chart:
    """A chart with these observations of variable 1; variable 0 holds something else."""
    chart = Chart.empty(len(subjects), 2, 3, 1)
    for subject, made in enumerate(subjects):
        row = np.array([subject])
        for minute, state, value in made:
            now, seen = np.full(len(subjects), minute), np.full((1, 1), value)
            chart.note(row, 1, now, state, seen, 0)
            chart.note(row, 0, now, 2 - state, seen + 1.0, 0)
    return chart


def read(summary: Observed, chart: Chart, now: int) -> np.ndarray:
    """One summary for every subject of the chart."""
    subjects = len(chart.count)
    (found,) = Reader([Summary("x", summary, NONE)]).values([0], chart, np.arange(subjects), np.full(subjects, now))
    return np.atleast_1d(found)


def same(a: float, b: float) -> bool:
    """The same bits, or both undefined."""
    return np.float64(a).tobytes() == np.float64(b).tobytes() or (math.isnan(a) and math.isnan(b))


@given(st.sampled_from(HOW), lists, filters)
def test_every_statistic_is_the_plain_one(how, made, kept):
    """Sum, mean, last, first, smallest, largest, count, over what `during`, `within`, `first` and `last` leave."""
    (found,) = read(Observed(HOW.index(how), 1, **kept), chart_of([made]), 50)
    assert same(float(found), plainly(how, made, 50, **kept))


@given(st.sampled_from(HOW), st.lists(lists, min_size=2, max_size=4), filters)
def test_a_column_holds_what_each_subject_alone_has(how, subjects, kept):
    """The same bits for a subject in a column and for a chart of one, also where the chart has grown."""
    summary = Observed(HOW.index(how), 1, **kept)
    column = read(summary, chart_of(subjects), 50)
    for found, made in zip(column, subjects, strict=True):
        assert same(found, float(read(summary, chart_of([made]), 50)[0]))


@pytest.mark.parametrize("how", HOW)
def test_nothing_left_is_undefined_but_counts_nought(how):
    """No observation at all, none in the state, none so recent."""
    made = [(0, 0, 3.0), (10, 1, 4.0)]
    for summary, chart in (
        (Observed(HOW.index(how), 1), chart_of([[]])),
        (Observed(HOW.index(how), 1, during=(2,)), chart_of([made])),
        (Observed(HOW.index(how), 1, within=39), chart_of([made])),
    ):
        (found,) = read(summary, chart, 50)
        assert found == 0.0 if HOW.index(how) == COUNT else math.isnan(found)


def test_within_is_closed():
    """An observation of exactly so long ago still counts, one of a minute more does not."""
    chart = chart_of([[(10, 0, 1.0), (20, 0, 2.0)]])
    assert [float(read(Observed(COUNT, 1, within=w), chart, 50)[0]) for w in (29, 30, 39, 40)] == [0, 1, 1, 2]


def test_first_and_last_count_what_the_filters_left():
    """`during: baseline, first: 3` is the first three of the baseline; both keep what is among both."""
    made = [(0, 2, 100.0), (1, 0, 1.0), (2, 2, 100.0), (3, 0, 2.0), (4, 0, 4.0), (5, 0, 8.0), (6, 1, 100.0)]
    chart = chart_of([made])
    assert float(read(Observed(0, 1, during=(0,), first=3), chart, 50)[0]) == 7.0
    assert float(read(Observed(0, 1, during=(0,), last=3), chart, 50)[0]) == 14.0
    assert float(read(Observed(0, 1, during=(0,), first=3, last=2), chart, 50)[0]) == 4.0


class TestWhatIsNotObserved:
    """Entries, times and traits come from the chart as they stand."""

    def chart(self) -> Chart:
        chart = Chart.empty(3, 1, 2, 2)
        chart.traits[:] = [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
        chart.enter(np.array([0, 1]), 0, np.array([0, 5, 0]), False)
        chart.enter(np.array([0]), 1, np.array([7, 0, 0]), True)
        return chart

    def found(self, made_by: Entries | TimeSince | TraitSeen) -> list[float]:
        reader = Reader([Summary("x", made_by, NONE)])
        (found,) = reader.values([0], self.chart(), np.arange(3), np.array([10, 20, 30]))
        return list(map(float, found))

    def test_entries(self):
        """How often a state was entered; 0 for one never entered."""
        assert self.found(Entries(0)) == [1.0, 1.0, 0.0]
        assert self.found(Entries(1)) == [1.0, 0.0, 0.0]

    def test_time_since(self):
        """Minutes since the last entry, or enrolment; undefined before it."""
        np.testing.assert_array_equal(self.found(TimeSince(0)), [10.0, 15.0, np.nan])
        np.testing.assert_array_equal(self.found(TimeSince(None)), [3.0, np.nan, np.nan])

    def test_traits(self):
        """The column of the trait."""
        assert self.found(TraitSeen(1)) == [10.0, 20.0, 30.0]


@given(st.lists(lists, min_size=2, max_size=4))
def test_a_formula_has_the_same_bits_in_a_column(subjects):
    """1 - last / mean, as a rule would read it, undefined where the mean is 0 or nothing was seen."""
    slots = {"last": 0, "mean": 1}
    formula = Formula("1 - last / mean", compiled(parse("1 - last / mean"), {}, slots), (0, 1))
    reader = Reader(
        [Summary("last", Observed(2, 1), NONE), Summary("mean", Observed(1, 1), NONE), Summary("fall", formula, NONE)]
    )

    def falls(chart: Chart) -> list[float]:
        count = len(chart.count)
        found = reader.values([0, 1, 2], chart, np.arange(count), np.full(count, 50))[2]
        return list(map(float, np.atleast_1d(found)))

    for together, made in zip(falls(chart_of(subjects)), subjects, strict=True):
        (alone,) = falls(chart_of([made]))
        assert same(together, alone)
        values = [v for _, _, v in made]
        mean = in_order(values) / len(values) if values else 0.0
        assert same(alone, 1 - values[-1] / mean if mean else math.nan)


def test_what_is_not_wanted_is_not_computed():
    """Slots that nobody asked for are None."""
    reader = Reader([Summary("a", TraitSeen(0), NONE), Summary("b", TraitSeen(0), NONE)])
    assert reader.values([1], chart_of([[]]), np.arange(1), np.array([0]))[0] is None
