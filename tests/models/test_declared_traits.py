"""Traits of declared models: each is its distribution's quantile at its own draw, as SciPy has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from protocolsim.model import quantiles
from protocolsim.randomness import uniform
from protocolsim.scenario.models.draws import stream_of
from tests.support.models import faults_of, patients

COUNT = 400
US = np.array([1e-9, 1e-6, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 1 - 1e-6])


def drawn(name: str, count: int = COUNT) -> NDArray[np.float64]:
    """The uniform draws of a trait of the model `illness`."""
    stream = stream_of("illness", f"trait {name}")
    return np.array([uniform(2009, 0, subject, stream, 0) for subject in range(1, count + 1)])


def trait(part: dict[str, Any], **others: Any) -> NDArray[np.float64]:
    """What patients bring of one trait, `x`, in internal units."""
    none = {"none": {"value": 0, "range": [0, 1]}}
    return patients({"parameters": none, "traits": {**others, "x": part}}, COUNT).trait("illness", "x")


class TestQuantiles:
    """The functions themselves, on grids, against SciPy's."""

    def test_the_normal_distribution_function_keeps_its_digits_in_both_tails(self):
        """To 1e-13 of itself, where halving would leave none."""
        x = np.concatenate([np.linspace(-37, 37, 997), np.linspace(-6, 6, 997)])
        found = np.array([quantiles.normal_below(v) for v in x])
        np.testing.assert_allclose(found, special.ndtr(x), rtol=5e-13)

    @pytest.mark.parametrize("shape", [1e-3, 0.02, 0.5, 1.0, 2.5, 30.0, 1e4, 9e5, 1.1e6])
    def test_gamma(self, shape):
        """Also where the shape is small, and where it is large."""
        found = np.array([quantiles.gamma_quantile(u, shape) for u in US])
        np.testing.assert_allclose(found, stats.gamma.ppf(US, shape), rtol=5e-9, atol=1e-290)
        x = stats.gamma.ppf(US, shape)
        if shape < 1e5:
            below = [quantiles.gamma_below(v, shape) for v in x]
            np.testing.assert_allclose(below, stats.gamma.cdf(x, shape), rtol=1e-9)

    def test_gamma_has_no_step_where_the_formula_changes(self):
        """The two quantiles meet, and the third is far beyond where SciPy's loses digits: mean and spread are right."""
        below, above = (np.array([quantiles.gamma_quantile(u, s) for u in US]) for s in (1e6, 1e6 + 1e-3))
        np.testing.assert_allclose(above, below, rtol=1e-7)
        far = (np.array([quantiles.gamma_quantile(u, 1e10) for u in US]) - 1e10) / 1e5
        np.testing.assert_allclose(far, special.ndtri(US), atol=2e-4)

    @pytest.mark.parametrize(("a", "b"), [(0.1, 3.0), (0.5, 0.5), (1.0, 1.0), (2.0, 5.0), (50.0, 3.0), (1e4, 1e4)])
    def test_beta(self, a, b):
        """Shapes below 1, and large ones."""
        found = np.array([quantiles.beta_quantile(u, a, b) for u in US])
        np.testing.assert_allclose(found, stats.beta.ppf(US, a, b), rtol=1e-8, atol=1e-15)
        below = [quantiles.beta_below(v, a, b) for v in found]
        np.testing.assert_allclose(below, stats.beta.cdf(found, a, b), rtol=1e-9, atol=1e-300)

    @pytest.mark.parametrize(("mean", "size"), [(0.1, 0.1), (3.0, 0.5), (3.0, 1e6), (100.0, 2.0), (5000.0, 0.3)])
    def test_negative_binomial(self, mean, size):
        """Exact where a count is found by search."""
        found = np.array([quantiles.negative_binomial_quantile(u, mean, size) for u in US])
        np.testing.assert_array_equal(found, stats.nbinom.ppf(US, size, size / (mean + size)))

    @pytest.mark.parametrize(("mean", "size"), [(9000.0, 1000.0), (700.0, 1e7), (1e9, 1e9), (2e4, 100.0)])
    def test_negative_binomial_far_from_zero(self, mean, size):
        """Within one count, or six thousandths of the standard deviation where only a billionth lies beyond."""
        found = np.array([quantiles.negative_binomial_quantile(u, mean, size) for u in US])
        near = max(1.0, 6e-3 * np.sqrt(mean + mean * mean / size))
        np.testing.assert_allclose(found, stats.nbinom.ppf(US, size, size / (mean + size)), atol=near)

    def test_very_skew_negative_binomial(self):
        """A gamma variable of the same mean and variance."""
        found = np.array([quantiles.negative_binomial_quantile(u, 2e4, 3.0) for u in US[3:-1]])
        np.testing.assert_allclose(found, stats.nbinom.ppf(US[3:-1], 3.0, 3.0 / 20_003.0), rtol=2e-3, atol=2.0)

    def test_what_is_no_number_stays_none(self):
        """And never becomes a count."""
        assert np.isnan(quantiles.negative_binomial_quantile(0.5, np.nan, 1.0))
        assert np.isnan(quantiles.negative_binomial_quantile(0.5, np.inf, 1.0))
        assert np.isnan(quantiles.gamma_quantile(0.5, -1.0))
        assert np.isnan(quantiles.beta_quantile(0.5, 1.0, np.nan))


