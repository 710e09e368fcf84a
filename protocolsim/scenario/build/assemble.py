"""From a scenario file to a Scenario: read, check, assemble. All faults of the file are reported at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import accumulate, combinations, pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from protocolsim.analysis.base import Analysis
from protocolsim.cohort.cohort import Cohort
from protocolsim.component import Component, Parameter
from protocolsim.disease.base import Disease
from protocolsim.drug.base import Drug
from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.between_arms.repeated import beside
from protocolsim.engine.base import Measured, Trial, causes_of, place
from protocolsim.errors import ScenarioError, UsageError, raised, unknown
from protocolsim.proof.symbolic.budget import Budget
from protocolsim.protocol.checks import findings
from protocolsim.protocol.states import Protocol, State
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED, STREAM_BLOCK
from protocolsim.records import HIDDEN, Labels
from protocolsim.scenario.build import components
from protocolsim.scenario.build.analyses import analyses_of
from protocolsim.scenario.build.cohort import cohort_of
from protocolsim.scenario.build.companions import check_findings
from protocolsim.scenario.build.decisions import decisions_of
from protocolsim.scenario.build.descriptions import state_rows
from protocolsim.scenario.build.effect import effect_of
from protocolsim.scenario.build.endpoints import EndpointsBuilder
from protocolsim.scenario.build.interim.around import Around
from protocolsim.scenario.build.interim.events import awaited_stops, possible_stops
from protocolsim.scenario.build.patients.population import ARRIVES_ON, Arriving, arriving
from protocolsim.scenario.build.proof_case import case_of
from protocolsim.scenario.build.protocol import ON_STUDY, StatesBuilder
from protocolsim.scenario.build.story.steps import story_of
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import FROM_COMPONENTS, Names
from protocolsim.scenario.build.values.parameters import Parameters
from protocolsim.scenario.build.visits import Vocabulary
from protocolsim.scenario.build.ways.choices import meeting
from protocolsim.scenario.checks.lapsing import lapsing, said
from protocolsim.scenario.checks.limits import beyond_limits, too_fine
from protocolsim.scenario.file.extends import SET
from protocolsim.scenario.file.model_schema import ModelPart
from protocolsim.scenario.file.models import NOTHING, arrives_on, cast_of
from protocolsim.scenario.file.schema import CohortPart, ScenarioPart
from protocolsim.scenario.file.shape_check import check
from protocolsim.scenario.file.templates import expanded
from protocolsim.scenario.file.yaml_reader import Address, Document, spell
from protocolsim.scenario.models.declared import DeclaredModel
from protocolsim.scenario.reserved import DROPOUT, check_meeting, check_names, why_no_component
from protocolsim.scenario.scenario import DecisionWorth, Scenario, usual_replicates
from protocolsim.scenario.settable import SettableParameter, scenario_parameters, variable_starts
from protocolsim.scenario.setting_names import key_of
from protocolsim.units import UnitError, in_words, unit_product

if TYPE_CHECKING:
    from protocolsim.interim.design import Design
    from protocolsim.scenario.file.interim_schema import InterimPart

# More than any trial has; each costs memory and time in every check that follows.
MOST_STATES, MOST_TRANSITIONS = 200, 1000


@dataclass
class _Cast:
    """The trial's components, and the values of their parameters (in the parameters' own units)."""

    disease: Disease | None
    drugs: tuple[Drug, ...]
    drug_names: tuple[str, ...]
    values: dict[str, dict[str, float]]
    rows: list[SettableParameter]
    warnings: list[str]
    arriving: Arriving
    silent: tuple[tuple[Address, str], ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """What a reader is told of them."""
        return (*(text for _, text in self.silent), *self.warnings)

    def who(self) -> dict[str, Any]:
        """Who the patients are, in the words of a Scenario."""
        come = self.arriving
        return {"population": come.population, "arrives_on": come.drug, "assumed": self.silent}

    @property
    def components(self) -> tuple[Component, ...]:
        """The disease, if it could be loaded, and the drugs."""
        return (self.disease, *self.drugs) if self.disease is not None else self.drugs


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


def _as_written(part: ScenarioPart) -> dict[str, Any]:
    """What a scenario says in the words of its file."""
    names = ("title", "question", "description", "seed", "follow")
    return {
        **{name: getattr(part, name) for name in names},
        **{name: tuple(getattr(part, name)) for name in ("sources", "notes", "beside", "findings")},
    }


def _assemble(document: Document, part: ScenarioPart, q: Expressions, allow_plugins: bool) -> Scenario | None:
    q.read_parameters(part.parameters)
    if not _check_size(part, q.faults):
        return None
    words = _vocabulary(cast := _cast(part, q, allow_plugins, document.attached), part)
    cohort = cohort_of(part.cohort, q, words)
    protocol = (builder := StatesBuilder(part.protocol, q, words)).build()
    units = _dose_units(protocol, words)
    reader = EndpointsBuilder(part, q, words, builder, units)
    populations, endpoints = reader.build()
    analyses = analyses_of(part, q, endpoints, reader)
    hidden = [t for c in cast.components for t in c.traits if t.hidden]
    decisions = decisions_of(part, q, words, hidden, builder, units)
    effect = effect_of(part.effect, q, cast.rows)
    around = Around(
        part, q, words, reader, protocol, cohort, populations, endpoints, analyses, [t.name for t in hidden], cast.rows
    )
    design = None if part.interim is None else _design(part.interim, around)
    made = _check_shown(part, q, words, design, endpoints)
    story = story_of(part, q.faults, q.names, endpoints, made, document, allow_plugins=allow_plugins)
    q.names.settle()
    if protocol is None or cohort is None or cast.disease is None:
        return None
    # Built once, when it is first needed.
    trial = cache(partial(_trial, protocol, cohort, cast.disease, cast, words, design))
    if builder.sound and not q.faults.any_in("protocol"):
        _structural(protocol, cast, words, cohort, trial, q)
    if q.faults or not _stops_counted(decisions, trial(), q.faults):
        return None
    never = tuple(lapsing(part, trial()))
    return Scenario(
        name=PurePath(document.source).stem,
        **_as_written(part),
        story=story,
        replicates=part.replicates or usual_replicates(cohort.size, waiting=trial().limited),
        warnings=(*cast.told, *_unusual(part, q.names, document, analyses), *(said(*n) for n in never)),
        trial=trial(),
        populations=populations,
        endpoints=endpoints,
        analyses=analyses,
        decisions=decisions,
        effect=effect,
        interim=design,
        **_settable(part, protocol, q, cast),
        design=state_rows(part, protocol),
        **cast.who(),
        lapsing=never,
        document=document,
        builder=build,
        allow_plugins=allow_plugins,
    )


def _dose_units(protocol: Protocol | None, words: Vocabulary) -> dict[str, str | None]:
    """The unit of each drug's doses; None where some are per weight and some are not."""
    return {} if protocol is None else {n: protocol.dose_unit(k) for k, n in enumerate(words.drug_names)}


