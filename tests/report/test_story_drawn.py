"""What a story draws and says: axes at round numbers, numbers with room, settings in words, patients by number."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocolsim
from protocolsim.errors import ScenarioError
from protocolsim.report.patient.decision_text import digits
from protocolsim.report.patient.story import patient_named
from protocolsim.report.story.figures import DotSource, ValueBar, _apart, _round_values, trial_dots, trial_lanes
from protocolsim.report.story.settings_said import said_settings
from protocolsim.report.story.summary import told
from protocolsim.report.style.numbers import with_error
from protocolsim.scenario.load import load, load_text
from protocolsim.study.story_runs import StoryRuns, changed_scenario

NONE = {"daclizumab.median_rate_ratio": 1, "daclizumab.rate_ratio_log_sd": 0}


@given(low=st.integers(-500, 500), wide=st.integers(1, 1000), size=st.sampled_from([0.01, 0.1, 1.0, 10.0]))
def test_an_axis_is_marked_at_few_round_numbers(low: int, wide: int, size: float):
    """Two to six of them on the axis, at even steps, each of two digits at most behind its sign and size."""
    first, last = low * size, (low + wide) * size
    found = _round_values(first, last)
    slack = 1e-6 * (last - first)
    assert 2 <= len(found) <= 6
    assert all(first - slack <= at <= last + slack for at in found)
    steps = {round((b - a) / (last - first), 6) for a, b in pairwise(found)}
    assert len(steps) == 1


def test_a_share_is_marked_at_quarters_and_a_part_of_it_at_tens():
    """The whole has five marks as before; from 50 to 100 % there are no eighths, and none at -5 %."""
    assert _round_values(0.0, 100.0) == [0.0, 25.0, 50.0, 75.0, 100.0]
    assert _round_values(50.0, 100.0) == [50.0, 60.0, 70.0, 80.0, 90.0, 100.0]
    assert _round_values(-40.0, 100.0) == [0.0, 50.0, 100.0]


def left(bar: ValueBar) -> float:
    """Where the number over a bar begins."""
    return bar.x - {"start": 0.0, "middle": 1.0, "end": 2.0}[bar.anchor] * len(bar.words)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.sampled_from(["", "7", "42", "242"])), max_size=40))
def test_numbers_over_bars_do_not_meet(placed: list[tuple[float, str]]):
    """Every bar stays; the first number stays; no two that stay come closer than their letters are wide."""
    bars = [ValueBar(x, 0.5, words) for x, words in sorted(placed)]
    kept = _apart(bars)
    assert [bar.x for bar in kept] == [bar.x for bar in bars]
    said = [bar for bar in kept if bar.words]
    ends = [(left(bar), left(bar) + 2.0 * len(bar.words)) for bar in said]
    assert all(b[0] >= a[1] - 1e-9 for a, b in pairwise(ends))
    named = [bar for bar in bars if bar.words]
    assert said[:1] == named[:1]


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [(83.8, 0.96, "84 ± 1"), (83.8, 0.94, "83.8 ± 0.9"), (0.534, 0.0098, "0.53 ± 0.01"), (36.0, 9.6, "36 ± 10")],
)
def test_an_error_has_one_digit(value: float, error: float, said: str):
    """Rounded first: 0.96 is 1, and what it belongs to has no digit behind the point either."""
    assert with_error(value, error) == said


def test_large_numbers_are_read_without_exponents():
    """A viral load has thousands; what a rule compares keeps the digits that tell it from its bound."""
    assert digits(1_234_567.0) == "1,235,000"
    assert digits(9_999.6) == "10,000"
    assert digits(0.9996) == "0.9996"
    assert digits(0.0059071, 3) == "0.00591"


def test_settings_are_said_in_words():
    """Labels of parameters, patients by their number, and no effect as what it is."""
    scenario = load("ms_regression_to_the_mean")
    selected = {"eligible_cels": 0, "referral_excess": "0 %"}
    assert said_settings(scenario, changed_scenario(scenario, {"eligible_cels": 0}), selected).startswith(
        "With eligible CELs 0, "
    )
    own = load("ms_daclizumab")
    many = {"cohort.size": 60}
    assert said_settings(own, changed_scenario(own, many), many) == "With 60 patients"
    assert said_settings(own, changed_scenario(own, NONE), NONE) == "Without the effect"
    both = {**NONE, "response_threshold": "50 %"}
    assert said_settings(own, changed_scenario(own, both), both) == "Without the effect, with response threshold 50 %"


STORY = """
extends: ms_daclizumab
story:
  - heading: Another rule
    question: "And at 50 %?"
    predict: {slider: [0 %, 100 %]}
    answer: set.assigned_monotherapy
    picture: rule
    set: {response_threshold: 50 %}
    called: At one half
    sentence: "{set.assigned_monotherapy}."
  - heading: One patient
    question: "Which way?"
    predict: {choice: {alone: monotherapy, both: dose_doubled}}
    picture: patient
    patient: NUMBER
    sentence: "This way."
