"""Declared models for tests: one built by itself, and its patients without a protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.component import Component
from protocolsim.errors import ScenarioError
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.model_schema import ModelPart
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.models.declared import DeclaredModel
from tests.support.bodies import Bodies

Model = dict[str, Any]


def meant(model: Mapping[str, Any]) -> Model:
    """A model with the meanings that a file must state."""
    made: Model = {"kind": "disease", "meaning": "made up", **model}
    for room in ("traits", "parameters"):
        made[room] = {name: {"meaning": name, **part} for name, part in made.get(room, {}).items()}
    made["assessments"] = {
        name: {shown: {"meaning": shown, **part} for shown, part in parts.items()}
        for name, parts in made.get("assessments", {}).items()
    }
    return made


def component(model: Mapping[str, Any], name: str = "illness") -> Component:
    """The component of a model, which needs no `kind` and no meanings here. Raises ScenarioError for its faults."""
    data = meant(model)
    document = parse(json.dumps({"models": {name: data}}), "model.yaml")
    faults = Faults(document)
    made = DeclaredModel(
        name, ModelPart.model_validate(document.data["models"][name]), faults, ("models", name)
    ).build()
    if made is None:
        raise ScenarioError("model.yaml", faults.reported)
    return made


def faults_of(model: Mapping[str, Any], name: str = "illness") -> str:
    """What is said of a model that is refused, all of it; nothing where it is accepted."""
    try:
        component(model, name)
    except ScenarioError as error:
        return str(error)
    return ""


class Patients(Bodies):
    """Patients of declared models, whose clocks go by minutes, by way of every grid minute in between."""

    def go(self, minute: int) -> Patients:
        """Go on to this minute, drugs first."""
        steps = [c.step for c in self.components.values() if c.step is not None]
        grid = int(np.gcd.reduce(steps)) if steps else None
        now = int(self.minute[0])
        between = [] if grid is None else list(range((now // grid + 1) * grid, minute, grid))
        for moment in [*between, minute]:
            until = np.full(self.count, moment, dtype=np.int64)
            for c in sorted(self.components.values(), key=lambda c: len(c.reads)):
                if c.advance is not None:
                    c.advance(self.body, self.rows, self.links[c.name], self.constants[c.name], self.minute, until)
            self.minute = until
        return self

    def shown(self, assessment: str = "scan", index: int = 1) -> Mapping[str, NDArray[np.float64]]:
        """What one look shows of each variable."""
        return self.observe(assessment, index)[0]

    def seen_at(self, minutes: Sequence[int], variable: str) -> NDArray[np.float64]:
        """What is shown of a variable at each of these minutes, [minutes, patients]."""
        found = [self.go(m).shown(index=k + 1)[variable] for k, m in enumerate(minutes)]
        return np.array(found)


def patients(model: Mapping[str, Any], count: int = 4, **other: Any) -> Patients:
    """Patients of one model, or of a disease and its drugs where `drugs` gives these by name."""
    drugs = other.pop("drugs", {})
    made = [component(model), *(component({"kind": "drug", **drug}, name) for name, drug in drugs.items())]
    return Patients(made, count, **other)


def looks(**shows: str) -> Model:
    """An assessment that shows formulas as they are."""
    return {"scan": {name: {"shows": text} for name, text in shows.items()}}
