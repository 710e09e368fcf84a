"""The shipped trials with looks are the designs that they say they are, and do what enumeration says they do."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from protocolsim.scenario.load import load
from protocolsim.sequential.beta import probability_better
from protocolsim.sequential.counts import binomial
from protocolsim.sequential.exact.simon import TwoStage, simon
from protocolsim.sequential.exact.single_arm import single_arm
from protocolsim.sequential.predictive import predicted_above
from protocolsim.study.result import Result
from protocolsim.study.run import run

BOUND = 0.986


@cache
def ran(name: str, replicates: int = 1000) -> Result:
    return run(load(name), replicates=replicates)


def near(result: Result, reason: str, exact: float, also: float = 0.01) -> bool:
    """Whether as many trials end so as enumeration says, within four Monte Carlo errors and what p is uncertain by."""
    found = result.estimates[f"ended[{reason}]"]
    return bool(abs(float(found.value) - exact) < 4.0 * float(found.mcse) + also)


def test_the_two_stages_are_simons_minimax_design():
    """3 of 10 and 10 of 21 for 33 % against 60 %, with the errors, the stops and the size that its notes say."""
    design = load("ms_two_stage").interim
    assert design is not None
    _, minimax = simon(0.33, 0.60, 0.05, 0.20)

    assert minimax == TwoStage(3, 10, 10, 21)
    assert [look.trigger.number for look in design.looks] == [10, 21]
    null = minimax.under(0.33)
    assert (round(null.reject, 3), round(null.early, 3), round(null.expected_n, 1)) == (0.050, 0.568, 14.7)
    assert round(minimax.under(0.60).reject, 2) == 0.81


def test_two_stages_end_as_enumeration_says():
    """With the share of all enrolled that is truly controlled, stops and claims are those of independent successes."""
    result = ran("ms_two_stage", 3000)
    found = result.estimates
    p = float(found["controlled_on_monotherapy"].value * (1.0 - found["stopped_for_adverse_event"].value))
    exact = TwoStage(3, 10, 10, 21).under(p)

    assert near(result, "futility", exact.early)
    assert near(result, "worth a trial", exact.reject)


def test_the_predictive_probability_ends_as_enumeration_says():
    """Bounds are the largest counts that make success improbable; with the share that passes they give the stops."""
    looks = [10, 14, 18, 22, 26, 30, 36]
    counts = np.arange(37)
    lower = [float(np.max(counts[: n + 1][predicted_above(counts[: n + 1], n, 36, 0.5, 0.9) < 0.05])) for n in looks]
    needed = float(np.min(counts[predicted_above(counts, 36, 36, 0.5, 0.9) > 0.5]))
    result = ran("ms_predictive_probability", 3000)
    p = float(result.estimates["passed"].value)
    exact = single_arm(looks, lower, [np.nan] * 6 + [needed], p)

    assert near(result, "futility", float(exact.futility[:-1].sum()))
    assert near(result, "more than half pass", exact.reject)


def stopped(p1: float, p2: float, looks: int) -> list[float]:
    """P(stop at each look) where arms of 15 a look are compared by the posterior probability, by enumeration."""
    here, result = np.ones((1, 1)), []
    for k in range(1, looks + 1):
        here = np.array([np.convolve(row, binomial(15, p2)) for row in here])
        here = np.array([np.convolve(column, binomial(15, p1)) for column in here.T]).T
        first, second = np.arange(len(here))[:, np.newaxis], np.arange(here.shape[1])
        stop = probability_better(first, 15 * k, second, 15 * k) > BOUND
        result.append(float(here[stop].sum()))
        here = np.where(stop, 0.0, here)
    return result


def test_arrest_gives_the_published_probability():
    """6 of 14 against 1 of 15, with uniform priors, is the published 0.9861, and beyond the scenario's bound."""
    found = float(probability_better(6, 14, 1, 15))

    assert round(found, 4) == 0.9861
    assert found > BOUND
    published = load("arrest_ecmo").endpoints
    assert {name for name, one in published.items() if one.published is not None} == {
        "survived_ecmo",
        "survived_standard",
    }


@pytest.mark.parametrize(("p1", "set_"), [(0.37, {}), (0.12, {"ecmo.added": "0 %"})])
def test_arrest_stops_as_enumeration_says(p1, set_):
    """At the first look and at any, where ECMO adds 25 points and where it adds nothing."""
    exact = stopped(p1, 0.12, 6)
    result = run(load("arrest_ecmo", set=set_), replicates=1500)

    for name, wanted in (("ended[superiority][look_1]", exact[0]), ("ended[superiority]", sum(exact))):
        found = result.estimates[name]
        assert abs(float(found.value) - wanted) < 4.0 * float(found.mcse) + 0.01, (name, wanted)


def test_a_trial_that_stops_at_the_first_look_overstates():
    """The difference that is reported at the first look is larger than the truth by what enumeration says."""
    first, second = np.meshgrid(np.arange(16), np.arange(16), indexing="ij")
    chance = np.outer(binomial(15, 0.37), binomial(15, 0.12))
    stop = probability_better(first, 15, second, 15) > BOUND
    exact = float(((first - second) / 15.0 * chance)[stop].sum() / chance[stop].sum()) - 0.25
    found = ran("arrest_ecmo").estimates["bias[difference][look_1]"]

    assert abs(float(found.value) - exact) < 4.0 * float(found.mcse) + 0.01


def test_who_goes_over_changes_no_decision():
    """With and without the crossover, trials enrol the same patients and end alike, but more of the stops agree."""
    kept, over = (run(load(n), replicates=200).estimates for n in ("ms_group_sequential", "ms_crossover_upon_stopping"))

    same = [n for n in kept if n.startswith(("ended[", "trial[enrolled", "trial[claims", "bias["))]
    assert len(same) > 10
    assert [kept[n].value for n in same] == pytest.approx([over[n].value for n in same], nan_ok=True, abs=0)
    assert 0.0 < over["went_over"].value < 0.3
    assert over["trial[flipped]"].value < kept["trial[flipped]"].value
