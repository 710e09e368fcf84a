"""Posterior probabilities of shares: against whole fractions, quadrature, closed forms and a published look."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betainc, betaincc
from scipy.stats import beta

from protocolsim.errors import UsageError
from protocolsim.sequential.beta import better_by_quadrature, probability_above, probability_better

PRIORS = [(0.5, 0.5), (0.2, 0.8), (3.3, 1.5), (0.05, 0.1), (20.5, 30.25)]


@st.composite
def arms(draw, most=80):
    """Successes and subjects of two arms."""
    n1, n2 = draw(st.integers(0, most)), draw(st.integers(0, most))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n2)), n2


def whole_above(a, b, p):
    """P(Beta(a, b) > p) as a fraction, from the binomial theorem."""
    n, p = a + b - 1, Fraction(p)
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(a))


def whole_better(a1, b1, a2, b2):
    """P(Beta(a1, b1) > Beta(a2, b2)) as a fraction, by the sum of Miller (not that of the code)."""
    total, term = Fraction(0), Fraction(1)
    for j in range(b1):  # B(a2, b1 + b2) / B(a2, b2)
        term *= Fraction(b2 + j, a2 + b2 + j)
    for i in range(a1):
        total += term
        term *= Fraction((a2 + i) * (b1 + i), (a2 + b2 + b1 + i) * (i + 1))
    return total


def test_arrest():
    """ARREST 2020, first look: 6 of 14 against 1 of 15 with uniform priors is .9861, as printed."""
    assert probability_better(6, 14, 1, 15) == pytest.approx(0.9861, abs=5e-5)
    assert Fraction(probability_better(6, 14, 1, 15)) == pytest.approx(whole_better(7, 9, 2, 15), abs=1e-15)


@settings(max_examples=60)
@given(arms())
def test_whole_priors_are_exact(counts):
    """The error against whole fractions is below 1e-15, and the relative error below 1e-13 in the farthest tail."""
    x1, n1, x2, n2 = counts
    exact = whole_better(x1 + 1, n1 - x1 + 1, x2 + 1, n2 - x2 + 1)
    found = Fraction(probability_better(x1, n1, x2, n2))
    assert abs(found - exact) < 1e-15
    assert abs(found / exact - 1) < 1e-13


@pytest.mark.parametrize(("x1", "x2"), [(450, 450), (480, 430), (0, 0), (900, 899), (300, 600), (20, 35), (880, 20)])
def test_large_arms_are_exact_too(x1, x2):
    """With 900 subjects an arm the error is below 3e-15."""
    exact = whole_better(x1 + 1, 901 - x1, x2 + 1, 901 - x2)
    assert abs(Fraction(probability_better(x1, 900, x2, 900)) - exact) < 3e-15


@settings(max_examples=60)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99))
def test_one_share_is_exact(x, lost, p):
    """P(p > threshold) against whole fractions."""
    exact = whole_above(x + 1, lost + 1, p)
    assert abs(Fraction(probability_above(x, x + lost, p)) - exact) < 2e-15


@settings(max_examples=40)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.01, 0.99), st.sampled_from(PRIORS))
def test_one_share_with_other_priors(x, lost, p, prior):
    """Against SciPy's distribution; whole parameters written as such give the same by the other route."""
    assert probability_above(x, x + lost, p, prior) == pytest.approx(
        beta.sf(p, prior[0] + x, prior[1] + lost), abs=1e-13
    )
    assert probability_above(x, x + lost, p, (2.0, 3.0)) == pytest.approx(betaincc(2 + x, 3 + lost, p), abs=1e-13)


@settings(max_examples=40)
@given(arms(40), st.sampled_from(PRIORS), st.sampled_from([None, *PRIORS]))
def test_steps_from_the_priors_lead_where_quadrature_does(counts, prior, prior2):
    """The recurrences agree with an integral over the posteriors to 1e-12."""
    x1, n1, x2, n2 = counts
    second = prior if prior2 is None else prior2
    direct = better_by_quadrature((prior[0] + x1, prior[1] + n1 - x1), (second[0] + x2, second[1] + n2 - x2))
    assert probability_better(x1, n1, x2, n2, prior, prior2) == pytest.approx(direct, abs=1e-12)


