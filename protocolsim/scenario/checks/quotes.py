"""What a scenario's sentences quote of the scenarios beside it, looked at before anything is simulated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocolsim.errors import Fault, ScenarioError, UsageError, unknown
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.companions import companion_document, quoted
from protocolsim.scenario.file.library import is_path
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.story import CHANGED


def companions_of(scenario: Scenario, *, files: bool = True) -> tuple[dict[str, Scenario], list[Fault]]:
    """Each companion by name, with what was set from outside; and a fault at each place that one of them breaks.

    That is a companion that cannot be read or has faults of its own, or a finding that quotes what it does not have.
    Not `files`: only shipped ones are looked at, as where the scenario is a text from elsewhere.
    """
    companions: dict[str, Scenario] = {}
    faults: list[Fault] = []
    document = scenario.document
    for k, name in enumerate(scenario.beside):
        if is_path(name) and not files:
            continue
        try:
            companions[name] = build(companion_document(document, name), allow_plugins=scenario.allow_plugins)
        except UsageError as error:
            faults.append(document.fault(("beside", k), str(error)))
        except ScenarioError as error:
            faults.append(document.fault(("beside", k), _its_own(name, error)))
    for address, text in _sentences(scenario):
        for other, number in quoted(text):
            if other in companions and number not in companions[other].reported:
                said = f"{unknown('endpoint', number, companions[other].reported)}, in '{other}'"
                faults.append(document.fault(address, said))
    faults += _of_other_units(scenario, companions)
    return companions, faults


def _sentences(scenario: Scenario) -> Iterator[tuple[Address, str]]:
    """Everything that quotes numbers, with its place."""
    yield from ((("findings", k), text) for k, text in enumerate(scenario.findings))
    for k, step in enumerate(scenario.story):
        yield ("story", k, "question"), step.question
        yield ("story", k, "sentence"), step.sentence
        if step.answer:
            yield ("story", k, "answer"), f"{{{step.answer}}}"
        yield from ((("story", k, "compare", n), f"{{{name}}}") for n, name in enumerate(step.compare))


def _of_other_units(scenario: Scenario, companions: Mapping[str, Scenario]) -> Iterator[Fault]:
    """A fault at each number of a step that has no place on the axis of its answer."""
    for k, step in enumerate(scenario.story):
        wanted = _unit(step.answer, scenario, companions)
        for n, name in enumerate(step.compare):
            unit = _unit(name, scenario, companions)
            if None not in (unit, wanted) and unit != wanted:
                said = f"'{name}' is {_counted(unit)} and the answer {_counted(wanted)}: they have no axis in common"
                yield scenario.document.fault(("story", k, "compare", n), said)


def _unit(name: str, scenario: Scenario, companions: Mapping[str, Scenario]) -> str | None:
    """The unit of a number that a step names; None where its scenario is not there or has none of that name."""
    if not name:
        return None
    other, endpoint = quoted(f"{{{name}}}")[0]
    of = companions.get(other) if other and other != CHANGED else scenario
    return of.reported[endpoint].unit if of is not None and endpoint in of.reported else None


def _counted(unit: str | None) -> str:
    return f"in {unit}" if unit else "without a unit"


def _its_own(name: str, error: ScenarioError) -> str:
    first = error.faults[0]
    if not first.line:
        return f"'{name}': {first.message}"
    more = "" if len(error.faults) == 1 else f", and {len(error.faults) - 1} more"
    said = f"{first.path}: {first.message}" if first.path else first.message
    return f"'{name}' has faults of its own (line {first.line}: {said}{more})"
