"""Whose the variance of single trials is: closed forms, additivity, independence, and honest errors."""

from __future__ import annotations

import numpy as np
import pytest

import protocolsim
from protocolsim.scenario.load import load
from protocolsim.study.conduct import conduct
from protocolsim.study.execution.trials import Trials
from protocolsim.study.parameters.draws import ParameterDraws
from protocolsim.study.parameters.first_order import LEAST_DRAWS, explained
from protocolsim.study.parameters.patients import name_of
from protocolsim.study.parameters.shares import Portion, VarianceShares, coupled_by, shares_of
from protocolsim.study.parameters.uncertain import uncertain_in
from tests.support.levels import FIRST, SD, SECOND, levels


def made(size: int = 9, replicates: int = 1000, seed: int = 5) -> VarianceShares:
    """The shares of the mean level, whose variance is known."""
    result = protocolsim.run(levels(size=size), replicates=replicates, seed=seed, parameters="plausible")
    return result.shares["mean"]


def closed(size: int) -> tuple[float, float, float]:
    """The variances that the first and the second parameter and the patients make."""
    return FIRST**2 / 3, 4 * SECOND**2 / 3, SD**2 / size


@pytest.mark.parametrize("size", [4, 9, 36])
def test_closed_form(size):
    """Parameters, patients and each parameter alone make what they make in closed form, to four errors."""
    found, (first, second, patients) = made(size), closed(size)
    total = first + second + patients
    assert found.variance == pytest.approx(total, rel=0.15)
    assert found.patients is not None
    index = {one.key: one.portion for one in found.first_order}
    for portion, share in (
        (found.parameters, (first + second) / total),
        (found.patients, patients / total),
        (index["levels.first"], first / total),
        (index["levels.second"], second / total),
        (index["levels.idle"], 0.0),
    ):
        assert abs(portion.share - share) < 4 * portion.error + 0.01, (size, portion, share)
        assert portion.error < 0.06


def test_shares_add_up():
    """Parameters, trial and patients are all of the variance; of an additive trial the indices are the parameters'."""
    found = made()
    assert found.trial is not None
    assert found.patients is not None
    assert found.parameters.share + found.trial.share + found.patients.share == pytest.approx(1.0)
    assert sum(one.portion.share for one in found.first_order) == pytest.approx(found.parameters.share, abs=0.1)
    assert [one.key for one in found.first_order] == ["levels.first", "levels.second", "levels.idle"]


def test_errors_are_honest():
    """Over 24 seeds the estimates scatter about the truth as far as their errors say, within a third."""
    first, second, patients = closed(9)
    total = first + second + patients
    away = []
    for seed in range(24):
        found = made(replicates=200, seed=seed)
        index = {one.key: one.portion for one in found.first_order}
        pairs = ((found.parameters, (first + second) / total), (index["levels.second"], second / total))
        away.append([(portion.share - share) / portion.error for portion, share in pairs])
    spread = np.sqrt((np.array(away) ** 2).mean(axis=0))
    assert (spread > 0.65).all(), spread
    assert (spread < 1.4).all(), spread


