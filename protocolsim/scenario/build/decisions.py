"""From the file's `decisions:` to objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from protocolsim.component import Trait
from protocolsim.names import readable, told_apart
from protocolsim.protocol.rules import dimension_of, names_in, parse
from protocolsim.protocol.summaries import Summary
from protocolsim.records import HIDDEN
from protocolsim.scenario.build.protocol.summaries import SummariesBuilder
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import DecisionPart, MeasurePart, ScenarioPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.measures import OWN
from protocolsim.scenario.scenario import DecisionWorth, Definition
from protocolsim.units import NONE, dimension_name

_OWN_LABEL = "the rule's own"


def decisions_of(
    part: ScenarioPart,
    q: Expressions,
    words: Vocabulary,
    hidden: Sequence[Trait],
    states: SummariesBuilder,
    dose_units: Mapping[str, str | None],
) -> dict[str, DecisionWorth]:
    """Every sound decision; faults go to `q.faults`. `states` has built the protocol; `dose_units` are of its drugs."""
    worth = {}
    about: dict[str, str] = {}
    for name, decision in part.decisions.items():
        with q.faults.watch() as here:
            other = about.setdefault(decision.threshold, name)
            if other != name:
                q.faults.append(
                    ("decisions", name, "threshold"), f"the decision '{other}' is about this threshold already"
                )
            drug = decision.loss.drug
            if dose_units.get(drug, "") is None:
                why = f"some doses of '{drug}' are per weight and some are not, so that they cannot be added up"
                q.faults.append(("decisions", name, "loss", "drug"), why)
            builder = states.further(("decisions", name, "summaries"), decision.summaries)
            definitions = _definitions(("decisions", name, "measures"), decision, q, builder)
            built = _decision(name, decision, q, words, hidden, builder.summaries, definitions)
        if built is not None and here.ok:
            worth[name] = built
    return worth


def _decision(
    name: str,
    part: DecisionPart,
    q: Expressions,
    words: Vocabulary,
    hidden: Sequence[Trait],
    summaries: Sequence[Summary],
    definitions: Sequence[Definition],
) -> DecisionWorth | None:
    address: Address = ("decisions", name)
    q.names.all_known((*address, "threshold"), [part.threshold], q.parameters.named)
    q.names.known((*address, "responder", "trait"), "hidden trait", part.responder.trait, [t.name for t in hidden])
    loss: Address = (*address, "loss")
    q.names.known((*loss, "count"), "variable", part.loss.count, words.variable_names)
    q.names.known((*loss, "stop"), "event", part.loss.stop, words.events)
    q.names.known((*loss, "drug"), "drug", part.loss.drug, words.drug_names)
    cut = q.number((*address, "responder", "below"), part.responder.below, NONE, what="the cut")
    horizon = q.minutes((*address, "horizon"), part.horizon, least=1.0, what="horizon")
    stop = q.number((*loss, "stop_weight"), part.loss.stop_weight, NONE, least=0.0, what="weight")
    dose = q.number((*loss, "dose_weight"), part.loss.dose_weight, NONE, least=0.0, what="weight")
    meaning = next((t.meaning for t in hidden if t.name == part.responder.trait), None)
    if cut is None or horizon is None or stop is None or dose is None or meaning is None:
        return None
    return DecisionWorth(
        name=name,
        threshold=part.threshold,
        trait=f"{HIDDEN}{part.responder.trait}",
        meaning=meaning or readable(part.responder.trait),
        cut=cut,
        horizon=horizon,
        count=part.loss.count,
        stop=part.loss.stop,
        stop_weight=stop,
        drug=part.loss.drug,
        dose_weight=dose,
        label=part.label or _OWN_LABEL,
        summaries=tuple(summaries),
        definitions={d.name: d for d in definitions},
    )


def _definitions(room: Address, part: DecisionPart, q: Expressions, states: SummariesBuilder) -> list[Definition]:
    made = [_definition((*room, name), name, m, part.threshold, q, states) for name, m in part.measures.items()]
    found = [d for d in made if d is not None]
    own = part.label or _OWN_LABEL
    labels = told_apart([own, *(d.label for d in found)], [OWN, *(d.name for d in found)])[1:]
    return [replace(d, label=label) for d, label in zip(found, labels, strict=True)]


def _definition(
    address: Address, name: str, part: MeasurePart, threshold: str, q: Expressions, states: SummariesBuilder
) -> Definition | None:
    if q.names.refused(address):
        return None
    place: Address = (*address, "value")
    rule = states.rule(place, part.value, wants_truth=False)
    if rule is None:
        return None
    node = parse(part.value)
    if threshold in names_in(node):
        q.faults.append(place, f"'{threshold}' is what the measure is compared with, and cannot be part of it")
        return None
    dimension = dimension_of(node, states.dimensions)
    bound = q.parameters.named.get(threshold)
    if bound is not None and dimension is not None and dimension != bound.dimension:
        expected, found = dimension_name(bound.dimension), dimension_name(dimension)
        q.faults.append(place, f"expected {expected}, as '{threshold}' is, found {found}: '{part.value}'")
        return None
    return Definition(name, part.label, rule.words, rule.evaluate, states.reads([part.value]))
