"""Daclizumab: kinetics against an independent solution, effects and biomarkers against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from protocolsim.drug._daclizumab_effect import log_ratio_goal
from protocolsim.drug.daclizumab import COMPONENT as DACLIZUMAB
from tests.support.bodies import Bodies

NAME = "daclizumab"
ALIKE = {
    "clearance_cv": 0.0,
    "central_volume_cv": 0.0,
    "rate_ratio_log_sd": 0.0,
    "nk_max_expansion_cv": 0.0,
    "nk_baseline_log_sd": 0.0,
}
NIH_WEEKS = (0, 2, *range(6, 63, 4))


def _bodies(count: int, weight: Any = 80.0, **values: float) -> Bodies:
    return Bodies([DACLIZUMAB], count, values={NAME: values}, traits={"weight": weight})


def _hold(bodies: Bodies, concentration: float, weeks: int) -> None:
    """Keep the concentration where it is wanted: a week leaves both compartments as they are."""
    volume = bodies.field(NAME, "central_volume")
    bodies.field(NAME, "central")[:] = concentration * volume
    for number, value in enumerate((1.0, 0.0, 0.0, 1.0, 1.0 / volume, 0.0)):
        bodies.field(NAME, f"week_{number}")[:] = np.asarray(value)
    bodies.advance(weeks)


def test_kinetics_are_those_of_two_compartments():
    """After two infusions the amounts equal the matrix exponential of the two rate equations."""
    bodies = _bodies(1, 80.0, **ALIKE)
    cl, vc, vp, q = 0.36, 2.5, 3.4, 0.207
    rates = np.array([[-(cl + q) / vc, q / vp], [q / vc, -q / vp]])
    amounts = np.zeros(2)
    for week, until in ((0, 2), (2, 7.3)):
        bodies.give(NAME, 1.0)
        amounts = expm(rates * 7 * (until - week)) @ (amounts + np.array([80.0, 0.0]))
        bodies.advance(until)
    assert bodies.field(NAME, "central")[0] == pytest.approx(amounts[0], rel=1e-10)
    assert bodies.field(NAME, "peripheral")[0] == pytest.approx(amounts[1], rel=1e-10)
    assert bodies.field(NAME, "concentration")[0] == pytest.approx(amounts[0] / vc, rel=1e-10)


def test_terminal_half_life_at_80_kg_is_20_days():
    """Long after a dose the concentration halves in the label's 20.0 days."""
    bodies = _bodies(1, 80.0, **ALIKE)
    bodies.give(NAME, 1.0)
    bodies.advance(20)
    early = bodies.field(NAME, "concentration")[0]
    bodies.advance(30)
    assert 70 * np.log(2) / np.log(early / bodies.field(NAME, "concentration")[0]) == pytest.approx(20.0, abs=0.05)


def test_doses_add_up():
    """Kinetics are linear: a course of two doses is the sum of the two courses of one."""
    both, first, second = _bodies(3), _bodies(3), _bodies(3)
    for week, given in ((0, (both, first)), (3, (both, second))):
        for bodies in (both, first, second):
            bodies.advance(week)
        for bodies in given:
            bodies.give(NAME, 1.5)
    for bodies in (both, first, second):
        bodies.advance(11)
    total = first.field(NAME, "concentration") + second.field(NAME, "concentration")
    assert both.field(NAME, "concentration") == pytest.approx(total, rel=1e-12)


def test_effects_see_all_of_the_area_under_the_curve():
    """An effect that is linear and slow adds up the area under the curve, which is dose over clearance."""
    slow = {"effect_onset": 1e6, "half_effect_concentration": 1e6, "rate_ratio_log_sd": 0.0}
    bodies = _bodies(4, 80.0, **slow)
    bodies.give(NAME, 1.0)
    bodies.advance(200)
    area = bodies.field(NAME, "log_rate_ratio") * bodies.trait(NAME, "daclizumab_clearance")
    assert area == pytest.approx(np.full(4, area[0]), rel=1e-4)
    # On the reference regimen the median subject's average concentration is dose / (clearance x interval).
    interval_average = 72 / (0.36 * (72 / 80) ** 0.54 * 28)
    gained = np.log(0.42) / interval_average * (80 / (1e6 * 7))
    assert area[0] == pytest.approx(gained, rel=1e-3)


