"""Laws of the chart: what is noted stands there, in order, for that subject alone, however much there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.observed import Chart

SUBJECTS, VARIABLES = 4, 2

notes = st.lists(
    st.tuples(
        st.sets(st.integers(0, SUBJECTS - 1), min_size=1),
        st.integers(0, VARIABLES - 1),
        st.integers(0, 3),
        st.floats(-10, 10),
    ),
    max_size=30,
)


def noted(chart: Chart, subject: int, variable: int) -> list[tuple[int, int, float]]:
    """(minute, state, value) of what stands in the chart."""
    count = int(chart.count[subject, variable])
    columns = (chart.minute, chart.state, chart.value)
    return list(zip(*(c[subject, variable, :count].tolist() for c in columns), strict=True))


@given(notes, st.integers(1, 6))
def test_a_chart_holds_what_was_noted_in_order(made, repeats):
    """For each subject and variable exactly its own observations, in the order they were made."""
    chart = Chart.empty(SUBJECTS, VARIABLES, 3, 0)
    expected: dict[tuple[int, int], list[tuple[int, int, float]]] = {}
    for minute, (who, variable, state, value) in enumerate(made * repeats):
        rows = np.array(sorted(who), dtype=np.int64)
        now = np.arange(SUBJECTS) + 10 * minute
        values = np.stack([np.zeros(SUBJECTS), value + np.arange(SUBJECTS)], axis=1)
        chart.note(rows, variable, now, state, values[rows], 1)
        for subject in who:
            expected.setdefault((subject, variable), []).append((10 * minute + subject, state, value + subject))
    for subject in range(SUBJECTS):
        for variable in range(VARIABLES):
            assert noted(chart, subject, variable) == expected.get((subject, variable), [])


@pytest.mark.parametrize("count", [31, 32, 33, 64, 65, 200])
def test_a_chart_grows(count):
    """More observations than there was room for at first: nothing is lost, for those who have few either."""
    chart = Chart.empty(2, 2, 1, 0)
    both, one = np.array([0, 1]), np.array([1])
    chart.note(both, 1, np.array([5, 6]), 0, np.array([[0.5], [0.6]]), 0)
    for k in range(count):
        chart.note(one, 0, np.array([0, k]), 0, np.array([[float(k)]]), 0)
    assert noted(chart, 1, 0) == [(k, 0, float(k)) for k in range(count)]
    assert noted(chart, 0, 0) == []
    assert noted(chart, 0, 1) == [(5, 0, 0.5)]
    assert noted(chart, 1, 1) == [(6, 0, 0.6)]


def test_entries_are_counted_and_the_last_is_dated():
    """Entering a state adds one and sets its minute, for the subjects who enter; -1 before the first entry."""
    chart = Chart.empty(3, 1, 2, 0)
    chart.enter(np.array([0, 2]), 1, np.array([10, 11, 12]), False)
    chart.enter(np.array([2]), 1, np.array([20, 21, 22]), False)
    assert chart.entries.tolist() == [[0, 1], [0, 0], [0, 2]]
    assert chart.entered.tolist() == [[-1, 10], [-1, -1], [-1, 22]]
    assert chart.enrolled.tolist() == [-1, -1, -1]


def test_enrolment_is_the_first_entry_that_enrols():
    """A later entry of an enrolling state leaves the minute of enrolment as it is."""
    chart = Chart.empty(2, 1, 2, 0)
    chart.enter(np.array([0]), 0, np.array([0, 0]), True)
    chart.enter(np.array([0, 1]), 1, np.array([30, 31]), True)
    assert chart.enrolled.tolist() == [0, 31]


@pytest.mark.parametrize("full", [0, 1, 2])
def test_a_chart_grows_in_the_middle_of_a_note(full):
    """Where the room is too small for one of several, everybody's is noted once all the same."""
    chart = Chart.empty(3, 1, 1, 0)
    for k in range(32):
        chart.note(np.array([full]), 0, np.full(3, k), 0, np.full((1, 1), float(k)), 0)
    chart.note(np.arange(3), 0, np.full(3, 99), 0, np.array([[97.0], [98.0], [99.0]]), 0)
    for subject in range(3):
        before = [(k, 0, float(k)) for k in range(32)] if subject == full else []
        assert noted(chart, subject, 0) == [*before, (99, 0, 97.0 + subject)]
