"""From a sound protocol, its cohort and its cast to the trial that engines simulate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from protocolsim.cohort.cohort import Cohort
from protocolsim.component import Trait
from protocolsim.disease.base import Disease
from protocolsim.engine.assembly import causes_of, place
from protocolsim.engine.base import Measured, Trial
from protocolsim.protocol.states import Protocol
from protocolsim.records import HIDDEN, Labels
from protocolsim.scenario.build.cast.cast import Cast
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.reserved import DROPOUT

if TYPE_CHECKING:
    from protocolsim.interim.design import Design


def trial_of(
    protocol: Protocol, cohort: Cohort, sick: Disease, cast: Cast, words: Vocabulary, design: Design | None
) -> Trial:
    """The trial; its disease is known to be sound."""
    disease, drugs, width, enrolment = place(sick, cast.drugs, cast.values)
    parts = (disease, *drugs)
    names = words.variable_names
    measured = tuple(
        Measured(p, a, a.observe, tuple(names.index(v.name) for v in a.variables), tuple(v.factor for v in a.variables))
        for p in parts
        for a in p.component.assessments
    )
    traits = [(t, p.offset + t.field) for p in parts for t in p.component.traits]
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
        labels=_labels(protocol, cohort, words, [t for t, _ in traits], design),
        enrolment=enrolment,
        conduct=design,
    )


def _labels(
    protocol: Protocol, cohort: Cohort, words: Vocabulary, traits: Sequence[Trait], design: Design | None
) -> Labels:
    """What the numbers in the trial's records mean."""
    transitions = protocol.transitions
    return Labels(
        states=tuple(s.name for s in protocol.states),
        outcomes=tuple(s.outcome or "" for s in protocol.states),
        assessments=words.assessments,
        variables=words.variable_names,
        drugs=words.drug_names,
        events=words.events,
        sites=tuple(s.name for s in cohort.sites),
        randomisations=tuple(r.name for r in protocol.randomisations),
        traits=(*(t.name for t in traits if not t.hidden), *(f"{HIDDEN}{t.name}" for t in traits if t.hidden)),
        reasons=protocol.most_read,
        explain=protocol.explain,
        kept=tuple(v.name for v in protocol.variables),
        internal=frozenset(t.number for t in transitions if t.internal),
        allocating=tuple(frozenset(t.number for t in transitions if t.randomise is r) for r in protocol.randomisations),
        dose_units=protocol.dose_units,
        looks=() if design is None else tuple(look.name for look in design.looks),
        conclusions=() if design is None else design.conclusions,
        read=() if design is None else design.values,
    )
