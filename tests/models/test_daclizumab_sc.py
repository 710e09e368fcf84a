"""Subcutaneous daclizumab: absorption against another solution, published exposures, one curve for both routes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm

from protocolsim.drug.daclizumab import COMPONENT as INTRAVENOUS
from protocolsim.drug.daclizumab import MODEL as INTRAVENOUS_MODEL
from protocolsim.drug.daclizumab_sc import COMPONENT as SUBCUTANEOUS
from protocolsim.drug.daclizumab_sc import MODEL
from protocolsim.kinetics import absorbed, two_rates
from tests.support.bodies import Bodies

NAME = "daclizumab_sc"
ALIKE = dict.fromkeys(
    ("clearance_cv", "central_volume_cv", "absorption_cv", "rate_ratio_log_sd", "nk_max_expansion_cv",
     "nk_baseline_log_sd"), 0.0,
)  # fmt: skip
CL, VC, VP, Q, KA, LAG = 0.215, 3.89, 2.52, 1.056, 0.216, 2 / 24
RATES = np.array([[-KA, 0, 0], [KA, -(CL + Q) / VC, Q / VP], [0, Q / VC, -Q / VP]])
AMOUNTS = ("depot", "central", "peripheral")


def _bodies(count: int, weight: Any = 70.0, **values: float) -> Bodies:
    return Bodies([SUBCUTANEOUS], count, values={NAME: values}, traits={"weight": weight})


def _amounts(bodies: Bodies) -> np.ndarray:
    return np.array([bodies.field(NAME, name) for name in AMOUNTS])


def test_absorption_is_that_of_three_compartments():
    """Two injections of 150 mg, with their lags, leave the amounts that the matrix exponential gives."""
    bodies, amounts = _bodies(1, **ALIKE), np.zeros(3)
    for since, until in ((0, 2), (2, 7.3)):
        assert bodies.give(NAME, 150.0, per_weight=False).tolist() == [150.0]
        amounts = expm(RATES * LAG) @ amounts
        amounts = expm(RATES * (7 * (until - since) - LAG)) @ (amounts + np.array([150 * 0.84, 0, 0]))
        bodies.advance(until)
    assert _amounts(bodies)[:, 0] == pytest.approx(amounts, rel=1e-9)
    assert bodies.field(NAME, "concentration")[0] == pytest.approx(amounts[1] / VC, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 60 * 24 * 50), min_size=1, max_size=6, unique=True).map(sorted))
def test_no_split_of_an_interval_changes_the_amounts(stops):
    """Wherever an interval is cut, inside the lag too, drug that waits, lies in the depot or moves is the same."""
    whole, cut = _bodies(3), _bodies(3)
    for bodies in (whole, cut):
        bodies.give(NAME, 2.0)
    for minute in stops[:-1]:
        cut.advance(minute / (7 * 24 * 60))
    for bodies in (whole, cut):
        bodies.advance(stops[-1] / (7 * 24 * 60))
    assert _amounts(cut) == pytest.approx(_amounts(whole), rel=1e-9, abs=1e-12)
    assert (cut.field(NAME, "waiting") == whole.field(NAME, "waiting")).all()


@pytest.mark.parametrize("rate", [0.02, 0.216, 3.0])
@pytest.mark.parametrize("days", [1 / 1440, 1.0, 7.0, 60.0])
def test_the_average_is_the_area_by_quadrature(rate, days):
    """What a depot adds to an interval's average concentration is the integral of the concentration over its length."""
    to, back = Q / VC, Q / VP
    fast, slow = two_rates(CL / VC, to, back)

    def concentration(day: float) -> float:
        return absorbed(rate, to, back, fast, slow, CL, day)[1] / VC if day > 0.0 else 0.0

    area = quad(concentration, 0.0, days, epsabs=0.0, epsrel=1e-11, limit=200)[0]
    assert absorbed(rate, to, back, fast, slow, CL, days)[3] == pytest.approx(area / days, rel=1e-5)