class TestFirstOrder:
    """The indices of functions that are known."""

    def test_known_functions(self):
        """A line, a product, a parabola: in closed form."""
        rng = np.random.default_rng(3)
        x, y, z = rng.random((3, 4000))
        values = np.column_stack([x, y, z])
        line, _ = explained(values, 2 * x + y)
        assert line == pytest.approx([4 / 12, 1 / 12, 0.0], abs=0.03)
        product, _ = explained(values, (x - 0.5) * (y - 0.5))  # all of it is what two do together
        assert product == pytest.approx([0.0, 0.0, 0.0], abs=0.002)
        bent, _ = explained(values, (x - 0.5) ** 2)
        assert bent[0] == pytest.approx(1 / 180, rel=0.05)

    def test_nothing_is_nothing_on_average(self):
        """Of 2,000 parameters that nothing reads the mean index is 0, and their spread is what their errors say."""
        rng = np.random.default_rng(4)
        found, without = explained(rng.random((50, 2000)), rng.normal(size=50))
        assert abs(found.mean()) < 5 * found.std() / np.sqrt(2000)
        errors = np.sqrt(49 / 50 * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
        assert np.sqrt((errors**2).mean()) == pytest.approx(found.std(), rel=0.5)

    def test_any_scale(self):
        """Only the order of a parameter's values counts, so that a log scale changes nothing."""
        rng = np.random.default_rng(5)
        x = rng.random((200, 1))
        means = x[:, 0] + rng.normal(size=200)
        assert np.array_equal(explained(x, means)[0], explained(np.exp(9 * x), means)[0])

    def test_too_few(self):
        """Below ten draws there is nothing to tell."""
        assert np.isnan(explained(np.ones((LEAST_DRAWS - 1, 2)), np.arange(LEAST_DRAWS - 1.0))[0]).all()


class TestPatientsAndTrial:
    """What the trial does as a whole is told from what its patients make."""

    def test_nothing_couples_patients(self):
        """Where nothing couples them the trial's share is 0 by design; looks, queues and blocks couple them."""
        assert coupled_by(levels().trial) == ""
        assert made().trial == Portion(0.0, 0.0)
        assert "looks" in coupled_by(load("ms_two_stage").trial)
        assert "wait" in coupled_by(load("ms_scanner_shortage").trial)
        assert "blocks" in coupled_by(load("ms_randomised").trial)

    def test_the_jackknife_of_a_share_is_the_binomial(self):
        """Of a share x of n patients the variance that they give is x(1 - x)/(n - 1), in every trial."""
        scenario = load("ms_randomised")
        draws = ParameterDraws(uncertain_in(scenario)[0], 2)
        (sums,) = conduct([Trials(scenario, "batch", 2, range(4), draws=draws)])
        name = next(n for n, e in scenario.endpoints.items() if e.binary)
        share, n = scenario.endpoints[name].value(sums.sums[name]), sums.sums[name][:, 1]
        assert sums.sums[name_of(name)][:, 0] == pytest.approx(share * (1 - share) / (n - 1))

    def test_what_a_trial_shares(self):
        """Trials that have something in common beyond their patients: the trial's share comes out, to its error."""
        rng = np.random.default_rng(6)
        pairs, n = 4000, 25
        parameter = np.repeat(rng.normal(size=pairs), 2)
        shared = rng.normal(0, 1.5, size=2 * pairs)
        own = rng.normal(0, 5.0, size=(2 * pairs, n))
        values = parameter + shared + own.mean(axis=1)
        scenario = load("ms_two_stage")
        endpoint = levels().endpoints["mean"]
        sums = {
            "mean": np.column_stack([values * n, np.full(2 * pairs, float(n))]),
            name_of("mean"): (own.var(axis=1, ddof=1) / n)[:, None],
        }
        found = shares_of({"mean": endpoint}, sums, ParameterDraws((), 1), scenario.trial)["mean"]
        total = 1 + 1.5**2 + 1
        for portion, share in (
            (found.parameters, 1 / total),
            (found.trial, 1.5**2 / total),
            (found.patients, 1 / total),
        ):
            assert portion is not None
            assert abs(portion.share - share) < 4 * portion.error
            assert portion.error < 0.02

    def test_where_it_cannot_be_had(self):
        """Of a median and of a test in a coupled trial it is said why trial and patients are not told apart."""
        result = protocolsim.run("ms_randomised", set={"cohort.size": 20}, replicates=24, parameters="plausible")
        told = {name: shares.why_not for name, shares in result.shares.items()}
        tests = [name for name, e in result.estimates.items() if e.decides and name in told]
        assert all("only says yes or no" in told[name] for name in tests)
        assert any(why == "" for why in told.values())
        assert any("not told apart" in line for line in _notes(result))


def _notes(result: protocolsim.Result) -> list[str]:
    from protocolsim.report.parameters.summary import notes

    return notes([*result.shares.values()])


def test_the_figure_adds_up():
    """Each bar is as wide as all of the variance, and nothing in it is below 0."""
    from protocolsim.report.style import figures

    result = protocolsim.run(levels(), replicates=60, parameters="plausible")
    rows = figures.rows(result.figure("variance"))
    assert rows.groupby("endpoint")["share"].sum().round(9).eq(1.0).all()
    assert (rows["share"] >= 0).all()
    assert "levels.first" in set(rows["whose"])
