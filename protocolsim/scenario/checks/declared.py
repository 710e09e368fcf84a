"""What a component from outside declares and nothing would carry out: refused, rather than left undone in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocolsim.component import ENROLMENT, Component, Hazard, level_of
from protocolsim.disease.base import Disease
from protocolsim.drug.base import Drug
from protocolsim.randomness import STREAM_BLOCK
from protocolsim.scenario.file.schema import CohortPart, DrugPart


def undone(component: Component) -> Iterator[str]:
    """A sentence for each declaration that the engines do not carry out, or would read amiss."""
    if isinstance(component, Disease):
        yield from _of_a_disease(component)
    yield from _columns(component)
    yield from _streams(component)
    yield from _in_time(component)
    yield from _parameters(component)
    for what, names in (
        ("assessment", [a.name for a in component.assessments]),
        ("variable", [v.name for a in component.assessments for v in a.variables]),
        ("trait", [t.name for t in component.traits]),
        ("parameter", [p.name for p in component.parameters]),
    ):
        yield from (f"it declares the {what} '{n}' twice" for n in dict.fromkeys(names) if names.count(n) > 1)


def _of_a_disease(component: Disease) -> Iterator[str]:
    if component.writes:
        yield f"it writes signals ({', '.join(component.writes)}), but only those of drugs are read"
    own = {t.name for t in component.traits}
    for need in component.needs:
        if need not in own:
            yield f"it needs the trait '{need}', which only the disease itself could offer, and does not"

    yield from _populations(component)


def _populations(disease: Disease) -> Iterator[str]:
    """What its populations say that could not be so; of a drug's parameters it knows nothing."""
    known = {p.name: p for p in disease.parameters}
    names = [p.name for p in disease.populations]
    yield from (f"it declares the population '{n}' twice" for n in dict.fromkeys(names) if names.count(n) > 1)
    if disease.populations and disease.populations[0].values:
        yield f"its first population, '{names[0]}', has values, and the parameters' own are its"
    for population in disease.populations:
        for name, given in population.values_of().items():
            of = known.get(name)
            if of is None:
                yield f"its population '{population.name}' says what '{name}' is, which is no parameter of it"
            elif not of.lowest <= given.value <= of.most:
                bounds = f"not between its bounds, {of.lowest:g} and {of.most:g}"
                yield f"'{name}' of its population '{population.name}' is {given.value:g}, {bounds}"


def _columns(component: Component) -> Iterator[str]:
    """A column beyond its own belongs to another component."""
    size = len(component.fields)
    if isinstance(component, Drug) and not size:
        yield "it has no fields; the first of a drug is the treatment in force"
    for trait in component.traits:
        if not 0 <= trait.field < size:
            yield f"its trait '{trait.name}' stands in field {trait.field}, and it has {size}"
    for signal, field in component.writes.items():
        if not 0 <= field < size:
            yield f"its signal '{signal}' stands in field {field}, and it has {size}"
        if signal == ENROLMENT or signal.startswith(level_of("")):
            yield f"it writes the signal '{signal}', which the engine writes"


def _streams(component: Component) -> Iterator[str]:
    if component.streams is not None:
        yield from (
            f"its hazard '{h.event}' draws from stream {h.stream}, which is none of its own"
            for h in component.hazards
            if h.stream not in component.streams
        )
        return
    first = component.stream
    if not STREAM_BLOCK <= first <= 2**32 - STREAM_BLOCK:
        yield f"its stream, {first}, is not between {STREAM_BLOCK} and {2**32 - STREAM_BLOCK}"
        return
    taken: set[int] = set()
    for hazard in component.hazards:
        if not first <= hazard.stream < first + STREAM_BLOCK:
            last = first + STREAM_BLOCK - 1
            yield f"its hazard '{hazard.event}' draws from stream {hazard.stream}, outside its own, {first} to {last}"
        if hazard.stream in taken:
            yield f"two of its hazards draw from stream {hazard.stream}, and would strike together"
        taken.add(hazard.stream)


def _in_time(component: Component) -> Iterator[str]:
    """How often something changes, and how often events come."""
    step: Any = component.step  # whatever a plugin says
    if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 1):
        yield f"its step, {step!r}, is not a whole number of minutes from 1 on"
    for hazard in component.hazards:
        yield from (f"its hazard '{hazard.event}' {why}" for why in _ill_said(hazard, step))


def _ill_said(hazard: Hazard, step: int | None) -> Iterator[str]:
    if (hazard.rate is None) == (hazard.multiplier is None):
        yield "says how often it comes " + ("in two ways" if hazard.rate is not None else "in no way")
    if hazard.changing and hazard.multiplier is None:
        yield "is said to change, and only a multiplier does"
    if hazard.changing and step is None:
        yield "changes on a grid of time, and there is none without a step"
    if hazard.since not in ("entry", "enrolment"):
        yield f"counts time since {hazard.since!r}, not since 'entry' or 'enrolment'"


def _parameters(component: Component) -> Iterator[str]:
    taken = CohortPart.model_fields if isinstance(component, Disease) else DrugPart.model_fields
    for p in component.parameters:
        if p.name in taken:
            yield f"its parameter '{p.name}' could never be set: that key has a meaning of its own"
        if not p.lowest <= p.value <= p.most:
            yield f"its parameter '{p.name}' is {p.value:g}, not between its own bounds, {p.lowest:g} and {p.most:g}"
