from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, Published, quotient
from protocolsim.records import Records
from protocolsim.study.estimation.estimate import Estimate, as_json, estimate, jackknife, mid_rank


@dataclass(frozen=True, kw_only=True)
class Ratio(Endpoint):
    """A ratio of two sums that are handed in: no records are read."""

    kind: ClassVar[str] = "ratio"
    meaning: ClassVar[str] = "ratio of two sums"

    @property
    def unit(self) -> str:
        """A share."""
        return "%"

    @property
    def counting(self) -> str:
        """Nobody."""
        return "nobody"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Not asked for here."""
        raise NotImplementedError

    def value(self, sums: Floats) -> Floats:
        """One over the other."""
        return quotient(sums[..., 0], sums[..., 1])


RATIO = Ratio(name="r", label="R")


def of_trials(values: list[float], published: float | None = None) -> Estimate:
    """The estimate from trials of equal size with these values; nan for a trial without anybody."""
    sums = np.array([[0.0, 0.0] if math.isnan(v) else [v, 1.0] for v in values])
    said = None if published is None else Published(published, "p", "checked", "somewhere", "F")
    return estimate(Ratio(name="r", label="R", published=said), sums)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_jackknife_of_a_mean_is_its_closed_form(values: list[float]) -> None:
    """For a mean over equal trials the jackknife is s / sqrt(R)."""
    expected = np.std(values, ddof=1) / np.sqrt(len(values))

    assert of_trials(values).mcse == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_jackknife_of_a_ratio_is_leaving_out_by_hand() -> None:
    """For a ratio it is the spread of the ratios with each replicate left out in turn."""
    sums = np.random.default_rng(3).integers(1, 15, (30, 2)).astype(float)
    left = [np.delete(sums, i, 0).sum(0) for i in range(30)]
    ratios = np.array([a / b for a, b in left])
    expected = math.sqrt(29 / 30 * ((ratios - ratios.mean()) ** 2).sum())

    assert jackknife(RATIO, sums) == pytest.approx(expected, rel=1e-12)


def test_interval_of_two_standard_errors_covers_the_truth() -> None:
    """Of 400 studies of 50 trials, value +- 1.96 mcse covers the true ratio about 95 % of the time."""
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(400):
        patients = rng.integers(8, 16, 50)
        sums = np.column_stack([rng.binomial(patients, 0.3), patients]).astype(float)
        found = estimate(RATIO, sums)
        covered += abs(found.value - 0.3) <= 1.96 * found.mcse

    # Three binomial standard deviations about 95 %.
    assert 0.915 <= covered / 400 <= 0.985


def test_standard_error_falls_with_the_root_of_replicates_and_the_range_does_not() -> None:
    """A hundred times the replicates: a tenth of the standard error, the same prediction range."""
    rng = np.random.default_rng(5)
    sums = np.column_stack([rng.binomial(13, 0.6, 40000), np.full(40000, 13)]).astype(float)
    few, many = estimate(RATIO, sums[:400]), estimate(RATIO, sums)

    assert few.mcse / many.mcse == pytest.approx(10, rel=0.1)
    assert (few.lo, few.hi) == (many.lo, many.hi)


def test_range_is_made_of_values_that_occur() -> None:
    """Shares of 13 move in steps of 1/13, and so do the ends of the range and the median."""
    rng = np.random.default_rng(7)
    found = of_trials([float(v) for v in rng.binomial(13, 0.6, 201) / 13])

    for end in (found.lo, found.median, found.hi):
        assert end * 13 == pytest.approx(round(end * 13), abs=1e-9)
    assert of_trials([1.0, 2.0, 3.0, 4.0]).median == 2.0
    assert of_trials([float(k) for k in range(1, 101)]).lo == 5.0
    assert of_trials([float(k) for k in range(1, 101)]).hi == 95.0


def test_value_pools_the_replicates() -> None:
    """The value is the ratio of all sums, not the mean of the ratios."""
    found = estimate(RATIO, np.array([[1.0, 1.0], [0.0, 9.0]]))

    assert found.value == 0.1
    assert found.mcse == pytest.approx(0.5)


def test_undefined_trials_are_counted_and_left_out() -> None:
    """A trial without a value is counted as undefined and moves neither the range nor the percentile."""
    found = of_trials([0.2, math.nan, 0.4], published=0.3)

    assert (found.n_undefined, found.n_replicates) == (1, 3)
    assert (found.lo, found.hi, found.percentile) == (0.2, 0.4, 50.0)


def test_one_replicate_has_no_standard_error() -> None:
    """A single trial says nothing about Monte Carlo error."""
    found = of_trials([0.2])

    assert math.isnan(found.mcse)
    assert found.value == found.lo == found.hi == 0.2


def test_a_value_that_hangs_on_one_replicate_has_no_standard_error() -> None:
    """Where leaving one replicate out leaves nothing, no standard error is claimed."""
    assert math.isnan(of_trials([0.2, math.nan]).mcse)


def test_ties_count_half() -> None:
    """The percentile of a published value counts equal trials half, and equal means within 1e-9."""
    assert mid_rank(np.array([0.1, 0.2, 0.2, 0.3]), 0.2) == 50.0
    assert mid_rank(np.array([1 - 7 / 10, 0.5]), 0.3) == 25.0
    assert mid_rank(np.array([0.3, 0.5]), 1 - 7 / 10) == 25.0
    assert mid_rank(np.array([0.5, 0.6]), 0.1) == 0.0
    assert mid_rank(np.array([0.5, 0.6]), 0.9) == 100.0
    assert mid_rank(np.array([]), 0.9) is None


def test_percentile_of_a_trial_like_the_others_is_even() -> None:
    """Where reality is one more draw of the model, its mid-rank percentiles average 50."""
    rng = np.random.default_rng(9)
    trials = rng.binomial(13, 0.4, 2000) / 13
    ranks = [mid_rank(trials, real) for real in rng.binomial(13, 0.4, 500) / 13]

    assert np.mean([r for r in ranks if r is not None]) == pytest.approx(50, abs=4)


def test_json_has_no_nan() -> None:
    """A file gets plain numbers, None for undefined, and the published value as a number."""
    found = as_json(of_trials([math.nan, math.nan], published=9 / 13))

    assert found["value"] is found["mcse"] is found["lo"] is found["hi"] is found["median"] is None
    assert (found["n_undefined"], found["published"], found["role"]) == (2, 9 / 13, "checked")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    unpublished = as_json(of_trials([0.5, 0.7]))
    assert (unpublished["published"], unpublished["role"], unpublished["percentile"]) == (None, None, None)
