"""What the numbers say, in the scenario's own sentences, and the scenarios that stand beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from protocolsim.errors import UsageError, unknown
from protocolsim.report.style import numbers
from protocolsim.scenario.build.companions import QUOTED, quoted
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result


def sentences(result: Result) -> list[str]:
    """Each finding with its numbers filled in, but for those that quote a companion that was not run.

    Raises UsageError for an endpoint that a companion does not have.
    """
    known = {"", *result.companions}
    return [
        QUOTED.sub(lambda match: _number(result, match), text)
        for text in result.scenario.findings
        if all(scenario in known for scenario, _ in quoted(text))
    ]


def _number(result: Result, match: re.Match[str]) -> str:
    scenario, endpoint = quoted(match[0])[0]
    return numbers.simulated(_estimate(result, scenario, endpoint))


def _estimate(result: Result, scenario: str, endpoint: str) -> Estimate:
    estimates: Mapping[str, Estimate] = result.companions[scenario].estimates if scenario else result.estimates
    if endpoint not in estimates:
        raise UsageError(f"findings: {unknown('endpoint', endpoint, estimates)}, in '{scenario}'")
    return estimates[endpoint]


def beside(result: Result) -> dict[str, Any]:
    """A table of what the findings quote: the scenarios, and a row per endpoint with the value in each; {} without.

    What only a companion has stands there alone.
    """
    if not result.companions:
        return {}
    names = dict.fromkeys(endpoint for text in result.scenario.findings for _, endpoint in quoted(text))
    rows = []
    for name in names:
        own = result.estimates.get(name)
        others = [other.estimates.get(name) for other in result.companions.values()]
        named = own or next(o for o in others if o is not None)
        unit = "" if named.unit == "%" else named.unit
        shown = "" if own is None else _shown(own)
        rows.append({"label": named.label, "unit": unit, "own": shown, "others": [_compared(own, o) for o in others]})
    columns = [{"name": name, "title": other.scenario.title} for name, other in result.companions.items()]
    return {"columns": columns, "rows": rows}


def _shown(estimate: Estimate) -> str:
    return numbers.bare(numbers.simulated(estimate), estimate)


def _compared(own: Estimate | None, other: Estimate | None) -> dict[str, str]:
    """Its value, and how much that is of the scenario's own, where both are positive."""
    if other is None:
        return {"value": "", "part": ""}
    part = ""
    if own is not None and other.value > 0.0 and own.value > 0.0:
        part = f"{100.0 * other.value / own.value:.0f} % of it"
    return {"value": _shown(other), "part": part}
