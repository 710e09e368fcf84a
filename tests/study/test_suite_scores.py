"""The interval score, its scales and the naive reference; and each row predicted by the others, where that is known."""

from __future__ import annotations

import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from protocolsim.study.suite.leave_one_out import leave_one_out
from protocolsim.study.suite.scores import (
    interval_score,
    naive_range,
    off_scale,
    on_scale,
    scale_of,
    scored,
)

SHARE = SimpleNamespace(kind="share", unit="%")
LEVEL = SimpleNamespace(kind="level", unit="points", reading="mean")
NORMAL_ENDS = (-1.6448536, 1.6448536)


@cache
def normal_values():
    return stats.norm.ppf((np.arange(2000) + 0.5) / 2000).tolist()


def mean_cost(lo: float, hi: float) -> float:
    return sum(interval_score(lo, hi, value) for value in normal_values()) / 2000


class TestScore:
    @given(st.floats(-3, 3), st.floats(0.2, 3))
    def test_the_true_quantiles_score_best(self, shift, stretch):
        """The score is proper: on average no other range costs less than the true 5th and 95th percentile."""
        lo, hi = sorted((NORMAL_ENDS[0] * stretch + shift, NORMAL_ENDS[1] * stretch + shift))
        assert mean_cost(lo, hi) >= mean_cost(*NORMAL_ENDS) - 1e-3

    def test_by_hand(self):
        """A range of 40 to 80 % costs 40 points around what it holds, and 20 for each point that it misses by."""
        held, missed = scored(0.4, 0.8, 0.7, "points"), scored(0.4, 0.8, 0.83, "points")
        assert held is not None
        assert missed is not None
        assert held.inside
        assert [held.width, held.score] == pytest.approx([40, 40])
        assert not missed.inside
        assert missed.score == pytest.approx(40 + 20 * 3)

    @given(st.floats(0.01, 100), st.floats(1.01, 10), st.floats(0.01, 100), st.floats(0.001, 1000))
    def test_units_do_not_matter(self, lo, factor, value, unit):
        """On the logarithm a score is the same in any unit of what is measured."""
        one, other = scored(lo, lo * factor, value, "log"), scored(unit * lo, unit * lo * factor, unit * value, "log")
        assert one is not None
        assert other is not None
        assert other.score == pytest.approx(one.score, rel=1e-6, abs=1e-6)
        assert one.width == pytest.approx(100 * math.log(factor))

    def test_no_logarithm_no_score(self):
        """A range that reaches zero has no score on the logarithm, and does not pass for a narrow one."""
        assert scored(0.0, 1.0, 0.5, "log") is None
        assert scored(0.0, 1.0, 0.5, "points") is not None

    @given(st.floats(0.001, 1000), st.sampled_from(["points", "log"]))
    def test_there_and_back(self, value, scale):
        """A value taken to a scale and back is itself."""
        assert float(off_scale(on_scale(np.array([value]), scale), scale)[0]) == pytest.approx(value)

    def test_which_scale(self):
        """Shares, falls and correlations are points; what is above zero is a logarithm; differences have no scale."""
        assert scale_of(SHARE) == "points"  # type: ignore[arg-type]
        assert scale_of(LEVEL) == "log"  # type: ignore[arg-type]
        for kind, what, expected in (("autocorrelation", "reading", "points"), ("contrast", "measure", None)):
            there = SimpleNamespace(**{"kind": kind, "unit": "", what: "difference"})
            assert scale_of(there) == expected  # type: ignore[arg-type]


class TestNaive:
    def test_it_is_the_normal_prediction_interval(self):
        """Of a level: the Student interval for one more of the logarithms, which holds 90 % of normal ones."""
        generator = np.random.default_rng(1)
        held = 0
        for _ in range(2000):
            drawn = np.exp(generator.normal(0.3, 0.7, 6))
            naive = naive_range(drawn[:5].tolist(), float(drawn[5]), LEVEL)  # type: ignore[arg-type]
            assert naive is not None
            held += naive.inside
        assert held / 2000 == pytest.approx(0.90, abs=0.02)

    def test_too_few_say_nothing(self):
        """Two other trials are no reference; a share is never said to be below 0 or above 100 %."""
        assert naive_range([0.2, 0.4], 0.3, SHARE) is None  # type: ignore[arg-type]
        wide = naive_range([0.0, 0.5, 1.0], 0.3, SHARE)  # type: ignore[arg-type]
        assert wide is not None
        assert (wide.lo, wide.hi) == (0.0, 1.0)