def test_troughs_on_the_nih_regimen():
    """1 mg/kg at weeks 0, 2, 6, ..., 62 gives troughs of 2.3 mg/L (5 to 95 %: 0.9 to 5.3)."""
    rng = np.random.default_rng(1)
    bodies = _bodies(20_000, weight=72 * np.exp(0.2 * rng.standard_normal(20_000)))
    for week in NIH_WEEKS:
        bodies.advance(week)
        trough = bodies.field(NAME, "concentration").copy()
        bodies.give(NAME, 1.0)
    low, median, high = np.percentile(trough, [5, 50, 95])
    assert (low, median, high) == (
        pytest.approx(0.9, abs=0.05),
        pytest.approx(2.3, abs=0.05),
        pytest.approx(5.3, abs=0.2),
    )


def test_pieces_of_seven_days_count_from_the_start_of_the_interval():
    """Stopping at multiples of 7 days on the way changes no bit; stopping in between does, a little."""
    whole, weekly, oddly = _bodies(5), _bodies(5), _bodies(5)
    for bodies, stops in ((whole, [9.5]), (weekly, [1, 3, 4, 9, 9.5]), (oddly, [0.4, 9.5])):
        bodies.give(NAME, 1.0)
        for week in stops:
            bodies.advance(week)
    assert whole.body.tobytes() == weekly.body.tobytes()
    assert whole.body.tobytes() != oddly.body.tobytes()
    assert oddly.field(NAME, "log_rate_ratio") == pytest.approx(whole.field(NAME, "log_rate_ratio"), abs=0.02)


def test_the_median_patient_reaches_the_median_ratio():
    """In steady state on 1 mg/kg every 4 weeks, a median subject's rate ratio before an infusion is 0.42."""
    bodies = _bodies(1, 72.0, **ALIKE)
    for week in range(0, 120, 4):
        bodies.advance(week)
        ratio = np.exp(bodies.field(NAME, "log_rate_ratio")[0])
        bodies.give(NAME, 1.0)
    assert ratio == pytest.approx(0.42, abs=1e-6)


def test_the_long_run_ratio_is_where_each_patient_ends():
    """The hidden trait equals the ratio that the same patient's own simulation settles at."""
    bodies = _bodies(50, weight=np.linspace(45, 120, 50))
    for week in range(0, 200, 4):
        bodies.advance(week)
        ratio = np.exp(bodies.field(NAME, "log_rate_ratio"))
        bodies.give(NAME, 1.0)
    # Beyond numerical error: slow eliminators are still approaching their steady state.
    assert ratio == pytest.approx(bodies.trait(NAME, "long_run_rate_ratio"), rel=1e-4)


def test_an_inert_drug_does_nothing():
    """With a median ratio of 1 and no spread the lesions' rate stays, whatever the concentration."""
    bodies = _bodies(3, median_rate_ratio=1.0, rate_ratio_log_sd=0.0)
    bodies.give(NAME, 2.0)
    bodies.advance(8)
    assert (bodies.field(NAME, "concentration") > 0.5).all()
    assert (bodies.field(NAME, "log_rate_ratio") == 0.0).all()


def test_without_a_dose_there_is_no_effect():
    """Before the first dose every effect is exactly absent, own deviation included."""
    bodies = _bodies(3)
    start = bodies.body.copy()
    bodies.advance(30)
    assert bodies.body.tobytes() == start.tobytes()


