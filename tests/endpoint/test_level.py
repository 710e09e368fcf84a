"""Levels: each reading against NumPy, which assessment counts, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from protocolsim.endpoint.level import Level
from protocolsim.endpoint.subjects.population import populations
from protocolsim.errors import UsageError
from tests.endpoint.test_endpoint import Course, made_records, minutes, value_of

# Enrolled at week 12; week 20 of the study is week 8 since enrolment.
COURSES = [
    Course(seen=(("baseline", 8, 9.0), ("treated", 16, 2.0), ("treated", 20, 5.0), ("treated", 24, 8.0))),
    Course(seen=(("treated", 16, 4.0), ("treated", 20, None), ("treated", 21, 1.0))),
    Course(seen=(("treated", 19, 3.0), ("treated", 21, 7.0))),
    Course(path=(("baseline", 0), ("treated", 12), ("withdrawn", 17)), seen=(("treated", 16, 6.0),)),
    Course(seen=(("treated", 16, None), ("treated", 20, None))),
    Course(path=(("baseline", 0), ("screen_failure", 8)), seen=(("baseline", 0, 50.0),)),
]
AT_WEEK_8 = [5.0, 1.0, 3.0]


def a_level(**asked: Any) -> Level:
    return Level(**({"name": "l", "label": "L", "variable": "count"} | asked))


def value(**asked: Any) -> float:
    return value_of(a_level(**asked), made_records([COURSES]))


def test_at_a_visit_it_is_the_nearest_within_the_window():
    """A missed visit is replaced by one near enough; of two as near the earlier counts; who has none is left out."""
    records = made_records([COURSES])
    own = a_level(at=minutes(8)).own_values(records, populations(records, {}))
    assert own[:3].tolist() == AT_WEEK_8
    assert np.isnan(own[3:]).all()
    narrow = a_level(at=minutes(8), window=0).own_values(records, populations(records, {}))
    assert narrow[0] == 5.0
    assert np.isnan(narrow[1:]).all()


def test_readings_are_numpys():
    """Mean, SD with n - 1, median and share of the subjects' own values."""
    assert value(at=minutes(8)) == np.mean(AT_WEEK_8)
    assert value(at=minutes(8), reading="sd") == pytest.approx(np.std(AT_WEEK_8, ddof=1))
    assert value(at=minutes(8), reading="median") == np.median(AT_WEEK_8)
    assert value(at=minutes(8), reading="share", at_most=3) == 2 / 3
    assert value(at=minutes(8), reading="share", at_least=3, at_most=4) == 1 / 3


def test_during_states_each_subject_counts_with_the_mean():
    """Without a time it is the mean of the subjects' means; who withdrew counts with what was seen."""
    assert value(during=("treated",)) == pytest.approx(np.mean([5.0, 2.5, 5.0, 6.0]))
    assert value(during=("treated",), at=minutes(-4), window=minutes(1)) != value(during=("baseline",))
    assert value(during=("baseline",), at=minutes(-4)) == 9.0


def test_the_sd_of_many_trials_is_that_of_all_their_subjects():
    """Sums of squares are added over trials, not standard deviations."""
    rng = np.random.default_rng(3)
    drawn = rng.normal(3.0, 2.0, (5, 8))
    records = made_records([[Course(seen=(("treated", 20, float(v)),)) for v in trial] for trial in drawn])
    assert value_of(a_level(at=minutes(8), reading="sd"), records) == pytest.approx(drawn.std(ddof=1), rel=1e-6)


def test_one_subject_has_no_sd():
    """A single value has no standard deviation, and equal values have one of zero."""
    records = made_records([COURSES[:1]])
    assert np.isnan(value_of(a_level(at=minutes(8), reading="sd"), records))
    records = made_records([[COURSES[0], COURSES[0]]])
    assert value_of(a_level(at=minutes(8), reading="sd"), records) == 0.0


def test_a_level_is_in_what_its_variable_is_counted_in():
    """Points unless the file says otherwise; a share is in per cent."""
    assert a_level(at=1).unit == "points"
    assert a_level(at=1, counted_in="letters").unit == "letters"
    assert a_level(at=1, counted_in="letters", reading="share", at_most=2.0).unit == "%"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "a level needs `at`"),
        ({"at": 1, "reading": "share"}, "without either it is always 100 %"),
        ({"at": 1, "at_most": 2.0}, "bounds are of `reading: share`"),
        ({"at": 1, "window": -1}, "the window is below 0"),
    ],
)
def test_what_makes_no_level(asked, said):
    """A level without a place in time, and bounds that do not go with the reading, are refused."""
    with pytest.raises(UsageError, match=said):
        a_level(**asked)
