"""Crossing probabilities: against direct quadrature, simulation, published figures, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad
from scipy.special import ndtr
from scipy.stats import norm

from protocolsim.errors import UsageError
from protocolsim.sequential.boundaries import upper_bounds
from protocolsim.sequential.normal import probability_below, quantile
from protocolsim.sequential.recursion import bias, crossing, drift_for, expected, power

FIXED = norm.isf(0.025) + norm.isf(0.1)  # the drift that a trial without looks needs, .025 one-sided and power .9


def equal(looks):
    """Equally spaced information fractions."""
    return np.arange(1, looks + 1) / looks


def none(looks):
    return np.full(looks, np.nan)


@st.composite
def designs(draw):
    """Information, bounds of which some are missing, and a drift."""
    steps = np.array(draw(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=6)))
    t = np.cumsum(steps) / np.sum(steps)
    upper = np.array([draw(st.one_of(st.floats(-0.5, 4.0), st.just(np.nan))) for _ in t])
    gap = np.array([draw(st.one_of(st.floats(0.0, 4.0), st.just(np.nan))) for _ in t])
    lower = np.where(np.isnan(upper), 1.0, upper) - gap
    return t, lower, upper, draw(st.floats(-4.0, 4.0))


def by_quadrature(t, lower, upper, drift):
    """P(Z_1 .. Z_{K-1} between their bounds and Z_K above its own), K of 2 or 3, straight from the joint density."""
    root, step = np.sqrt(t), np.sqrt(np.diff(t, prepend=0.0))

    def score_bounds(k):
        return lower[k] * root[k], upper[k] * root[k]

    def increment(x, before, k):
        return norm.pdf(x - before, drift * step[k] ** 2, step[k])

    def last(before):
        k = len(t) - 1
        return norm.sf(upper[k] * root[k] - before, drift * step[k] ** 2, step[k])

    if len(t) == 2:
        return quad(lambda x: increment(x, 0.0, 0) * last(x), *score_bounds(0), epsabs=1e-12)[0]
    inner = score_bounds(1)
    whole = dblquad(
        lambda y, x: increment(x, 0.0, 0) * increment(y, x, 1) * last(y), *score_bounds(0), *inner, epsabs=1e-9
    )
    return whole[0]


def test_the_normal_distribution_is_scipys():
    """P(Z < x) and its inverse have a relative error below 1e-12 against SciPy's, in both tails."""
    x = np.linspace(-37.0, 9.0, 5001)
    assert np.max(np.abs(probability_below(x) / ndtr(x) - 1.0)) < 1e-12
    assert probability_below(np.array([[-np.inf, np.inf], [0.0, 50.0]])).tolist() == [[0.0, 1.0], [0.5, 1.0]]
    assert np.isnan(probability_below(np.nan))
    assert all(abs(quantile(p) - norm.ppf(p)) < 1e-12 for p in (1e-30, 1e-8, 0.025, 0.5, 0.9))


@pytest.mark.parametrize(
    ("t", "lower", "upper", "drift"),
    [
        ((0.5, 1.0), (-1.0, 0.0), (2.5, 1.9), 0.0),
        ((0.2, 1.0), (-3.0, 0.0), (2.0, 2.0), 2.8),
        ((0.9, 0.95), (-0.5, -0.5), (1.0, 1.1), 1.0),
        ((0.3, 0.6, 1.0), (-0.5, 0.5, 0.0), (3.0, 2.4, 2.0), 3.0),
        ((0.1, 0.7, 0.8), (-2.0, -1.0, 0.0), (1.0, 1.5, 1.2), -0.4),
    ],
)
def test_crossings_are_the_integral_of_the_joint_density(t, lower, upper, drift):
    """What crosses at the last look is the integral of the multivariate normal density over what went on."""
    t, lower, upper = np.array(t), np.array(lower), np.array(upper)
    found = crossing(t, lower, upper, drift)
    assert found.above[-1] == pytest.approx(by_quadrature(t, lower, upper, drift), abs=1e-9)
    assert found.above[0] == pytest.approx(norm.sf(upper[0] - drift * np.sqrt(t[0])), abs=1e-14)
    assert found.below[0] == pytest.approx(norm.cdf(lower[0] - drift * np.sqrt(t[0])), abs=1e-14)


