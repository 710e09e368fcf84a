"""Laws of declared models: names draw by themselves, formulas mean what rules mean, observations are their laws."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from protocolsim.component import Weibull
from protocolsim.errors import ScenarioError
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import parse
from protocolsim.randomness import uniform
from protocolsim.scenario.models.draws import stream_of
from tests.support.models import Model, component, faults_of, looks, patients
from tests.support.toys import DAY

COUNT = 400

MODEL: Model = {
    "parameters": {"p": {"value": 1, "range": [0, 2]}},
    "traits": {
        "a": {"gamma": {"mean": 5, "cv": "20 %"}},
        "b": {"poisson": 3},
    },
    "quantities": {
        "noise": {"autoregressive": {"sd": 1, "correlation": 0.5, "over": "3 days"}},
        "n": {"arrivals": "a * 10 % / day"},
        "s": {
            "steps": {"start": 0, "levels": {"x": 0, "y": 1}, "rates": {"x": {"y": "1 / day"}, "y": {"x": "1 / day"}}}
        },
        "x": {"start": "a", "relaxes to": "b", "half-life": "3 days"},
    },
    "assessments": {
        "scan": {
            "one": {"shows": "a + noise", "error": {"normal": {"sd": 1}}},
            "two": {"shows": "n + s", "error": "poisson", "missing": "30 %"},
        },
        "blood": {"one": {"shows": "x", "error": {"normal": {"sd": 1}}}},
    },
    "events": {"fever": {"rate": "a * 1 % / day"}},
}


def numbers(model: Model) -> dict[str, NDArray[np.float64]]:
    """Everything that a model comes to in some patients, by name."""
    them = patients(model, 30)
    found = {t.name: them.trait("illness", t.name).copy() for t in them.components["illness"].traits}
    for minute in (0, 5 * DAY + 7):
        them.go(minute)
        for assessment in ("scan", "blood"):
            seen, truth = them.observe(assessment, 3)
            found |= {f"{assessment}.{name} {minute}": v for name, v in seen.items()}
            found |= {f"{assessment}.{name} behind {minute}": v for name, v in truth.items()}
    found["streams"] = np.array(sorted(h.stream for h in them.components["illness"].hazards if h.event == "fever"))
    return found


def with_(room: str, new: Model, *, first: bool) -> Model:
    """The model with something more in it, before or after all else there."""
    return {**MODEL, room: {**new, **MODEL[room]} if first else {**MODEL[room], **new}}


CHANGES: dict[str, Model] = {
    f"{room} {name} {'first' if first else 'last'}": with_(room, new, first=first)
    for first in (True, False)
    for room, name, new in [
        ("traits", "new", {"new": {"gamma": {"mean": 1, "cv": "30 %"}}}),
        ("quantities", "noise", {"other": MODEL["quantities"]["noise"]}),
        ("quantities", "arrivals", {"other": MODEL["quantities"]["n"]}),
        ("quantities", "steps", {"other": MODEL["quantities"]["s"]}),
        ("assessments", "look", {"look": MODEL["assessments"]["scan"]}),
        ("events", "rash", {"rash": MODEL["events"]["fever"]}),
        ("parameters", "q", {"q": {"value": 1, "range": [0, 2]}}),
    ]
}
CHANGES |= {
    f"{room} turned round": {**MODEL, room: dict(reversed(MODEL[room].items()))}
    for room in ("traits", "assessments", "events")
}
CHANGES["variables turned round"] = {
    **MODEL,
    "assessments": {k: dict(reversed(v.items())) for k, v in MODEL["assessments"].items()},
}


class TestNamesOfDraws:
    """A draw belongs to the model and the name."""

    @pytest.mark.parametrize("change", CHANGES)
    def test_what_is_added_or_moved_changes_nobody_else(self, change):
        """Every number that was there before is the same to the bit."""
        before, after = numbers(MODEL), numbers(CHANGES[change])
        for name, values in before.items():
            assert values.tobytes() == after[name].tobytes(), name

    @pytest.mark.parametrize("room", ["traits", "quantities", "events"])
    def test_another_name_is_another_draw(self, room):
        """All streams of a model are different, and those of another model others."""
        made, renamed = component(MODEL), component(MODEL, "other")
        assert made.streams is not None
        assert renamed.streams is not None
        assert len(made.streams) == 2 + 4 + 4 + 1
        assert not made.streams & renamed.streams

    @pytest.mark.parametrize(
        ("room", "one", "other"),
        [
            ("traits", {"a": {"poisson": 3, "stream": 200}}, {"b": {"poisson": 3, "stream": 200}}),
            ("events", {"a": {"rate": "1 / day", "stream": 200}}, {"b": {"rate": "1 / day", "stream": 200}}),
            (
                "quantities",
                {"a": {**MODEL["quantities"]["s"], "stream": 199}},
                {"b": {"arrivals": "1 / day", "stream": 200}},
            ),
        ],
    )
    def test_two_names_with_one_stream_are_refused(self, room, one, other):
        """Also where one takes up two of them."""
        said = faults_of({room: {**one, **other}})
        assert "would draw from the same stream, 200" in said
        assert faults_of({room: one}) == faults_of({room: other}) == ""

    @pytest.mark.parametrize("number", [0, 5, 2**32])
    def test_streams_of_the_trial_are_nobody_s(self, number):
        """Nor are numbers that are none."""
        assert "is no stream" in faults_of({"traits": {"a": {"poisson": 3, "stream": number}}})


# Formulas ------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "1", "0", "2.5", "0.3"])
EXPRESSIONS = st.recursive(
    NAMES,
    lambda e: st.one_of(
        st.builds("({} {} {})".format, e, st.sampled_from(["+", "-", "*", "/"]), e),
        st.builds("{}({})".format, st.sampled_from(["exp", "log", "log10", "sqrt", "abs", "-", "round"]), e),
        st.builds("{}({}, {}, {})".format, st.sampled_from(["min", "max"]), e, e, e),
        st.builds(
            "if({} {} {} {} not {} == {}, {}, {})".format,
            e, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), e, st.sampled_from(["and", "or"]), e, e, e, e,
        ),
        st.builds("round({}, 0.25)".format, e),
    ),
    max_leaves=8,
)  # fmt: skip


class TestFormulas:
    """The language of models is that of rules."""

    @settings(max_examples=60, deadline=None)
    @given(EXPRESSIONS)
    def test_a_program_comes_to_what_a_rule_comes_to(self, text):
        """To the bit, of parameters and of what differs between patients; nan where that is."""
        traits = {name: {"normal": {"sd": 2}} for name in "bc"}
        model = {"parameters": {"a": {"value": 1.5, "range": [-2, 2]}}, "traits": traits}
        them = patients({**model, "assessments": looks(seen=text)}, 50)
        node = parse(text)
        value = compiled(node, {"a": 1.5}, {"b": 0, "c": 1})
        with np.errstate(all="ignore"):
            made = value([them.trait("illness", n) for n in "bc"])
        expected = np.broadcast_to(np.asarray(made, dtype=float), 50)
        found = them.shown()["seen"]
        assert np.array_equal(found, expected, equal_nan=True), text

    def test_long_chains_and_much_that_is_shared_take_no_time(self):
        """Two hundred definitions, each twice the one before: the number is 2^199, the program short."""
        definitions = {"d0": "p", **{f"d{k}": f"d{k - 1} + d{k - 1}" for k in range(1, 200)}}
        nested = "(" * 30 + "d199" + " * 1)" * 30
        model = {
            "parameters": {"p": {"value": 1, "range": [0, 2]}},
            "definitions": definitions,
            "traits": {"t": {"formula": nested}, "u": {"formula": "d199 * 2"}},
            "quantities": {"x": {"start": "t", "rate": "(x - d199 * 2) / 1 day"}, "f": {"formula": "x + x"}},
            "assessments": looks(seen="f / d199"),
            "events": {"fever": {"rate": "max(0 / day, (x - d199) / 1 day)"}},
        }
        began = time.perf_counter()
        them = patients(model, 1)
        assert them.trait("illness", "t")[0] == 2.0**199
        assert them.shown()["seen"][0] == 2.0
        assert time.perf_counter() - began < 5

    def test_too_long_a_program_is_refused(self):
        """In a sentence, and soon."""
        steps = {"start": 0, "levels": {f"l{k}": k for k in range(75)}, "rates": {}}
        assert "steps of arithmetic in one program" in faults_of({"quantities": {"x": {"steps": steps}}})


# Bounds --------------------------------------------------------------------------------------------------------------


class TestBounds:
    """What a variable can be at all holds for every value: proofs rest on it."""

    @pytest.mark.parametrize(
        ("quantities", "shows", "low", "high"),
        [
            ({"x": {"start": 1, "relaxes to": -5, "half-life": "1 day"}}, "x", -5, 1),
            ({"x": {"start": 1, "relaxes to": -5, "half-life": "1 day"}, "f": {"formula": "2 * x"}}, "f", -10, 2),
            (
                {
                    "y": {"start": 0, "relaxes to": "x + 1", "half-life": "1 day"},
                    "x": {"start": 1, "relaxes to": -5, "half-life": "1 day"},
                },
                "y", -4, 2,
            ),
            (
                {
                    "y": {"start": 0, "relaxes to": "x + 1", "half-life": "1 day"},
                    "x": {"start": 1, "relaxes to": "y", "half-life": "1 day", "at most": 9},
                },
                "y", 0, 10,
            ),
            ({"x": {"start": 2, "grows by": "1 % / day", "at most": 5}}, "x", 0, 5),
            ({"x": {"start": 2, "rate": "-1 / day", "at least": -3}}, "x", -3, np.inf),
            ({"y": {"arrivals": "1 / day"}, "x": {"start": 2, "relaxes to": 9, "half-life": "1 day", "at most": "y"}},
             "x", 0, 9),
            ({"x": {"start": 2, "grows by": "1 % / day", "at most": "if(1 > 0, 1, 9)"}}, "x", 0, 9),
        ],
    )  # fmt: skip
    def test_a_quantity_stays_within_what_is_said_of_it(self, quantities, shows, low, high):
        """Where it starts, where it goes, and where those go that drive it."""
        them = patients({"quantities": quantities, "assessments": looks(seen=shows)}, 3)
        (variable,) = them.components["illness"].assessments[0].variables
        assert (variable.least, variable.most) == (low, high)
        values = them.seen_at([k * DAY for k in range(40)], "seen")
        assert variable.least - 1e-9 <= values.min()
        assert values.max() <= variable.most + 1e-9

    def test_bounds_that_differ_between_patients_hold_from_entry_on(self):
        """They are those of each patient, and what changes may bound as well."""
        model = {
            "traits": {"cap": {"uniform": {"from": 2, "to": 4}}},
            "quantities": {
                "n": {"arrivals": "1 / day"},
                "x": {"start": 3, "grows by": "10 % / day", "at most": "cap"},
                "y": {"start": 0, "relaxes to": 50, "half-life": "1 day", "at most": "n"},
            },
            "assessments": looks(x="x", y="y", n="n"),
        }
        them = patients(model, 50)
        np.testing.assert_allclose(them.shown()["x"], np.minimum(3, them.trait("illness", "cap")))
        shown = them.go(20 * DAY).shown()
        np.testing.assert_allclose(shown["x"], them.trait("illness", "cap"))
        np.testing.assert_array_equal(shown["y"], np.minimum(shown["n"], 50))

    def test_an_end_that_differs_between_patients_may_be_beyond_the_rest(self):
        """A trait is as high as the end that lifts it, and as low as the one that cuts it."""
        cap = {"uniform": {"from": 2, "to": 4}}
        lifted, cut = ({"formula": text, key: "cap"} for text, key in ((1, "at least"), (9, "at most")))
        made = component({"traits": {"cap": cap, "lifted": lifted, "cut": cut}})
        assert [(t.least, t.most) for t in made.traits] == [(2, 4)] * 3

    def test_a_difference_from_the_last_look_may_be_negative(self):
        """Unless what is shown only ever rises."""
        quantities = {"x": {"start": 5, "relaxes to": 1, "half-life": "1 day"}, "n": {"arrivals": "1 / day"}}
        shown: Model = {"fall": {"shows": "x", "since the last": True}, "more": {"shows": "n", "since the last": True}}
        them = patients({"quantities": quantities, "assessments": {"scan": shown}}, 9)
        fall, more = them.components["illness"].assessments[0].variables
        assert (fall.least, fall.most, more.least) == (-4, 5, 0)
        first, second, third = (them.go(m).shown(index=k) for k, m in enumerate((0, DAY, 9 * DAY)))
        np.testing.assert_allclose(first["fall"], 5)
        np.testing.assert_allclose(second["fall"], -2)
        np.testing.assert_allclose(third["fall"], 1 + 4 / 2**9 - 3)
        counted = patients({"quantities": quantities, "assessments": looks(n="n")}, 9).go(9 * DAY).shown()["n"]
        np.testing.assert_array_equal(first["more"] + second["more"] + third["more"], counted)


# Observations --------------------------------------------------------------------------------------------------------


def observed(part: Model, behind: str = "a") -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What is seen of a trait `a` that is 1, 2 or 3, the draw of the error, and the trait."""
    traits = {"a": {"categories": {"1": "30 %", "2": "30 %", "3": "40 %"}}}
    them = patients({"traits": traits, "assessments": {"blood": {"v": {"shows": behind, **part}}}}, COUNT)
    seen, truth = them.observe("blood", 7)
    a = them.trait("illness", "a")
    if behind == "a" and "since the last" not in part:
        np.testing.assert_array_equal(truth["v"], a)
    stream = stream_of("illness", "blood.v")
    return seen["v"], np.array([uniform(2009, 0, s, stream, 7) for s in range(1, COUNT + 1)]), a


