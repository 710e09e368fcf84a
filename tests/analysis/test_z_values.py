"""z and information of analyses, which looks at accumulating data read: what every kind keeps, and known values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, binom, chi2_contingency, hypergeom, logrank, norm, wilcoxon

from protocolsim.analysis.base import Analysis
from protocolsim.analysis.before_after import BeforeAfter
from protocolsim.analysis.catalogue import kinds
from protocolsim.analysis.exact_binomial import ExactBinomial
from protocolsim.analysis.log_rank import LogRank
from protocolsim.analysis.mann_whitney import MannWhitney
from protocolsim.analysis.non_inferiority import NonInferiority
from protocolsim.analysis.quasi_poisson import QuasiPoisson
from protocolsim.analysis.rate_ratio import RateRatio
from protocolsim.analysis.two_shares import TwoShares, hypergeometric_tails
from protocolsim.arrays import Floats, Integers
from protocolsim.scenario.file.schema import endpoint_fields
from tests.analysis.test_analysis import an_analysis

NORMAL = (TwoShares, LogRank, MannWhitney, NonInferiority, QuasiPoisson, RateRatio)
"""Kinds whose p is that of the normal law, on both sides."""
SIDES = ("greater", "less", "two-sided")
every = pytest.mark.parametrize("kind", kinds().values(), ids=kinds())


def sided(kind: type[Analysis]) -> bool:
    return "alternative" in endpoint_fields(kind)


def at_null(kind: type[Analysis], number: int, subjects: int, seed: int = 3) -> tuple[Floats, Integers]:
    """The columns of so many trials at the kind's null hypothesis, and the trial of each subject."""
    rng = np.random.default_rng(seed)
    columns = np.concatenate([an_analysis(kind).at_null(rng, subjects) for _ in range(number)])
    return columns, np.repeat(np.arange(number), subjects)


def trials_of(kind: type[Analysis]) -> int:
    """A regression is fitted to each trial, which takes its time."""
    return 150 if kind is RateRatio else 1500


def z_and_information(analysis: Any, columns: Floats, trial: Integers, number: int) -> tuple[Floats, Floats]:
    return analysis.z_values(columns, trial, number), analysis.information(columns, trial, number)


@every
class TestEveryKind:
    def test_at_its_null_it_is_standard_normal(self, kind):
        """Where the null hypothesis just holds z has mean 0 and variance 1; a discrete z is a little nearer to 0."""
        number = trials_of(kind)
        z = an_analysis(kind).z_values(*at_null(kind, number, 120), number)
        assert abs(z.mean()) < 4.0 / np.sqrt(number)
        assert z.std() == pytest.approx(0.97, abs=0.05 + 4.0 / np.sqrt(2.0 * number))

    def test_it_is_as_correlated_as_information_says(self, kind):
        """z of half a trial and of all of it correlate as the root of the ratio of their information.

        This is what boundaries over looks rest on. The information of half the subjects is half of all.
        """
        number = trials_of(kind)
        columns, trial = at_null(kind, number, 160, seed=4)
        half = np.arange(len(trial)) % 160 < 80
        analysis = an_analysis(kind)
        z1, i1 = z_and_information(analysis, columns[half], trial[half], number)
        z2, i2 = z_and_information(analysis, columns, trial, number)
        assert np.mean(i1) / np.mean(i2) == pytest.approx(0.5, abs=0.02)
        assert np.corrcoef(z1, z2)[0, 1] == pytest.approx(np.sqrt(0.5), abs=4.0 * 0.5 / np.sqrt(number))

    def test_p_is_its_tail(self, kind):
        """One-sided p on the side on which the data lie is the tail of z; of a normal test, on either side."""
        number = 40 if kind is RateRatio else 300
        columns, trial = at_null(kind, number, 30, seed=5)
        for side in SIDES[:2] if sided(kind) else ("",):
            analysis = an_analysis(kind, **({"alternative": side} if side else {}))
            z, p = (f(columns, trial, number) for f in (analysis.z_values, analysis.p_values))
            mine = np.ones(number, dtype=bool) if kind in NORMAL else z > 0.0
            np.testing.assert_allclose(norm.sf(z[mine]), p[mine], rtol=1e-9)
            assert (p[z == 0.0] >= 0.5 - 1e-12).all()
            assert np.isfinite(z).all()

    def test_two_sided_p_is_both_tails(self, kind):
        """Where a two-sided p is twice the smaller one-sided one, it is the tails of |z|."""
        if not sided(kind) or kind is ExactBinomial:
            return  # of the exact test it is another sum
        number = 40 if kind is RateRatio else 300
        columns, trial = at_null(kind, number, 30, seed=6)
        analysis = an_analysis(kind, alternative="two-sided")
        z, p = (f(columns, trial, number) for f in (analysis.z_values, analysis.p_values))
        np.testing.assert_allclose(2.0 * norm.sf(np.abs(z)), p, rtol=1e-9)

    def test_sides_and_arms_exchanged(self, kind):
        """`less` turns the sign of `greater`, which is that of two-sided; exchanging the arms turns it too."""
        if not sided(kind):
            return
        number = 30
        columns, trial = at_null(kind, number, 31, seed=7)
        z = {side: an_analysis(kind, alternative=side).z_values(columns, trial, number) for side in SIDES}
        assert np.array_equal(z["greater"], z["two-sided"])
        assert np.array_equal(z["less"], -z["greater"])
        if "arm" in endpoint_fields(kind):
            columns[:, -1] = 1.0 - columns[:, -1]
        else:
            columns = -columns if kind is BeforeAfter else 1.0 - columns
        turned = an_analysis(kind).z_values(columns, trial, number)
        assert turned == pytest.approx(-z["two-sided"], rel=1e-3, abs=1e-4 if kind is RateRatio else 1e-12)


