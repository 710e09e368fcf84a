"""Regret: against closed forms on a toy whose expected losses can be written down, and what chance may not change."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import pytest

import protocolsim
from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.component import Assessment, Trait, Variable, signal_sum
from protocolsim.disease.base import Disease
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import UsageError
from protocolsim.randomness import uniform
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.regret import Regret, other_stream, regret
from protocolsim.study.decision.thresholds import thresholds

STREAM = 92_000
_OWN, _WEIGHT = range(2)


@kernel
def begin(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """One hidden number of each subject's own, in (0, 1)."""
    for i in rows:
        body[i, links[0] + _OWN] = uniform(seed, who[i, 0], who[i, 1], STREAM, 0)
        body[i, links[0] + _WEIGHT] = 50.0


@kernel
def look(
    body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers,
    index: Integers, minute: Integers, value: Floats, truth: Floats,
) -> None:  # fmt: skip
    """A guess at the own number, and how much there is: 10 x own / (1 + dose level), times chance of mean 1."""
    for k in range(rows.shape[0]):
        i = rows[k]
        own = body[i, links[0] + _OWN]
        value[k, 0] = own + uniform(seed, who[i, 0], who[i, 1], STREAM + 1, index[i]) - 0.5
        truth[k, 0] = own
        chance = 2.0 * uniform(seed, who[i, 0], who[i, 1], STREAM + 2, index[i])
        value[k, 1] = truth[k, 1] = 10.0 * own / (1.0 + signal_sum(body, i, links, 1)) * chance


def _plain_constants(values: Mapping[str, float]) -> Floats:
    return np.zeros(1)


Plain = Disease(
    name="plain",
    meaning="more of it for larger own numbers, less at higher doses",
    stream=STREAM,
    parameters=(),
    fields=("own", "weight"),
    traits=(Trait("weight", _WEIGHT, "kg", "body weight", hidden=False), Trait("own", _OWN, "", "the own number")),
    reads=("toy_level",),
    assessments=(
        Assessment("look", "a look", (Variable("guess", "", "a guess"), Variable("amount", "", "how much")), look),
    ),
    start=begin,
    constants=_plain_constants,
)


TEXT = """
title: a toy with losses in closed form
parameters:
  bound: {value: 0.4, range: [-0.5, 1.5], meaning: the bound}
  dose_price: {value: 0.5, meaning: the price of a unit of dose}
cohort: {size: 20, disease: "tests.study.test_regret:Plain"}
drugs:
  infusion: {kind: "tests.support.toys:Infusion", fever: FEVER}
protocol:
  summaries:
    guessed: {first of: guess}
  states:
    before:
      enrolled: true
      assessments: {look: {weeks: [0, 4]}}
      lasts: 4 weeks
    low:
      treatment: {infusion: {dose: 1 mg/kg, every: 4 weeks}}
      assessments: {look: {every: 4 weeks, start: 4 weeks}}
      lasts: 41 weeks
    high:
      treatment: {infusion: {dose: 3 mg/kg, every: 4 weeks}}
      assessments: {look: {every: 4 weeks, start: 4 weeks}}
      lasts: 41 weeks
    done: {final: done}
    stopped: {final: stopped}
  transitions:
    - {from: before, to: low, when: guessed < bound}
    - {from: before, to: high, otherwise: true}
    - {from: low, to: done}
    - {from: high, to: done}
    - {from: on study, to: stopped, upon: fever}
decisions:
  it:
    threshold: bound
    responder: {trait: own, below: 0.4}
    horizon: 40 weeks
    loss: {count: amount, stop: fever, stop_weight: 0, drug: infusion, dose_weight: dose_price}
endpoints:
  done: {kind: share, ended_in: done}
"""
PRICE = 0.5


def toy(fever: str = "0 / 4 weeks") -> Scenario:
    return build(parse(TEXT.replace("FEVER", fever), "plain.yaml"), allow_plugins=True)


@functools.cache
def found(streams: int = 10) -> Regret:
    return regret(thresholds(toy(), replicates=150), streams=streams)


def in_closed_form(own: Floats, price: float) -> Floats:
    """Ten looks, four weeks apart, 10 x own / (1 + level) each on average; ten doses of the level."""
    return np.array([100.0 * own / 2.0 + price * 10.0, 100.0 * own / 4.0 + price * 30.0])


def own_numbers(r: Regret) -> Floats:
    """The hidden numbers of the subjects of a curve: looked up, not simulated."""
    who = zip(r.curve.replicate.tolist(), r.curve.subject.tolist(), strict=True)
    return np.array([uniform(r.curve.seed, replicate, subject, STREAM, 0) for replicate, subject in who])


@pytest.mark.parametrize("price", [0.0, PRICE, 2.0])
def test_expected_losses_are_those_in_closed_form(price):
    """Each subject's expected loss on either branch lies as near the closed form as its streams allow, at any price."""
    r = found()
    assert r.known.all()
    assert (r.number.sum(axis=0) == 10).all()
    own = own_numbers(r)
    expected, got = in_closed_form(own, price), r.losses(dose_weight=price)
    # Ten looks of 10 x own / (1 + level) x 2u each, a uniform's standard deviation being 1 / sqrt(12); ten streams.
    error = 10.0 * own / np.array([[2.0], [4.0]]) * 2.0 / np.sqrt(12.0) * np.sqrt(10.0) / np.sqrt(10.0)
    z = (got - expected) / error
    assert np.abs(z).max() < 5.0
    np.testing.assert_allclose(z.mean(axis=1), 0.0, atol=5.0 / np.sqrt(len(own)))
    np.testing.assert_allclose((z * z).mean(axis=1), 1.0, atol=0.15)