def test_the_effect_comes_with_its_time_constant():
    """At a constant concentration the log ratio is goal x (1 - exp(-t/6 weeks)), and doubles with Emax's saturation."""
    logs = {}
    for concentration, weeks in ((6.0, 3), (6.0, 60), (1e5, 60)):
        bodies = _bodies(1, 80.0, **ALIKE)
        _hold(bodies, concentration, weeks)
        logs[concentration, weeks] = bodies.field(NAME, "log_rate_ratio")[0]
    goal = logs[6.0, 60] / (1 - np.exp(-10))
    assert logs[6.0, 3] == pytest.approx(goal * (1 - np.exp(-0.5)), rel=1e-6)
    assert logs[1e5, 60] == pytest.approx(2 * logs[6.0, 60], rel=1e-3)


@pytest.mark.parametrize("steepness", [0.5, 1.0, 2.0, 4.44])
def test_the_effect_is_hills_curve(steepness: float):
    """At constant concentrations the settled effects are to each other as C^g / (6^g + C^g); half is at 6 mg/L."""
    settled = {}
    for concentration in (1.0, 3.0, 6.0, 20.0, 1e9):
        bodies = _bodies(1, 80.0, effect_steepness=steepness, **ALIKE)
        _hold(bodies, concentration, 200)
        settled[concentration] = bodies.field(NAME, "log_rate_ratio")[0]
    for concentration, effect in settled.items():
        share = concentration**steepness / (6.0**steepness + concentration**steepness)
        assert effect / settled[1e9] == pytest.approx(share, rel=1e-3), concentration


@pytest.mark.parametrize("steepness", [0.5, 2.0, 4.44])
def test_the_median_ratio_is_reached_at_any_steepness(steepness: float):
    """The anchor holds whatever the curve: before an infusion of the reference regimen the median ratio is as asked."""
    bodies = _bodies(1, 72.0, effect_steepness=steepness, median_rate_ratio=0.5, **ALIKE)
    for week in range(0, 160, 4):
        bodies.advance(week)
        ratio = np.exp(bodies.field(NAME, "log_rate_ratio")[0])
        bodies.give(NAME, 1.0)
    assert ratio == pytest.approx(0.5, abs=1e-5)
    assert bodies.trait(NAME, "long_run_rate_ratio")[0] == pytest.approx(0.5, abs=1e-5)


def test_at_a_steepness_of_one_nothing_is_bent():
    """A steepness of 1 gives plain saturation to the last bit; the next number above it is a power, and nearly that."""
    whole = {}
    for steepness in (1.0, 1.0 + 2**-52):
        bodies = _bodies(20, effect_steepness=steepness)
        for week in (0, 2, 6, 10):
            bodies.advance(week)
            bodies.give(NAME, 1.0)
        whole[steepness] = bodies.field(NAME, "log_rate_ratio").copy()
    plain = [log_ratio_goal(-2.0, 6.0, 1.0, 1.0, c, 0.3) for c in (0.1, 2.0, 9.0)]
    assert plain == [-2.0 * (c / (6.0 + c)) + 0.3 * min(1.0, c) for c in (0.1, 2.0, 9.0)]
    assert whole[1.0] == pytest.approx(whole[1.0 + 2**-52], rel=1e-12)


@pytest.mark.parametrize(("concentration", "ratio"), [(20.0, 5.15), (22.8, 5.41)])
def test_nk_cells_reach_the_published_plateau(concentration: float, ratio: float):
    """At average concentrations of 20 to 22.8 mg/L, CD56bright NK cells settle about 5.2 times above baseline."""
    bodies = _bodies(1, 80.0, **ALIKE)
    _hold(bodies, concentration, 100)
    assert bodies.field(NAME, "nk_cd56bright")[0] / 0.006 == pytest.approx(ratio, abs=0.01)


def test_nk_cells_turn_over_with_a_half_life_of_42_days():
    """Half of the way to the plateau is done after 42 days at a constant concentration."""
    bodies = _bodies(1, 80.0, **ALIKE)
    _hold(bodies, 18.0, 6)
    done = (bodies.field(NAME, "nk_cd56bright")[0] / 0.006 - 1) / (7.89 / 2)
    assert done == pytest.approx(0.5, abs=0.002)