def test_crossings_and_estimates_are_those_of_simulated_trials():
    """First crossings, expected information and bias by look agree with 400,000 simulated trials, within 5 errors."""
    t, drift, trials = np.array([0.2, 0.35, 0.7, 1.0]), 2.5, 400_000
    lower, upper = np.array([-1.0, 0.0, 0.8, np.nan]), np.array([np.nan, 2.8, 2.3, 2.0])
    rng = np.random.default_rng(18)
    steps = np.diff(t, prepend=0.0)
    z = np.cumsum(drift * steps + np.sqrt(steps) * rng.standard_normal((trials, 4)), axis=1) / np.sqrt(t)
    above, below = z >= upper, z <= lower
    ended = above | below
    ended[:, -1] = True
    look = np.argmax(ended, axis=1)
    mine = np.arange(trials), look
    found, errors = crossing(t, lower, upper, drift), bias(t, lower, upper, drift)
    estimate = z[mine] / np.sqrt(t[look]) - drift
    for k in range(4):
        here = look == k
        error = 5.0 * np.sqrt(0.25 / trials)
        assert np.mean(here & above[mine]) == pytest.approx(found.above[k], abs=error)
        assert np.mean(here & below[mine]) == pytest.approx(found.below[k], abs=error)
        spread = np.std(estimate[here]) / np.sqrt(np.sum(here))
        assert np.mean(estimate[here]) == pytest.approx(errors.at_look[k], abs=5.0 * spread)
    assert np.mean(estimate) == pytest.approx(errors.overall, abs=5.0 * np.std(estimate) / np.sqrt(trials))
    assert np.mean(t[look]) == pytest.approx(expected(t, lower, upper, drift), abs=5.0 * 0.4 / np.sqrt(trials))


@pytest.mark.parametrize(
    ("looks", "error"),
    [(1, 0.0500), (2, 0.0831), (3, 0.1073), (4, 0.1262), (5, 0.1417), (10, 0.1934), (20, 0.2479)],
)
def test_looks_without_correction_inflate_the_error(looks, error):
    """Two-sided .05 tested at every look: the table of Armitage, McPherson & Rowe 1969."""
    bound = np.full(looks, norm.isf(0.025))
    found = crossing(equal(looks), -bound, bound, 0.0)
    assert np.sum(found.above + found.below) == pytest.approx(error, abs=5.1e-5)


def test_one_sided_looks_without_correction():
    """One-sided .025 (a flat prior's posterior above .975) at five looks has error .0709."""
    assert power(equal(5), none(5), np.full(5, norm.isf(0.025)), 0.0) == pytest.approx(0.0709, abs=5e-5)


@pytest.mark.parametrize(("delta", "relative"), [(0.5, 0.081), (0.0, 0.077)])
def test_an_early_stop_exaggerates(delta, relative):
    """Two looks at the drift for power .9: the estimate is 8.1 % (Pocock), 7.7 % (OF) too large; unbiased at none."""
    t, upper = equal(2), upper_bounds("wang_tsiatis", delta, 0.025, equal(2), symmetric=True)
    drift = drift_for(0.9, t, -upper, upper)
    found = bias(t, -upper, upper, drift)
    assert found.overall / drift == pytest.approx(relative, abs=5e-4)
    assert found.at_look[0] > 0.0 > found.at_look[1]
    assert bias(t, -upper, upper, 0.0).overall == pytest.approx(0.0, abs=1e-12)
    # E[Z_1; stop] in closed form: m * P(stop) + pdf(u - m) - pdf(l - m).
    m = drift * np.sqrt(0.5)
    moment = m * (norm.sf(upper[0] - m) + norm.cdf(-upper[0] - m)) + norm.pdf(upper[0] - m) - norm.pdf(-upper[0] - m)
    assert crossing(t, -upper, upper, drift).z_stopped[0] == pytest.approx(moment, abs=1e-13)


