"""Approximate Bayesian computation against posteriors that are known in closed form, and whether it believes itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import beta, norm, qmc

from protocolsim.study.calibration.abc_posterior import COVERAGE_BOUNDS, Coverage, Posterior, Table, coverage


def binomial_table(points: int = 512, trials: int = 40, patients: int = 20, idle: int = 0) -> Table:
    """Points of a uniform prior, and shares of so many patients; `idle` more parameters do nothing."""
    u = qmc.Sobol(1 + idle, seed=np.random.default_rng(3)).random(points)
    rng = np.random.default_rng(4)
    shares = rng.binomial(patients, u[:, :1, None], (points, trials, 1)) / patients
    return Table(u, shares)


@dataclasses.dataclass(frozen=True)
class Drawn(Table):
    """A table whose fits are drawn together (below 1) or apart."""

    factor: float = 1.0

    def fit(self, observed, *, leave_out=None, scale=None):
        found = super().fit(observed, leave_out=leave_out, scale=scale)
        return dataclasses.replace(found, positions=found.mean + self.factor * (found.positions - found.mean))


@pytest.mark.parametrize("k", [2, 9, 17])
def test_a_share_has_its_beta_posterior(k):
    """Of k among 20 with a uniform prior, mean, spread and quantiles are those of Beta(k + 1, 21 - k)."""
    known = beta(k + 1, 21 - k)
    found = binomial_table().fit(np.array([k / 20]))
    assert found.mean[0] == pytest.approx(known.mean(), abs=0.02)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(known.std(), abs=0.015)
    assert found.quantiles((0.05, 0.5, 0.95))[:, 0] == pytest.approx(known.ppf([0.05, 0.5, 0.95]), abs=0.04)
    assert found.below(np.array([known.median()]))[0] == pytest.approx(0.5, abs=0.06)


def test_what_the_data_do_not_touch_is_not_identified():
    """A parameter that does nothing keeps its prior; the other's spread falls to that of its Beta posterior."""
    found = binomial_table(idle=1).fit(np.array([0.45]))
    assert found.sd_ratio[1] == pytest.approx(1.0, abs=0.08)
    assert found.sd_ratio[0] == pytest.approx(beta(10, 12).std() * np.sqrt(12), abs=0.06)
    assert abs(found.correlation[0, 1]) < 0.15


def test_only_a_sum_is_known():
    """Where data see only the sum of two parameters, the posterior knows that and sets the two against each other."""
    u = qmc.Sobol(2, seed=np.random.default_rng(5)).random(1024)
    noise = np.random.default_rng(6).normal(0.0, 0.05, (1024, 20, 1))
    found = Table(u, u.sum(axis=1)[:, None, None] + noise).fit(np.array([1.0]))
    assert found.correlation[0, 1] < -0.9
    total = found.positions.sum(axis=1)
    assert np.sqrt(found.weights @ (total - found.weights @ total) ** 2) == pytest.approx(0.05, abs=0.02)


def test_far_trials_are_moved_to_where_they_would_be():
    """Where half of a table is kept, the regression still brings the posterior to the truth and to its own spread."""
    u = qmc.Sobol(1, seed=np.random.default_rng(5)).random(512)[:300]
    noise = np.random.default_rng(6).normal(0.0, 0.03, (300, 2, 1))
    found = Table(u, u[:, :, None] + noise).fit(np.array([0.7]))
    assert found.points > 130
    assert found.mean[0] == pytest.approx(0.7, abs=0.02)
    assert np.sqrt(found.covariance[0, 0]) < 0.06


def test_units_and_order_of_targets_do_not_matter():
    """Targets in other units, or in another order, give the same posterior."""
    table = binomial_table(trials=10)
    noise = np.random.default_rng(8).normal(size=table.statistics.shape)
    two = Table(table.positions, np.concatenate([table.statistics, table.statistics + noise], axis=2))
    turned = Table(table.positions, two.statistics[:, :, ::-1] * np.array([1000.0, 1e-3]))
    a, b = two.fit(np.array([0.4, 0.5])), turned.fit(np.array([500.0, 0.4e-3]))
    assert a.mean == pytest.approx(b.mean, rel=1e-6)
    assert a.sd_ratio == pytest.approx(b.sd_ratio, rel=1e-6)


