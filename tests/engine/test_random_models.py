"""Both engines give the same records, to the last bit, whatever the declared models: drawn with the protocols."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import protocolsim
from protocolsim.engine.batch import simulation as batch
from protocolsim.errors import ScenarioError
from tests.engine.test_engines_agree import SEEDS, assert_agree
from tests.support.protocols import Draft, load, runnable
from tests.support.random_models import DISEASE, KINDS, diseases, drugs, trials

# As in `test_engines_agree.py`: a draft is large, and the first that fails is told as it stands.
drawn = partial(settings, phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck])


def assert_drawn_agrees(draft: Draft, seed: int) -> None:
    """The law for one drawn trial; what the fast engine cannot do is said elsewhere."""
    scenario = runnable(draft)
    if batch.unsupported(scenario.trial) is None:
        assert_agree(scenario, seed)


class TestDrawnModels:
    """Any disease and any drugs that can be declared, in any protocol."""

    @drawn(max_examples=20)
    @given(trials(), SEEDS)
    def test_all_five_tables_are_equal(self, draft, seed):
        """To the last bit."""
        assert_drawn_agrees(draft, seed)

    @pytest.mark.long
    @drawn(max_examples=3000)
    @given(trials(), SEEDS)
    def test_all_five_tables_are_equal_for_many_more(self, draft, seed):
        """The same law, for longer."""
        assert_drawn_agrees(draft, seed)


def words_of(models: Any) -> Counter[str]:
    """How often each key stands in models."""
    found: Counter[str] = Counter()
    if isinstance(models, dict):
        for key, part in models.items():
            found += Counter([str(key)]) + words_of(part)
    return found + Counter([models]) if isinstance(models, str) else found


def test_the_drawn_models_say_everything():
    """Every kind of trait, quantity, error and event, and every word about them."""
    found: Counter[str] = Counter()

    # Models alone, without a protocol: many are drawn in little time, so that chance leaves nothing out.
    @drawn(max_examples=100, database=None, derandomize=True)
    @given(diseases(), drugs(doses=True), drugs(doses=False))
    def draw(disease: Draft, dosed: Draft, standard: Draft) -> None:
        for model in (disease, dosed, standard):
            found.update(words_of(model))

    draw()
    assert [word for word in KINDS if not found[word]] == []


@pytest.fixture(scope="module")
def trial() -> Draft:
    """One trial of a declared disease and a declared drug with much in it, whose patients come from several sites."""
    return Draft(
        title="Much of everything",
        models={
            DISEASE: {
                "kind": "disease",
                "meaning": "made up",
                "traits": {
                    "weight": {"lognormal": {"median": "70 kg", "cv": "20 %"}, "seen": True, "meaning": "weight"},
                    "own": {"gamma": {"mean": 1, "cv": "30 %"}, "correlated with": {"weight": 0.5}, "meaning": "own"},
                },
                "quantities": {
                    "noise": {"autoregressive": {"sd": 0.3, "correlation": 0.5, "over": "3 days"}},
                    "x": {"start": "own", "relaxes to": "own * (1 - sum of(push)) + noise", "half-life": "4 days"},
                    "n": {"arrivals": "own * 30 % / day"},
                },
                "assessments": {
                    "scan": {
                        "height": {"shows": "x", "error": {"normal": {"sd": 0.1}}, "meaning": "x"},
                        "spots": {"shows": "n", "since the last": True, "meaning": "n"},
                    }
                },
                "events": {"fever": {"rate": "own * 2 % / day", "recurrent": True}},
            },
            "capsule": {"kind": "drug", "meaning": "made up", "writes": {"push": "on / 2"}},
        },
        cohort={
            "disease": DISEASE,
            "size": 20,
            "sites": {"north": {"arrivals": "2 / 1 day"}, "south": {"arrivals": "1 / 1 day"}},
            "no_show": "10 %",
        },
        protocol={
            "summaries": {"height_now": {"last of": "height"}},
            "states": {
                "open": {"enrolled": True, "assessments": {"scan": {"every": "3 days"}}, "lasts": "12 days"},
                "treated": {
                    "treatment": {"capsule": "standard"},
                    "assessments": {"scan": {"every": "2 days"}},
                    "lasts": "12 days",
                },
                "done": {"final": "completed"},
            },
            "transitions": [
                {"from": "open", "to": "treated", "when": "height_now > 0.8"},
                {"from": "open", "to": "done", "otherwise": True},
                {"from": "treated", "to": "done"},
            ],
        },
        endpoints={"ill": {"kind": "share", "with_event": "fever", "among": "enrolled"}},
    )


@pytest.mark.parametrize(
    ("read", "said"),
    [("own", "unknown name 'own'"), ("x", "unknown name 'x'"), ("noise", "unknown name 'noise'")],
)
def test_a_rule_reads_what_is_seen_only(trial, read, said):
    """Neither a hidden trait nor a quantity: refused at its line; what is seen is read."""
    transitions = [
        {**trial["protocol"]["transitions"][0], "when": f"{read} > 0.8"},
        *trial["protocol"]["transitions"][1:],
    ]
    draft = {**trial, "protocol": {**trial["protocol"], "transitions": transitions}}
    with pytest.raises(ScenarioError) as caught:
        load(draft)
    (fault,) = caught.value.faults
    assert fault.path == "protocol.transitions[0].when"
    assert said in fault.message
    transitions[0]["when"] = "weight > 70 kg"
    load(draft)


@pytest.mark.parametrize(
    ("dose", "unit", "needs", "said"),
    [
        ("2 mg/kg", "mg", [], "'2 mg/kg' is per weight, which 'capsule' does not read"),
        ("2 mg/kg", "mg", ["weight"], ""),
        ("2 mg", "mg", [], ""),
        ("2 mg", "IU", [], "expected"),
        ("9 IU", "IU", [], ""),
        ("9 IU/kg", "IU", ["weight"], ""),
        ("9 IU", "mg", [], "expected"),
    ],
)
def test_a_dose_is_measured_as_the_drug_says(trial, dose, unit, needs, said):
    """Flat, or per weight where the drug reads the weight; in mg or IU."""
    amount = {"doses enter": "one compartment", "half-life": "1 day", "measured in": unit}
    drug = {"kind": "drug", "meaning": "made up", "needs": needs, "quantities": {"amount": amount},
            "writes": {"push": f"amount / 100 {unit}"}}  # fmt: skip
    states = trial["protocol"]["states"]
    treated = {**states["treated"], "treatment": {"capsule": {"dose": dose, "every": "1 day"}}}
    protocol = {**trial["protocol"], "states": {**states, "treated": treated}}
    draft = {**trial, "models": {**trial["models"], "capsule": drug}, "protocol": protocol}
    if said:
        with pytest.raises(ScenarioError, match=said):
            load(draft)
        return
    found = assert_agree(load(draft), 3, range(1))
    assert not isinstance(found, str)
    made = found["doses"]["dose"] > 0
    assert made.any()
    given = found["doses"]["amount"][made] / found["doses"]["dose"][made]
    weights = found["subjects"]["weight"][found["doses"]["subject"][made]]
    np.testing.assert_allclose(given, weights if needs else 1.0)


class TestOneTrial:
    """What holds for every component holds for a declared one."""

    def test_nothing_depends_on_how_many_are_computed_together(self, trial):
        """Replicates alone or together, a smaller cohort, more than one worker: the same patients."""
        scenario = load(trial)
        whole = assert_agree(scenario, 7, range(3))
        alone = assert_agree(scenario, 7, range(2, 3))
        assert not isinstance(whole, str)
        assert not isinstance(alone, str)
        for table in ("observations", "subjects", "events"):
            last = whole[table]["replicate"] == 2
            for name, column in whole[table].items():
                assert column[last].tobytes() == alone[table][name].tobytes()
        small = assert_agree(load({**trial, "cohort": {**trial["cohort"], "size": 5}}), 7, range(1))
        assert not isinstance(small, str)
        first = (whole["observations"]["replicate"] == 0) & (whole["observations"]["subject"] < 5)
        np.testing.assert_array_equal(whole["observations"]["value"][first], small["observations"]["value"])

    def test_workers_and_seeds(self, trial):
        """As many workers as one likes; another seed is another trial."""
        scenario = load(trial)
        one, two, other = (
            protocolsim.run(scenario, replicates=4, seed=seed, workers=workers)
            for seed, workers in ((3, 1), (3, 2), (4, 1))
        )
        assert repr(one.estimates) == repr(two.estimates)
        assert repr(one.estimates) != repr(other.estimates)

    def test_the_order_of_models_drugs_and_names_is_nothing(self, trial):
        """The same file, its sections turned round."""
        models = dict(reversed(trial["models"].items()))
        disease = models[DISEASE]
        scan = disease["assessments"]["scan"]
        turned = {
            **disease,
            "events": dict(reversed(disease["events"].items())),
            "quantities": {name: disease["quantities"][name] for name in ("n", "noise", "x")},
            "assessments": {"scan": dict(reversed(scan.items()))},
        }
        there = assert_agree(load({**trial, "models": {**models, DISEASE: turned}}), 7, range(1))
        here = assert_agree(load(trial), 7, range(1))
        assert not isinstance(there, str)
        assert not isinstance(here, str)
        for table in ("subjects", "events"):
            for name, column in here[table].items():
                assert column.tobytes() == there[table][name].tobytes()
        values, others = here["observations"]["value"], there["observations"]["value"]
        np.testing.assert_array_equal(np.sort(values), np.sort(others))
