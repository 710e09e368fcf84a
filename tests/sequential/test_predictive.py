"""Predictive probabilities: against enumeration in whole fractions, and the design of Lee & Liu 2008."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocolsim.errors import UsageError
from protocolsim.sequential.beta import probability_above, probability_better
from protocolsim.sequential.exact.single_arm import single_arm
from protocolsim.sequential.predictive import (
    most_of_second,
    predicted_above,
    predicted_better,
    stopping_counts,
    successes_needed,
)

LEE_LIU = {0: 10, 1: 17, 2: 21, 3: 24, 4: 27, 5: 29, 6: 31, 7: 33, 8: 34, 9: 35, 10: 36}
NONE = -1


def rising(a, n):
    """a (a + 1) .. (a + n - 1)."""
    product = Fraction(1)
    for j in range(n):
        product *= a + j
    return product


def to_come(y, m, a, b):
    """P(y successes among m more) as a fraction, from Beta(a, b)."""
    return comb(m, y) * rising(a, y) * rising(b, m - y) / rising(a + b, m)


def test_lee_and_liu():
    """.2 v .4, 36 subjects, theta_L .001, theta_T .90, prior (.2, .8): stopping counts, alpha, PET, E(N), power."""
    looks = np.arange(10, 37)
    counts = stopping_counts(looks, 36, 0.2, 0.9, 0.001, (0.2, 0.8))
    expected = [max(r for r, first in LEE_LIU.items() if first <= n) for n in looks]
    assert counts.tolist() == expected
    assert successes_needed(36, 0.2, 0.9, (0.2, 0.8)) == 11
    null, alternative = (single_arm(looks, counts, np.full(27, np.nan), p) for p in (0.2, 0.4))
    assert null.reject == pytest.approx(0.0878, abs=5e-5)
    assert null.early == pytest.approx(0.857, abs=5e-4)
    assert null.expected_n == pytest.approx(27.67, abs=5e-3)
    assert alternative.reject == pytest.approx(0.9062, abs=5e-5)


def test_lee_and_liu_simulated():
    """30,000 trials that ask for the predictive probability at every look stop as often, and as early."""
    rng = np.random.default_rng(8)
    trials = 30_000
    won = np.cumsum(rng.random((trials, 36), dtype=np.float32) < 0.2, axis=1)
    going, sizes = np.ones(trials, dtype=bool), np.full(trials, 36)
    for n in range(10, 36):
        low = predicted_above(won[:, n - 1], n, 36, 0.2, 0.9, (0.2, 0.8)) < 0.001
        sizes[going & low] = n
        going &= ~low
    reject = going & (probability_above(won[:, 35], 36, 0.2, (0.2, 0.8)) > 0.9)
    assert np.mean(reject) == pytest.approx(0.08778, abs=0.009)
    assert np.mean(sizes) == pytest.approx(27.6677, abs=0.35)


@settings(max_examples=40)
@given(
    st.integers(0, 25), st.integers(0, 25), st.integers(0, 15), st.sampled_from([(1, 1), (2, 1), (Fraction(1, 2),) * 2])
)
def test_one_arm_by_enumeration(won, lost, more, prior):
    """The sum of beta-binomial probabilities of all ends whose posterior probability is high enough."""
    n, last = won + lost, won + lost + more
    numbers = float(prior[0]), float(prior[1])
    exact = sum(
        to_come(y, more, prior[0] + won, prior[1] + lost)
        for y in range(more + 1)
        if probability_above(won + y, last, 0.4, numbers) > 0.9
    )
    assert predicted_above(won, n, last, 0.4, 0.9, numbers) == pytest.approx(float(exact), abs=1e-13)


@settings(max_examples=30)
@given(st.data(), st.sampled_from([(1, 1), (Fraction(1, 2), Fraction(1, 2))]))
def test_two_arms_by_enumeration(data, prior):
    """The double sum over what both arms may add."""
    last = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    n1, n2 = data.draw(st.integers(0, last[0])), data.draw(st.integers(0, last[1]))
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    numbers = float(prior[0]), float(prior[1])
    exact = Fraction(0)
    for y1 in range(last[0] - n1 + 1):
        for y2 in range(last[1] - n2 + 1):
            if probability_better(x1 + y1, last[0], x2 + y2, last[1], numbers) > 0.9:
                exact += to_come(y1, last[0] - n1, prior[0] + x1, prior[1] + n1 - x1) * to_come(
                    y2, last[1] - n2, prior[0] + x2, prior[1] + n2 - x2
                )
    assert predicted_better(x1, n1, x2, n2, last, 0.9, numbers) == pytest.approx(float(exact), abs=1e-13)


@settings(max_examples=40)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 15), st.floats(0.5, 0.99))
def test_a_prediction_is_the_mean_of_the_next_ones(won, lost, more, bound):
    """Predictive probability is a martingale: one subject more does not change it on average."""
    n, last = won + lost, won + lost + more
    after = predicted_above(np.array([won, won + 1]), n + 1, last, 0.35, bound)
    p = (won + 1) / (n + 2)
    assert predicted_above(won, n, last, 0.35, bound) == pytest.approx((1 - p) * after[0] + p * after[1], abs=1e-12)


def test_at_the_end_it_is_decided():
    """With all subjects known the prediction is 0 or 1; more successes never predict less."""
    found = predicted_above(np.arange(37), 36, 36, 0.2, 0.9, (0.2, 0.8))
    assert found.tolist() == [0.0] * 11 + [1.0] * 26
    last = predicted_better(np.arange(21), 20, 5, 20, (20, 20), 0.95)
    assert last.tolist() == [float(v) for v in probability_better(np.arange(21), 20, 5, 20) > 0.95]
    early = predicted_better(np.arange(11), 10, 3, 10, (20, 20), 0.95)
    assert np.all(np.diff(early) >= 0.0)
    assert predicted_better(np.full((2, 2), 3), 10, 3, 10, (20, 20), 0.95).shape == (2, 2)


def test_the_boundary_of_two_arms():
    """The most successes of the second arm, for each number of the first: one more is not enough."""
    most = most_of_second((15, 12), 0.9, (0.5, 0.5))
    assert np.all(np.diff(most) >= 0)
    for x1, x2 in enumerate(most.tolist()):
        if x2 > NONE:
            assert probability_better(x1, 15, x2, 12, (0.5, 0.5)) > 0.9
        if x2 < 12:
            assert probability_better(x1, 15, x2 + 1, 12, (0.5, 0.5)) <= 0.9


def test_a_tie_does_not_exceed():
    """Equal arms are better with probability 1/2, which does not exceed 1/2, whatever is rounded."""
    assert most_of_second((9, 9), 0.5).tolist() == [NONE, *range(9)]
    for n in (25, 40):
        assert most_of_second((n, n), 0.5, (0.5, 0.5)).tolist() == [NONE, *range(n)]
    assert [successes_needed(n, 0.5, 0.5) for n in (10, 20, 30)] == [6, 11, 16]


def test_a_bound_out_of_reach():
    """Where no result is convincing, nothing is predicted; counts beyond the size are refused."""
    assert successes_needed(3, 0.9, 0.99) == 4
    assert predicted_above([0, 2], 2, 3, 0.9, 0.99).tolist() == [0.0, 0.0]
    assert stopping_counts([1, 2], 3, 0.9, 0.99, 0.01).tolist() == [1, 2]
    with pytest.raises(UsageError, match="of whom at most 3"):
        predicted_above(1, 4, 3, 0.5, 0.9)
    with pytest.raises(UsageError, match="of whom at most 3 and 5"):
        predicted_better(1, 3, 4, 6, (3, 5), 0.9)
