"""A trial's parts put together: the columns of its components in `body`, and the causes of its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.cohort.cohort import Cohort
from protocolsim.component import ENROLMENT, Component, Hazard, level_of
from protocolsim.disease.base import Disease
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.engine.base import Cause, PlacedComponent
from protocolsim.protocol.states import Protocol, State
from protocolsim.protocol.variables import Computed
from protocolsim.randomness import DROPOUT


def place(
    disease: Disease, drugs: Sequence[Drug], values: Mapping[str, Mapping[str, float]]
) -> tuple[PlacedComponent, tuple[PlacedComponent, ...], int, int | None]:
    """Allocate each component's columns in `body`. `values`: parameter values by component name.

    Returns the disease's part, the drugs' parts in their order, the width of `body`, and its column of the minute of
    enrolment, if a component reads that. Raises KeyError if no component has a trait that another needs (the scenario
    package has checked that).
    """
    offsets: dict[str, int] = {}
    width = 0
    for component in (disease, *drugs):
        offsets[component.name] = width
        width += len(component.fields)
    traits = {t.name: t.field + offsets[disease.name] for t in disease.traits}
    by_name = sorted(drugs, key=lambda d: d.name)
    # Signals that no drug writes.
    ours = {level_of(d.name): [offsets[d.name] + LEVEL] for d in drugs}
    enrolment = None
    if any(ENROLMENT in c.reads for c in (disease, *drugs)):
        enrolment, width = width, width + 1
        ours[ENROLMENT] = [enrolment]

    def part(component: Component) -> PlacedComponent:
        links = [offsets[component.name], *(traits[need] for need in component.needs)]
        for signal in component.reads:
            # Floating-point sums depend on order: by drug name, independent of the order in the file.
            written = [d.writes[signal] + offsets[d.name] for d in by_name if signal in d.writes]
            columns = ours.get(signal, written)
            links += [len(columns), *columns]
        return PlacedComponent(
            component,
            np.array(links, dtype=np.int64),
            component.constants(values[component.name]),
            component.start,
            component.advance,
            component.give if isinstance(component, Drug) else None,
            values[component.name],
        )

    return part(disease), tuple(part(d) for d in drugs), width, enrolment


def causes_of(
    protocol: Protocol,
    disease: PlacedComponent,
    drugs: Sequence[PlacedComponent],
    cohort: Cohort,
    events: Sequence[str],
    dropout: str,
) -> tuple[Cause, ...]:
    """Every cause of events of a trial.

    A treatment's hazard is zero in states without that treatment, and every hazard in final ones; what brings dropout
    is in force on study only. Raises ValueError for a baseline that is none.
    """
    computed = {level_of(drugs[k].component.name): k for s in protocol.states for k, _ in s.computed_levels}
    causes = [
        _cause(
            hazard, part, events, [s.levels[number] if _in_force(hazard, s, dropout) else 0.0 for s in protocol.states],
            follows=number in computed.values() or not computed.keys().isdisjoint(part.component.reads),
        )
        for number, part in enumerate(drugs)
        for hazard in part.component.hazards
    ]  # fmt: skip
    causes += [
        _cause(hazard, disease, events, [float(_in_force(hazard, s, dropout)) for s in protocol.states],
               follows=not computed.keys().isdisjoint(disease.component.reads))
        for hazard in disease.component.hazards
    ]  # fmt: skip
    if cohort.dropout > 0.0:
        rates = tuple(cohort.dropout if s.on_study else 0.0 for s in protocol.states)
        causes.append(Cause(events.index(dropout), DROPOUT, rates))
    return tuple(causes)


def _in_force(hazard: Hazard, state: State, dropout: str) -> bool:
    return not state.final and (state.on_study or hazard.event != dropout)


@dataclass(frozen=True)
class RateOfDose:
    """A multiplier: a hazard's `rate` at each subject's own dose, which is computed."""

    rate: Callable[[Floats, float], float]

    def __call__(
        self,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        now: Integers,  # noqa: ARG002
        out: Floats,
    ) -> None:
        """See RateKernel; 0 where nothing is given."""
        for k, level in enumerate(body[rows, links[0] + LEVEL].tolist()):
            out[k] = self.rate(constants, level) if level > 0.0 else 0.0


def _cause(
    hazard: Hazard, part: PlacedComponent, events: Sequence[str], levels: Sequence[float | Computed], *, follows: bool
) -> Cause:
    """The cause of a component's hazard, which is in force where the level by state is above 0."""
    own = [isinstance(level, Computed) for level in levels]
    multiplier = hazard.multiplier
    if multiplier is None and hazard.rate is not None and any(own):
        multiplier = RateOfDose(hazard.rate)

    def rate(level: float | Computed) -> float:
        if isinstance(level, Computed):
            return float(level.high > 0.0)
        if level <= 0.0:
            return 0.0
        return 1.0 if hazard.rate is None or multiplier is not None else hazard.rate(part.constants, level)

    return Cause(
        events.index(hazard.event),
        hazard.stream,
        tuple(map(rate, levels)),
        None if multiplier is None else (multiplier, part.links, part.constants),
        None if hazard.baseline is None else hazard.baseline(part.constants),
        hazard.since == "enrolment",
        hazard.once,
        hazard.changing,
        follows and multiplier is not None,
    )
