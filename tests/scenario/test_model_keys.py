"""Whatever a declared model says counts: no key is taken and then ignored, and no number that its place cannot hold."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from protocolsim.component import Component
from protocolsim.errors import ScenarioError
from protocolsim.scenario.build.cast.components import model_of
from protocolsim.scenario.file.model_schema import EventPart, QuantityPart, TraitPart
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.scenario.load import load
from protocolsim.study.run import run

FOR_READERS = {"meaning", "seen", "unit"}
# The step is the model's, wherever it stands: what is carried on exactly needs none.
ELSEWHERE = {"step"}
QUANTITIES: dict[str, dict[str, Any]] = {
    "relaxes to": {"start": "t", "relaxes to": "2 * t", "half-life": "3 days"},
    "grows by": {"start": "t", "grows by": "1 % / day"},
    "rate": {"start": "t", "rate": "1 / week", "step": "1 day"},
    "becomes": {"start": "t", "becomes": "q + 1", "step": "1 day"},
    "autoregressive": {"autoregressive": {"sd": 1, "correlation": 0.5, "over": "1 day"}},
    "arrivals": {"arrivals": "1 / day"},
    "steps": {"steps": {"start": 0, "levels": {"low": 5, "high": 9}, "rates": {"low": {"high": "1 / day"}}}},
    "formula": {"formula": "t + 1"},
    "doses enter": {"doses enter": "two compartments", "half-life": "2 days", "to periphery": "1 / day",
                    "from periphery": "1 / week"},
}  # fmt: skip
TRAITS: dict[str, Any] = {
    "normal": {"mean": 10, "sd": 2}, "lognormal": {"median": 10, "cv": 0.2}, "uniform": {"from": 1, "to": 20},
    "beta": {"a": 2, "b": 3}, "gamma": {"mean": 10, "cv": 0.2}, "exponential": {"mean": 10}, "bernoulli": 0.3,
    "poisson": 3, "categories": {"0": 0.4, "1": 0.6}, "formula": "2 * t",
}  # fmt: skip
MORE: dict[str, Any] = {
    "start": 7, "half-life": "9 days", "at least": 0.25, "at most": 0.75, "stream": 4_000_000, "available": 0.5,
    "measured in": "IU", "absorption half-life": "1 day", "to periphery": "2 / day", "from periphery": "2 / day",
    "correlated with": {"t": 0.5}, "times": 3, "since": "enrolment", "recurrent": True, "step": "2 days",
}  # fmt: skip
EVENTS: dict[str, Any] = {
    "rate": "1 % / week", "weibull": {"scale": "9 weeks", "shape": 2},
    "piecewise": {"0 weeks": "1 % / week", "2 weeks": "2 % / week"},
}  # fmt: skip


def model(room: str, name: str, part: dict[str, Any], *, drug: bool = False) -> dict[str, Any]:
    """A small model with one thing in one of its rooms."""
    whole: dict[str, Any] = {
        "kind": "drug" if drug else "disease", "meaning": "x",
        "traits": {"t": {"normal": {"mean": 10, "sd": 1}, "meaning": "x"}},
    }  # fmt: skip
    whole.setdefault(room, {})[name] = part
    if drug:
        whole["writes"] = {"given": "q"}
    elif room == "quantities":
        whole["assessments"] = {"look": {"v": {"shows": "q", "meaning": "x"}}}
    return whole


def built(data: dict[str, Any]) -> Component | ScenarioError:
    """The component, or why there is none."""
    try:
        return model_of(parse(as_yaml(data), "m.yaml"), "m")
    except ScenarioError as error:
        return error


def keys_of(part: Any, kinds: dict[str, Any]) -> list[str]:
    """The keys that may stand beside the kind of a part, as a file spells them."""
    spelt = [f.alias or name.replace("_", " ") for name, f in part.model_fields.items()]
    return [k for k in spelt if k not in kinds and k not in FOR_READERS]


CASES = [
    *(("quantities", kind, how, key) for kind, how in QUANTITIES.items() for key in keys_of(QuantityPart, QUANTITIES)),
    *(("traits", kind, {kind: how}, key) for kind, how in TRAITS.items() for key in keys_of(TraitPart, TRAITS)),
    *(("events", kind, {kind: how}, key) for kind, how in EVENTS.items() for key in keys_of(EventPart, EVENTS)),
]  # fmt: skip


@pytest.mark.parametrize(("room", "kind", "whole", "key"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_no_key_is_taken_and_ignored(room, kind, whole, key):
    """Beside any kind of trait, quantity or event each other key is refused at its place, or makes another model."""
    if key in ELSEWHERE:
        return
    drug, name = kind == "doses enter", "q" if room == "quantities" else "x"
    plain = built(model(room, name, {**whole, "meaning": "x"}, drug=drug))
    assert isinstance(plain, Component), plain
    value = MORE[key] if whole.get(key) != MORE[key] else "1 hour"
    found = built(model(room, name, {**whole, key: value, "meaning": "x"}, drug=drug))
    if isinstance(found, ScenarioError):
        assert [f.path for f in found.faults] == [f"{room}.{name}.{key}"], str(found)
    else:
        assert pickle.dumps(found) != pickle.dumps(plain), "taken, and ignored"


SHARE, NOT_NEGATIVE, ABOVE_ZERO = (-0.2, 1.5), (-1,), (-1, 0)
LOOK = ("assessments", "look")
NUMBERS: list[tuple[str, str, dict[str, Any], tuple[str, ...], tuple[Any, ...]]] = [
    ("traits", "x", {"bernoulli": ...}, ("bernoulli",), SHARE),
    ("traits", "x", {"categories": {"1": ..., "2": "1 - p"}}, ("categories", "1"), (-0.2,)),
    ("traits", "x", {"uniform": {"from": 3, "to": ...}}, ("uniform", "to"), (1,)),
    ("traits", "x", {"normal": {"sd": 1}, "at least": 3, "at most": ...}, ("at most",), (1,)),
    ("traits", "x", {"gamma": {"mean": 3, "cv": 1}, "at least": 3, "at most": ...}, ("at most",), (1,)),
    ("traits", "x", {"formula": "t", "at least": 3, "at most": ...}, ("at most",), (1,)),
    ("quantities", "q", {"formula": "t", "at least": 3, "at most": ...}, ("at most",), (1,)),
    ("quantities", "q", {"start": 2, "relaxes to": "t", "half-life": "1 day", "at least": 3, "at most": ...},
     ("at most",), (1,)),
    ("quantities", "q", {"autoregressive": {"sd": ..., "correlation": 0.5, "over": "1 day"}},
     ("autoregressive", "sd"), NOT_NEGATIVE),
    (*LOOK, {"v": {"shows": "t", "meaning": "x", "missing": ...}}, ("v", "missing"), SHARE),
    (*LOOK, {"v": {"shows": "t", "meaning": "x", "at least": 3, "at most": ...}}, ("v", "at most"), (1,)),
    (*LOOK, {"v": {"shows": "t", "meaning": "x", "error": {"normal": {"sd": ...}}}}, ("v", "error", "normal", "sd"),
     NOT_NEGATIVE),
    (*LOOK, {"v": {"shows": "t", "meaning": "x", "error": {"lognormal": {"cv": ...}}}},
     ("v", "error", "lognormal", "cv"), NOT_NEGATIVE),
    (*LOOK, {"v": {"shows": "t", "meaning": "x", "error": {"negative binomial": {"size": ...}}}},
     ("v", "error", "negative binomial", "size"), ABOVE_ZERO),
    (*LOOK, {"v": {"shows": 0.5, "meaning": "x", "error": {"binomial": {"of": ...}}}},
     ("v", "error", "binomial", "of"), NOT_NEGATIVE),
    (*LOOK, {"v": {"shows": ..., "meaning": "x", "error": "bernoulli"}}, ("v", "shows"), SHARE),
    (*LOOK, {"v": {"shows": ..., "meaning": "x", "error": {"binomial": {"of": 3}}}}, ("v", "shows"), SHARE),
    ("events", "x", {"weibull": {"scale": "1 week", "shape": ...}}, ("weibull", "shape"), ABOVE_ZERO),
]  # fmt: skip


def put(part: Any, value: Any) -> Any:
    """The part with a value where `...` stands."""
    if isinstance(part, dict):
        return {key: put(inner, value) for key, inner in part.items()}
    return value if part is ... else part


@pytest.mark.parametrize(("room", "name", "part", "place", "wrong"), NUMBERS, ids=lambda v: str(v)[:60])
def test_a_number_that_its_place_cannot_hold(room, name, part, place, wrong):
    """It is refused there, written or as a parameter's value; one that is set to it later fails, in words."""

    def with_(number: Any, said: Any) -> dict[str, Any]:
        data = model(room, name, put(part, said) if room == "assessments" else {**put(part, said), "meaning": "x"})
        data["parameters"] = {"p": {"value": number, "range": [-9, 9], "meaning": "x"}}
        return data

    sound = built(with_(0.5 if -0.2 in wrong else 5, "p"))
    assert isinstance(sound, Component), sound
    for number in wrong:
        for said in ("p", number):
            error = built(with_(number, said))
            assert isinstance(error, ScenarioError), number
            assert f"{room}.{name}.{'.'.join(place)}" in [f.path for f in error.faults], str(error)
        with pytest.raises(ValueError, match="expected"):
            sound.constants({"p": number})