def test_nonbinding_futility_costs_power_and_gains_size():
    """z < 0 at three of four looks (LDOF .025): alpha .02287 and power .8683 if obeyed; E(N) .997 -> .544 at H0."""
    t, upper = equal(4), upper_bounds("obrien_fleming", None, 0.025, equal(4))
    lower = np.array([0.0, 0.0, 0.0, np.nan])
    drift = drift_for(0.9, t, none(4), upper)
    assert power(t, none(4), upper, 0.0) == pytest.approx(0.025, abs=1e-10)
    assert power(t, lower, upper, 0.0) == pytest.approx(0.02287, abs=5e-6)
    assert power(t, lower, upper, drift) == pytest.approx(0.8683, abs=5e-5)
    assert expected(t, none(4), upper, 0.0) == pytest.approx(0.997, abs=5e-4)
    assert expected(t, lower, upper, 0.0) == pytest.approx(0.544, abs=5e-4)


@settings(max_examples=60)
@given(designs())
def test_every_trial_ends_once(design):
    """Probabilities lie between 0 and 1, and those of the ends add to 1; the estimates add to the drift by Wald."""
    t, lower, upper, drift = design
    found = crossing(t, lower, upper, drift)
    assert np.all(found.above >= 0.0)
    assert np.all(found.below >= 0.0)
    assert np.sum(found.stopped) == pytest.approx(1.0, abs=1e-11)
    # The score Z sqrt(t) less drift * t is a martingale: stopped, its mean is 0.
    assert np.sum(found.z_stopped * np.sqrt(t)) == pytest.approx(drift * np.sum(found.stopped * t), abs=1e-10)


@settings(max_examples=40)
@given(designs())
def test_the_other_sign_is_the_mirror_image(design):
    """Bounds and drift negated: what crossed above crosses below."""
    t, lower, upper, drift = design
    one, other = crossing(t, lower, upper, drift), crossing(t, -upper, -lower, -drift)
    assert np.allclose(one.above, other.below, rtol=0.0, atol=1e-12)
    assert np.allclose(one.z_above, -other.z_below, rtol=0.0, atol=1e-12)


@settings(max_examples=40)
@given(designs(), st.floats(0.1, 0.9), st.booleans())
def test_a_look_without_bounds_changes_nothing(design, where, far):
    """A look inserted without bounds, or with bounds that nobody reaches, leaves all other probabilities."""
    t, lower, upper, drift = design
    before = t[0] * where
    low, high = (-20.0, 20.0) if far else (np.nan, np.nan)
    with_it = crossing(np.r_[before, t], np.r_[low, lower], np.r_[high, upper], drift)
    without = crossing(t, lower, upper, drift)
    assert np.allclose(with_it.above[1:], without.above, rtol=0.0, atol=1e-11)
    assert np.allclose(with_it.below[1:], without.below, rtol=0.0, atol=1e-11)


@settings(max_examples=30)
@given(designs(), st.floats(0.2, 30.0))
def test_only_drift_times_root_information_counts(design, unit):
    """Information in another unit, and the drift per root of it, give the same probabilities."""
    t, lower, upper, drift = design
    one, other = crossing(t, lower, upper, drift), crossing(t * unit, lower, upper, drift / np.sqrt(unit))
    assert np.allclose(one.above, other.above, rtol=0.0, atol=1e-11)


@settings(max_examples=30)
@given(designs())
def test_power_rises_with_the_drift(design):
    """A larger drift crosses the upper bound more often."""
    t, lower, upper, drift = design
    assert power(t, lower, upper, drift) <= power(t, lower, upper, drift + 0.3) + 1e-12


def test_looks_that_make_no_design_are_refused():
    """Information that does not rise, bounds of another length, bounds that cross, a power nobody reaches."""
    one = np.ones(1)
    for t in (np.array([0.5, 0.5]), np.array([0.0, 1.0]), np.array([0.5, np.nan]), np.array([])):
        with pytest.raises(UsageError, match="each larger than the one before"):
            crossing(t, np.full(len(t), np.nan), np.full(len(t), np.nan), 0.0)
    with pytest.raises(UsageError, match="2 looks, but bounds for 1, 1"):
        crossing(equal(2), one, one, 0.0)
    with pytest.raises(UsageError, match="look 1: the lower bound, 2, lies above the upper, 1"):
        crossing(one, 2.0 * one, one, 0.0)
    with pytest.raises(UsageError, match="no drift"):
        drift_for(1.0, one, -one, one)