@pytest.mark.parametrize("bound", [-0.5, 0.1, 0.4, 0.9, 1.5])
def test_mean_regret_is_the_integral(bound):
    """Mean regret by threshold is an integral over own numbers; few streams find what lies on both sides of it."""
    own = (np.arange(20_000) + 0.5) / 20_000
    passes = np.clip(bound - own + 0.5, 0.0, 1.0)
    low, high = in_closed_form(own, PRICE)
    smallest = np.minimum(low, high)
    integral = (passes * (low - smallest) + (1.0 - passes) * (high - smallest)).mean()
    frame = found().frame(np.array([bound])).set_index("estimate")
    sure = 4.0 * frame.mcse["regret"]
    assert frame.value["regret_at_least"] <= frame.value["regret"]
    assert frame.value["regret_at_least"] - sure < integral < frame.value["regret"] + sure
    assert frame.value["regret"] == pytest.approx(integral, abs=sure + 0.15)
    loss = (passes * low + (1.0 - passes) * high).mean()
    assert frame.value["loss"] == pytest.approx(loss, abs=4.0 * frame.mcse["loss"])
    assert frame.value["regret"] == pytest.approx(frame.value["loss"] - frame.value["smallest_loss"], abs=1e-5)


def test_more_lucks_close_the_bracket():
    """What is overstated and what is understated come together as streams are added."""
    bracket = []
    for streams in (2, 10):
        value = found(streams).frame(np.array([0.4])).set_index("estimate").value
        bracket.append(value["regret"] - value["regret_at_least"])
    assert 0.0 < bracket[1] < 0.4 * bracket[0]


def test_the_better_way_is_known_from_the_own_number():
    """At a price of 0.5 the lower dose is better for those whose own number is below 0.4; free of price for nobody."""
    own = own_numbers(found())
    low, high = found().losses()
    far = np.abs(own - 0.4) > 0.1
    assert ((low < high) == (own < 0.4))[far].all()
    assert found().better_off(dose_weight=0.0) == 0.0
    frame = found().frame(np.array([-0.5, 0.4]), dose_weight=0.0)
    free = frame[frame["estimate"] == "regret"].value.to_numpy()
    assert free[0] == 0.0
    assert free[1] > 1.0


def test_without_a_price_the_higher_dose_is_better_for_all_but_a_few():
    """In the shipped trial, free of prices, hardly anybody is better off passing, and nobody passing loses nothing."""
    curve = thresholds(protocolsim.load("ms_daclizumab"), replicates=20)
    r = regret(curve, streams=6)
    assert r.better_off(0.0, 0.0) < 0.05
    free = r.values(np.array([0.0, 0.75, 1.0]), 0.0, 0.0)
    assert free[0] > free[1] > 100 * free[2]
    assert 0.2 < r.better_off() < 0.6


@pytest.mark.parametrize("engine", ["batch", "des"])
def test_the_start_stays_and_the_luck_changes(engine):
    """With another random stream every subject has the traits it had; under the same one everything is as it was."""
    trial, pieces = protocolsim.load("ms_daclizumab").trial, {"batch": batch, "des": des}[engine].pieces

    def simulated(t, seed):
        return next(iter(pieces(t, seed, range(1))))

    plain, same, other = (
        simulated(trial, 1),
        simulated(other_stream(trial, 1), 1),
        simulated(other_stream(trial, 1), 2),
    )
    assert same.equal(plain)
    both = min(len(plain["subjects"]["subject"]), len(other["subjects"]["subject"]))
    for name in trial.labels.traits:
        np.testing.assert_array_equal(plain["subjects"][name][:both], other["subjects"][name][:both])
    assert not np.array_equal(plain["observations"]["value"][:50], other["observations"]["value"][:50])


def test_engines_and_pieces_do_not_matter():
    """Either engine finds the same expected losses, and a subject's do not depend on how many trials are looked at."""
    curve = thresholds(toy("0.02 / 4 weeks"), replicates=4)
    fast, slow = regret(curve, streams=2), regret(curve, streams=2, engine="des")
    np.testing.assert_array_equal(fast.sums, slow.sums)
    np.testing.assert_array_equal(fast.number, slow.number)
    few = regret(curve, streams=2, replicates=2)
    size = few.number.shape[1]
    assert size == 40
    np.testing.assert_array_equal(few.sums, fast.sums[:, :, :size])
    assert few.frame()["value"].notna().all()


def test_refusals():
    """Fewer than two random streams cannot be halved; without a declared loss there is nothing to regret."""
    curve = thresholds(toy(), replicates=1)
    with pytest.raises(UsageError, match="streams: 1 is not between 2"):
        regret(curve, streams=1)
    with pytest.raises(UsageError, match="nothing has a loss"):
        regret(dataclasses.replace(curve, scenario=dataclasses.replace(curve.scenario, decisions={})))
