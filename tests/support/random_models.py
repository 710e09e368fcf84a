"""Random declared models, drawn by hypothesis, in the random trials of `protocols.py`.

A drawn disease shows what the protocols' rules read (height, spots, coin, cells) and has a weight; all else about it is
drawn: its traits, its quantities of every kind, errors, events. So are two drugs. Formulas are made so that numbers
stay finite: each name stands in them by way of a bounded function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.support.models import Model, meant
from tests.support.protocols import Draft, drafts

Draw = Callable[..., Any]
DISEASE, TABLET, DEPOT = "illness", "capsule", "depot_of_it"
STEPS = ("1 day", "6 hours", "36 hours", "every moment of the protocol")
KINDS = (
    "normal", "lognormal", "log sd", "cv", "uniform", "beta", "gamma", "exponential", "bernoulli", "poisson",
    "categories", "formula", "at least", "at most", "correlated with", "seen",
    "relaxes to", "grows by", "rate", "becomes", "autoregressive", "arrivals", "steps", "doses enter",
    "one compartment", "two compartments", "absorption half-life",
    "negative binomial", "binomial", "rounded to", "cuts", "below", "missing", "since the last", "unit",
    "weibull", "piecewise", "times", "recurrent", "entry", "enrolment", *STEPS,
)  # fmt: skip
"""What drawn models say, all of it."""
EVENTS = ("fever", "rash", "dropout", "crisis")


def _often(draw: Draw, of: int = 2) -> bool:
    return bool(draw(st.integers(1, of)) == of)


def _number(draw: Draw, low: float = 0.1, high: float = 3.0) -> float:
    return float(round(draw(st.floats(low, high)), 2))


class _Drawn:
    """One model while it is drawn: the names so far that stand for plain numbers."""

    def __init__(self, draw: Draw, traits: str, *, is_drug: bool) -> None:
        self.draw, self.is_drug, self.of_trait = draw, is_drug, traits
        self.names: list[str] = ["scale"]
        self.forms = ["dose", "on * 1"] if is_drug else [
            "sum of(toy_level)", f"if(on({TABLET}) > 0, 1, 2)", f"dose of({TABLET})", "time since enrolment / 1 week",
        ]  # fmt: skip
        self.with_forms = False

    def of(self, names: Sequence[str] | None = None) -> str:
        """A formula between about -3 and 3."""
        draw, known = self.draw, list(names if names is not None else self.names)
        if self.with_forms and names is None:
            known += [*self.forms, "time since entry / 1 week"]
        shapes = ["{a} / (1 + abs({a}))", "{k}", "min({k}, abs({a}))", "if({a} > {k}, {k} / 2, 0.3)",
                  "exp(-abs({a}))", "sqrt(abs({a}) / (1 + abs({a})))", "round({a} / (2 + abs({a})), 0.1)",
                  "log(1 + abs({a}) / (1 + abs({a}))) * {k}", "max(0, {a} / (1 + abs({a}))) - {k} / 9",
                  "if(not ({a} < {k} or {b} >= 1) and {b} != {k}, 1, -1)"]  # fmt: skip
        made = []
        for _ in range(draw(st.integers(1, 2))):
            a, b = (f"({draw(st.sampled_from(known))})" if known else "1" for _ in range(2))
            made.append(draw(st.sampled_from(shapes)).format(a=a, b=b, k=_number(draw)))
        return str(draw(st.sampled_from([" + ", " - ", " * "])).join(f"({m})" for m in made))

    def above_zero(self, names: Sequence[str] | None = None, scale: float = 1.0) -> str:
        """A formula between about 0.05 and 20, times the scale."""
        return f"{scale} * exp({self.of(names)})"

    # Traits ----------------------------------------------------------------------------------------------------------

    def trait(self, scored: Sequence[str]) -> Model:
        """One trait of any kind."""
        draw = self.draw
        kinds: dict[str, Callable[[], Any]] = {
            "normal": lambda: {"mean": self.of(), "sd": self.above_zero(scale=0.5)},
            "lognormal": lambda: draw(st.sampled_from([
                {"median": self.above_zero(), "cv": "40 %"}, {"median": 1, "log sd": self.above_zero(scale=0.2)}])),
            "uniform": lambda: {"from": -1, "to": _number(draw)},
            "beta": lambda: {"a": self.above_zero(), "b": _number(draw)},
            "gamma": lambda: {"mean": _number(draw), "cv": self.above_zero(scale=0.3)},
            "exponential": lambda: {"mean": self.above_zero()},
            "bernoulli": lambda: f"min(1, {self.above_zero(scale=0.3)})",
            "poisson": lambda: self.above_zero(scale=2.0),
            "categories": lambda: {"0": "30 %", "1": "50 %", "5": "20 %"},
            "formula": self.of,
        }  # fmt: skip
        kind = draw(st.sampled_from(list(kinds)))
        made: Model = {kind: kinds[kind](), "seen": not self.is_drug and _often(draw, 4)}
        if kind not in ("bernoulli", "poisson", "categories"):
            for key, low, high in (("at least", -1.0, 0.4), ("at most", 0.5, 3.0)):
                if _often(draw, 3):
                    made[key] = _number(draw, low, high)
            if scored and kind != "formula" and _often(draw):
                made["correlated with"] = {draw(st.sampled_from(list(scored))): _number(draw, -0.6, 0.6)}
        return made

    def traits(self) -> Model:
        """Some traits, each perhaps of those before it."""
        made: Model = {}
        for k in range(self.draw(st.integers(0, 5))):
            scored = [n for n, t in made.items() if not {"bernoulli", "poisson", "categories", "formula"} & set(t)]
            made[f"{self.of_trait}{k}"] = self.trait(scored)
            self.names.append(f"{self.of_trait}{k}")
        return made

    # Quantities ------------------------------------------------------------------------------------------------------

    def quantity(self, name: str) -> Model:
        """One quantity of any kind but doses; it may read itself where that is sound."""
        draw, own = self.draw, [*self.names, name]
        rate = f"{self.above_zero(scale=0.1)} / 1 day"
        at_entry, levels = self.of_traits(), {"a": 0, "b": self.of_traits(), "c": 2}
        kinds: dict[str, Callable[[], Model]] = {
            "relaxes": lambda: {
                "start": at_entry, "relaxes to": self.of(), "half-life": f"{self.above_zero()} * 1 day"},
            "grows": lambda: {"start": at_entry, "grows by": f"({self.of()}) * 2 % / day"},
            "rate": lambda: {"start": at_entry, "rate": f"(({self.of(own)}) - {name}) / 2 days"},
            "becomes": lambda: {"start": at_entry, "becomes": f"0.7 * {name} + {self.of()}"},
            "autoregressive": lambda: {
                "autoregressive": {
                    "sd": self.above_zero(self.traits_so_far, 0.3), "correlation": 0.4, "over": "3 days"}},
            "arrivals": lambda: {"arrivals": rate},
            "steps": lambda: {"steps": {
                "start": draw(st.sampled_from([0, 2, f"if({at_entry} > 0, 1, 0)"])), "levels": levels,
                "rates": {"a": {"b": rate}, "b": {"c": "10 % / day", "a": "20 % / day"}, "c": {"a": "1 / day"}}}},
            "formula": lambda: {"formula": self.of()},
        }  # fmt: skip
        kind = draw(st.sampled_from(list(kinds)))
        made = kinds[kind]()
        if kind in ("relaxes", "grows", "rate", "becomes", "formula") and _often(draw, 3):
            made |= {"at least": -1, "at most": _number(draw)}
        return made

    def of_traits(self) -> str:
        """A formula over what is there at entry."""
        return self.of(self.traits_so_far)

    def quantities(self, kinetic: Model | None = None) -> Model:
        """Some quantities, each perhaps of those before it."""
        self.traits_so_far = list(self.names)
        self.with_forms = True
        made: Model = {}
        if kinetic is not None:
            made["amount"] = kinetic
            self.names.append("amount / 1 mg")
        for k in range(self.draw(st.integers(0, 5))):
            made[f"q{k}"] = self.quantity(f"q{k}")
            self.names.append(f"q{k}")
        return made

    # Events ----------------------------------------------------------------------------------------------------------

    def event(self) -> Model:
        """A rate, or a hazard over time with a multiplier."""
        draw = self.draw
        kinds: list[Model] = [
            {"rate": f"{self.above_zero(scale=0.03)} / 1 day"},
            {"rate": "3 % / 1 day", "times": self.above_zero()},
            {"weibull": {"scale": "20 days * scale", "shape": _number(draw)}, "times": self.above_zero()},
            {"weibull": {"scale": "30 days", "shape": 0.7}},
            {"piecewise": {"0 days": "1 % / day", "9 days": "10 % / day * scale"}, "times": self.above_zero()},
        ]
        made: Model = draw(st.sampled_from(kinds))
        made["recurrent"] = _often(draw)
        if "rate" not in made:
            made["since"] = draw(st.sampled_from(["entry", "enrolment"]))
        return made

    def events(self, names: Sequence[str], *, stepped: bool) -> Model:
        """Some of these events; where the model is not `stepped`, some read what changes at a step of their own."""
        own = {}
        if not stepped and _often(self.draw):
            own = {"step": "1 day"}
        elif not stepped:
            self.names, self.with_forms = self.traits_so_far, False
        return {name: {**self.event(), **own} for name in names if _often(self.draw, 3)}

    # Observations ----------------------------------------------------------------------------------------------------

    def shown(self, kind: str, names: Sequence[str]) -> Model:
        """One variable: a number, a count or a coin; `names`: what is seen of those above it."""
        draw = self.draw
        if kind == "number":
            made: Model = {"shows": f"0.8 + 0.3 * ({self.of()})"}
            error = draw(st.sampled_from([None, {"normal": {"sd": self.above_zero(scale=0.2)}},
                                          {"lognormal": {"cv": self.above_zero(scale=0.2)}}]))  # fmt: skip
            if _often(draw, 3):
                made["rounded to"] = draw(st.sampled_from([0.1, 0.25]))
            if _often(draw, 4):
                made["below"] = {"limit": 0.5, "shown as": 0.25}
        elif kind == "count":
            made = {"shows": self.above_zero()}
            error = draw(st.sampled_from(["poisson", {"negative binomial": {"size": self.above_zero()}},
                                          {"binomial": {"of": "2 + 9 * abs(scale)"}}, None, None]))  # fmt: skip
            if error is None:
                made["cuts"] = [0.7, "1 + scale / 9", 3]
            elif isinstance(error, dict) and "binomial" in error:
                made["shows"] = f"exp(-abs({self.of()}))"
            rising = [n for n in self.names if n.startswith("q")]
            if rising and error in (None, "poisson") and _often(draw):
                made |= {"shows": draw(st.sampled_from(rising)), "since the last": True}
        else:
            made, error = {"shows": f"exp(-abs({self.of()}))"}, "bernoulli"
        if error is not None:
            made["error"] = error
        if _often(draw, 4):
            made |= {"at least": 0, "at most": 9}
        if _often(draw, 4):
            made["missing"] = f"exp(-1 - abs({draw(st.sampled_from([*names, 'scale']))}))"
        return made


def _parameters() -> Model:
    return {"scale": {"value": 1.2, "range": [0.5, 2]}, "more": {"value": "3 days", "range": ["1 day", "9 days"]}}


@st.composite
def diseases(draw: Draw) -> Model:
    """A declared disease that shows what the protocols of `protocols.py` read."""
    drawn = _Drawn(draw, "t", is_drug=False)
    weights: list[Model] = [
        {"lognormal": {"median": "70 kg", "cv": "20 %"}},
        {"normal": {"mean": "70 kg", "sd": "20 kg"}, "at least": "35 kg", "at most": "120 kg"},
        {"uniform": {"from": "40 kg", "to": "90 kg"}},
    ]
    traits = {"weight": {**draw(st.sampled_from(weights)), "seen": True}, **drawn.traits()}
    quantities = drawn.quantities()
    scan: Model = {}
    for name, kind in (("height", "number"), ("spots", "count"), ("coin", "coin")):
        scan[name] = drawn.shown(kind, list(scan))
    if _often(draw):
        scan["dose_seen"] = {"shows": f"({drawn.of()}) * weight", "error": {"normal": {"sd": "1 kg"}}, "unit": "kg"}
    step = draw(st.sampled_from(STEPS))
    model: Model = {
        "parameters": _parameters(),
        "definitions": {"twice": "2 * scale"},
        "step": step,
        "traits": traits,
        "quantities": quantities,
        "assessments": {"scan": scan, "blood": {"cells": drawn.shown("number", [])}},
        "events": drawn.events(EVENTS, stepped=step != STEPS[-1]),
    }
    return meant(model)


@st.composite
def drugs(draw: Draw, *, doses: bool) -> Model:
    """A declared drug that gives the signal of the toys; with doses, or without."""
    drawn = _Drawn(draw, "v" if doses else "u", is_drug=True)
    kinetic: Model | None = None
    if doses:
        kinetic = {"doses enter": draw(st.sampled_from(["one compartment", "two compartments"])),
                   "half-life": "more * scale", "available": "70 %"}  # fmt: skip
        if kinetic["doses enter"] == "two compartments":
            kinetic |= {"to periphery": "30 % / day", "from periphery": "20 % / day"}
        if _often(draw):
            kinetic["absorption half-life"] = draw(st.sampled_from(["9 hours", "more * scale"]))
    parameters = _parameters()
    if doses:
        for event in ("fever", "rash"):
            parameters[event] = {"value": "1 % / day", "range": ["0 / day", "1 / day"], "at least": "0 / day"}
    drawn.names.append("weight / 70 kg")
    if not doses:
        drawn.forms = ["on * 1"]  # a drug that reads its dose is given in doses
    traits, step = drawn.traits(), draw(st.sampled_from(STEPS))
    model: Model = {
        "kind": "drug",
        "parameters": parameters,
        "needs": ["weight"],
        "step": step,
        "traits": traits,
        "quantities": drawn.quantities(kinetic),
        "writes": {"toy_level": drawn.of()},
        "events": drawn.events(["crisis"], stepped=step != STEPS[-1]),
    }
    if doses:
        model["events"] |= {event: {"rate": event, "recurrent": True} for event in ("fever", "rash")}
        model["assessments"] = {"assay": {"store": {"shows": "amount", "error": {"lognormal": {"cv": "20 %"}}}}}
    return meant(model)


@st.composite
def trials(draw: Draw) -> Draft:
    """A drawn protocol with a drawn disease and drawn drugs."""
    draft: Draft = draw(drafts())
    draft["cohort"]["disease"] = DISEASE
    draft["models"] = {DISEASE: draw(diseases()), TABLET: draw(drugs(doses=False))}
    draft["drugs"]["tablet"] = {"kind": TABLET}
    if _often(draw):
        draft["models"][DEPOT] = draw(drugs(doses=True))
        draft["drugs"]["depot"]["kind"] = DEPOT
    return draft
