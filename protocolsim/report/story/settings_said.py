"""What the trial of a step is called beside the scenario's own, where its story does not say: its settings in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocolsim.errors import UsageError
from protocolsim.names import readable
from protocolsim.scenario.scenario import Scenario

_PLACES: Mapping[str, str] = {"cohort.size": "{} patients", "cohort.arrivals": "patients coming at {}"}
"""Places of the file that are no parameter, with what is said of the value there."""


def said_settings(scenario: Scenario, changed: Scenario, given: Mapping[str, Any]) -> str:
    """'With response threshold 50 %', 'Without the effect'.

    `given` are settings by the names that --set has; `changed` is the scenario with them.
    """
    left, none = dict(given), {} if scenario.effect is None else scenario.effect.none
    nothing = bool(none) and all(str(left.get(name)) == str(value) for name, value in none.items())
    if nothing:
        left = {name: value for name, value in left.items() if name not in none}
    said = ", ".join(_said(changed, name, value) for name, value in left.items())
    without = "Without the effect" if nothing else ""
    return ", ".join(part for part in (without, f"{'with' if nothing else 'With'} {said}" if said else "") if part)


def _said(scenario: Scenario, name: str, value: object) -> str:
    if name in _PLACES:
        return _PLACES[name].format(value)
    try:
        settable = scenario.settable(name)
    except UsageError:
        return f"{readable(name.replace('.', ' '))} {value}"  # another place of the file
    return f"{readable(name.replace('.', ' ')) if '.' in settable.called else settable.called} {value}"
