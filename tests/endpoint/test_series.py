"""Dispersion, autocorrelation and transitions of series: closed forms, and what a missed visit does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from protocolsim.endpoint.autocorrelation import Autocorrelation
from protocolsim.endpoint.dispersion import Dispersion
from protocolsim.endpoint.transition_share import TransitionShare
from protocolsim.errors import UsageError
from protocolsim.records import Records
from tests.endpoint.test_endpoint import Course, made_records, value_of

OF: dict[str, Any] = {"name": "x", "label": "X", "variable": "count", "during": ("treated",)}


def series(values: Any) -> Records:
    """A trial of subjects with these values (None: missed), four weeks apart, on treatment."""
    return made_records([[
        Course(seen=tuple(("treated", 12.0 + 4.0 * k, None if v is None else float(v)) for k, v in enumerate(own)))
        for own in values
    ]])  # fmt: skip


def drawn(subjects: int = 400, visits: int = 12, spread: float = 0.0, follows: float = 0.0, seed: int = 4) -> Any:
    """Poisson counts of mean 3 with gamma means between subjects, and an AR(1) factor in time (its variance 0.25)."""
    rng = np.random.default_rng(seed)
    mean = 3.0 * (np.ones(subjects) if spread == 0.0 else rng.gamma(1.0 / spread, spread, subjects))
    noise = rng.normal(size=(subjects, visits))
    for k in range(1, visits):
        noise[:, k] = follows * noise[:, k - 1] + np.sqrt(1.0 - follows * follows) * noise[:, k]
    factor = np.exp(0.5 * noise - 0.125) if follows else 1.0
    return rng.poisson(mean[:, None] * factor * np.ones((1, visits)))


@pytest.mark.parametrize("reading", ["within subjects", "between subjects", "all values"])
def test_poisson_counts_of_one_rate_have_dispersion_one(reading):
    """Variance over mean is 1 in every reading where nothing but chance varies."""
    assert value_of(Dispersion(**OF, reading=reading), series(drawn())) == pytest.approx(1.0, abs=0.15)


def test_gamma_means_disperse_between_subjects_only():
    """Of gamma-Poisson counts (mean 3, variance of means 3 * 3 * 0.5) all values have 1 + 1.5, within subjects 1."""
    counts = drawn(subjects=3000, visits=4, spread=0.5)
    assert value_of(Dispersion(**OF), series(counts)) == pytest.approx(1.0, abs=0.06)
    assert value_of(Dispersion(**OF, reading="all values"), series(counts)) == pytest.approx(2.5, abs=0.2)
    assert value_of(Dispersion(**OF, reading="between subjects"), series(counts)) == pytest.approx(7.0, abs=0.6)


def test_dispersion_is_numpys():
    """Of a few values each reading is what NumPy's variances say; a single value says nothing of its subject."""
    values: list[list[Any]] = [[1, 4, 7], [0, 2], [5], [None, 3, 3]]
    seen = [np.array([v for v in own if v is not None], dtype=np.float64) for own in values]
    squares = sum(own.var() * len(own) for own in seen)
    weighed = sum(own.mean() * (len(own) - 1) for own in seen)
    assert value_of(Dispersion(**OF), series(values)) == pytest.approx(squares / weighed)
    every = np.concatenate(seen)
    assert value_of(Dispersion(**OF, reading="all values"), series(values)) == pytest.approx(
        every.var(ddof=1) / every.mean()
    )
    means = np.array([own.mean() for own in seen])
    assert value_of(Dispersion(**OF, reading="between subjects"), series(values)) == pytest.approx(
        means.var(ddof=1) / means.mean() * len(every) / 4
    )


def test_all_pairs_are_pearsons():
    """Of all pairs it is NumPy's correlation of firsts and seconds; a missed visit is in none, and none bridges it."""
    values = [[1, 4, 7, 2], [0, None, 2, 5], [5, 5], [3]]
    pairs = np.array([(1, 4), (4, 7), (7, 2), (2, 5), (5, 5)], dtype=float)
    found = value_of(Autocorrelation(**OF, reading="all pairs"), series(values))
    assert found == pytest.approx(np.corrcoef(pairs.T)[0, 1])


def test_within_subjects_levels_are_taken_out():
    """A constant added to a subject's values changes nothing; firsts and seconds have means of their own."""
    rng = np.random.default_rng(5)
    values = rng.integers(0, 9, (6, 5))
    shifted = values + rng.integers(0, 50, (6, 1))
    one, two = (np.concatenate([own[a:b] - own[a:b].mean() for own in values]) for a, b in ((0, -1), (1, None)))
    found = [value_of(Autocorrelation(**OF), series(v)) for v in (values, shifted)]
    assert found == pytest.approx([(one * two).sum() / np.sqrt((one * one).sum() * (two * two).sum())] * 2)


def test_autocorrelation_of_a_known_process():
    """Of a log-normal AR(1) rate it is the covariance of rates over the variance of counts, in long series."""
    follows = 0.7
    counts = drawn(subjects=300, visits=80, follows=follows)
    rates, beside = np.exp(0.25) - 1.0, np.exp(0.25 * follows) - 1.0
    expected = beside / (rates + 1.0 / 3.0)
    for reading in ("within subjects", "all pairs"):
        found = value_of(Autocorrelation(**OF, reading=reading), series(counts))
        assert found == pytest.approx(expected, abs=0.03)


def test_nothing_varies_nothing_correlates():
    """Constant series have no autocorrelation, and counts of zero no dispersion."""
    assert np.isnan(value_of(Autocorrelation(**OF), series([[2, 2, 2], [5, 5, 5]])))
    assert np.isnan(value_of(Dispersion(**OF), series([[0, 0, 0], [0, 0]])))


def test_transitions_are_counted():
    """Of visits without a lesion, those whose next visit has one; a missed visit ends a pair."""
    values = [[0, 0, 1, 0], [0, None, 0, 3], [4, 0]]
    quiet = TransitionShare(**OF, from_at_most=0, at_most=0)
    flares = TransitionShare(**OF, from_at_most=0, at_least=1)
    assert value_of(quiet, series(values)) == 1 / 3
    assert value_of(flares, series(values)) == 2 / 3


def test_of_independent_visits_a_transition_is_the_share():
    """Where visits do not depend on each other, what precedes a visit does not matter: P(0) is exp(-3)."""
    found = value_of(TransitionShare(**OF, from_at_least=1, at_most=0), series(drawn(subjects=800)))
    assert found == pytest.approx(np.exp(-3.0), abs=0.01)


def test_a_transition_needs_both_classes():
    """Either class without a bound would hold every value."""
    with pytest.raises(UsageError, match="from_at_least or from_at_most"):
        TransitionShare(**OF, at_most=0)
    with pytest.raises(UsageError, match="it needs at_least or at_most"):
        TransitionShare(**OF, from_at_most=0)
