"""Tests that assume little of how patients differ: against SciPy and statsmodels, and their level in relapsing MS."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from protocolsim.analysis.mann_whitney import MannWhitney
from protocolsim.analysis.quasi_poisson import QuasiPoisson, fitted
from protocolsim.endpoint.subjects.population import populations
from protocolsim.errors import ScenarioError
from protocolsim.scenario.equal_arms import equal_arms
from protocolsim.scenario.load import load_text
from protocolsim.study.run import run
from tests.analysis.test_analysis import OF, an_analysis, trials

SIDES = ("two-sided", "less", "greater")


@pytest.mark.parametrize("alternative", SIDES)
def test_mann_whitney_is_scipys(alternative):
    """Trials of every size, with and without ties, all at once: p is SciPy's of each, without its correction."""
    rng = np.random.default_rng(8)
    rows = []
    for n in (3, 5, 9, 24, 60, 240):
        drawn = (rng.normal(size=n), rng.integers(0, 4, n).astype(float), rng.poisson(0.3, n).astype(float))
        rows += [np.column_stack([values, np.arange(n) % 3 == 0]) for values in drawn]
    trial = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    mixed = rng.permutation(len(trial))
    found = an_analysis(MannWhitney, alternative=alternative).p_values(
        np.concatenate(rows)[mixed], trial[mixed], len(rows)
    )
    for p, (values, arm) in zip(found, (row.T for row in rows), strict=True):
        if len(np.unique(values)) == 1:
            assert np.isnan(p)
            continue
        how = {"alternative": alternative, "method": "asymptotic", "use_continuity": False}
        assert p == pytest.approx(mannwhitneyu(values[arm == 1.0], values[arm == 0.0], **how).pvalue, rel=1e-9)


def test_mann_whitney_is_of_the_subjects_own_values():
    """Of a reduction or a level the test reads what `own_values` says, whatever the endpoint's reading."""
    records = trials(3)
    known = populations(records, {})
    for of in (OF["reduction"], OF["level"]):
        own = an_analysis(MannWhitney, of=of).contributions(records, known)
        expected = of.own_values(records, known)
        here = ~np.isnan(own[:, 0])
        assert here.sum() > 30
        assert own[here, 0] == pytest.approx(expected[here], abs=1e-9)


def test_quasi_poisson_is_a_glm_with_pearsons_scale():
    """The logarithm of the ratio, its error and p are those of statsmodels' Poisson regression scaled by chi-square."""
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(5)
    number = 6
    columns = np.concatenate([an_analysis(QuasiPoisson).at_null(rng, 20 + 30 * k) for k in range(number)])
    trial = np.repeat(np.arange(number), [20 + 30 * k for k in range(number)])
    ratio, variance, freedom = fitted(columns, trial, number)
    p = an_analysis(QuasiPoisson).p_values(columns, trial, number)
    for k in range(number):
        counted, over, arm = columns[trial == k].T
        model = api.GLM(
            counted, np.column_stack([np.ones(len(arm)), arm]), family=api.families.Poisson(), exposure=over
        )
        fit = model.fit(scale="X2", use_t=True)
        assert ratio[k] == pytest.approx(fit.params[1], abs=1e-7)
        assert np.sqrt(variance[k]) == pytest.approx(fit.bse[1], rel=1e-6)
        assert p[k] == pytest.approx(fit.pvalues[1], rel=1e-5)
        assert freedom[k] == fit.df_resid


def test_the_unit_of_time_does_not_matter():
    """Time counted in other units gives the same p: only the ratio is tested."""
    columns = an_analysis(QuasiPoisson).at_null(np.random.default_rng(2), 50)
    other = columns * np.array([1.0, 10080.0, 1.0])
    p = [an_analysis(QuasiPoisson).p_values(c, np.zeros(50, dtype=int), 1)[0] for c in (columns, other)]
    assert p[0] == pytest.approx(p[1])


IN_MS = """\
extends: ms_randomised
cohort: {{size: {size}}}
findings: []
beside: []
endpoints:
  lesions: {{kind: reduction, variable: new_cel, baseline: baseline, during: [combination, placebo], after: 6 weeks}}
  week_22: {{kind: level, variable: new_cel, at: 22 weeks}}
  during: {{kind: level, variable: new_cel, during: [combination, placebo]}}
analysis:
  counts: {{kind: quasi_poisson, of: lesions, arm: combination, against: placebo}}
  ranks_of_falls: {{kind: mann_whitney, of: lesions, arm: combination, against: placebo}}
  ranks_of_levels: {{kind: mann_whitney, of: during, arm: combination, against: placebo}}
  ranks_at_a_visit: {{kind: mann_whitney, of: week_22, arm: combination, against: placebo}}
"""
TESTS = ("counts", "ranks_of_falls", "ranks_of_levels", "ranks_at_a_visit")


@pytest.mark.slow
@pytest.mark.parametrize(("size", "replicates"), [(24, 3000), (60, 2000), (240, 1000)])
def test_with_equal_arms_the_level_is_kept_in_relapsing_ms(size, replicates):
    """At 5 % no more than 6.5 % of trials with equal arms reject, two Monte Carlo errors (of at most 0.7 %) apart.

    A negative binomial regression (`rate_ratio`) rejects 10 to 12 % of them, and up to 16 % in other trials.
    """
    scenario = equal_arms(load_text(IN_MS.format(size=size), "ms.yaml"), "arm", "placebo")
    found = run(scenario, replicates=replicates, seed=7).estimates
    error = np.sqrt(0.05 * 0.95 / replicates)
    assert error < 0.007
    for name in TESTS:
        assert found[name].value <= 0.065, name
        assert found[name].value >= 0.05 - 3.0 * error, name


def test_rate_ratio_is_warned_of():
    """A trial that uses the negative binomial test is told where it fails, and what to take; with the others not."""
    with_it = IN_MS.format(size=24).replace("quasi_poisson", "rate_ratio")
    told = [w for w in load_text(with_it, "ms.yaml").warnings if "rate_ratio" in w]
    assert len(told) == 1
    assert "analysis 'counts'" in told[0]
    assert "quasi_poisson and mann_whitney hold it" in told[0]
    assert not any("analysis" in w for w in load_text(IN_MS.format(size=24), "ms.yaml").warnings)


def test_mann_whitney_needs_values_of_subjects():
    """An endpoint without values of single subjects is refused, with those that have them."""
    wrong = IN_MS.format(size=24).replace("of: week_22", "of: passed_the_rule")
    with pytest.raises(ScenarioError, match="is of kind share; expected one of kind level or reduction: "):
        load_text(wrong, "ms.yaml")