def test_a_point_that_is_left_out_does_not_matter():
    """Leaving out a point is as if it had never been near anything, and so is a statistic that is undefined."""
    table = binomial_table(trials=10)
    observed = np.array([float(table.statistics[100, 0, 0])])
    lost = table.statistics.copy()
    lost[100] = np.nan
    without = table.fit(observed, leave_out=100)
    assert np.array_equal(without.positions, dataclasses.replace(table, statistics=lost).fit(observed).positions)
    assert not np.array_equal(without.positions, table.fit(observed).positions)


def test_a_target_that_never_varies_says_nothing():
    """A statistic that is the same in every trial leaves the posterior as it is without it."""
    table = binomial_table(trials=10)
    fixed = Table(table.positions, np.concatenate([table.statistics, np.ones_like(table.statistics)], axis=2))
    assert np.array_equal(fixed.fit(np.array([0.4, 0.7])).positions, table.fit(np.array([0.4])).positions)
    assert fixed.scale[1] == 0.0


def test_draws_of_equal_weight():
    """Draws taken evenly along the weights have the posterior's mean and spread."""
    found = binomial_table().fit(np.array([0.3]))
    even = found.resampled(400)
    assert even.mean() == pytest.approx(found.mean[0], abs=0.01)
    assert even.std() == pytest.approx(np.sqrt(found.covariance[0, 0]), abs=0.01)
    known = Posterior(np.array([[0.1], [0.9]]), np.array([0.25, 0.75]), 2)
    assert known.resampled(4).ravel().tolist() == [0.1, 0.9, 0.9, 0.9]
    assert known.quantiles((0.2, 0.3)).ravel().tolist() == [0.1, 0.9]


class TestCoverage:
    def test_known_parameters_are_recovered(self):
        """Over 200 synthetic trials, 50 and 90 % intervals hold the truth about that often, whatever is identified."""
        found = coverage(binomial_table(idle=1), 200)
        assert found.fits == 200
        for share, (low, high) in COVERAGE_BOUNDS.items():
            assert ((low <= found.held[share]) & (found.held[share] <= high)).all()
        assert found.believed == "calibrated"

    def test_bounds_are_those_of_chance(self):
        """The bounds lie 2.8 binomial standard errors of 200 fits about the nominal level."""
        for share, (low, high) in COVERAGE_BOUNDS.items():
            error = np.sqrt(share * (1.0 - share) / 200)
            assert (share - low) / error == pytest.approx(norm.isf(0.0025), abs=0.05)
            assert (high - share) / error == pytest.approx(norm.isf(0.0025), abs=0.05)

    def test_the_verdict(self):
        """Intervals that hold too often are over-dispersed, too rarely over-confident, and that is the graver fault."""
        good, wide, narrow = np.array([0.5, 0.5]), np.array([0.5, 0.7]), np.array([0.3, 0.7])
        assert Coverage(200, {0.5: good, 0.9: np.array([0.9, 0.9])}).believed == "calibrated"
        assert Coverage(200, {0.5: wide, 0.9: np.array([0.9, 0.97])}).believed == "over-dispersed"
        assert Coverage(200, {0.5: narrow, 0.9: np.array([0.9, 0.9])}).believed == "over-confident"

    def test_a_fit_that_is_too_sure_is_found_out(self):
        """Where every posterior is drawn together, or apart, the coverage says so."""
        table = binomial_table()
        assert coverage(Drawn(table.positions, table.statistics, 0.5), 200).believed == "over-confident"
        assert coverage(Drawn(table.positions, table.statistics, 1.6), 200).believed == "over-dispersed"
