"""protocolsim: simulate clinical trials whose protocol adapts to each patient.

    import protocolsim

    scenario = protocolsim.load("ms_daclizumab")
    result = protocolsim.run(scenario, replicates=200)
    result.summary()

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

    from protocolsim.errors import ProtocolsimError, ScenarioError, SimulationError, UsageError
    from protocolsim.report.patient.story import Trace, trace
    from protocolsim.report.protocol.diagram import diagram
    from protocolsim.report.protocol.synopsis import Synopsis, describe
    from protocolsim.scenario.file.library import names as scenarios
    from protocolsim.scenario.load import load
    from protocolsim.scenario.scenario import Scenario
    from protocolsim.study.decision.curve import ThresholdCurve
    from protocolsim.study.decision.potential_outcomes import PotentialOutcomes, potential_outcomes
    from protocolsim.study.decision.regret import Regret, regret
    from protocolsim.study.decision.thresholds import thresholds
    from protocolsim.study.opened import Study
    from protocolsim.study.opened import open_study as open  # noqa: A004 - protocolsim.open
    from protocolsim.study.result import Result
    from protocolsim.study.run import run
    from protocolsim.study.sweep.sweep import sweep

__all__ = [
    "PotentialOutcomes",
    "ProtocolsimError",
    "Regret",
    "Result",
    "Scenario",
    "ScenarioError",
    "SimulationError",
    "Study",
    "Synopsis",
    "ThresholdCurve",
    "Trace",
    "UsageError",
    "describe",
    "diagram",
    "load",
    "open",
    "potential_outcomes",
    "regret",
    "run",
    "scenarios",
    "sweep",
    "thresholds",
    "trace",
]

_WHERE = {
    "PotentialOutcomes": "study.decision.potential_outcomes",
    "ProtocolsimError": "errors",
    "Regret": "study.decision.regret",
    "Result": "study.result",
    "Scenario": "scenario.scenario",
    "ScenarioError": "errors",
    "SimulationError": "errors",
    "Study": "study.opened",
    "Synopsis": "report.protocol.synopsis",
    "ThresholdCurve": "study.decision.curve",
    "Trace": "report.patient.story",
    "UsageError": "errors",
    "describe": "report.protocol.synopsis",
    "diagram": "report.protocol.diagram",
    "load": "scenario.load",
    "open": "study.opened:open_study",
    "potential_outcomes": "study.decision.potential_outcomes",
    "regret": "study.decision.regret",
    "run": "study.run",
    "scenarios": "scenario.file.library:names",
    "sweep": "study.sweep.sweep",
    "thresholds": "study.decision.thresholds",
    "trace": "report.patient.story",
}


if sys.flags.optimize > 1:
    importlib.import_module("protocolsim.text.docstrings").keep()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("protocolsim")
    if name not in _WHERE:
        raise AttributeError(f"module 'protocolsim' has no attribute '{name}'")
    module, _, attribute = _WHERE[name].partition(":")
    # An import makes many thousands of objects that stay; looking through them for garbage takes a tenth of a second.
    enabled = gc.isenabled()
    gc.disable()
    try:
        found = importlib.import_module(f"protocolsim.{module}")
    finally:
        if enabled:
            gc.enable()
    return getattr(found, attribute or name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
