"""Beside each test's power its level: how often it rejects in trials without an effect, and what is wrong with that."""

from __future__ import annotations

from protocolsim.report.style import numbers
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result

LEVELS_MEAN = (
    "Without an effect: the share of trials in which the test rejects although there is nothing to find; with equal "
    "arms every arm is treated as its control is. That is the level which the test has, and it should not be above the "
    "one that it promises (in brackets)."
)


def level(result: Result, estimate: Estimate) -> str:
    """'5.2 ± 1.1 % (5 %), equal arms, each as placebo', or why there is none; '' where it was not asked for."""
    found = result.levels.get(estimate.name)
    if found is None:
        return ""
    if not found.known:
        return f"not shown: {found.reason}"
    value = numbers.with_error(100.0 * found.value, 100.0 * found.mcse)
    return f"{value} % ({100.0 * found.nominal:g} %), {found.of}"


def warnings(result: Result) -> list[str]:
    """Of each test that rejects too often without an effect, beyond the error of that: how often, and what to do."""
    said = []
    for name, found in result.levels.items():
        if found.above:
            value = numbers.with_error(100.0 * found.value, 100.0 * found.mcse)
            instead = f"; {found.instead}" if found.instead else ""
            said.append(
                f"analysis '{name}' rejects in {value} % of trials without an effect ({found.of}), where it promises "
                f"{100.0 * found.nominal:g} %{instead}."
            )
    return said
