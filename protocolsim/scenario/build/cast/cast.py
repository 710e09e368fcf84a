"""From the file's `cohort:`, `drugs:` and `models:` to the trial's components and the names that these bring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, combinations, pairwise

from protocolsim.component import Component, Trait
from protocolsim.disease.base import Disease
from protocolsim.drug.base import Drug
from protocolsim.errors import UsageError
from protocolsim.randomness import STREAM_BLOCK
from protocolsim.scenario.build.cast import components
from protocolsim.scenario.build.cast.population import ARRIVES_ON, Arriving, arriving
from protocolsim.scenario.build.cast.values import ModelValues, values_of
from protocolsim.scenario.build.interim.events import awaited_stops, possible_stops
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import FROM_COMPONENTS, Names
from protocolsim.scenario.file.model_schema import ModelPart
from protocolsim.scenario.file.models import NOTHING, arrives_on
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.declared import DeclaredModel
from protocolsim.scenario.reserved import DROPOUT, check_meeting, why_no_component
from protocolsim.scenario.settable import SettableParameter


@dataclass(frozen=True)
class Cast:
    """The trial's components, those that could be loaded; the disease first.

    `drug_names` are the names that the file gives the drugs. `values` are those of the parameters of each component, by
    its own name, in the parameters' own units; `rows` say all that is known of these. `assumed` is what a reader is
    told of what nobody said, with its place, and `told` that and the warnings about values.
    """

    disease: Disease | None
    drugs: tuple[Drug, ...]
    drug_names: tuple[str, ...]
    arriving: Arriving
    values: Mapping[str, Mapping[str, float]]
    rows: tuple[SettableParameter, ...]
    assumed: tuple[tuple[Address, str], ...]
    told: tuple[str, ...]

    @property
    def components(self) -> tuple[Component, ...]:
        """The disease, if it could be loaded, and the drugs."""
        return (self.disease, *self.drugs) if self.disease is not None else self.drugs

    @property
    def hidden(self) -> list[Trait]:
        """The traits that no rule may read."""
        return [t for c in self.components for t in c.traits if t.hidden]


def cast_of(part: ScenarioPart, q: Expressions, attached: Mapping[str, bytes], *, allow_plugins: bool) -> Cast:
    """Who takes part in the trial; faults go to `q.faults`. `attached`: files that models of this file name."""
    load = partial(_component, q.faults, allow_plugins=allow_plugins, models=part.models, attached=attached)
    sick = load(("cohort", "disease"), "disease", part.cohort.disease)
    disease = sick if isinstance(sick, Disease) else None
    kinds = _drug_kinds(part)
    loaded = {name: load(_first_use(part, name), "drug", kind) for name, kind in kinds.items()}
    drugs = {name: drug for name, drug in loaded.items() if isinstance(drug, Drug)}
    if disease is None or len(drugs) < len(kinds):
        q.names.silence(*FROM_COMPONENTS)
    if disease is None:
        q.names.silence("name")  # its traits are names that rules may use
    come = arriving(part.cohort, q, disease, drugs)
    read = _values(part, q, come, disease, drugs)
    assumed = () if disease is None else tuple(come.silent(tuple(drugs.values()), disease))
    cast = Cast(
        disease=disease,
        drugs=tuple(drugs.values()),
        drug_names=tuple(drugs),
        arriving=come,
        values={model.component: model.values for model in read},
        rows=tuple(row for model in read for row in model.rows),
        assumed=assumed,
        told=(*(text for _, text in assumed), *(text for model in read for text in model.warnings)),
    )
    _handshake(cast, q.faults, q.names)
    return cast


def vocabulary_of(cast: Cast, part: ScenarioPart) -> Vocabulary:
    """The names that the protocol may use of its components and of its looks."""
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


# Components ----------------------------------------------------------------------------------------------------------


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


def _values(
    part: ScenarioPart, q: Expressions, come: Arriving, disease: Disease | None, drugs: Mapping[str, Drug]
) -> list[ModelValues]:
    """The parameters of every component: its default, or what the scenario says."""
    read = []
    if disease is not None:
        given = part.cohort.model_extra or {}
        read.append(values_of(disease, q, come, ("cohort",), part.cohort.disease, given))
    for name, drug in drugs.items():
        declared = part.drugs.get(name)
        given = {} if declared is None else declared.model_extra or {}
        read.append(values_of(drug, q, come, ("drugs", name), name, given))
    return read


def _handshake(cast: Cast, faults: Faults, names: Names) -> None:
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
