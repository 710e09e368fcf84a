"""Keyed random numbers: the generator against its published answers, the quantiles against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from protocolsim.arithmetic import exp, kernel, log
from protocolsim.randomness import (
    MAX_SEED,
    binomial_counts,
    binomial_quantile,
    exponential_quantile,
    keys,
    keys_of_use,
    normal_quantile,
    normal_quantiles,
    normals,
    philox,
    poisson_counts,
    poisson_search,
    uniform,
    uniforms,
)

SMALLEST = 2.0**-53  # the smallest and largest numbers that `uniform` can give
LARGEST = 1.0 - 2.0**-53

inside = st.floats(min_value=SMALLEST, max_value=LARGEST)
words = st.integers(min_value=0, max_value=2**32 - 1)

# Multipliers and key increments of Philox4xW (Salmon et al. 2011, table 2 and section 3.1), by word size W.
CONSTANTS = {
    32: (0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85),
    64: (0xD2E7470EE14C6C93, 0xCA5A826395121157, 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B),
}


def plain_philox(bits, counter, key):
    """Philox4xW-10 in whole numbers of Python, as the paper writes it: a second, independent witness."""
    m0, m1, w0, w1 = CONSTANTS[bits]
    low = (1 << bits) - 1
    (left0, right0, left1, right1), (k0, k1) = counter, key
    for _ in range(10):
        product0, product1 = m0 * left0, m1 * left1
        left0, right0 = (product1 >> bits) ^ right0 ^ k0, product1 & low
        left1, right1 = (product0 >> bits) ^ right1 ^ k1, product0 & low
        k0, k1 = (k0 + w0) & low, (k1 + w1) & low
    return (left0, right0, left1, right1)


def ours(counter, key):
    return tuple(int(word) for word in philox(*(np.uint64(word) for word in (*counter, *key))))


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
    ids=["zeros", "ones", "digits of pi"],
)
def test_published_answers(counter, key, answer):
    """Our generator gives the known answers of the Random123 distribution for philox4x32-10."""
    assert ours(counter, key) == answer


@given(st.tuples(words, words, words, words), st.tuples(words, words))
def test_the_plain_form_is_ours_at_32_bits(counter, key):
    """Philox in plain whole numbers, at a word of 32 bits, is our kernel."""
    assert plain_philox(32, counter, key) == ours(counter, key)


@given(st.tuples(*[st.integers(0, 2**64 - 2)] * 4), st.tuples(*[st.integers(0, 2**64 - 1)] * 2))
@settings(max_examples=50)
def test_the_plain_form_is_numpys_at_64_bits(counter, key):
    """The same plain form, at a word of 64 bits, is numpy.random.Philox (which counts one up before it starts)."""
    theirs = np.random.Philox(counter=np.array(counter, np.uint64), key=np.array(key, np.uint64))
    after = (counter[0] + 1, *counter[1:])
    assert plain_philox(64, after, key) == tuple(int(word) for word in theirs.random_raw(4))


@given(st.integers(0, MAX_SEED), words, words, words, words)
def test_the_key_fills_key_and_counter_without_a_hash(seed, replicate, subject, stream, index):
    """`uniform` is the top 52 bits, and a half, of Philox at that very key: no two keys can collide."""
    a, b, _, _ = plain_philox(32, (replicate, subject, stream, index), (seed & 0xFFFFFFFF, seed >> 32))
    expected = (((a << 20) | (b >> 12)) + 0.5) * 2.0**-52
    assert uniform(seed, replicate, subject, stream, index) == expected
    assert 0.0 < expected < 1.0


def test_neither_zero_nor_one():
    """The extreme bits give numbers strictly inside (0, 1), and every quantile of them is finite."""
    assert (0 + 0.5) * 2.0**-52 == SMALLEST > 0.0
    assert ((2**52 - 1) + 0.5) * 2.0**-52 == LARGEST < 1.0
    for u in (SMALLEST, LARGEST):
        assert np.isfinite(normal_quantile(u))
        assert 0.0 < exponential_quantile(u) < 40.0
        assert np.isfinite(poisson_quantile(u, 6.0))
        assert 0.0 <= binomial_quantile(u, 1000.0, 0.1) <= 1000.0


@kernel
def table(seed, out):
    """All uniforms of a small box of keys: [replicate, subject, stream, index]."""
    for r in range(out.shape[0]):
        for s in range(out.shape[1]):
            for k in range(out.shape[2]):
                for i in range(out.shape[3]):
                    out[r, s, k, i] = uniform(seed, r, s, k, i)
    return out


@pytest.fixture(scope="module")
def box():
    return table(2009, np.empty((20, 20, 20, 20)))


def test_uniformity(box):
    """Consecutive keys give numbers that are uniform on (0, 1) (Kolmogorov-Smirnov)."""
    assert stats.kstest(box.ravel(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("axis", range(4), ids=["replicate", "subject", "stream", "index"])
def test_neighbours_are_independent(box, axis):
    """Numbers of neighbouring keys, along each part of the key, are uncorrelated and fill the square evenly."""
    here, there = np.delete(box, -1, axis).ravel(), np.delete(box, 0, axis).ravel()
    correlation = np.corrcoef(here, there)[0, 1]
    assert abs(correlation) < 4.0 / np.sqrt(here.size)
    counts, _, _ = np.histogram2d(here, there, bins=16, range=[[0, 1], [0, 1]])
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_neighbouring_seeds_are_independent():
    """Neighbouring seeds share nothing."""
    shape = (10, 20, 10, 20)
    one, two = (table(seed, np.empty(shape)).ravel() for seed in (1, 2))
    assert abs(np.corrcoef(one, two)[0, 1]) < 4.0 / np.sqrt(one.size)
    assert not np.any(one == two)


def test_high_bits_of_the_seed_count():
    """Seeds that differ only above bit 32 differ."""
    assert uniform(1, 0, 0, 0, 0) != uniform(1 + 2**32, 0, 0, 0, 0)


@given(inside)
@settings(max_examples=300)
def test_normal_quantile(u):
    """The normal quantile is SciPy's to 15 digits or so, in both tails."""
    assert normal_quantile(u) == pytest.approx(stats.norm.ppf(u), rel=2e-14, abs=1e-15)


