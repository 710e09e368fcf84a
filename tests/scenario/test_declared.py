"""What a component declares is carried out, or refused in words: never left undone in silence."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from protocolsim.component import Assessment, Component, Hazard, Parameter, Trait, Variable
from protocolsim.disease.base import Disease
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.cast import components
from protocolsim.scenario.checks.declared import undone
from protocolsim.scenario.file.yaml_reader import parse
from tests.support import patients, protocols, toys

DEPOT, DRIFT = protocols.DEPOT_STREAM, protocols.DRIFT_STREAM


def _rate(stream: int, event: str = "fever", **other: Any) -> Hazard:
    return Hazard(event, stream, lambda constants, level: 1.0, **other)


def _own(**other: Any) -> Hazard:
    return Hazard("death", DRIFT, **{"multiplier": patients.by_frailty, **other})


def _parameter(name: str, value: float = 1.0) -> Parameter:
    return Parameter(name, value, "", 0.5, 2.0, "A", "", "made up", least=0.0, most=3.0)


ONE = Assessment("scan", "again", (Variable("height", "", "again"),), protocols.look)
CASES: list[tuple[Component, dict[str, Any], str]] = [
    (protocols.Drifting, {"hazards": (_rate(DEPOT, "death"),)}, f"'death' draws from stream {DEPOT}, outside its own"),
    (protocols.Drifting, {"step": 0}, "its step, 0, is not a whole number of minutes from 1 on"),
    (protocols.Drifting, {"step": 1.5}, "its step, 1.5, is not a whole number"),
    (protocols.Drifting, {"hazards": (Hazard("death", DRIFT),)}, "hazard 'death' says how often it comes in no way"),
    (protocols.Drifting, {"hazards": (_own(rate=lambda constants, level: 1.0),)}, "comes in two ways"),
    (protocols.Drifting, {"hazards": (_own(changing=True),)}, "changes on a grid of time, and there is none"),
    (protocols.Drifting, {"hazards": (_rate(DRIFT, changing=True),), "step": 9}, "and only a multiplier does"),
    (protocols.Drifting, {"hazards": (_own(since="birth"),)}, "counts time since 'birth', not since 'entry' or"),
    (protocols.Depot, {"writes": {"enrolment": 1}}, "writes the signal 'enrolment', which the engine writes"),
    (protocols.Depot, {"writes": {"level of pill": 1}}, "writes the signal 'level of pill', which the engine writes"),
    (protocols.Drifting, {"writes": {"signal": 0}}, "writes signals (signal), but only those of drugs are read"),
    (protocols.Drifting, {"needs": ("height",)}, "needs the trait 'height'"),
    (protocols.Drifting, {"traits": (Trait("weight", 3, "kg", ""),)}, "'weight' stands in field 3, and it has 3"),
    (protocols.Drifting, {"stream": 5}, "its stream, 5, is not between 100 and"),
    (protocols.Drifting, {"stream": 2**32}, "is not between 100 and"),
    (protocols.Drifting, {"parameters": (_parameter("size"),)}, "'size' could never be set"),
    (protocols.Drifting, {"assessments": (ONE, ONE)}, "declares the assessment 'scan' twice"),
    (protocols.Depot, {"writes": {"toy_level": 2}}, "'toy_level' stands in field 2, and it has 2"),
    (protocols.Depot, {"writes": {"toy_level": -1}}, "stands in field -1"),
    (protocols.Depot, {"hazards": (_rate(DEPOT + 100),)}, f"draws from stream {DEPOT + 100}, outside its own"),
    (protocols.Depot, {"hazards": (_rate(DEPOT), _rate(DEPOT, "rash"))}, "would strike together"),
    (protocols.Depot, {"parameters": (_parameter("kind"),)}, "'kind' could never be set"),
    (protocols.Depot, {"parameters": (_parameter("strength", 4.0),)}, "is 4, not between its own bounds, 0 and 3"),
    (protocols.Depot, {"fields": (), "writes": {}}, "has no fields"),
]


@pytest.mark.parametrize(("kind", "changed", "said"), CASES, ids=[said for _, _, said in CASES])
def test_each_declaration_that_nothing_carries_out_is_refused(monkeypatch, kind, changed, said):
    """A plugin with it is refused by name, in a sentence that says what would not happen."""
    room = "disease" if isinstance(kind, Disease) else "drug"
    monkeypatch.setattr(protocols, "Odd", dataclasses.replace(kind, **changed), raising=False)

    with pytest.raises(UsageError) as caught:
        components.load(room, "tests.support.protocols:Odd", allow_plugins=True)

    assert str(caught.value).startswith("'tests.support.protocols:Odd' cannot be used: ")
    assert said in str(caught.value)


def test_an_event_of_a_disease_is_refused_at_its_line_where_its_name_is_none(monkeypatch):
    """The scenario says where."""
    odd = dataclasses.replace(protocols.Drifting, hazards=(_rate(DRIFT, "a" * 200),))
    monkeypatch.setattr(protocols, "Odd", odd, raising=False)
    text = """
cohort: {size: 3, disease: tests.support.protocols:Odd}
protocol:
  states:
    only: {enrolled: true, lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: only, to: done}
"""
    with pytest.raises(ScenarioError) as caught:
        build(parse("title: Fatal" + text, "trial.yaml"), allow_plugins=True)
    (fault,) = caught.value.faults
    assert (fault.line, fault.path) == (2, "cohort.disease")
    assert "an event" in fault.message or "the event" in fault.message


SHIPPED = [
    *(components.load("disease", name, allow_plugins=False) for name in components.disease_names()),
    *(components.load("drug", name, allow_plugins=False) for name in components.drug_names()),
]
TOYS = [
    c for c in (*vars(toys).values(), *vars(protocols).values(), *vars(patients).values()) if isinstance(c, Component)
]


@pytest.mark.parametrize("component", [*SHIPPED, *TOYS], ids=lambda c: c.name)
def test_shipped_ones_and_toys_are_carried_out(component):
    """Nothing that is shipped, or used in these tests, declares more than is done."""
    assert list(undone(component)) == []
