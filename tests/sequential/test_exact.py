"""Exact operating characteristics: published designs, whole fractions, and plain enumeration."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, hypergeom

from protocolsim.errors import UsageError
from protocolsim.sequential.boundaries import upper_bounds
from protocolsim.sequential.counts import beta_binomial, binomial, binomial_at_most, drawn_at_least
from protocolsim.sequential.dunnett import any_above, critical_value
from protocolsim.sequential.exact.simon import TwoStage, simon
from protocolsim.sequential.exact.single_arm import single_arm
from protocolsim.sequential.exact.two_arm import score, two_arm

NONE = [np.nan, np.nan]


@settings(max_examples=60)
# SciPy overflows at probabilities that are almost none.
@given(
    st.integers(0, 120),
    st.sampled_from([0.0, 1.0]) | st.floats(1e-9, 1.0),
    st.floats(0.05, 20.0),
    st.floats(0.05, 20.0),
)
def test_counts_are_distributed_as_scipy_says(n, p, a, b):
    """Binomial and beta-binomial probabilities."""
    k = np.arange(n + 1)
    assert np.allclose(binomial(n, p), binom.pmf(k, n, p), rtol=0.0, atol=1e-13)
    assert np.allclose(beta_binomial(n, a, b), betabinom.pmf(k, n, a, b), rtol=0.0, atol=1e-12)


@settings(max_examples=60)
@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(0, 100), st.floats(0.01, 0.99))
def test_tails_are_those_of_scipy(marked, others, draws, least, p):
    """Tails of the binomial and the hypergeometric distribution."""
    draws = min(draws, marked + others)
    tail = drawn_at_least(float(least), float(marked), float(draws), float(others))
    assert tail == pytest.approx(hypergeom.sf(least - 1, marked + others, marked, draws), abs=1e-12)
    assert binomial_at_most(float(least), float(marked), p) == pytest.approx(binom.cdf(least, marked, p), abs=1e-13)


@pytest.mark.parametrize(
    ("design", "expected_n", "early"),
    [(TwoStage(0, 9, 2, 17), 11.958, 0.6302), (TwoStage(0, 12, 2, 16), 13.839, 0.5404)],
)
def test_simons_designs(design, expected_n, early):
    """Simon 1989 for .05 v .25, errors .05 and .20: optimal 0/9 2/17 and minimax 0/12 2/16."""
    assert design in simon(0.05, 0.25, 0.05, 0.20, most=40)
    null = design.under(0.05)
    assert null.expected_n == pytest.approx(expected_n, abs=5e-4)
    assert null.early == pytest.approx(early, abs=5e-5)
    assert null.reject <= 0.05
    assert design.under(0.25).reject >= 0.8


def by_fractions(design, p):
    """P(reject), P(stop early) of a two-stage design, as fractions."""
    p, more = Fraction(p), design.n - design.n1

    def share(k, n):
        return comb(n, k) * p**k * (1 - p) ** (n - k)

    reject = sum(
        share(x, design.n1) * share(y, more)
        for x in range(design.r1 + 1, design.n1 + 1)
        for y in range(max(0, design.r + 1 - x), more + 1)
    )
    return float(reject), float(sum(share(x, design.n1) for x in range(design.r1 + 1)))


@settings(max_examples=30)
@given(st.data(), st.floats(0.0, 1.0))
def test_two_stages_by_fractions(data, p):
    """Any two-stage design agrees with sums of whole fractions."""
    n1, more = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    r1 = data.draw(st.integers(-1, n1))
    design = TwoStage(r1, n1, data.draw(st.integers(0, n1 + more)), n1 + more)
    found = design.under(p)
    assert (found.reject, found.early) == pytest.approx(by_fractions(design, p), abs=1e-13)
    assert np.sum(found.stopped) == pytest.approx(1.0, abs=1e-13)


def test_no_other_design_is_better():
    """Every two-stage design of at most 14 subjects for .1 v .5, errors .1 and .2: none beats what was found."""
    optimal, minimax = simon(0.1, 0.5, 0.1, 0.2, most=14)
    sound = []
    for n in range(2, 15):
        for n1 in range(1, n):
            for r1 in range(n1 + 1):
                for r in range(r1, n):
                    design = TwoStage(r1, n1, r, n)
                    if by_two_tails(design, 0.1) <= 0.1 and by_two_tails(design, 0.5) >= 0.8:
                        early = 1.0 - at_least(n1, 0.1)[r1 + 1]
                        sound.append((n1 + (1.0 - early) * (n - n1), design))
    assert optimal.under(0.1).expected_n == pytest.approx(min(sound, key=lambda s: s[0])[0], abs=1e-12)
    smallest = min(design.n for _, design in sound)
    assert minimax.n == smallest
    assert minimax.under(0.1).expected_n == pytest.approx(min(e for e, d in sound if d.n == smallest), abs=1e-12)


@cache
def masses(n, p):
    return binom.pmf(np.arange(n + 1), n, p)


@cache
def at_least(n, p):
    """By the number wanted, 0 .. n + 1."""
    return binom.sf(np.arange(n + 2) - 1, n, p)


def by_two_tails(design, p):
    """P(reject) of a two-stage design."""
    x = np.arange(design.r1 + 1, design.n1 + 1)
    needed = np.clip(design.r + 1 - x, 0, design.n - design.n1 + 1)
    return float(np.sum(masses(design.n1, p)[x] * at_least(design.n - design.n1, p)[needed]))


def test_single_arm_by_every_course():
    """Three looks with bounds on both sides: the sum over all 2^9 courses of nine subjects."""
    n, low, high, p = [3, 6, 9], [0.0, np.nan, 4.0], [np.nan, 5.0, np.nan], 0.45
    found = single_arm(n, low, high, p)
    won, lost = np.zeros(3), np.zeros(3)
    for course in range(2**9):
        bits = [(course >> j) & 1 for j in range(9)]
        weight = p ** sum(bits) * (1.0 - p) ** (9 - sum(bits))
        for k, of in enumerate(n):
            x = sum(bits[:of])
            if x >= high[k] or (k == 2 and x > low[k]):
                won[k] += weight
                break
            if x <= low[k]:
                lost[k] += weight
                break
    assert np.allclose(found.efficacy, won, rtol=0.0, atol=1e-14)
    assert np.allclose(found.futility, lost, rtol=0.0, atol=1e-14)


@pytest.mark.parametrize(
    ("p1", "p2", "stop", "reject", "expected_n"),
    [(0.5, 0.3, 0.09193, 0.54872, 95.403), (0.3, 0.3, None, 0.02580, None), (0.5, 0.5, None, 0.02971, None)],
)
def test_two_arms_with_obrien_fleming(p1, p2, stop, reject, expected_n):
    """Score test, O'Brien-Fleming at two looks, 25 + 25 each arm: enumerated figures, unlike those of normal theory."""
    upper = upper_bounds("wang_tsiatis", 0.0, 0.025, np.array([0.5, 1.0]), symmetric=True)
    found = two_arm([25, 50], [25, 50], NONE, upper, p1, p2)
    assert found.reject == pytest.approx(reject, abs=5e-6)
    if stop is not None:
        assert found.efficacy == pytest.approx([stop, 0.45679], abs=5.5e-6)
        assert found.expected_n == pytest.approx(expected_n, abs=5e-4)