"""


def test_equal_trials_are_a_pile_on_the_line_of_all():
    """Where every trial gives the same, the dots stand there, and not in the middle of a bin, and can be seen."""
    made = protocolsim.run("amd_treat_and_extend", replicates=20)
    dots = trial_dots([DotSource("Monthly", made, "ranibizumab_monthly", own=True)], (0.0, 14.0))
    assert dots is not None
    (row,) = dots.rows
    assert {round(x, 9) for x, _ in row.dots} == {round(row.mean, 9)}
    assert row.radius >= 2.0


def test_beside_a_change_the_trial_is_as_it_is():
    """The title of the file is no name for the trial of which a step changes something."""
    dots = told(StoryRuns(load("arrest_ecmo"), replicates=4), "s").steps[4].dots
    assert dots is not None
    assert [row.label for row in dots.rows] == ["ECMO adds 10 points", "The trial as it is"]


def test_discs_leave_lanes_to_be_seen_on_a_telephone():
    """Where eyes are seen every four weeks for two years, discs do not meet; where once, they are large."""
    lanes = trial_lanes(protocolsim.run("amd_treat_and_extend", replicates=1))
    often = next(lane for lane in lanes.lanes if len(lane.marks) > 20)
    apart = sorted(b.x - a.x for a, b in pairwise(often.marks))[len(often.marks) // 2] * 3.4
    assert 4.0 < max(mark.radius for mark in often.marks) <= apart / 2
    seldom = trial_lanes(protocolsim.run("arrest_ecmo", replicates=1))
    assert max(mark.radius for lane in seldom.lanes for mark in lane.marks) == pytest.approx(7.0)


def test_a_legend_has_what_is_seen():
    """A stay of ten minutes among weeks has no colour on a lane, and none in its key."""
    lanes = trial_lanes(protocolsim.run("arrest_ecmo", replicates=1))
    assert [state for _, state in lanes.legend] == ["Early ECMO", "Standard life support"]


def test_a_patient_has_the_number_of_the_trace_and_a_step_its_own_name():
    """The story, the trace and the page call one patient alike; another number is refused with those that there are."""
    scenario = load_text(STORY.replace("NUMBER", "5"), "own.yaml")
    rule, patient = told(StoryRuns(scenario, replicates=2), "s").steps
    assert patient.picture.title.startswith(f"{patient_named(5, 0)}: ")
    assert protocolsim.trace(scenario, 5).text.startswith(f"{patient_named(5, 0)}: ")
    assert rule.dots is not None
    assert next(row.label for row in rule.dots.rows) == "At one half"
    assert "the threshold set here, 50 % (the scenario's own is 75 %)" in rule.picture.caption
    other = load_text(STORY.replace("NUMBER", "2"), "own.yaml")
    with pytest.raises(ScenarioError, match="no patient 2 in trial 0; the first enrolled are 1, 5"):
        told(StoryRuns(other, replicates=2), "s")
