"""Edges of priors, what counts as identified, and whether a model that is wrong is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from protocolsim.report.calibration.summary import sentences
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.study.calibration.abc_posterior import Posterior, Table, coverage
from protocolsim.study.calibration.calibrate import calibrate, calibration_plan
from protocolsim.study.calibration.identified import identification
from protocolsim.study.calibration.misfit import misfit
from protocolsim.study.calibration.targets import targets_of


def shares_table(low: float = 0.0, high: float = 1.0, idle: int = 0, counts: int = 1, patients: int = 40) -> Table:
    """A share uniform from low to high, and so many counts of so many patients; `idle` more parameters do nothing."""
    u = qmc.Sobol(1 + idle, seed=np.random.default_rng(3)).random(512)
    shares = low + (high - low) * u[:, :1, None]
    drawn = np.random.default_rng(4).binomial(patients, np.repeat(shares, counts, axis=2), (512, 30, counts))
    return Table(np.clip(u, 1e-9, 1 - 1e-9), drawn / patients)


def normal(mean: float, sd: float) -> Posterior:
    draws = np.random.default_rng(1).normal(mean, sd, 20_000)
    draws = draws[(draws > 0) & (draws < 1)][:, None]
    return Posterior(draws, np.full(len(draws), 1 / len(draws)), len(draws))


class TestIdentified:
    def test_a_prior_that_cuts_the_posterior_is_warned_about(self):
        """A quarter is published: a wide prior identifies the share, one that begins at 0.22 leaves it at that edge."""
        (wide,) = identification(shares_table(0.0, 0.6).fit(np.array([0.25])))
        assert (wide.verdict, wide.edges) == ("identified", ())
        (narrow,) = identification(shares_table(0.22, 1.0).fit(np.array([0.25])))
        assert narrow.sd_ratio < 0.5  # the earlier criterion called it identified
        assert (narrow.verdict, narrow.edges) == ("leans on an edge", ("lower",))
        (above,) = identification(shares_table(0.0, 0.28).fit(np.array([0.25])))
        assert "upper" in above.edges

    def test_what_does_nothing_is_not_identified(self):
        """A parameter that no target knows keeps its prior, and twice the prior is twice the spread."""
        found = identification(shares_table(idle=1).fit(np.array([0.5])))
        assert [one.verdict for one in found] == ["identified", "not identified"]
        assert found[1].widened == pytest.approx(2.0, abs=0.2)
        assert found[0].widened == pytest.approx(1.0, abs=0.05)

    @pytest.mark.parametrize(
        ("mean", "sd", "verdict"),
        [(0.5, 0.08, "identified"), (0.5, 0.22, "prior decides"), (0.2, 0.12, "leans on an edge")],
    )
    def test_the_criterion_by_normal_posteriors(self, mean, sd, verdict):
        """Narrow in the middle is identified; nearly as wide as the prior, that decides; near an edge it leans."""
        (found,) = identification(normal(mean, sd))
        assert (found.verdict, found.sd_ratio <= 0.9) == (verdict, True)

    def test_known_only_with_another_that_leans(self):
        """Of two that make up one sum, neither is identified where the other leans on its edge."""
        rng = np.random.default_rng(2)
        first = rng.normal(0.9, 0.09, 20_000)
        second = 1.3 - first + rng.normal(0.0, 0.03, 20_000)
        both = np.column_stack([first, second])[(first < 1.0)]
        found = identification(Posterior(both, np.full(len(both), 1 / len(both)), len(both)))
        assert found[0].edges == ("upper",)
        assert (found[1].verdict, found[1].leans_with) == ("with another", (0,))


class TestMisfit:
    def test_a_planted_misfit_is_seen_where_calibration_of_the_sampler_is_not_enough(self):
        """Two counts of one share cannot be 90 and 10 %: the sampler is calibrated all the same, the check fails."""
        table = shares_table(counts=2)
        assert coverage(table, 200).believed == "calibrated"
        wrong, right = (misfit(table, np.array(seen), 200) for seen in ([0.9, 0.1], [0.55, 0.5]))
        assert (wrong.fails, wrong.p) == (True, 0.0)
        assert (right.fails, right.p > 0.2) == (False, True)
        assert min(right.noticed) > 0.9

    def test_the_check_has_its_level(self):
        """Of trials that the model made, about one in twenty is called a misfit."""
        table = shares_table(counts=2)
        found = [misfit(table, table.statistics[k, 0], 40).fails for k in range(5, 505, 10)]
        assert np.mean(found) <= 0.2

    def test_a_model_that_is_wrong_fails_in_words_and_numbers(self):
        """Nearly all controlled and hardly a lesion fewer cannot be had together: sentence, warning and JSON say so."""
        scenario = load("ms_daclizumab")
        text = (
            "parameters:\n  drugs.daclizumab.median_rate_ratio: {scale: log}\n"
            "targets:\n  new_cel_inhibition: {value: 5 %, source: planted, mark: A}\n"
            "  controlled_on_monotherapy: {value: 13/13, source: planted, mark: A}\n"
        )
        targets = targets_of(parse(text, "planted.yaml"), scenario)
        found = calibrate(targets, calibration_plan(scenario, targets, points=64, trials=16))
        assert found.check_fails
        assert found.misfit.fails
        assert any("posterior predictive check fails" in line for line in sentences(found))
        assert any("cannot have them all" in line for line in found.warnings)
        told = found.summary()["model_check"]
        assert told["fails"]
        assert told["predictive_check_fails"] == [p.endpoint for p in found.check_fails]
