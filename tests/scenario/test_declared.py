"""What a component declares is carried out, or refused in words: never left undone in silence."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from protocolsim.component import Assessment, Component, Hazard, Parameter, Trait, Variable
from protocolsim.disease.base import Disease
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.scenario.build import components
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.checks.declared import undone
from protocolsim.scenario.file.yaml_reader import parse
from tests.support import protocols, toys

FATAL = Hazard("death", protocols.DRIFT_STREAM + 1, lambda constants, level: 1.0)


def _rate(stream: int, event: str = "fever") -> Hazard:
    return Hazard(event, stream, lambda constants, level: 1.0)


def _parameter(name: str, value: float = 1.0) -> Parameter:
    return Parameter(name, value, "", 0.5, 2.0, "A", "", "made up", least=0.0, most=3.0)


DEPOT = protocols.DEPOT_STREAM
ONE = Assessment("scan", "again", (Variable("height", "", "again"),), protocols.look)
CASES: list[tuple[Component, dict[str, Any], str]] = [
    (protocols.Drifting, {"hazards": (FATAL,)}, "hazards ('death'), but only those of drugs are carried out"),
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
    (protocols.Depot, {"hazards": (_rate(DEPOT, "dropout"),)}, "is called 'dropout'"),
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


def test_a_fatal_disease_is_refused_at_its_line(monkeypatch):
    """The scenario says where."""
    monkeypatch.setattr(protocols, "Odd", dataclasses.replace(protocols.Drifting, hazards=(FATAL,)), raising=False)
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
    assert "nobody would ever have one" in fault.message


SHIPPED = [
    *(components.load("disease", name, allow_plugins=False) for name in components.disease_names()),
    *(components.load("drug", name, allow_plugins=False) for name in components.drug_names()),
]
TOYS = [c for c in (*vars(toys).values(), *vars(protocols).values()) if isinstance(c, Component)]


@pytest.mark.parametrize("component", [*SHIPPED, *TOYS], ids=lambda c: c.name)
def test_shipped_ones_and_toys_are_carried_out(component):
    """Nothing that is shipped, or used in these tests, declares more than is done."""
    assert list(undone(component)) == []
