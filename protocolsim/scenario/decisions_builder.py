"""From the file's `decisions:` to objects."""

from __future__ import annotations

from collections.abc import Sequence

from protocolsim.component import Trait
from protocolsim.scenario.quantities import Quantities
from protocolsim.scenario.reader import Address
from protocolsim.scenario.scenario import DecisionWorth
from protocolsim.scenario.schema import DecisionPart, ScenarioPart
from protocolsim.scenario.visits_builder import Vocabulary
from protocolsim.units import NONE


def decisions_of(
    part: ScenarioPart, q: Quantities, words: Vocabulary, hidden: Sequence[Trait]
) -> dict[str, DecisionWorth]:
    """Every sound decision; faults go to the quantities' list."""
    found = {}
    for name, decision in part.decisions.items():
        before = len(q.faults)
        built = _decision(name, decision, q, words, [t.name for t in hidden])
        if built is not None and len(q.faults) == before:
            found[name] = built
    return found


def _decision(
    name: str, part: DecisionPart, q: Quantities, words: Vocabulary, hidden: Sequence[str]
) -> DecisionWorth | None:
    address: Address = ("decisions", name)
    q.names_known((*address, "threshold"), [part.threshold], q.known)
    q.name((*address, "responder", "trait"), "hidden trait", part.responder.trait, hidden)
    loss: Address = (*address, "loss")
    q.name((*loss, "count"), "variable", part.loss.count, words.variable_names)
    q.name((*loss, "stop"), "event", part.loss.stop, words.events)
    q.name((*loss, "drug"), "drug", part.loss.drug, words.drug_names)
    cut = q.number((*address, "responder", "below"), part.responder.below, NONE, what="the cut")
    horizon = q.minutes((*address, "horizon"), part.horizon, least=1.0, what="horizon")
    stop = q.number((*loss, "stop_weight"), part.loss.stop_weight, NONE, least=0.0, what="weight")
    dose = q.number((*loss, "dose_weight"), part.loss.dose_weight, NONE, least=0.0, what="weight")
    if cut is None or horizon is None or stop is None or dose is None:
        return None
    return DecisionWorth(
        name=name,
        threshold=part.threshold,
        trait=f"truth_{part.responder.trait}",
        cut=cut,
        horizon=horizon,
        count=part.loss.count,
        stop=part.loss.stop,
        stop_weight=stop,
        drug=part.loss.drug,
        dose_weight=dose,
    )