@given(inside)
def test_normal_quantile_is_symmetric(u):
    """The quantile of 1 - u is minus that of u, wherever 1 - u is exact."""
    v = 1.0 - u
    if 1.0 - v == u:
        assert normal_quantile(v) == -normal_quantile(u)


def test_many_normals_at_once_are_those_one_by_one():
    """A column of quantiles has the bits of each alone: near the centre, in the tails, beyond everything likely."""
    likely = np.random.default_rng(5).random(3001)
    edges = [0.075, 0.925, *(0.5 + s * (0.425 + d) for s in (1, -1) for d in (-1e-16, 0.0, 1e-16))]
    far = [1e-9, 1e-10, 9.9e-11, 1.3e-11, 1e-12, SMALLEST]
    u = np.concatenate([likely, likely * 1e-3, 1.0 - likely * 1e-6, edges, far, 1.0 - np.array(far)])
    assert normal_quantiles(u).tobytes() == np.array([normal_quantile(x) for x in u]).tobytes()


def test_draws_of_many_subjects_are_those_of_each():
    """Drawing for some rows in any order looks up each subject's own number at its own index."""
    who = np.array([[0, 5], [3, 1], [2**31 - 2, 7], [1, 2**31 + 4], [4, 4]])
    index = np.array([1, 0, 9, 2**31, 3])
    rows = np.array([4, 0, 2, 3])
    alone = np.array([uniform(7, int(who[i, 0]), int(who[i, 1]), 1003, int(index[i])) for i in rows])
    assert uniforms(7, keys(who, rows, index), 1003).tobytes() == alone.tobytes()
    assert normals(7, keys(who, rows, index), 1003).tobytes() == normal_quantiles(alone).tobytes()
    at_two = np.full(len(who), 2)
    assert keys_of_use(who, rows, 2).tobytes() == keys(who, rows, at_two).tobytes()


@given(inside)
def test_exponential_quantile(u):
    """The exponential's distribution function at its quantile is u."""
    assert -np.expm1(-exponential_quantile(u)) == pytest.approx(u, rel=1e-12, abs=2e-16)


def poisson_quantile(u, mean):
    return poisson_search(u, mean, exp(-mean))


def reaches(cdf, k, u):
    """Whether k is the smallest count whose distribution function reaches u, up to rounding of the sum."""
    slack = 1e-12
    return cdf(k) >= u - slack and (k == 0 or cdf(k - 1) < u + slack)


@pytest.mark.parametrize("mean", [0.01, 0.3, 1.2, 6.0, 40.0, 400.0, 499.0])
def test_poisson_quantile(mean):
    """The Poisson quantile is the smallest count whose distribution function reaches u."""
    for u in np.concatenate([np.linspace(0.0005, 0.9995, 800), [1e-9, 1 - 1e-9]]):
        k = poisson_quantile(u, mean)
        assert k == int(k)
        assert reaches(lambda n: stats.poisson.cdf(n, mean), k, u), (u, k)


@pytest.mark.parametrize("mean", [501.0, 2_000.0, 1e5])
def test_poisson_quantile_of_large_means(mean):
    """Above a mean of 500 the quantile is within one of the exact one, from one in a million to the other."""
    u = np.concatenate([np.linspace(0.001, 0.999, 400), [1e-6, 1 - 1e-6]])
    found = np.array([poisson_quantile(x, mean) for x in u])
    off = found - stats.poisson.ppf(u, mean)
    assert np.all(np.abs(off) <= 1)
    assert np.mean(off != 0) < 0.05