class TestObservations:
    """What is seen is the quantile of its error's law, at the draw of this assessment's number."""

    def test_errors(self):
        """Each kind."""
        seen, u, a = observed({"error": {"normal": {"sd": "a / 4"}}})
        np.testing.assert_allclose(seen, stats.norm(a, a / 4).ppf(u), rtol=1e-9, atol=1e-12)
        seen, u, a = observed({"error": {"lognormal": {"cv": "50 %"}}})
        spread = np.sqrt(np.log(1.25))
        np.testing.assert_allclose(seen, stats.lognorm(spread, scale=a * np.exp(-(spread**2) / 2)).ppf(u), rtol=1e-9)
        seen, u, a = observed({"error": "poisson"})
        np.testing.assert_array_equal(seen, stats.poisson.ppf(u, a))
        seen, u, a = observed({"error": {"negative binomial": {"size": 2}}})
        np.testing.assert_array_equal(seen, stats.nbinom.ppf(u, 2, 2 / (2 + a)))
        seen, u, a = observed({"error": {"binomial": {"of": "10 * a + 0.9"}}}, "a / 4")
        np.testing.assert_array_equal(seen, stats.binom.ppf(u, 10 * a, a / 4))
        seen, u, a = observed({"error": "bernoulli"}, "a / 4")
        np.testing.assert_array_equal(seen, u < a / 4)

    def test_the_scale(self):
        """Rounded, bounded, in categories, below a limit, in another unit."""
        plain, _, _ = observed({"error": {"normal": {"sd": 1}}})
        error = {"normal": {"sd": 1}}
        np.testing.assert_allclose(
            observed({"error": error, "rounded to": 0.25})[0], np.floor(plain / 0.25 + 0.5) * 0.25
        )
        np.testing.assert_allclose(observed({"error": error, "at least": 1, "at most": 2})[0], np.clip(plain, 1, 2))
        reached = (plain[:, None] >= np.array([0.5, 1.5, 3])).sum(axis=1)
        np.testing.assert_array_equal(observed({"error": error, "cuts": [0.5, 1.5, 3]})[0], reached)
        seen, _, a = observed({"cuts": [1, 2]})  # a cut is reached where it is met
        np.testing.assert_array_equal(seen, np.minimum(a, 2))
        below = observed({"error": error, "below": {"limit": 1.5, "shown as": 0.75}})[0]
        np.testing.assert_allclose(below, np.where(plain < 1.5, 0.75, plain))
        in_days, _, a = observed({"unit": "days"}, "a * 1 week")
        np.testing.assert_allclose(in_days, 7 * a)

    def test_what_is_missing_is_missing_at_its_probability(self):
        """Which may depend on what is seen of those above it."""
        parts: Model = {
            "v": {"shows": "a", "error": {"normal": {"sd": 1}}},
            "w": {"shows": "a", "missing": "if(v > 2, 0.9, 0.2)"},
        }
        them = patients({"traits": {"a": {"normal": {"mean": 2, "sd": 1}}}, "assessments": {"scan": parts}}, COUNT)
        seen = them.shown()
        lost = np.array([uniform(2009, 0, s, stream_of("illness", "scan.w missing"), 1) for s in range(1, COUNT + 1)])
        np.testing.assert_array_equal(np.isnan(seen["w"]), lost < np.where(seen["v"] > 2, 0.9, 0.2))
        np.testing.assert_array_equal(seen["v"], patients({"traits": {"a": {"normal": {"mean": 2, "sd": 1}}},
                                      "assessments": {"scan": {"v": parts["v"]}}}, COUNT).shown()["v"])  # fmt: skip

    @pytest.mark.parametrize(
        "error", ["poisson", {"negative binomial": {"size": 2}}, {"binomial": {"of": 9}}, "bernoulli"]
    )
    def test_a_count_of_what_is_no_number_is_none(self, error):
        """log(-1) is no number, and no count comes of it."""
        seen, _, _ = observed({"error": error}, "log(-a)")
        assert (np.isnan(seen) | (seen == 0)).all()
        if error != "bernoulli":
            assert np.isnan(seen).all()


