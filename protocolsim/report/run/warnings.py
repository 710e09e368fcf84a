"""What a reader of a run is warned of: by its file, of its tests, and of observations that have no value."""

from __future__ import annotations

from protocolsim.report.run import levels
from protocolsim.study.result import Result


def warnings(result: Result) -> list[str]:
    """Every warning, a sentence each."""
    return [*result.scenario.warnings, *levels.warnings(result), *_undefined(result)]


def _undefined(result: Result) -> list[str]:
    """How many observations have no value though the model does not say that they may be missing."""
    if not result.undefined:
        return []
    counted = ", ".join(f"{result.scenario.spoken.variable(name)}: {n:,}" for name, n in result.undefined.items())
    why = "what the model computes is undefined there (a division by zero, the logarithm of what is not above 0)"
    return [f"observations that were made have no value, since {why}, and count as missing: {counted}."]