def test_a_rate_of_absorption_that_is_one_of_the_body_is_no_exception():
    """Where absorption is as fast as an exponential of the kinetics, the closed form goes over without a jump."""
    to, back = Q / VC, Q / VP
    rates = two_rates(CL / VC, to, back)
    for rate in rates:
        at, near = (np.array(absorbed(r, to, back, *rates, CL, 5.0)) for r in (rate, rate * (1 + 1e-9)))
        assert np.isfinite(at).all()
        assert near == pytest.approx(at, rel=1e-7)


def test_published_exposure_on_150_mg_every_four_weeks():
    """On 150 mg every 4 weeks the means of patients are near Cmax 29.1, Cmin 14.9 and AUC 638 (mg/L, mg d/L)."""
    rng = np.random.default_rng(1)
    bodies = _bodies(4_000, weight=72 * np.exp(0.2 * rng.standard_normal(4_000)))
    for week in range(0, 48, 4):
        bodies.advance(week)
        bodies.give(NAME, 150.0, per_weight=False)
    cmax, area = np.zeros(4_000), np.zeros(4_000)
    for day in range(1, 29):
        before = bodies.field(NAME, "concentration").copy()
        bodies.advance(44 + day / 7)
        now = bodies.field(NAME, "concentration")
        cmax, area = np.maximum(cmax, now), area + (before + now) / 2
    assert cmax.mean() == pytest.approx(29.1, rel=0.12)
    assert now.mean() == pytest.approx(14.9, rel=0.05)
    assert area.mean() == pytest.approx(638, rel=0.08)


def test_accumulation_is_what_the_half_life_allows():
    """Troughs on a dose every 4 weeks rise 1.7-fold, not 2.5-fold as published, which takes a half-life of 38 days."""
    trough = {}
    bodies = _bodies(1, **ALIKE)
    for week in range(0, 100, 4):
        bodies.advance(week)
        trough[week] = bodies.field(NAME, "concentration")[0]
        bodies.give(NAME, 150.0, per_weight=False)
    slow = bodies.field(NAME, "slow_rate")[0]
    assert trough[96] / trough[4] == pytest.approx(1 / (1 - np.exp(-slow * 28)), rel=0.05)
    assert trough[96] / trough[4] == pytest.approx(1.7, abs=0.05)


def test_half_life_is_three_weeks():
    """Long after a dose the concentration of a patient of 70 kg halves in 21 to 25 days."""
    bodies = _bodies(1, **ALIKE)
    bodies.give(NAME, 150.0, per_weight=False)
    bodies.advance(20)
    early = bodies.field(NAME, "concentration")[0]
    bodies.advance(30)
    assert 21 <= 70 * np.log(2) / np.log(early / bodies.field(NAME, "concentration")[0]) <= 25


def test_all_that_is_absorbed_is_cleared():
    """The area under the concentration is the absorbed share of the dose over clearance: 84 %, of 50 mg 57 %."""
    for dose, share in ((150.0, 0.84), (100.0, 0.84), (75.0, 0.705), (50.0, 0.57), (20.0, 0.57)):
        bodies, area = _bodies(1, **ALIKE), 0.0
        bodies.give(NAME, dose, per_weight=False)
        assert bodies.field(NAME, "waiting")[0] == pytest.approx(share * dose, rel=1e-12)
        for half_day in range(1, 800):
            before = bodies.field(NAME, "concentration")[0]
            bodies.advance(half_day / 14)
            area += (before + bodies.field(NAME, "concentration")[0]) / 4
        assert area == pytest.approx(share * dose / CL, rel=2e-3)


def test_nothing_is_absorbed_before_the_lag():
    """An hour after an injection all of it waits; three hours after, absorption has gone on for one."""
    bodies = _bodies(2, weight=[70.0, 100.0], **ALIKE)
    assert bodies.give(NAME, 2.0).tolist() == [140.0, 200.0]
    bodies.advance(1 / 168)
    assert (_amounts(bodies) == 0.0).all()
    bodies.advance(3 / 168)
    assert bodies.field(NAME, "depot") == pytest.approx(np.array([140, 200]) * 0.84 * np.exp(-0.009), rel=1e-9)
    assert (bodies.field(NAME, "waiting") == 0.0).all()


