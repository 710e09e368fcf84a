"""A posterior in a file: joint draws of parameters with their weights, and what they belong to.

`calibrate` writes it as JSON beside its report, and `--parameters` reads it. It belongs to models at the values that
the scenario had when it was fitted: a scenario whose models, or whose values of them, are others is refused, since its
posterior would be another. What a scenario supposes (a value at or beyond the end of its plausible range, "no drug")
and what is set from outside is held there, and only the other parameters are drawn.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from protocolsim.component import Parameter
from protocolsim.errors import UsageError, unknown
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter
from protocolsim.study.parameters.draws import JointDraws
from protocolsim.study.parameters.uncertain import UncertainParameter, supposed_in
from protocolsim.units import in_words

FORMAT = "protocolsim posterior 1"
POSTERIOR = "posterior.json"
SEAL = "sha256"
_LARGEST = 256 * 1024 * 1024
_EQUAL = 1e-9


def posterior_text(
    scenario: Scenario, paths: Sequence[str], values: Iterable[Sequence[float]], weights: Iterable[float]
) -> str:
    """The text of the file: draws of what stands at these places of a scenario, each in its parameter's own unit."""
    known = {p.path: p for p in scenario.settables}
    named = [
        {"name": known[p].key, "path": p, "unit": known[p].unit} if p in known else {"name": p, "path": p, "unit": ""}
        for p in paths
    ]
    content = {
        "format": FORMAT,
        "version": version("protocolsim"),
        "scenario": scenario.name,
        "models": _models(scenario),
        "values": {p.path: p.value for p in scenario.settables if p.component or p.path in paths},
        "parameters": named,
        "weights": [float(w) for w in weights],
        "draws": [[float(v) for v in row] for row in values],
    }
    return json.dumps(sealed(content), indent=1) + "\n"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the checksum of all else that stands there: a number that was changed since is found."""
    rest = {key: part for key, part in content.items() if key != SEAL}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, SEAL: hashlib.sha256(text.encode()).hexdigest()}


def read_posterior(path: Path, scenario: Scenario) -> tuple[tuple[UncertainParameter, ...], JointDraws]:
    """What a posterior draws for a scenario, and its draws.

    Raises UsageError, in one sentence that says what is wrong with the file, and where.
    """
    file = path / POSTERIOR if _is_folder(path) else path
    content, checksum = _content(file)
    try:
        parts = _PosteriorParts(content)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(f"--parameters {path}: this is no posterior that calibrate wrote") from None
    if sealed(content) != content:
        raise UsageError(f"--parameters {path}: it was damaged, or edited, since calibrate wrote it; calibrate again")
    refuse = _PosteriorRefusal(str(path), parts.scenario)
    if parts.models != _models(scenario):
        theirs, ours = (", ".join(models) for models in (parts.models, _models(scenario)))
        raise refuse.because(f"whose models are {theirs}; this scenario has {ours}")
    held = supposed_in(scenario)
    chosen = [_chosen(p, scenario, refuse) for p in parts.parameters]
    of_scenario = [p for p in chosen if not p.component]
    _same_values(parts, [*scenario.parameters, *of_scenario], held, refuse)
    _accepted(parts, chosen, scenario, refuse)
    kept = [k for k, p in enumerate(chosen) if p.path not in held]
    if not kept:
        raise refuse.because("and this scenario holds all of its parameters at values of its own")
    columns = [[row[k] for row in parts.draws] for k in kept]
    drawn = tuple(_drawn(chosen[k], column) for k, column in zip(kept, columns, strict=True))
    joint = JointDraws(str(path), checksum, tuple(zip(*columns, strict=True)), parts.weights)
    return drawn, joint


def _models(scenario: Scenario) -> list[str]:
    return list(dict.fromkeys(p.component for p in scenario.parameters))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # a name that is too long for one


def _content(file: Path) -> tuple[Any, str]:
    """What stands in the file, and its checksum."""
    try:
        if file.stat().st_size > _LARGEST:
            raise UsageError(f"--parameters {file}: this is no posterior that calibrate wrote (it is too large)")
        text = file.read_bytes()
        return json.loads(text), hashlib.sha256(text).hexdigest()
    except FileNotFoundError:
        raise UsageError(f"--parameters {file}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"--parameters {file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"--parameters {file}: this is no posterior that calibrate wrote (it is no JSON)") from None


class _PosteriorParts:
    """The parts of the file, each of its kind. Raises ValueError, TypeError or KeyError where it is none."""

    def __init__(self, content: Any) -> None:
        if content["format"] != FORMAT:
            raise ValueError(FORMAT)
        self.scenario = str(content["scenario"])
        self.models = [str(name) for name in content["models"]]
        self.values = {str(p): float(v) for p, v in content["values"].items() if v is not None}
        self.parameters = [{k: str(p[k]) for k in ("name", "path", "unit")} for p in content["parameters"]]
        self.weights = tuple(float(w) for w in content["weights"])
        self.draws = [tuple(float(v) for v in row) for row in content["draws"]]
        sound = all(math.isfinite(w) and w >= 0.0 for w in self.weights) and sum(self.weights) > 0.0
        whole = all(len(row) == len(self.parameters) for row in self.draws)
        if not (sound and whole and len(self.draws) == len(self.weights) and self.parameters):
            raise ValueError(FORMAT)


class _PosteriorRefusal:
    """How the reasons of a file are said."""

    def __init__(self, path: str, fitted_in: str) -> None:
        self._path, self.fitted_in = path, fitted_in

    def because(self, why: str) -> UsageError:
        """It belongs to something else."""
        return self.wrong(f"this posterior belongs to '{self.fitted_in}', {why}")

    def wrong(self, what: str) -> UsageError:
        """Something in it is wrong."""
        return UsageError(f"--parameters {self._path}: {what}")


def _same_values(
    parts: _PosteriorParts, compared: Sequence[SettableParameter], held: Mapping[str, str], refuse: _PosteriorRefusal
) -> None:
    """These have the values that they were fitted with, but for those that the scenario supposes."""
    for parameter in compared:
        then, now = parts.values.get(parameter.path), parameter.value
        if parameter.path in held or now is None:
            continue
        if then is None:
            raise refuse.because(f"which has no {parameter.key}")
        if abs(then - now) > _EQUAL * max(abs(then), abs(now)):
            was, is_now = (in_words(number, parameter.unit) for number in (then, now))
            raise refuse.because(f"where {parameter.key} is {was}; here it is {is_now}")


def _chosen(part: Mapping[str, str], scenario: Scenario, refuse: _PosteriorRefusal) -> SettableParameter:
    """The scenario's own parameter that a column is of."""
    known = {p.path: p for p in scenario.settables}
    found = known.get(part["path"])
    if found is None:
        raise refuse.wrong(unknown("parameter", part["name"], [p.key for p in known.values()]))
    if found.unit != part["unit"]:
        raise refuse.wrong(f"{part['name']} is in {part['unit'] or 'no unit'}; expected {found.unit or 'no unit'}")
    return found