def test_two_arms_by_plain_enumeration():
    """Every count of every stage, with probabilities of SciPy and the statistic written out."""
    n1, n2, lower, upper, p1, p2 = [6, 10], [4, 9], [-0.5, np.nan], [1.8, 1.5], 0.6, 0.35
    won, lost = np.zeros(2), np.zeros(2)

    def z(x1, m1, x2, m2):
        pooled = (x1 + x2) / (m1 + m2)
        if pooled in {0.0, 1.0}:
            return np.nan
        return (x1 / m1 - x2 / m2) / np.sqrt(pooled * (1.0 - pooled) * (1.0 / m1 + 1.0 / m2))

    for x1 in range(7):
        for x2 in range(5):
            weight = binom.pmf(x1, 6, p1) * binom.pmf(x2, 4, p2)
            first = z(x1, 6, x2, 4)
            if first >= upper[0]:
                won[0] += weight
            elif first <= lower[0]:
                lost[0] += weight
            else:
                for y1 in range(5):
                    for y2 in range(6):
                        more = weight * binom.pmf(y1, 4, p1) * binom.pmf(y2, 5, p2)
                        above = z(x1 + y1, 10, x2 + y2, 9) >= upper[1]
                        won[1] += more * above
                        lost[1] += more * (not above)
    found = two_arm(n1, n2, lower, upper, p1, p2)
    assert np.allclose(found.efficacy, won, rtol=0.0, atol=1e-14)
    assert np.allclose(found.futility, lost, rtol=0.0, atol=1e-14)
    assert found.expected_n == pytest.approx(np.sum((won + lost) * [10, 19]), abs=1e-12)