def test_cd8_cells_fall_as_published_and_recover():
    """At 22.8 mg/L CD8 cells are down by 9.3 % at 96 weeks, most of it by week 24, and back 12 weeks after."""
    bodies = _bodies(1, 80.0, **ALIKE)
    _hold(bodies, 22.8, 24)
    assert 1 - bodies.field(NAME, "cd8")[0] > 0.9 * 0.093
    bodies.advance(96)
    assert 1 - bodies.field(NAME, "cd8")[0] == pytest.approx(0.093, rel=1e-4)
    bodies.field(NAME, "central")[:] = bodies.field(NAME, "peripheral")[:] = 0.0
    bodies.advance(108)
    assert 1 - bodies.field(NAME, "cd8")[0] < 0.1 * 0.093


def test_nk_expansion_goes_with_response():
    """Log expansion and the log rate ratio correlate with r = -0.4 between patients of one exposure."""
    bodies = _bodies(40_000, clearance_cv=0.0, central_volume_cv=0.0)
    logs = np.log([bodies.trait(NAME, "nk_max_expansion"), bodies.trait(NAME, "long_run_rate_ratio")])
    assert np.corrcoef(logs)[0, 1] == pytest.approx(-0.4, abs=0.02)
    assert np.median(bodies.trait(NAME, "nk_max_expansion")) == pytest.approx(7.89, rel=0.02)
    assert np.median(bodies.trait(NAME, "long_run_rate_ratio")) == pytest.approx(0.42, rel=0.06)
    assert logs[1].std() == pytest.approx(0.8, rel=0.02)


def test_measurements_are_right_on_average():
    """Measured lymphocytes have the truth as their mean, and the stated coefficient of variation."""
    bodies = _bodies(40_000)
    bodies.give(NAME, 1.0)
    bodies.advance(8)
    value, truth = bodies.observe("lymphocytes", 1)
    for name, cv in (("nk_cd56bright", 0.29), ("cd8", 0.10)):
        error = value[name] / truth[name]
        assert error.mean() == pytest.approx(1.0, abs=4 * cv / 200)
        assert error.std() == pytest.approx(cv, rel=0.03)
    again, _ = bodies.observe("lymphocytes", 2)
    assert (again["cd8"] != value["cd8"]).all()


def _rates() -> list[Any]:
    rates = [h.rate for h in DACLIZUMAB.hazards]
    assert None not in rates
    return rates


def test_adverse_events_are_as_frequent_as_in_the_trial():
    """Over 15.5 four-week months, 2 of 15 (13 %) stop and 5 of 15 have any adverse effect, at any dose."""
    constants = DACLIZUMAB.constants(DACLIZUMAB.defaults())
    minutes = 62 * 7 * 24 * 60
    severe, other = (rate(constants, 1.0) * minutes for rate in _rates())
    assert [h.event for h in DACLIZUMAB.hazards] == ["severe adverse event", "adverse event"]
    assert 1 - np.exp(-severe) == pytest.approx(2 / 15, abs=0.005)
    assert 1 - np.exp(-severe - other) == pytest.approx(5 / 15, abs=1e-3)
    assert _rates()[0](constants, 2.0) * minutes == severe


def test_the_dose_exponent_acts_on_both_hazards():
    """With an exponent of 1, twice the dose brings twice the events."""
    constants = DACLIZUMAB.constants({**DACLIZUMAB.defaults(), "adverse_event_dose_exponent": 1.0})
    for rate in _rates():
        assert rate(constants, 2.0) == pytest.approx(2 * rate(constants, 1.0), rel=1e-12)


def test_a_dose_is_by_body_weight():
    """1.5 mg/kg is 120 mg at 80 kg, all of it in the central compartment at once."""
    bodies = _bodies(2, weight=[80.0, 50.0])
    assert bodies.give(NAME, 1.5).tolist() == [120.0, 75.0]
    assert bodies.field(NAME, "central").tolist() == [120.0, 75.0]