@pytest.mark.parametrize(("key", "bound"), [("at least", -0.5), ("at most", 0.5)])
def test_a_range_stays_within_what_is_accepted(key, bound):
    """A parameter whose range goes beyond what it accepts is refused: sweeps and draws would go there."""
    data = model("traits", "x", {"normal": {"mean": "p", "sd": 1}, "meaning": "x"})
    data["parameters"] = {"p": {"value": 0, "range": [-1, 1], "meaning": "x", key: bound}}
    error = built(data)
    assert isinstance(error, ScenarioError)
    assert [f.path for f in error.faults] == [f"parameters.p.{key}"]
    data["parameters"]["p"][key] = bound * 2
    assert isinstance(built(data), Component)


def test_hazards_stand_in_the_order_of_their_times():
    """A piecewise hazard whose times do not rise is refused at the time that comes too early."""
    data = model("events", "x", {"piecewise": {"0 weeks": "1 / week", "3 weeks": "2 / week", "7 days": "3 / week"}})
    error = built(data)
    assert isinstance(error, ScenarioError)
    assert [f.path for f in error.faults] == ["events.x.piecewise.7 days"]


FROM_A_ROW = """
title: T
seed: 3
cohort: {{size: 20, disease: m}}
models:
  m:
    kind: disease
    meaning: x
    {people}
    traits:
      {traits}
      t: {{normal: {{mean: age, sd: 3}}, meaning: x}}
    quantities:
      aims: {{start: t, relaxes to: age / 2, half-life: 3 days, at least: age / 4}}
      grows: {{start: age * 2, grows by: 1 % / day}}
      slides: {{start: age, rate: (t - slides) / 1 week}}
      counts: {{start: age, becomes: counts + t}}
      steps: {{steps: {{start: "if(age > 45, 1, 0)", levels: {{a: age, b: t}}, rates: {{a: {{b: 1 / week}}}}}}}}
      noise: {{autoregressive: {{sd: age / 9, correlation: 0.5, over: 1 day}}}}
      adds: {{formula: aims + grows + noise + counts}}
    assessments:
      look: {{all: {{shows: adds + slides + steps, meaning: x}}}}
protocol:
  states:
    a: {{enrolled: true, assessments: {{look: {{every: 1 week}}}}, lasts: 5 weeks}}
    done: {{final: done}}
  transitions: [{{from: a, to: done}}]
endpoints: {{all: {{kind: level, variable: all, during: a}}}}
"""


@pytest.mark.parametrize("engine", ["batch", "des"])
def test_a_row_of_a_file_is_as_good_as_a_trait(tmp_path, engine):
    """All that may read a trait may read a column of a file of patients, and comes to the same, to the last bit."""
    (tmp_path / "one.csv").write_text("years\n50\n")
    by_file = FROM_A_ROW.format(people="patients: {from: one.csv, columns: {age: years}}", traits="")
    by_trait = FROM_A_ROW.format(people="", traits="age: {formula: 50, seen: true, meaning: x}")
    seen = []
    for text in (by_file, by_trait):
        (tmp_path / "t.yaml").write_text(text)
        records = run(load(str(tmp_path / "t.yaml")), replicates=2, engine=engine).records
        seen.append(records["observations"]["value"])
    assert len(seen[0]) > 100
    assert np.array_equal(seen[0], seen[1])