class TestEvents:
    """What is said of an event is what the engines are given; that they carry it out is their own tests' matter."""

    def test_multipliers_and_baselines(self):
        """Of the patient, and of parameters."""
        events = {
            "weibull": {"weibull": {"scale": "20 days * p", "shape": "p / 2"}, "times": "a", "since": "enrolment"},
            "piecewise": {"piecewise": {"0 days": "1 / day", "9 days": "p / 2 days"}, "recurrent": True},
            "rate": {"rate": "a * 2 / day * exp(-x)", "times": "p"},
        }
        them = patients(
            {
                "parameters": {"p": {"value": 3, "range": [1, 4]}},
                "traits": {"a": {"gamma": {"mean": 1, "cv": 1}}},
                "quantities": {"x": {"start": "a", "relaxes to": 2, "half-life": "1 day"}},
                "events": events,
            },
            20,
        ).go(DAY)
        illness = them.components["illness"]
        hazards = {h.event: h for h in illness.hazards}
        constants, links = them.constants["illness"], them.links["illness"]
        a, out = them.trait("illness", "a"), np.empty(20)
        for name, expected in [("weibull", a), ("piecewise", np.ones(20)), ("rate", a * 6 / DAY * np.exp(-1 - a / 2))]:
            multiplier = hazards[name].multiplier
            if multiplier is not None:
                multiplier(them.body, them.rows, links, constants, them.minute, out)
                np.testing.assert_allclose(out, expected, rtol=1e-12)
        made = hazards["weibull"].baseline
        assert made is not None
        assert made(constants) == Weibull(60.0 * DAY, 1.5)
        made = hazards["piecewise"].baseline
        assert made is not None
        np.testing.assert_allclose(made(constants).rates, (1 / DAY, 1.5 / DAY))  # type: ignore[union-attr]
        assert made(constants).cuts == (9.0 * DAY,)  # type: ignore[union-attr]
        assert [hazards[n].once for n in events] == [True, False, True]
        assert [hazards[n].changing for n in events] == [False, False, True]
        assert [hazards[n].since for n in events] == ["enrolment", "entry", "entry"]
        assert illness.step == DAY

    @pytest.mark.parametrize(
        ("event", "said"),
        [
            ({"rate": "x / 1 day", "times": 1}, "can be negative"),
            ({"weibull": {"scale": "a * 1 day", "shape": 1}}, "differs between patients"),
            ({"piecewise": {"1 day": "1 / day"}}, "the first rate begins at 0 weeks"),
            ({"piecewise": {}}, "no rate stands here"),
            ({"rate": "1 / day", "weibull": {"scale": "1 day", "shape": 1}}, "an event is one of"),
        ],
    )
    def test_what_cannot_be_is_refused(self, event, said):
        """In its own words."""
        model = {
            "traits": {"a": {"gamma": {"mean": 1, "cv": 1}}},
            "quantities": {"x": {"start": 1, "relaxes to": -1, "half-life": "1 day"}},
            "events": {"e": event},
        }
        assert said in faults_of(model)

    def test_what_changes_needs_a_step_of_time(self):
        """Nobody would evaluate it again."""
        events: dict[str, dict[str, str]] = {"e": {"rate": "x / 1 day"}}
        model = {
            "step": "every moment of the protocol",
            "quantities": {"x": {"start": 1, "relaxes to": 2, "half-life": "1 day"}},
            "events": events,
        }
        assert "needs a step of time" in faults_of(model)
        for step, said in (
            ("2 days", ""), ("2 minutes", "too fine"), ("a while", "a while"), ("0 days", "too fine"),
        ):  # fmt: skip
            events["e"]["step"] = step
            found = faults_of(model)
            assert said in found if said else not found, (step, found)
        events |= {"other": {"rate": "x / 2 days", "step": "3 days"}}
        events["e"]["step"] = "2 days"
        assert "one step of time" in faults_of(model)
        assert "leave this one out" in faults_of({**model, "step": "1 day"})


