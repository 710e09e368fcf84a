"""From a scenario file to a Scenario: read, check, assemble. All faults of the file are reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.between_arms.repeated import beside
from protocolsim.endpoint.subjects.population import Population
from protocolsim.engine.base import Trial
from protocolsim.errors import ScenarioError
from protocolsim.protocol.states import Protocol
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.scenario.build.analyses import analyses_of
from protocolsim.scenario.build.cast.cast import Cast, cast_of, vocabulary_of
from protocolsim.scenario.build.cohort import cohort_of
from protocolsim.scenario.build.companions import check_findings
from protocolsim.scenario.build.decisions import decisions_of
from protocolsim.scenario.build.descriptions import state_rows
from protocolsim.scenario.build.effect import effect_of
from protocolsim.scenario.build.endpoints import EndpointsBuilder
from protocolsim.scenario.build.interim.around import Around
from protocolsim.scenario.build.protocol.states import StatesBuilder
from protocolsim.scenario.build.protocol.summaries import SummariesBuilder
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.story.steps import story_of
from protocolsim.scenario.build.trial import trial_of
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import Names
from protocolsim.scenario.build.values.own_parameters import read_parameters
from protocolsim.scenario.build.values.parameters import Parameters
from protocolsim.scenario.checks.cautions import cautions_of
from protocolsim.scenario.checks.courses import empty
from protocolsim.scenario.checks.lapsing import lapsing, reachable_in, said, uncounted
from protocolsim.scenario.checks.structure import check_structure, stops_counted
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.file.shape_check import check
from protocolsim.scenario.file.templates import expanded
from protocolsim.scenario.file.yaml_reader import Address, Document
from protocolsim.scenario.reserved import check_names
from protocolsim.scenario.scenario import Scenario, usual_replicates
from protocolsim.scenario.settable import SettableParameter, scenario_parameters, variable_starts
from protocolsim.scenario.story import StoryStep

if TYPE_CHECKING:
    from protocolsim.interim.design import Design
    from protocolsim.scenario.file.interim_schema import InterimPart

# More than any trial has; each costs memory and time in every check that follows.
MOST_STATES, MOST_TRANSITIONS = 200, 1000


def build(document: Document, *, allow_plugins: bool = False) -> Scenario:
    """The scenario of a document. Raises ScenarioError with every fault that can be seen before it runs."""
    written, document = document, expanded(document)
    shape = check(document.data)
    faults = Faults(document, shape.mended)
    faults.extend(shape.said)
    names = Names(document, faults)
    check_names(document.data, faults, names)
    q = Expressions(faults, names, Parameters())
    scenario = None if shape.part is None else _assemble(document, shape.part, q, allow_plugins)
    if faults or scenario is None:
        raise ScenarioError(document.source, faults.reported)
    return scenario if document is written else replace(scenario, document=written)


def _as_written(part: ScenarioPart, story: tuple[StoryStep, ...]) -> dict[str, Any]:
    """What a scenario says in the words of its file."""
    names = ("title", "question", "description", "seed", "follow")
    return {
        "story": story,
        **{name: getattr(part, name) for name in names},
        **{name: tuple(getattr(part, name)) for name in ("sources", "notes", "beside", "findings")},
    }


def _assemble(document: Document, part: ScenarioPart, q: Expressions, allow_plugins: bool) -> Scenario | None:
    read_parameters(q, part.parameters)
    if not _check_size(part, q.faults):
        return None
    cast = cast_of(part, q, document.attached, allow_plugins=allow_plugins)
    hidden, words = cast.hidden, vocabulary_of(cast, part)
    cohort = cohort_of(part.cohort, q, words)
    rules = SummariesBuilder(part.protocol, q, words)
    protocol = (builder := StatesBuilder(part.protocol, rules)).build()
    units = {} if protocol is None else dict(zip(words.drug_names, protocol.dose_units, strict=True))
    reader = EndpointsBuilder(part, q, words, rules, units)
    populations, endpoints = reader.build()
    analyses = analyses_of(part, q, endpoints, reader)
    decisions = decisions_of(part, q, words, hidden, rules, units)
    effect = effect_of(part.effect, q, cast.rows)
    traits = [t.name for t in hidden]
    around = Around(part, q, words, reader, protocol, cohort, populations, endpoints, analyses, traits, cast.rows)
    design = None if part.interim is None else _design(part.interim, around)
    story = story_of(part, q, endpoints, _check_shown(part, q, words, design, endpoints), document, allow_plugins)
    q.names.settle()
    if protocol is None or cohort is None or cast.disease is None:
        return None
    # Built once, when it is first needed.
    trial = cache(partial(trial_of, protocol, cohort, cast.disease, cast, words, design))
    if builder.leaving.sound and not q.faults.any_in("protocol"):
        check_structure(protocol, cast, words, cohort, trial, q)
    if q.faults or not stops_counted(decisions, trial(), q.faults):
        return None
    never = _never(part, trial(), populations, endpoints)
    return Scenario(
        name=PurePath(document.source).stem,
        **_as_written(part, story),
        replicates=part.replicates or usual_replicates(cohort.size, waiting=trial().limited),
        warnings=(*cast.told, *cautions_of(part, q.names, document, analyses), *(said(*n) for n in never)),
        trial=trial(),
        populations=populations,
        endpoints=endpoints,
        analyses=analyses,
        decisions=decisions,
        effect=effect,
        interim=design,
        **_settable(part, protocol, q, cast),
        design=state_rows(part, protocol),
        population=cast.arriving.population,
        arrives_on=cast.arriving.drug,
        assumed=cast.assumed,
        lapsing=never,
        document=document,
        builder=build,
        allow_plugins=allow_plugins,
    )


def _never(
    part: ScenarioPart, trial: Trial, populations: Mapping[str, Population], endpoints: Mapping[str, Endpoint]
) -> tuple[tuple[Address, str], ...]:
    """What never takes place, counts nothing or has nobody in it, with its place in the file."""
    reachable = reachable_in(trial)
    return (
        *lapsing(part, trial, reachable.visits),
        *uncounted(trial, reachable, endpoints),
        *empty(trial, reachable, populations, endpoints),
    )


def _settable(part: ScenarioPart, protocol: Protocol, q: Expressions, cast: Cast) -> dict[str, Any]:
    """What one may set of a scenario: by name, its own, and those of its models."""
    return {
        "named": q.parameters.named,
        "own_parameters": _own_parameters(part, protocol, q),
        "parameters": cast.rows,
    }


def _own_parameters(part: ScenarioPart, protocol: Protocol, q: Expressions) -> tuple[SettableParameter, ...]:
    """What the scenario itself lets one set: its parameters, and where its variables begin."""
    starts = variable_starts(part.protocol.variables, protocol.variables)
    return (*scenario_parameters(part.parameters, q.parameters.named), *starts)


def _design(part: InterimPart, around: Around) -> Design | None:
    """What is declared of looks, or None where that has faults. Few trials have any: what reads it loads here."""
    from protocolsim.scenario.build.interim.design import design_of

    return design_of(part, around)


def _check_shown(
    part: ScenarioPart,
    q: Expressions,
    words: Vocabulary,
    design: Design | None,
    endpoints: Mapping[str, Endpoint],
) -> tuple[str, ...] | None:
    """Faults of what a report shows: the scenarios and numbers that it quotes, the variable that it follows.

    What looks and contrasts between arms bring about, by name; None where looks have faults.
    """
    contrasts = beside(endpoints.values())
    if part.interim is None:
        made: tuple[str, ...] | None = (*contrasts,)
    elif design is None:
        made = None
    else:
        from protocolsim.interim.estimates.made import characteristics_of

        made = (*characteristics_of(design), *contrasts)
    check_findings(part, q.faults, q.names, made)
    if part.follow is not None:
        q.names.known(("follow",), "variable", part.follow, words.variable_names)
    return made


def _check_size(part: ScenarioPart, faults: Faults) -> bool:
    """Whether the protocol is small enough to be looked at."""
    if not 0 <= part.seed <= MAX_SEED:
        faults.append(("seed",), f"{part.seed} is not between 0 and {MAX_SEED}")
    if part.replicates is not None and not 1 <= part.replicates < MAX_REPLICATES:
        why = "below 1 (replicates)" if part.replicates < 1 else "too many"
        faults.append(("replicates",), f"{part.replicates} is {why}")

    protocol = part.protocol
    counted = (
        ("states", len(protocol.states), MOST_STATES),
        ("transitions", len(protocol.transitions), MOST_TRANSITIONS),
    )
    too_many = [(what, number, most) for what, number, most in counted if number > most]
    for what, number, most in too_many:
        faults.append(("protocol", what), f"{number} {what}; at most {most} are possible", at_key=True)
    return not too_many