def test_two_arms_simulated():
    """100,000 simulated trials reject and stop as often as enumeration says."""
    rng = np.random.default_rng(21)
    upper = np.array([2.7965, 1.9774])
    first = rng.binomial(25, [[0.5], [0.3]], (2, 100_000))
    second = first + rng.binomial(25, [[0.5], [0.3]], (2, 100_000))
    early = score(first[0], 25, first[1], 25) >= upper[0]
    late = ~early & (score(second[0], 50, second[1], 50) >= upper[1])
    assert [np.mean(early), np.mean(late)] == pytest.approx([0.09193, 0.45679], abs=0.008)


def test_an_undefined_statistic_crosses_nothing():
    """All or none succeed in both arms: Z is undefined, and the trial goes on, then ends without a rejection."""
    assert np.isnan(score(np.array([0, 5]), 5, np.array([0, 5]), 5)).all()
    found = two_arm([5, 10], [5, 10], [0.0, np.nan], [-9.0, -9.0], 1.0, 1.0)
    assert found.stopped.tolist() == [0.0, 1.0]
    assert found.reject == 0.0


@pytest.mark.parametrize(
    ("alpha", "values"), [(0.025, [1.95996, 2.2121, 2.3490, 2.4418]), (0.05, [1.64485, 1.9163, 2.0621, 2.1603])]
)
def test_dunnett(alpha, values):
    """One-sided critical values for one to four arms of the control's size (MAMS with one stage: 2.16033)."""
    assert [critical_value(arms, alpha) for arms in (1, 2, 3, 4)] == pytest.approx(values, abs=5.1e-5)


def test_dunnett_simulated():
    """The largest of three Z against a control of twice an arm's size lies above as often as the integral says."""
    rng = np.random.default_rng(4)
    control = rng.standard_normal(400_000) / np.sqrt(2.0)
    largest = np.max(rng.standard_normal((3, 400_000)) - control, axis=0) / np.sqrt(1.5)
    assert np.mean(largest > 2.0) == pytest.approx(any_above(2.0, 3, 2.0), abs=0.002)


REFUSED = [
    (lambda: single_arm([5, 5], NONE, [1, 2], 0.5), "each larger than before"),
    (lambda: single_arm([5, 9], [1], [1, 2], 0.5), "2 looks, but 1 bounds"),
    (lambda: single_arm([5, 9], NONE, NONE, 0.5), "nothing would be concluded"),
    (lambda: single_arm([5, 9], [3, np.nan], [2, 5], 0.5), "look 1: futility at 3 or fewer, efficacy at 2 or more"),
    (lambda: single_arm([5], [1], [2], 1.5), "probability 1.5"),
    (lambda: two_arm([5], [5, 9], NONE, NONE, 0.5, 0.5), "1 looks in one arm, 2 in the other"),
    (lambda: simon(0.3, 0.2, 0.05, 0.2), "expected 0 < p0 < p1 < 1"),
    (lambda: simon(0.05, 0.25, 0.05, 0.2, most=10), "no two-stage design of at most 10"),
    (lambda: critical_value(0, 0.025), "arms 0"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_no_design_is_refused(call, message):
    """A message says what was found and what was expected."""
    with pytest.raises(UsageError, match=message):
        call()