def test_the_extreme_uniforms_give_believable_counts():
    """At the largest u the Poisson quantile is where the tail is about 1e-16, not the end of a search."""
    for mean in np.geomspace(0.01, 499.0, 300):  # at some of these, rounding keeps the sum below the largest u
        found = poisson_quantile(LARGEST, mean)
        assert stats.poisson.sf(found, mean) < 1e-13
        assert stats.poisson.sf(found - 1, mean) > 1e-20
        assert poisson_quantile(SMALLEST, mean) == stats.poisson.ppf(SMALLEST, mean)


def test_the_extreme_uniforms_give_believable_binomial_counts():
    """At the largest u the binomial quantile is where the tail is about 1e-16, not the number of trials."""
    for p in np.linspace(0.01, 0.3, 50):
        found = binomial_quantile(LARGEST, 900.0, p)
        assert stats.binom.sf(found, 900, p) < 1e-13
        assert stats.binom.sf(found - 1, 900, p) > 1e-20


@pytest.mark.parametrize("trials", [1, 2, 7, 60, 900])
@pytest.mark.parametrize("p", [1e-4, 0.2, 0.5, 0.8, 0.9999])
def test_binomial_quantile(trials, p):
    """The binomial quantile is the smallest count whose distribution function reaches u."""
    for u in np.concatenate([np.linspace(0.00123, 0.99871, 300), [1e-9, 1 - 1e-9]]):
        k = binomial_quantile(u, float(trials), p)
        assert reaches(lambda n: stats.binom.cdf(n, trials, p), k, u), (u, k)


@pytest.mark.parametrize("p", [0.3, 0.5, 0.7])
def test_binomial_quantile_of_many_trials(p):
    """Where the exact search would start from nothing, the quantile is within one of the exact one."""
    u = np.linspace(0.001, 0.999, 400)
    found = np.array([binomial_quantile(x, 1e4, p) for x in u])
    assert np.all(np.abs(found - stats.binom.ppf(u, 10_000, p)) <= 1)


@pytest.mark.parametrize(("trials", "p", "count"), [(0.0, 0.5, 0.0), (5.0, 0.0, 0.0), (5.0, 1.0, 5.0)])
def test_binomial_edges(trials, p, count):
    """Nothing tried, nothing possible, everything certain."""
    assert binomial_quantile(SMALLEST, trials, p) == binomial_quantile(LARGEST, trials, p) == count


def test_poisson_of_nothing():
    """A mean of zero gives zero, whatever u."""
    assert poisson_quantile(LARGEST, 0.0) == 0.0


@given(inside, inside, st.floats(min_value=0.0, max_value=600.0))
def test_poisson_quantile_is_monotone(u, v, mean):
    """More u, never a smaller count."""
    low, high = sorted((u, v))
    assert poisson_quantile(low, mean) <= poisson_quantile(high, mean)


@given(inside, inside, st.integers(0, 2000), st.floats(0.0, 1.0))
def test_binomial_quantile_is_monotone_and_bounded(u, v, trials, p):
    """More u, never a smaller count, and never more than were tried."""
    low, high = sorted((u, v))
    assert 0.0 <= binomial_quantile(low, float(trials), p) <= binomial_quantile(high, float(trials), p) <= trials


@given(inside, inside)
def test_normal_and_exponential_quantiles_are_monotone(u, v):
    """More u, never a smaller number."""
    low, high = sorted((u, v))
    assert normal_quantile(low) <= normal_quantile(high) + 1e-15
    assert exponential_quantile(low) <= exponential_quantile(high)


@given(st.lists(st.tuples(inside, st.floats(min_value=0.0, max_value=600.0)), min_size=1, max_size=40))
def test_poisson_counts_are_the_quantiles(drawn):
    """Many at a time or one by one: the same count, however far the search goes."""
    u, mean = (np.array(column) for column in zip(*drawn, strict=True))
    none = np.array([exp(-m) for m in mean])
    assert poisson_counts(u, mean, none).tolist() == [poisson_quantile(*pair) for pair in zip(u, mean, strict=True)]


@given(
    st.lists(
        st.tuples(inside, st.one_of(st.integers(0, 6), st.integers(0, 3000)), st.floats(0.0, 1.0)),
        min_size=1,
        max_size=40,
    )
)
def test_binomial_counts_are_the_quantiles(drawn):
    """Many at a time or one by one: the same count, whichever outcome is the rarer."""
    u, trials, p = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    none = np.array([exp(n * log(1.0 - q)) if q < 1.0 else 0.0 for n, q in zip(trials, p, strict=True)])
    one_by_one = [binomial_quantile(*three) for three in zip(u, trials, p, strict=True)]
    assert binomial_counts(u, trials, p, none).tolist() == one_by_one