def _settable(part: ScenarioPart, protocol: Protocol, q: Expressions, cast: _Cast) -> dict[str, Any]:
    """What one may set of a scenario: by name, its own, and those of its models."""
    return {
        "named": q.parameters.named,
        "own_parameters": _own_parameters(part, protocol, q),
        "parameters": tuple(cast.rows),
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


# Components ----------------------------------------------------------------------------------------------------------


def _set_from_outside(document: Document) -> list[str]:
    """What was changed after the file was written: its published results were not fitted with that."""
    places = [spell(address) for address, place in document.places.items() if place.source == SET and address]
    changed = sorted(p for p in places if p.removeprefix("parameters.") not in ("seed", "replicates"))
    if not changed:
        return []
    return [f"set from outside: {', '.join(changed)}; what is 'fitted' was fitted without that"]


def _unusual(part: ScenarioPart, names: Names, document: Document, analyses: Mapping[str, Analysis]) -> list[str]:
    """What a reader is told of the file itself."""
    cautions = [f"analysis '{a.name}': {a.caution}" for a in analyses.values() if a.caution]
    return [*_idle(part, names, document), *_set_from_outside(document), *cautions]


def _idle(part: ScenarioPart, names: Names, document: Document) -> list[str]:
    """What is declared and does nothing: changing it would change no result."""
    named = [t.randomise for t in part.protocol.transitions]
    used = {kind for _, _, kind, _ in cast_of(document.data)}
    return [
        *(f"the parameter '{name}' is used nowhere" for name in part.parameters if not names.is_used("name", name)),
        *(
            f"no transition uses the randomisation '{name}'"
            for name in part.protocol.randomisations
            if name not in named
        ),
        *(f"the model '{name}' is used nowhere" for name in part.models if name not in used),
    ]


def _cast(part: ScenarioPart, q: Expressions, allow_plugins: bool, attached: Mapping[str, bytes]) -> _Cast:
    load = partial(_component, q.faults, allow_plugins=allow_plugins, models=part.models, attached=attached)
    disease = load(("cohort", "disease"), "disease", part.cohort.disease)
    kinds = _drug_kinds(part)
    drugs: dict[str, Drug] = {}
    for name, kind in kinds.items():
        component = load(_first_use(part, name), "drug", kind)
        if isinstance(component, Drug):
            drugs[name] = component
    sick = disease if isinstance(disease, Disease) else None
    come = arriving(part.cohort, q, sick, drugs)
    cast = _Cast(sick, tuple(drugs.values()), tuple(drugs), {}, [], [], come)
    if cast.disease is None or len(drugs) < len(kinds):
        q.names.silence(*FROM_COMPONENTS)
    if cast.disease is None:
        q.names.silence("name")  # its traits are names that rules may use
    if cast.disease is not None:
        _read_values(cast, q, ("cohort",), part.cohort.disease, cast.disease, part.cohort.model_extra or {})
    for name, drug in drugs.items():
        declared = part.drugs.get(name)
        _read_values(cast, q, ("drugs", name), name, drug, (declared.model_extra or {}) if declared is not None else {})
    if cast.disease is not None:
        cast.silent = tuple(come.silent(cast.drugs, cast.disease))
    _handshake(cast, q.faults, q.names)
    return cast


def _drug_kinds(part: ScenarioPart) -> dict[str, str]:
    """What each drug is that the file names, in a state, under `drugs:` or as what patients arrive on."""
    used = [d for s in part.protocol.states.values() for d in s.treatment]
    kinds = {
        name: (part.drugs[name].kind if name in part.drugs else None) or name
        for name in dict.fromkeys([*used, *part.drugs])
    }
    taken = arrives_on(part.cohort.arrives_on, kinds)
    return kinds if taken is None else {**kinds, taken: taken}


def _first_use(part: ScenarioPart, drug: str) -> Address:
    if drug in part.drugs:
        return ("drugs", drug)
    for name, state in part.protocol.states.items():
        if drug in state.treatment:
            return ("protocol", "states", name, "treatment", drug)
    return ARRIVES_ON


def _component(
    faults: Faults,
    address: Address,
    room: str,
    name: str,
    allow_plugins: bool,
    models: Mapping[str, ModelPart],
    attached: Mapping[str, bytes],
) -> Component | None:
    try:
        if name in models:
            component = _declared(faults, room, name, models[name], attached.get(name))
            if component is None:
                return None
        else:
            also = (*models, NOTHING) if address == ARRIVES_ON else models
            component = components.load(room, name, allow_plugins, also=also)
    except UsageError as error:
        faults.append(address, str(error), at_key=room == "drug" and address != ARRIVES_ON)
        return None
    unfit = why_no_component(component, of_cohort=room == "disease")
    for why in unfit:
        faults.append(address, f"'{name}' cannot be used: {why}", at_key=room == "drug")
    return None if unfit else component


def _declared(faults: Faults, room: str, name: str, model: ModelPart, attached: bytes | None) -> Component | None:
    """A declared model as a component. Raises UsageError for a name that is taken, or a model of the other kind."""
    if name in components.python_names(room):
        raise UsageError(f"a {room} '{name}' is shipped already; name this model otherwise")
    if model.kind != room:
        raise UsageError(f"'{name}' is a {model.kind}; expected a {room}")
    return DeclaredModel(name, model, faults, ("models", name), attached).build()


def _read_values(
    cast: _Cast, q: Expressions, address: Address, called: str, component: Component, given: Mapping[str, Any]
) -> None:
    """Every parameter of a component: its default, or what the scenario says; the file says `called` of it."""
    known = {p.name: p for p in cast.arriving.parameters(component)}
    values = {p.name: p.value for p in known.values()}
    for name, text in given.items():
        place_: Address = (*address, name)
        if name not in known and name == getattr(component, "on_arrival", ""):
            q.faults.append(place_, "what patients arrive on is said by cohort: arrives_on", at_key=True)
        elif name not in known:
            keys = [*known, *(CohortPart.model_fields if address == ("cohort",) else ())]
            q.faults.append(place_, unknown("key", name, keys), at_key=True)
        elif isinstance(text, bool) or not isinstance(text, (int, float, str)):
            q.faults.append(place_, f"expected a number, such as {in_words(known[name].value, known[name].unit)}")
        else:
            value = _in_its_unit(q, place_, known[name], text)
            if value is not None:
                values[name] = value
    values |= cast.arriving.told(component)
    try:
        constants = component.constants(values)
        for baseline in (h.baseline for h in component.hazards if h.baseline is not None):
            baseline(constants)
    except Exception as error:  # noqa: BLE001 - code from outside may fail in any way
        q.faults.append(address, f"'{component.name}' failed at these parameters: {raised(error)}", at_key=True)
    cast.values[component.name] = values
    of_population = cast.arriving.given(component)
    for p in known.values():
        changed = values[p.name] != p.value
        path = f"{'.'.join(map(str, address))}.{p.name}"
        cast.rows.append(
            SettableParameter(
                key_of(called, p.name, path), p.name, path, component.name, p.unit, values[p.name], p.low, p.high,
                p.meaning, p.mark, p.source, str(given.get(p.name, "")), default=p.value, changed=changed,
                scale=p.scale, heading=p.label, population=cast.arriving.name if p.name in of_population else "",
            )
        )  # fmt: skip
        if changed and not p.low <= values[p.name] <= p.high:
            said = f"{component.name}.{p.name} = {in_words(values[p.name], p.unit)} is outside its plausible range"
            cast.warnings.append(f"{said.replace('  ', ' ')}, {p.low:g} to {p.high:g}")


def _in_its_unit(q: Expressions, address: Address, parameter: Parameter, text: str | float) -> float | None:
    try:
        unit = unit_product(parameter.unit)
    except UnitError:
        unit = unit_product("")
    value = q.number(
        address, text, unit.dimension, what=f"{parameter.meaning}, such as {in_words(parameter.value, parameter.unit)}"
    )
    if value is None:
        return None
    value = value / unit.value
    if not parameter.lowest <= value <= parameter.most:
        bound = f"below {parameter.lowest:g}" if value < parameter.lowest else f"above {parameter.most:g}"
        q.faults.append(address, f"{text} is {bound} {parameter.unit} ({parameter.meaning})".replace("  ", " "))
        return None
    return value


def _handshake(cast: _Cast, faults: Faults, names: Names) -> None:
    """Whether everything a component needs is offered by another."""
    offered = {t.name for t in cast.disease.traits} if cast.disease is not None else set()
    for name, drug in zip(cast.drug_names, cast.drugs, strict=True):
        for need in drug.needs:
            if cast.disease is not None and need not in offered:
                faults.append(
                    ("cohort", "disease"),
                    f"the drug '{name}' needs the trait '{need}', which '{cast.disease.name}' does not offer",
                )
    kinds = [d.name for d in cast.drugs]
    if len(set(kinds)) < len(kinds):
        faults.append(("drugs",), "the same drug stands there under two names")
        return
    for one, other in combinations(sorted(cast.components, key=lambda c: c.stream), 2):
        if shared := one.own_streams & other.own_streams:
            said = f"{one.name} and {other.name} both from {min(shared)}"
            faults.append(
                ("drugs",), f"two components draw from the same streams ({STREAM_BLOCK} belong to each): {said}"
            )
    declared = [(w, n) for c in cast.components for w, names_ in _declares(c) for n in names_]
    for what, name in dict.fromkeys(d for d in declared if declared.count(d) > 1):
        faults.append(("drugs",), f"two components declare the {what} '{name}'")
    check_meeting(faults, names, cast.components, cast.drug_names)


def _declares(component: Component) -> list[tuple[str, list[str]]]:
    return [
        ("assessment", [a.name for a in component.assessments]),
        ("variable", [v.name for a in component.assessments for v in a.variables]),
        ("trait", [t.name for t in component.traits]),
    ]


def _vocabulary(cast: _Cast, part: ScenarioPart) -> Vocabulary:
    assessments = [a for c in cast.components for a in c.assessments]
    diseases = () if cast.disease is None else (cast.disease,)
    events = dict.fromkeys(h.event for c in (*cast.drugs, *diseases) for h in c.hazards if h.event != DROPOUT)
    ends = [0, *accumulate(len(a.variables) for a in assessments)]
    return Vocabulary(
        drugs=cast.drugs,
        drug_names=cast.drug_names,
        assessments=tuple(a.name for a in assessments),
        variables=tuple(v for a in assessments for v in a.variables),
        events=tuple(dict.fromkeys((*events, DROPOUT, *awaited_stops(part)))),
        stops=possible_stops(part.interim),
        traits=tuple(t for c in cast.components for t in c.traits if not t.hidden),
        shows=tuple(tuple(range(*pair)) for pair in pairwise(ends)),
    )


# The trial -----------------------------------------------------------------------------------------------------------


def _structural(
    protocol: Protocol, cast: _Cast, words: Vocabulary, cohort: Cohort, trial: Callable[[], Trial], q: Expressions
) -> None:
    names = words.variable_names
    shows: dict[int, tuple[int, ...]] = {}
    assessments = [a for c in cast.components for a in c.assessments]
    for number, assessment in enumerate(assessments):
        shows[number] = tuple(names.index(v.name) for v in assessment.variables)

    budget = Budget()

    def gap(state: State) -> str | None:
        if q.faults:
            return None  # the rules may be at fault themselves; this is looked at once they are not
        from protocolsim.proof.coverage import gap_of  # z3, which few scenarios need to be read

        return gap_of(case_of(trial(), q.parameters.named), state, budget)

    limits = (*beyond_limits(protocol, cohort, words), *too_fine(protocol, cast.components))
    for address, message in (*limits, *findings(protocol, shows, names, gap)):
        q.faults.append(address, message, at_key=True)
    for message in meeting(protocol.choices, cast.components):
        q.faults.append(("protocol", "transitions"), message, at_key=True)
    _check_dropout(protocol, cohort, words, trial, q.faults)


def _check_dropout(
    protocol: Protocol, cohort: Cohort, words: Vocabulary, trial: Callable[[], Trial], faults: Faults
) -> None:
    """Faults of states where subjects drop out and that have no transition for it."""
    code = words.events.index(DROPOUT)
    # In no time nothing happens, unless the end waits for visits.
    spent = [s for s in protocol.states if s.until is not None or s.longest != 0 or cohort.capacity]
    unmet = [s for s in spent if s.on_study and code not in s.upon]
    if cohort.dropout > 0.0:
        address: Address = ("cohort", "dropout")
    elif faults:
        return
    else:
        brings = {s.number for s in unmet for c in trial().causes if c.event == code and c.rates[s.number] > 0.0}
        address, unmet = ("protocol", "transitions"), [s for s in unmet if s.number in brings]
    if unmet:
        faults.append(
            address,
            f"no transition is taken upon dropout from '{unmet[0].name}': "
            f"add {{from: {ON_STUDY}, to: ..., upon: dropout}}",
            at_key=address != ("cohort", "dropout"),
        )


def _stops_counted(decisions: Mapping[str, DecisionWorth], trial: Trial, faults: Faults) -> bool:
    """Whether the price of every decision's stop can be counted: the state has to set how often it comes."""
    for name, decision in decisions.items():
        if any(c.multiplier or c.baseline for c in trial.causes if trial.labels.events[c.event] == decision.stop):
            faults.append(
                ("decisions", name, "loss", "stop"),
                f"how often '{decision.stop}' comes is not set by the state alone, so that its price over the horizon "
                "cannot be counted; name an event whose rate is",
            )
    return not faults


def _trial(
    protocol: Protocol, cohort: Cohort, sick: Disease, cast: _Cast, words: Vocabulary, design: Design | None
) -> Trial:
    disease, drugs, width, enrolment = place(sick, cast.drugs, cast.values)
    parts = (disease, *drugs)
    names = words.variable_names
    measured = tuple(
        Measured(p, a, a.observe, tuple(names.index(v.name) for v in a.variables))
        for p in parts
        for a in p.component.assessments
    )
    traits = [(t, p.offset + t.field) for p in parts for t in p.component.traits]
    labels = Labels(
        states=tuple(s.name for s in protocol.states),
        outcomes=tuple(s.outcome or "" for s in protocol.states),
        assessments=words.assessments,
        variables=names,
        drugs=words.drug_names,
        events=words.events,
        sites=tuple(s.name for s in cohort.sites),
        randomisations=tuple(r.name for r in protocol.randomisations),
        traits=(*(t.name for t, _ in traits if not t.hidden), *(f"{HIDDEN}{t.name}" for t, _ in traits if t.hidden)),
        reasons=protocol.most_read,
        explain=protocol.explain,
        kept=tuple(v.name for v in protocol.variables),
        internal=frozenset(t.number for t in protocol.transitions if t.internal),
        allocating=tuple(
            frozenset(t.number for t in protocol.transitions if t.randomise is r) for r in protocol.randomisations
        ),
        dose_units=tuple(protocol.dose_unit(k) for k in range(len(words.drug_names))),
        looks=() if design is None else tuple(look.name for look in design.looks),
        conclusions=() if design is None else design.conclusions,
        read=() if design is None else design.values,
    )
    return Trial(
        protocol=protocol,
        cohort=cohort,
        disease=disease,
        drugs=drugs,
        width=width,
        assessments=measured,
        causes=causes_of(protocol, disease, drugs, cohort, words.events, DROPOUT),
        visible=tuple(c for t, c in traits if not t.hidden),
        hidden=tuple(c for t, c in traits if t.hidden),
        labels=labels,
        enrolment=enrolment,
        conduct=design,
    )
