"""Scenarios that a report shows beside another, and the sentences that quote numbers of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from protocolsim.errors import UsageError
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import Names
from protocolsim.scenario.file.extends import SET, load_document, with_settings
from protocolsim.scenario.file.library import find, is_path
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.file.yaml_reader import Address, Document

QUOTED = re.compile(r"\{([^{}]*)\}")
"""Where a sentence quotes a number: {endpoint}, or {scenario.endpoint}."""


def quoted(text: str) -> list[tuple[str, str]]:
    """(scenario or '', endpoint) of every number that a sentence quotes, in order."""
    parts = (place.rpartition(".") for place in QUOTED.findall(text))
    return [(scenario, endpoint) for scenario, _, endpoint in parts]


def check_findings(part: ScenarioPart, faults: Faults, names: Names, made: Collection[str] | None) -> None:
    """Faults for companions that do not exist, and for numbers that no endpoint gives.

    `made` are the names of what looks and contrasts between arms bring about; None where looks have faults, so that
    nobody can tell.
    """
    for k, name in enumerate(part.beside):
        try:
            if not is_path(name):
                find(name)
        except UsageError as error:
            faults.append(("beside", k), str(error))
    for k, text in enumerate(part.findings):
        check_quoted(("findings", k), quoted(text), part, names, faults, made)


def check_quoted(
    address: Address,
    pairs: Sequence[tuple[str, str]],
    part: ScenarioPart,
    names: Names,
    faults: Faults,
    made: Collection[str] | None,
) -> None:
    """Faults for numbers, each a scenario ('' for this one) and an endpoint, that nothing gives."""
    if names.refused_in("endpoints", "analysis"):
        return  # a sentence that quotes a name which cannot be is no second fault
    for scenario, endpoint in pairs:
        if not scenario and (endpoint in made if made is not None else "[" in endpoint):
            continue
        if not scenario:
            names.known(address, "endpoint", endpoint, (*names.declared("endpoints"), *names.declared("analysis")))
        elif scenario not in part.beside and not faults.any_in("beside"):
            faults.append(
                address, f"'{scenario}' does not stand in `beside`, so that {{{scenario}.{endpoint}}} is unknown"
            )


def companion_document(document: Document, name: str) -> Document:
    """The document of a companion, with what was set from outside set there too, unless the companion changes it.

    What is set of a drug stays away from a companion that does not give it, where it means nothing. A path is looked
    for beside the document's own file. Raises UsageError or ScenarioError where it cannot be read.
    """
    beside = Path(document.source).parent / name if is_path(name) and is_path(document.source) else name
    result = load_document(str(beside))
    changed = {a: _at(document.data, a) for a, place in document.places.items() if place.source == SET and a}
    if not changed:
        return result
    plain = load_document(document.source).data
    settings = {
        address: value
        for address, value in changed.items()
        if not isinstance(value, dict | list)
        and _at(result.data, address) == _at(plain, address)
        and (address[0] != "drugs" or address[1] in _given(result.data))
    }
    return with_settings(result, settings)


def _given(data: Mapping[str, Any]) -> set[str]:
    """The drugs that a scenario's states give, in data that nothing has checked yet."""
    states = _at(data, ("protocol", "states"))
    treatments = [_at(state, ("treatment",)) for state in states.values()] if isinstance(states, Mapping) else []
    return {str(drug) for treatment in treatments if isinstance(treatment, Mapping) for drug in treatment}


def with_companions_at(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A scenario's data with companions called otherwise, in its list and in the sentences that quote their numbers."""

    def renamed(text: str) -> str:
        for scenario, endpoint in quoted(text):
            if scenario in names:
                text = text.replace(f"{{{scenario}.{endpoint}}}", f"{{{names[scenario]}.{endpoint}}}")
        return text

    companions = dict(data)
    if names:
        companions["beside"] = [names.get(name, name) for name in companions["beside"]]
        companions["findings"] = [renamed(text) for text in companions.get("findings", ())]
        companions["story"] = [_renamed_step(step, renamed) for step in companions.get("story", ())]
    return companions


def _renamed_step(step: Mapping[str, Any], renamed: Callable[[str], str]) -> dict[str, Any]:
    """A step of the story whose sentences and answer name companions otherwise."""
    said: dict[str, Any] = {key: renamed(step[key]) for key in ("question", "sentence") if key in step}
    if step.get("answer") is not None:
        said["answer"] = renamed(f"{{{step['answer']}}}")[1:-1]
    if step.get("compare"):
        said["compare"] = [renamed(f"{{{name}}}")[1:-1] for name in step["compare"]]
    return {**step, **said}


def _at(data: Mapping[str, Any], address: Address) -> Any:
    """What stands at an address; None where nothing does."""
    here: Any = data
    for step in address:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            return None
    return here