def normal_suite(draws: int, seed: int):
    """Four rows that know two normal parameters linearly, with noise of their own: values, published, exact answers.

    The exact answer for a row is the normal predictive distribution of a new trial given what the others published.
    """
    generator = np.random.default_rng(seed)
    loads = np.array([[1.0, 0.0], [0.7, 0.7], [0.0, 1.0], [1.0, -0.5]])
    noise = np.array([0.6, 0.8, 0.5, 0.7])
    parameters = generator.normal(size=(draws, 2))
    values = (parameters @ loads.T)[:, None, :] + noise * generator.normal(size=(draws, 2, 4))
    published = np.array([0.8, 0.2, -0.6, 0.5])
    between = loads @ loads.T
    exact = []
    for row in range(4):
        others = [k for k in range(4) if k != row]
        known = between[np.ix_(others, others)] + np.diag(noise[others] ** 2)
        weight = np.linalg.solve(known, between[others, row])
        mean = float(weight @ published[others])
        variance = float(between[row, row] + noise[row] ** 2 - weight @ between[others, row])
        exact.append((mean, math.sqrt(variance)))
    return values, published, exact


class TestLeaveOneOut:
    def test_conjugate_normal(self):
        """Where all is linear and normal each row's prediction is the exact conditional one, ends and percentile."""
        values, published, exact = normal_suite(20_000, 3)
        for row, left in enumerate(leave_one_out(values, published, [0, 1, 2, 3])):
            mean, sd = exact[row]
            assert left is not None
            assert left.median == pytest.approx(mean, abs=0.05)
            assert left.lo == pytest.approx(mean - 1.645 * sd, abs=0.10)
            assert left.hi == pytest.approx(mean + 1.645 * sd, abs=0.10)
            assert left.percentile == pytest.approx(100 * stats.norm.cdf(published[row], mean, sd), abs=3)
            assert (left.by, left.beyond) == (3, 0)

    def test_as_many_draws_as_a_suite_has(self):
        """A thousand draws are enough: over repetitions the medians and ends lie around the exact ones."""
        found = []
        for seed in range(12):
            values, published, exact = normal_suite(1000, seed)
            left = leave_one_out(values, published, [0, 1, 2, 3])[0]
            assert left is not None
            found.append((left.lo, left.median, left.hi))
        mean, sd = exact[0]
        assert np.mean(found, axis=0) == pytest.approx([mean - 1.645 * sd, mean, mean + 1.645 * sd], abs=0.08)

    def test_its_own_value_does_not_count(self):
        """What was published of a row, or of another of its datum, moves nothing of its prediction; others do."""
        values, published, _ = normal_suite(2000, 5)
        changed = published.copy()
        changed[0] += 5.0
        data = [0, 0, 2, 3]
        before, after = (leave_one_out(values, p, data) for p in (published, changed))
        for row, moved in enumerate((False, False, True, True)):
            one, other = before[row], after[row]
            assert one is not None
            assert other is not None
            assert (one.median != other.median) == moved
        assert before[0].by == 2  # type: ignore[union-attr]

    def test_nothing_related_says_nothing(self):
        """A row whose parameters no other row shares has no prediction; unrelated rows are not asked."""
        values, published, _ = normal_suite(2000, 5)
        related = np.ones((4, 4), dtype=bool)
        related[0, 1:] = related[1:, 0] = False
        first, second, *_ = leave_one_out(values, published, [0, 1, 2, 3], related)
        assert first is None
        assert second is not None
        assert second.by == 2

    def test_patients_in_common_are_not_parameters(self):
        """Rows that share the noise of one trial, and no parameter, do not predict each other."""
        generator = np.random.default_rng(7)
        patients = generator.normal(size=(4000, 2, 1))
        values = patients + 0.1 * generator.normal(size=(4000, 2, 3))
        left = leave_one_out(values, np.array([0.0, 2.0, 2.0]), [0, 1, 2])[0]
        assert left is not None
        assert left.median == pytest.approx(0.0, abs=0.1)
        assert left.hi - left.lo == pytest.approx(2 * 1.645 * math.sqrt(1.01), rel=0.08)

    def test_a_published_value_that_no_draw_reaches(self):
        """It counts as the furthest that some draws reach, is told, and leaves the prediction within them."""
        values, published, _ = normal_suite(2000, 5)
        published[1] = 1000.0
        left = leave_one_out(values, published, [0, 1, 2, 3])[0]
        assert left is not None
        assert left.beyond == 1
        assert left.hi < values[:, :, 0].max() + 1.0

    @pytest.mark.parametrize("constant", [6.5, 0.1, 13.0, math.log(6.5), 1e-3, 0.0])
    @pytest.mark.parametrize("seed", range(3))
    def test_a_row_that_never_varies(self, constant, seed):
        """What rounds in the regression is no difference: it was published where it always lies, halfway."""
        values, published, _ = normal_suite(1000, seed)
        values[:, :, 0] = published[0] = constant
        left = leave_one_out(values, published, [0, 1, 2, 3])[0]
        assert left is not None
        assert left.percentile == pytest.approx(50.0)
        assert (left.lo, left.median, left.hi) == pytest.approx((constant,) * 3)

    def test_too_few_draws(self):
        """Of hardly more draws than rows nothing is said."""
        values, published, _ = normal_suite(5, 5)
        assert leave_one_out(values, published, [0, 1, 2, 3]) == [None] * 4