@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("kind", sorted(kinds()))
def test_no_trial_is_too_small(kind, data):
    """Nobody, one subject, no event, all alike: z where there is a p, information above 0, alone as among others."""
    field = endpoint_fields(kinds()[kind]).get("alternative")
    changes = {"alternative": data.draw(st.sampled_from(field[1]))} if field else {}
    if kind == "two_shares":
        changes["method"] = data.draw(st.sampled_from(["score", "fisher"]))
    analysis = an_analysis(kinds()[kind], **changes)
    few = analysis.at_null(np.random.default_rng(data.draw(st.integers(0, 20))), 5)
    drawn: list[list[int]] = data.draw(st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=3))
    together = few[[subject for subjects in drawn for subject in subjects]]
    trial = np.repeat(np.arange(len(drawn)), [len(subjects) for subjects in drawn])
    z, information = z_and_information(analysis, together, trial, len(drawn))
    assert np.array_equal(np.isnan(z), np.isnan(analysis.p_values(together, trial, len(drawn))))
    assert np.isnan(information[np.isnan(z)]).all()
    assert (np.isnan(information) | (information > 0.0)).all()
    for k, subjects in enumerate(drawn):
        nobody_else = np.zeros(len(subjects), dtype=np.int64)
        alone = z_and_information(analysis, few[subjects], nobody_else, 1)
        assert (alone[0].tobytes(), alone[1].tobytes()) == (z[[k]].tobytes(), information[[k]].tobytes())


class TestKnownValues:
    def test_score_is_pearsons_chi_square(self):
        """z of two shares, squared, is Pearson's chi-square; its information is 1 over the pooled variance."""
        meets = np.array([1.0] * 9 + [0.0] * 5 + [1.0] * 3 + [0.0] * 12)
        columns, trial = np.column_stack([meets, np.repeat([1.0, 0.0], [14, 15])]), np.zeros(29, dtype=int)
        z, information = z_and_information(an_analysis(TwoShares), columns, trial, 1)
        assert z[0] ** 2 == pytest.approx(chi2_contingency([[9, 5], [3, 12]], correction=False).statistic)
        assert z[0] > 0.0
        assert information[0] == pytest.approx((z[0] / (9 / 14 - 3 / 15)) ** 2)

    def test_fishers_tails(self):
        """Both tails of a table with given margins are hypergeometric."""
        for table in [(9, 3, 3, 9), (0, 5, 4, 0), (6, 8, 1, 14), (40, 60, 70, 31), (3, 0, 4, 0)]:
            a, b, c, d = table
            law = hypergeom(a + b + c + d, a + c, a + b)
            assert hypergeometric_tails(*table) == pytest.approx((law.sf(a - 1), law.cdf(a)), rel=1e-9)

    def test_exact_binomial(self):
        """9 of 12 against 0.5: z is that of the upper tail; 6 of 12 speaks for neither side."""
        columns = np.concatenate([np.arange(12) < k for k in (9, 6, 3)]).astype(float)[:, None]
        trial = np.repeat(np.arange(3), 12)
        z, information = z_and_information(an_analysis(ExactBinomial, target=0.5), columns, trial, 3)
        assert z == pytest.approx([norm.isf(binom.sf(8, 12, 0.5)), 0.0, -norm.isf(binom.sf(8, 12, 0.5))])
        assert information == pytest.approx(48.0)

    def test_wilcoxon(self):
        """With ties z is SciPy's, corrected for continuity; the information of a share of ranks is near 3 a subject."""
        values = np.random.default_rng(8).integers(-4, 6, 60).astype(float)
        known = wilcoxon(values, method="approx", correction=True)
        z, information = z_and_information(an_analysis(BeforeAfter), values[:, None], np.zeros(60, dtype=int), 1)
        assert abs(z[0]) == pytest.approx(abs(known.zstatistic))
        assert information[0] == pytest.approx(3.0 * np.count_nonzero(values), rel=0.05)

    def test_log_rank(self):
        """Of random trials with ties and censoring z is SciPy's, each alone and all at once."""
        rng = np.random.default_rng(9)
        rows = [
            np.column_stack([rng.integers(1, 12, n), rng.random(n) < 0.7, np.arange(n) % 2 == 0]).astype(float)
            for n in (12, 20, 35, 60, 240)
        ]
        trial = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        mixed = rng.permutation(len(trial))
        z = an_analysis(LogRank).z_values(np.concatenate(rows)[mixed], trial[mixed], len(rows))
        for k, (minutes, reached, arm) in enumerate(row.T for row in rows):
            arms = [CensoredData.right_censored(minutes[arm == a], reached[arm == a] == 0.0) for a in (1.0, 0.0)]
            assert z[k] == pytest.approx(logrank(*arms).statistic)

    def test_freireich(self):
        """Of the 42 children of Freireich 1963 the log-rank statistic has V = 6.257 and U = 10.25, as in textbooks."""
        mercaptopurine = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
        relapsed = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
        placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
        rows = [(t, r, 1.0) for t, r in zip(mercaptopurine, relapsed, strict=True)] + [(t, 1, 0.0) for t in placebo]
        z, information = z_and_information(
            an_analysis(LogRank, alternative="less"), np.array(rows, dtype=float), np.zeros(42, dtype=int), 1
        )
        assert information[0] == pytest.approx(6.257, abs=5e-4)
        assert z[0] * np.sqrt(information[0]) == pytest.approx(10.25, abs=5e-3)