def _accepted(
    parts: _PosteriorParts, chosen: Sequence[SettableParameter], scenario: Scenario, refuse: _PosteriorRefusal
) -> None:
    """Every value is one that its model accepts."""
    trial = scenario.trial
    of_models: dict[tuple[str, str], Parameter] = {
        (c.component.name, p.name): p for c in (trial.disease, *trial.drugs) for p in c.component.parameters
    }
    for k, parameter in enumerate(chosen):
        one = of_models.get((parameter.component, parameter.name))
        low = one.lowest if one is not None else -math.inf if parameter.low is None else parameter.low
        high = one.most if one is not None else math.inf if parameter.high is None else parameter.high
        for number, row in enumerate(parts.draws):
            if math.isfinite(row[k]) and low <= row[k] <= high:
                continue
            said = f"draw {number}: {parameter.key} = {in_words(row[k], parameter.unit)}"
            why = "is no number" if not math.isfinite(row[k]) else f"is below {low:g}, the least that is accepted"
            why = why if not row[k] > high else f"is above {high:g}, the most that is accepted"
            raise refuse.wrong(f"{said} {why}")


def _drawn(parameter: SettableParameter, column: Sequence[float]) -> UncertainParameter:
    """The parameter with the range of its draws."""
    p, value = parameter, parameter.value
    return UncertainParameter(
        p.key, p.path, p.component, p.name, p.unit, float("nan") if value is None else value, min(column), max(column),
        p.log, p.mark, p.meaning,
    )  # fmt: skip