@pytest.mark.parametrize("first", PRIORS)
@pytest.mark.parametrize("second", [(1.0, 1.0), (7.5, 2.5), (0.7, 0.6)])
def test_quadrature_is_scipys(first, second):
    """The fixed rule agrees with SciPy's adaptive one, whose weight takes up the singular ends."""
    (a1, b1), (a2, b2) = first, second

    def part(a, b, share):
        """Integral over (0, 1/2) of x^(a-1) times a smooth function, by parts of one variable y = x^a."""
        end = 0.5**a
        found = quad(
            lambda y: share(y ** (1.0 / a)) * (1.0 - y ** (1.0 / a)) ** (b - 1.0), 0.0, end, epsabs=0.0, limit=500
        )
        return found[0] / a

    low = part(a1, b1, lambda x: betainc(a2, b2, x))
    high = part(b1, a1, lambda x: betaincc(b2, a2, x))
    size = part(a1, b1, lambda x: 1.0) + part(b1, a1, lambda x: 1.0)
    assert better_by_quadrature(first, second) == pytest.approx((low + high) / size, abs=2e-9)


@settings(max_examples=60)
@given(arms(), st.sampled_from([(1.0, 1.0), (2.0, 5.0), *PRIORS]))
def test_either_arm_is_better(counts, prior):
    """P(p1 > p2) + P(p2 > p1) = 1; failures instead of successes turn it round; one success more is better."""
    x1, n1, x2, n2 = counts
    found = probability_better(x1, n1, x2, n2, prior)
    assert found + probability_better(x2, n2, x1, n1, prior) == pytest.approx(1.0, abs=1e-12)
    mirrored = probability_better(n2 - x2, n2, n1 - x1, n1, prior[::-1])
    assert found == pytest.approx(mirrored, abs=1e-12)
    if x1 < n1:
        assert probability_better(x1 + 1, n1, x2, n2, prior) >= found - 1e-12


def test_arrays_hold_what_single_counts_give():
    """Each distinct set of counts is worked out once, and stands in its place."""
    rng = np.random.default_rng(5)
    n1, n2 = rng.integers(1, 6, (4, 9)), rng.integers(1, 6, (4, 9))
    x1, x2 = rng.integers(0, n1 + 1), rng.integers(0, n2 + 1)
    for prior in ((1.0, 1.0), (0.5, 0.5)):
        together = probability_better(x1, n1, x2, n2, prior)
        alone = [
            probability_better(int(a), int(b), int(c), int(d), prior)
            for a, b, c, d in zip(x1.flat, n1.flat, x2.flat, n2.flat, strict=True)
        ]
        assert together.ravel().tolist() == alone
    assert probability_above(x1, n1, 0.3).shape == (4, 9)
    assert probability_above(np.array([], dtype=int), 5, 0.3).shape == (0,)
    assert [probability_above(2, 3, p) for p in (0.0, 1.0)] == [1.0, 0.0]


REFUSED = [
    (lambda: probability_better(3, 2, 1, 1), "whole numbers, of successes from 0"),
    (lambda: probability_above(-1, 2, 0.5), "whole numbers"),
    (lambda: probability_above(0.5, 2, 0.5), "whole numbers"),
    (lambda: probability_above(1, 2, 1.5), "threshold of a share is 1.5"),
    (lambda: probability_above(1, 2, 0.5, (0.0, 1.0)), r"prior Beta\(0, 1\): expected two numbers above 0"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_counts_and_priors_that_cannot_be_are_refused(call, message):
    """A message says what was found and what was expected."""
    with pytest.raises(UsageError, match=message):
        call()
