"""protocolsim: simulate clinical trials whose protocol adapts to each patient.

    import protocolsim

    result = protocolsim.run("ms_daclizumab", replicates=200)
    result.table()
    result.figure("swimmer")

Each verb of the command line is a function of the same name; a scenario is given by name, by path or as loaded.

What `__all__` lists is the public API, and the only part of the package that a release keeps as it is. Every module and
folder inside (`protocolsim.study`, `protocolsim.report`, ...) is private: what stands there moves without notice.
Everything is imported on first use, so that `import protocolsim` costs nothing.
"""

from __future__ import annotations

import gc
import importlib
import sys

# `typing` takes as long to import as all of Python's start: its name for what only type checkers read is enough.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from protocolsim.api.boundaries import Boundaries, boundaries
    from protocolsim.api.calibration import Calibration, Targets, calibrate, load_targets
    from protocolsim.api.decisions import Regret, ThresholdCurve, regret, thresholds
    from protocolsim.api.looks import Looks, looks
    from protocolsim.api.patient import Trace, trace
    from protocolsim.api.potential_outcomes import PotentialOutcomes, potential_outcomes
    from protocolsim.api.protocol import Check, Synopsis, check, describe, diagram
    from protocolsim.api.random_numbers import uniform
    from protocolsim.api.results import Comparison, Result, Sweep, Validation
    from protocolsim.api.scenarios import load, scenarios, schema
    from protocolsim.api.simulate import compare, embed, run, sweep, validate
    from protocolsim.api.study import (
        Study,
        open,  # noqa: A004 - protocolsim.open
    )
    from protocolsim.api.validation_suite.suite import ValidationSuite, validate_all
    from protocolsim.errors import (
        ProtocolsimError,
        ScenarioError,
        SimulationError,
        StudyStopped,
        UsageError,
        WorkerError,
    )
    from protocolsim.lessons.note import Note
    from protocolsim.lessons.question import Question
    from protocolsim.scenario.scenario import Scenario

__all__ = [
    "Boundaries",
    "Calibration",
    "Check",
    "Comparison",
    "Looks",
    "Note",
    "PotentialOutcomes",
    "ProtocolsimError",
    "Question",
    "Regret",
    "Result",
    "Scenario",
    "ScenarioError",
    "SimulationError",
    "Study",
    "StudyStopped",
    "Sweep",
    "Synopsis",
    "Targets",
    "ThresholdCurve",
    "Trace",
    "UsageError",
    "Validation",
    "ValidationSuite",
    "WorkerError",
    "boundaries",
    "calibrate",
    "check",
    "compare",
    "describe",
    "diagram",
    "embed",
    "load",
    "load_targets",
    "looks",
    "open",
    "potential_outcomes",
    "regret",
    "run",
    "scenarios",
    "schema",
    "sweep",
    "thresholds",
    "trace",
    "uniform",
    "validate",
    "validate_all",
]

_WHERE = {
    "Boundaries": "api.boundaries",
    "Calibration": "api.calibration",
    "Check": "api.protocol",
    "Comparison": "api.results",
    "Looks": "api.looks",
    "Note": "lessons.note",
    "PotentialOutcomes": "api.potential_outcomes",
    "ProtocolsimError": "errors",
    "Question": "lessons.question",
    "Regret": "api.decisions",
    "Result": "api.results",
    "Scenario": "scenario.scenario",
    "ScenarioError": "errors",
    "SimulationError": "errors",
    "Study": "api.study",
    "StudyStopped": "errors",
    "Sweep": "api.results",
    "Synopsis": "api.protocol",
    "Targets": "api.calibration",
    "ThresholdCurve": "api.decisions",
    "Trace": "api.patient",
    "UsageError": "errors",
    "Validation": "api.results",
    "ValidationSuite": "api.validation_suite.suite",
    "WorkerError": "errors",
    "boundaries": "api.boundaries",
    "calibrate": "api.calibration",
    "check": "api.protocol",
    "compare": "api.simulate",
    "describe": "api.protocol",
    "diagram": "api.protocol",
    "embed": "api.simulate",
    "load": "api.scenarios",
    "load_targets": "api.calibration",
    "looks": "api.looks",
    "open": "api.study",
    "potential_outcomes": "api.potential_outcomes",
    "regret": "api.decisions",
    "run": "api.simulate",
    "scenarios": "api.scenarios",
    "schema": "api.scenarios",
    "sweep": "api.simulate",
    "thresholds": "api.decisions",
    "trace": "api.patient",
    "uniform": "api.random_numbers",
    "validate": "api.simulate",
    "validate_all": "api.validation_suite.suite",
}


if sys.flags.optimize > 1:
    importlib.import_module("protocolsim.text.docstrings").keep()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("protocolsim")
    if name not in _WHERE:
        raise AttributeError(f"module 'protocolsim' has no attribute '{name}'")
    # An import makes many thousands of objects that stay; looking through them for garbage takes a tenth of a second.
    enabled = gc.isenabled()
    gc.disable()
    try:
        module = importlib.import_module(f"protocolsim.{_WHERE[name]}")
    finally:
        if enabled:
            gc.enable()
    return getattr(module, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
