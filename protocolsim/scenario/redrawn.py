"""The trial of a scenario at other numbers of its parameters, as cheaply as that can be had.

Other numbers of a disease and its drugs change the constants that kernels read and the rates of hazards, and nothing
that is described: the trial keeps its protocol, its labels and its endpoints, and nothing is read or checked anew. A
number of the scenario's own stands in expressions anywhere in the file, so that the scenario is built again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from protocolsim.disease.base import Disease
from protocolsim.drug.base import Drug
from protocolsim.engine.assembly import causes_of, place
from protocolsim.engine.base import Measured, PlacedComponent, Trial
from protocolsim.errors import ScenarioError, SimulationError, UsageError, raised
from protocolsim.scenario.file.extends import with_settings
from protocolsim.scenario.reserved import DROPOUT
from protocolsim.scenario.scenario import Scenario


def redrawn(scenario: Scenario, numbers: Mapping[str, float]) -> Trial:
    """The trial of a scenario with other numbers, by path ("cohort.rate"), each in its parameter's own unit.

    Raises SimulationError where a model fails at these numbers, or the scenario has faults with them.
    """
    of_models = {p.path: p for p in scenario.parameters}
    own = {path: number for path, number in numbers.items() if path not in of_models}
    try:
        if own:
            return _rebuilt(scenario, numbers).trial
        changed: dict[str, dict[str, float]] = {}
        for path, number in numbers.items():
            changed.setdefault(of_models[path].component, {})[of_models[path].name] = number
        return with_values(scenario.trial, changed)
    except ScenarioError as error:
        said = "; ".join(dict.fromkeys(f.message for f in error.faults)).replace(" (from --set)", "")
        raise SimulationError(f"at {_said(own or numbers)}: {said}") from None
    except UsageError as error:
        raise SimulationError(f"at {_said(numbers)}: {error}") from None
    except Exception as error:  # noqa: BLE001 - a model's own code may fail in any way
        raise SimulationError(f"at {_said(numbers)}: a model failed: {raised(error)}") from None


def with_values(trial: Trial, changed: Mapping[str, Mapping[str, float]]) -> Trial:
    """The same trial with these values of its components' parameters, by component, each in its own unit."""
    old = (trial.disease, *trial.drugs)
    values = {p.component.name: {**p.values, **changed.get(p.component.name, {})} for p in old}
    sick = cast(Disease, trial.disease.component)
    disease, drugs, width, enrolment = place(sick, [cast(Drug, d.component) for d in trial.drugs], values)
    new = dict(zip(map(id, old), (disease, *drugs), strict=True))
    return replace(
        trial,
        disease=disease,
        drugs=drugs,
        width=width,
        enrolment=enrolment,
        assessments=tuple(_measured(m, new[id(m.part)]) for m in trial.assessments),
        causes=causes_of(trial.protocol, disease, drugs, trial.cohort, trial.labels.events, DROPOUT),
    )


def _measured(measured: Measured, part: PlacedComponent) -> Measured:
    return replace(measured, part=part)


def _rebuilt(scenario: Scenario, numbers: Mapping[str, float]) -> Scenario:
    """The scenario read again with these numbers."""
    known = {p.path: p for p in scenario.settables}
    settings = {path: known[path].write(number) for path, number in numbers.items()}
    return scenario.builder(with_settings(scenario.document, settings), allow_plugins=scenario.allow_plugins)


def _said(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{path} = {number:.4g}" for path, number in numbers.items())