def test_times_and_signals_in_formulas():
    """Since entry, since enrolment (nothing before it), and what drugs say; two signals are told apart."""
    shows = looks(entry="time since entry / 1 day", enrolment="time since enrolment / 1 day",
                  one="sum of(one)", two="sum of(two) + 0 * sum of(one)", on="on(pill)")  # fmt: skip
    signals = {"enrolment": [float(DAY), np.nan], "one": [2.0, 3.0], "two": 5.0, "level of pill": [0.0, 2.0]}
    shown = patients({"assessments": shows}, 2, signals=signals).go(9 * DAY).shown()
    found = {name: values.tolist() for name, values in shown.items()}
    assert found.pop("enrolment")[0] == 8.0
    assert np.isnan(shown["enrolment"][1])
    assert found == {"entry": [9, 9], "one": [2, 3], "two": [5, 5], "on": [0, 1]}


class TestDrugs:
    """What a drug writes."""

    def test_a_signal_is_there_from_entry_on(self):
        """That of a noise whose spread differs between patients too, and of steps."""
        drug = {
            "needs": ["weight"],
            "traits": {"own": {"uniform": {"from": 1, "to": 2}}},
            "quantities": {
                "noise": {"autoregressive": {"sd": "own", "correlation": 0.5, "over": "3 days"}},
                "s": {"steps": {"start": 1, "levels": {"x": 0, "y": "own"}, "rates": {}}},
                "amount": {"doses enter": "one compartment", "half-life": "1 day"},
            },
            "writes": {"push": "noise + s + weight / 1 kg"},
        }
        disease = {"traits": {"weight": {"uniform": {"from": "50 kg", "to": "90 kg"}}}}
        them = patients(disease, 20, drugs={"drug": drug})
        at_entry = them.field("drug", "push").copy()
        own, weight = them.trait("drug", "own"), them.trait("illness", "weight")
        noise = at_entry - own - weight
        assert (np.abs(noise) < 9).all()
        assert len(np.unique(noise.round(9))) == 20
        them.go(1)
        np.testing.assert_allclose(them.field("drug", "push"), at_entry, atol=0.2)

    def test_without_kinetics_it_is_there_while_the_treatment_is(self):
        """And nothing of it before and after."""
        them = patients({"traits": {}}, 2, drugs={"drug": {"writes": {"push": "3 + time since entry / 1 day"}}})
        level = them.field("drug", "level")
        for on, day in ((0.0, 1), (1.0, 2), (0.0, 3)):
            level[:] = on
            np.testing.assert_array_equal(them.go(day * DAY).field("drug", "push"), on * (3 + day))


def test_faults_stand_at_their_lines():
    """A fault of a model says where."""
    with pytest.raises(ScenarioError) as caught:
        component({"traits": {"a": {"formula": "b + 1"}}})
    (fault,) = caught.value.faults
    assert fault.path == "models.illness.traits.a.formula"