def test_a_second_dose_within_the_lag_goes_with_the_first():
    """Two injections an hour apart begin to be absorbed together, and nothing of either is lost."""
    bodies = _bodies(1, **ALIKE)
    bodies.give(NAME, 150.0, per_weight=False)
    bodies.advance(1 / 168)
    bodies.give(NAME, 150.0, per_weight=False)
    bodies.advance(2 / 168 + 1e-9)
    assert bodies.field(NAME, "waiting")[0] == pytest.approx(300 * 0.84)
    bodies.advance(3 / 168)
    assert bodies.field(NAME, "depot")[0] == pytest.approx(300 * 0.84 * np.exp(-0.009), rel=1e-9)


def test_the_median_patient_reaches_the_median_ratio():
    """In steady state on 1 mg/kg every 4 weeks, a median patient's rate ratio before an injection is 0.34."""
    bodies = _bodies(1, 72.0, **ALIKE)
    for week in range(0, 160, 4):
        bodies.advance(week)
        ratio = np.exp(bodies.field(NAME, "log_rate_ratio")[0])
        bodies.give(NAME, 1.0)
    assert ratio == pytest.approx(0.34, abs=1e-6)


def test_the_long_run_ratio_is_where_each_patient_ends():
    """The hidden trait equals the ratio that the same patient's own simulation settles at."""
    bodies = _bodies(40, weight=np.linspace(45, 120, 40))
    for week in range(0, 400, 4):
        bodies.advance(week)
        ratio = np.exp(bodies.field(NAME, "log_rate_ratio"))
        bodies.give(NAME, 1.0)
    assert ratio == pytest.approx(bodies.trait(NAME, "long_run_rate_ratio"), rel=1e-4)


def test_one_curve_of_concentration_serves_both_routes():
    """At the defaults the greatest effects of both routes agree within a hundredth, and so do all they share."""
    under_skin = SUBCUTANEOUS.constants(SUBCUTANEOUS.defaults())[MODEL.constant.full_effect]
    by_vein = INTRAVENOUS.constants(INTRAVENOUS.defaults())[INTRAVENOUS_MODEL.constant.full_effect]
    assert under_skin == pytest.approx(by_vein, rel=0.01)
    own = {p.name: p for p in SUBCUTANEOUS.parameters}
    for p in INTRAVENOUS.parameters:
        if p.name.startswith(("nk_", "cd8_", "effect_", "half_", "on_drug", "rate_ratio")):
            assert own[p.name] == p


def test_cells_and_events_are_those_of_the_antibody():
    """NK cells reach about 5.2 times baseline on 150 mg every 4 weeks; events do not ask for the dose."""
    bodies = _bodies(1, **ALIKE)
    for week in range(0, 100, 4):
        bodies.advance(week)
        bodies.give(NAME, 150.0, per_weight=False)
    assert bodies.field(NAME, "nk_cd56bright")[0] / 0.006 == pytest.approx(5.2, rel=0.05)
    constants = SUBCUTANEOUS.constants(SUBCUTANEOUS.defaults())
    for hazard in SUBCUTANEOUS.hazards:
        assert hazard.rate is not None
        assert hazard.rate(constants, 0.0) == 0.0
        assert hazard.rate(constants, 150.0) == hazard.rate(constants, 1.0) > 0.0


def test_quick_absorbers_clear_slowly():
    """The logs of absorption and clearance correlate by -0.72 between patients of one weight."""
    bodies = _bodies(40_000)
    logs = np.log([bodies.trait(NAME, "daclizumab_absorption"), bodies.trait(NAME, "daclizumab_clearance")])
    assert np.corrcoef(logs)[0, 1] == pytest.approx(-0.72, abs=0.02)
    assert np.exp(np.median(logs[0])) == pytest.approx(KA, rel=0.02)