LOG_SD = np.sqrt(np.log1p(0.3**2))
CONTINUOUS: list[tuple[dict[str, Any], Any]] = [
    ({"normal": {"mean": 5, "sd": 2}}, stats.norm(5, 2)),
    ({"normal": {"sd": 2}}, stats.norm(0, 2)),
    ({"lognormal": {"median": 70, "cv": "30 %"}}, stats.lognorm(LOG_SD, scale=70)),
    ({"lognormal": {"median": 2, "log sd": 0.7}}, stats.lognorm(0.7, scale=2)),
    ({"uniform": {"from": 2, "to": 7}}, stats.uniform(2, 5)),
    ({"beta": {"a": 2, "b": 5}}, stats.beta(2, 5)),
    ({"gamma": {"mean": 12, "cv": "50 %"}}, stats.gamma(4, scale=3)),
    ({"exponential": {"mean": 3}}, stats.expon(scale=3)),
]
IDS = [" ".join(map(str, part)) + str(k) for k, (part, _) in enumerate(CONTINUOUS)]


class TestDistributions:
    """Every kind of trait, drawn by inversion."""

    @pytest.mark.parametrize(("part", "law"), CONTINUOUS, ids=IDS)
    def test_a_trait_is_the_quantile_of_its_draw(self, part, law):
        """Nothing else comes into it."""
        np.testing.assert_allclose(trait(part), law.ppf(drawn("x")), rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize(("part", "law"), CONTINUOUS, ids=IDS)
    @pytest.mark.parametrize("which", ["low", "high", "both", "middle"])
    def test_a_truncated_one_is_the_quantile_between_its_tails(self, part, law, which):
        """The law given that it lies there; mixed up in no other way."""
        low = law.ppf({"low": 0.3, "high": 0.0, "both": 0.2, "middle": 0.6}[which])
        high = law.ppf({"low": 1.0, "high": 0.7, "both": 0.9, "middle": 0.8}[which])
        ends = {}
        if np.isfinite(low) and which != "high":
            ends["at least"] = low
        if np.isfinite(high) and which != "low":
            ends["at most"] = high
        found = trait({**part, **ends})
        below, above = law.cdf(ends.get("at least", -np.inf)), law.cdf(ends.get("at most", np.inf))
        np.testing.assert_allclose(found, law.ppf(below + (above - below) * drawn("x")), rtol=1e-8, atol=1e-12)
        assert found.min() >= low
        assert found.max() <= high

    @pytest.mark.parametrize("kind", ["bernoulli", "poisson", "categories"])
    def test_counts(self, kind):
        """The smallest number whose distribution function reaches the draw; of chances, below the draw."""
        u = drawn("x")
        if kind == "bernoulli":
            np.testing.assert_array_equal(trait({"bernoulli": "30 %"}), u < 0.3)
        elif kind == "poisson":
            np.testing.assert_array_equal(trait({"poisson": 2.5}), stats.poisson.ppf(u, 2.5))
        else:
            found = trait({"categories": {"1": "20 %", "4": "50 %", "7": 0.3}})
            np.testing.assert_array_equal(found, np.array([1, 4, 7])[np.searchsorted([0.2, 0.7], u, side="right")])

    def test_units_and_formulas(self):
        """A trait of traits above it, cut to its bounds."""
        made = patients(
            {
                "parameters": {"half": {"value": "50 %", "range": [0, 1]}},
                "definitions": {"twice": "4 * half"},
                "traits": {
                    "a": {"normal": {"mean": "70 kg", "sd": "9 kg"}},
                    "b": {"formula": "if(a > 70 kg, twice * a, a * half)", "at most": "150 kg"},
                },
            },
            COUNT,
        )
        a = stats.norm(70, 9).ppf(drawn("a"))
        np.testing.assert_allclose(made.trait("illness", "b"), np.minimum(np.where(a > 70, 2 * a, a / 2), 150))

    @pytest.mark.parametrize(
        ("part", "low", "high"),
        [
            ({"normal": {"mean": 0, "sd": 1}, "at least": 12}, 12.0, 13.0),
            ({"normal": {"mean": 0, "sd": 1}, "at most": -12}, -13.0, -12.0),
            ({"normal": {"mean": 0, "sd": 1}, "at least": 12, "at most": 13}, 12.0, 13.0),
            ({"normal": {"mean": 0, "sd": 1}, "at least": -13, "at most": -12}, -13.0, -12.0),
            ({"normal": {"mean": 0, "sd": 1}, "at least": 60}, 60.0, 60.0),
            ({"normal": {"mean": 0, "sd": 1}, "at most": -60}, -60.0, -60.0),
            ({"normal": {"mean": 1, "sd": "none"}, "at least": 2}, 2.0, 2.0),
            ({"lognormal": {"median": 1, "cv": "10 %"}, "at least": 0}, 0.6, 1.6),
            ({"lognormal": {"median": 1, "cv": "10 %"}, "at least": 4}, 4.0, 4.2),
            ({"lognormal": {"median": 1, "cv": "none"}, "at most": 4}, 1.0, 1.0),
            ({"gamma": {"mean": 3, "cv": "none"}}, 3.0, 3.0),
            ({"gamma": {"mean": 3, "cv": "0.01 %"}}, 2.998, 3.002),
            ({"gamma": {"mean": 3, "cv": 1}, "at least": 3000}, 3000.0, 3000.0),
            ({"exponential": {"mean": 3}, "at least": 3000}, 3000.0, 3030.0),
            ({"exponential": {"mean": "none"}, "at most": 2}, 0.0, 0.0),
            ({"exponential": {"mean": 3}, "at least": -5, "at most": 2}, 0.0, 2.0),
        ],
    )
    def test_far_tails_and_no_spread_give_numbers_within_bounds(self, part, low, high):
        """Truncation is reckoned where digits are left; what does not vary is its middle."""
        found = trait(part)
        assert np.isfinite(found).all()
        assert low <= found.min()
        assert found.max() <= high
        if high - low > 0.1:
            assert len(set(found.tolist())) > COUNT // 2


class TestCorrelation:
    """Correlations are those of normal scores (a Gaussian copula)."""

    def test_scores_are_cholesky_s_of_the_draws(self):
        """Whatever the distributions, in any order of being said, and with traits between that have none."""
        matrix = np.array([[1, 0.6, -0.3, 0.2], [0.6, 1, 0, 0.5], [-0.3, 0, 1, 0.4], [0.2, 0.5, 0.4, 1]])
        model = {
            "parameters": {"rho": {"value": 0.6, "range": [0, 0.9]}},
            "traits": {
                "a": {"normal": {"mean": 5, "sd": 2}},
                "between": {"bernoulli": "50 %"},
                "b": {"gamma": {"mean": 3, "cv": "40 %"}, "correlated with": {"a": "rho"}},
                "c": {"lognormal": {"median": 2, "log sd": 0.5}, "correlated with": {"a": -0.3}},
                "e": {"beta": {"a": 2, "b": 3}, "correlated with": {"c": 0.4, "a": 0.2, "b": 0.5}, "at most": 0.6},
            },
        }
        made = patients(model, COUNT)
        scores = np.linalg.cholesky(matrix) @ special.ndtri([drawn(name) for name in "abce"])
        of = {name: made.trait("illness", name) for name in "abce"}
        np.testing.assert_allclose(of["a"], 5 + 2 * scores[0], rtol=1e-9)
        np.testing.assert_allclose(of["b"], stats.gamma(6.25, scale=0.48).ppf(special.ndtr(scores[1])), rtol=1e-8)
        np.testing.assert_allclose(of["c"], 2 * np.exp(0.5 * scores[2]), rtol=1e-9)
        law = stats.beta(2, 3)
        np.testing.assert_allclose(of["e"], law.ppf(law.cdf(0.6) * special.ndtr(scores[3])), rtol=1e-8)

    @pytest.mark.parametrize(
        ("traits", "said"),
        [
            ({"b": {"bernoulli": 0.5, "correlated with": {"a": 0.5}}}, "'bernoulli' has no correlation"),
            ({"b": {"normal": {"sd": 1}, "correlated with": {"c": 0.5}}}, "'c' is no trait above"),
            ({"b": {"normal": {"sd": 1}, "correlated with": {"a": 1}}}, "no correlation matrix"),
            ({"b": {"normal": {"sd": 1}, "correlated with": {"a": "a / 9"}}}, "'a / 9' differs between patients"),
            ({"b": {"categories": {"0": "a", "1": "1 - a"}}}, "those of categories are the same for everybody"),
            ({"b": {"categories": {"0": "30 %", "1": "60 %"}}}, "do not sum to 1"),
            ({"b": {"bernoulli": 0.5, "at least": 1}}, "'bernoulli' cannot be cut to bounds"),
            ({"b": {"formula": "a * time since entry"}}, "this changes with time"),
            ({"b": {"formula": "a + sum of(push)"}}, "this changes with time"),
            ({"b": {"formula": "later", "meaning": "x"}, "later": {"poisson": 3}}, "'later' stands below"),
        ],
    )
    def test_what_cannot_be_is_refused(self, traits, said):
        """In its own words."""
        assert said in faults_of({"traits": {"a": {"normal": {"mean": 0.5, "sd": 0.1}}, **traits}})
