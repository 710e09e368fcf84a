"""A declared model as a component: its sections are read, its programs assembled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.component import Assessment, Component, Hazard, Parameter, Trait, in_base_units, level_of
from protocolsim.disease.base import Disease, PatientPopulation
from protocolsim.drug.base import Drug
from protocolsim.errors import RuleError
from protocolsim.model import instructions as code
from protocolsim.model.assembler import Assembler, Constants
from protocolsim.model.programs import AdvanceProgram, Frame, GiveProgram, ObserveProgram, RateProgram, StartProgram
from protocolsim.model.terms import PARAMETER, ColumnTerm, apply, number, parts_of, term_of
from protocolsim.model.terms import field as field_term
from protocolsim.protocol.rules import Node
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.model_schema import ModelPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.draws import Streams, over, times
from protocolsim.scenario.models.events import DeclaredEvent, EventsBuilder, RateOfConstants, baseline_of
from protocolsim.scenario.models.observations import DeclaredVariable, ObservationsBuilder
from protocolsim.scenario.models.parameters import parameter_of
from protocolsim.scenario.models.patients import PatientsReader, PatientsStart
from protocolsim.scenario.models.populations import populations_of
from protocolsim.scenario.models.quantities import Carried, Fields, QuantitiesBuilder
from protocolsim.scenario.models.scope import Condition, Meanings, Scope, unit_dimension
from protocolsim.scenario.models.traits import TraitsBuilder
from protocolsim.units import (
    BODY_WEIGHT,
    NONE,
    Dimension,
    UnitError,
    base_unit,
    dimension_name,
    minutes,
    unit_product,
)

EVERY_MOMENT = "every moment of the protocol"
FINEST_STEP = 10  # minutes
MOST_OF_A_KIND = 200
_SECTIONS = (
    "parameters", "populations", "definitions", "traits", "quantities", "assessments", "events", "writes",
)  # fmt: skip
_KEY = ("seed (high)", "seed (low)", "replicate", "subject")
_INF = float("inf")


@dataclass(frozen=True)
class ConstantsOfValues:
    """What kernels of a declared model read: its constants, from parameters in their own units.

    Raises ValueError for parameters that break a condition, such as correlations that are none.
    """

    parameters: tuple[Parameter, ...]
    constants: Constants
    conditions: tuple[tuple[int, float, float, str], ...]

    def __call__(self, values: Mapping[str, float]) -> Floats:
        """The constants."""
        base = in_base_units(self.parameters, values)
        numbers = self.constants([base[p.name] for p in self.parameters])
        for place, low, high, message in self.conditions:
            if not low <= numbers[place] <= high:
                raise ValueError(message)
        return numbers


class DeclaredModel:
    """Builds one model; every fault goes to `faults`, below the model's address."""

    def __init__(
        self, name: str, part: ModelPart, faults: Faults, address: Address, attached: bytes | None = None
    ) -> None:
        self.attached = attached  # the content of its file of patients
        self.name, self.part, self.faults, self.address = name, part, faults, address
        self.is_drug = part.kind == "drug"
        self.scope = Scope(faults, address, self.is_drug, self._signals())
        self.streams = Streams(name, faults)
        self.fields = Fields()
        self.assembler = Assembler()
        self._signal_nodes: dict[str, Node] = {}

    def build(self) -> Component | None:
        """The component; None where it is at fault."""
        with self.faults.watch() as here:
            component = self._build() if self._small() else None
        return component if here.ok else None

    # Reading ---------------------------------------------------------------------------------------------------------

    def _small(self) -> bool:
        for key in _SECTIONS:
            count = len(getattr(self.part, key))
            if count > MOST_OF_A_KIND:
                said = f"{count} {key}; at most {MOST_OF_A_KIND} are possible"
                self.faults.append((*self.address, key), said, at_key=True)
                return False
        for key in ("signals", "patients", "populations") if self.is_drug else ("needs", "writes"):
            if getattr(self.part, key):
                other = "disease" if self.is_drug else "drug"
                self.faults.append((*self.address, key), f"'{key}' belongs to a {other}", at_key=True)
        return True

    def _signals(self) -> dict[str, Dimension]:
        dimensions = {}
        for name, signal in self.part.signals.items():
            dimension = unit_dimension(self.faults, (*self.address, "signals", name, "unit"), signal.unit, NONE)
            dimensions[name] = NONE if dimension is None else dimension
        return dimensions

    def _build(self) -> Component | None:
        parameters = self._parameters()
        terms: dict[str, ColumnTerm] = {
            p.name: ColumnTerm(PARAMETER, (), (float(k),)) for k, p in enumerate(parameters)
        }
        people = populations_of(self.faults, (*self.address, "populations"), self.part.populations, parameters)
        self._definitions()
        self._needs()
        if self.is_drug:
            self.fields.add("level")
            for word in ("dose", "on"):
                self.scope.add(word, NONE, (0.0, _INF if word == "dose" else 1.0))
        stores: dict[int, ColumnTerm] = {}
        from_file, table = self._patients(terms)
        traits = TraitsBuilder(self.scope, self.streams, dict(terms))
        traits.build(self.part.traits)
        now = dict(terms)
        for trait in traits.traits:
            place = self.fields.add(trait.name)
            stores[place], now[trait.name] = trait.value, field_term(place)
        step = self._step()
        quantities = QuantitiesBuilder(self.scope, self.streams, self.fields, dict(traits.terms), now, step)
        quantities.build(self.part.quantities)
        carried = quantities.carried
        stores |= carried.start
        meanings = Meanings(quantities.now, self.scope.formulas, self.scope)
        writes, shown = self._writes(meanings, kinetic=bool(carried.doses))
        # At entry what is written is what it is without a dose.
        at_entry = Meanings(quantities.starts, self.scope.formulas, self.scope)
        stores |= {place: self._written(name, at_entry, kinetic=bool(carried.doses)) for name, place in writes.items()}
        observed = self._assessments(meanings)
        events = EventsBuilder(self.scope, self.streams, meanings).build(self.part.events)
        shown_traits = (*from_file, *self._shown_traits(traits, now, stores))
        if self.faults_here():
            return None
        key = self.fields.add(_KEY[0]) if carried.with_paths or _paths([*shown.values(), *_multipliers(events)]) else -1
        for more in _KEY[1:] if key >= 0 else ():
            self.fields.add(more)
        frame = Frame(len(self.scope.needs), key)
        try:
            return self._component(
                parameters, frame, table, stores, carried, writes, shown, observed, events, shown_traits,
                self.scope.conditions, step, people,
            )  # fmt: skip
        except RuleError as error:
            self.faults.append(self.address, str(error), at_key=True)
            return None

    def faults_here(self) -> bool:
        """Whether a fault was noted in this model."""
        return self.faults.any_in(".".join(map(str, self.address)))

    def _parameters(self) -> tuple[Parameter, ...]:
        made = []
        for name, part in self.part.parameters.items():
            address: Address = (*self.address, "parameters", name)
            if not self.scope.declare(address, name, "parameter"):
                continue
            parameter = parameter_of(self.faults, address, name, part)
            if parameter is None:
                self.scope.broken.add(name)
                continue
            made.append(parameter)
            one = unit_product(parameter.unit)
            self.scope.add(name, one.dimension, (parameter.lowest * one.value, parameter.most * one.value))
        return tuple(made)

    def _definitions(self) -> None:
        for name, text in self.part.definitions.items():
            address: Address = (*self.address, "definitions", name)
            formula = self.scope.read(address, text) if self.scope.declare(address, name, "definition") else None
            if formula is None:
                self.scope.broken.add(name)
                continue
            self.scope.add(name, formula.dimension or NONE, formula.interval)
            self.scope.formulas[name] = formula.node

    def _needs(self) -> None:
        needs = self.part.needs
        if isinstance(needs, str):
            needs = [needs]
        for name in needs:
            address: Address = (*self.address, "needs")
            given = needs[name] if isinstance(needs, dict) else None
            usual = BODY_WEIGHT if name == "weight" else NONE
            dimension = unit_dimension(self.faults, (*address, name), given, usual)
            if dimension is not None and self.scope.declare(address, name, "need"):
                self.scope.add(name, dimension, (0.0, _INF) if name == "weight" else (-_INF, _INF))
                self.scope.needs.append(name)

    def _patients(
        self, terms: dict[str, ColumnTerm]
    ) -> tuple[tuple[Trait, ...], Callable[[StartProgram], PatientsStart] | None]:
        """The traits of a file of patients, and what starts them; their columns become terms."""
        if self.part.patients is None:
            return (), None
        reader = PatientsReader(self.scope, self.streams, self.part.patients)
        found = reader.traits(self.attached)
        places = tuple(self.fields.add(t.name) for t in found)
        terms |= {t.name: field_term(place) for t, place in zip(found, places, strict=True)}
        traits = tuple(
            Trait(t.name, place, base_unit(t.dimension), t.meaning, False, *self.scope.intervals[t.name])
            for t, place in zip(found, places, strict=True)
        )
        if not found:
            return (), None
        table = np.column_stack([t.values for t in found])
        return traits, partial(PatientsStart, table, places, reader.stream)

    def _step(self) -> int | None:
        given = {n: q.step for n, q in self.part.quantities.items() if q.step is not None}
        places: dict[Address, str | int | float] = {
            (*self.address, "quantities", name, "step"): text for name, text in given.items()
        }
        if "step" in self.part.model_fields_set or not places:
            if self.part.step == EVERY_MOMENT and not places:
                return None
            places[*self.address, "step"] = self.part.step
        steps: dict[int, Address] = {}
        for place, text in places.items():
            try:
                steps.setdefault(minutes(text), place)
            except UnitError as error:
                self.faults.append(place, str(error))
        if len(steps) > 1:
            self.faults.append([*steps.values()][1], "a model has one step of time, and another stands above it")
        return self._fine_enough(steps, 1440)

    def _fine_enough(self, steps: Mapping[int, Address], default: int) -> int:
        step = min(steps, default=default)
        if step < FINEST_STEP:
            self.faults.append(steps[step], f"a step of less than {FINEST_STEP} minutes is too fine")
        return max(step, 1)

    def _no_other_steps(self) -> None:
        """Faults for steps of events in a model that has one of its own."""
        for event, part in self.part.events.items():
            if part.step is not None:
                said = "the model has a step of its own, at which hazards are found out anew; leave this one out"
                self.faults.append((*self.address, "events", event, "step"), said)

    def _step_of_events(self, changing: Sequence[str]) -> int | None:
        """How often hazards that change are found out anew, in a model that has no step of its own."""
        steps: dict[int, Address] = {}
        for event in changing:
            address, text = (*self.address, "events", event), self.part.events[event].step
            if text is None:
                said = (
                    "it changes with time, which needs a step of time; the model has none, but every moment of the "
                    "protocol: say here how often it is found out anew, `step: 4 weeks`"
                )
                self.faults.append(address, said, at_key=True)
                continue
            try:
                steps.setdefault(minutes(text), (*address, "step"))
            except UnitError as error:
                self.faults.append((*address, "step"), str(error))
        if len(steps) > 1:
            self.faults.append([*steps.values()][1], "a model has one step of time, and another stands above it")
        return self._fine_enough(steps, FINEST_STEP) if steps else None

    def _writes(self, meanings: Meanings, *, kinetic: bool) -> tuple[dict[str, int], dict[int, ColumnTerm]]:
        """The field of each signal that a drug gives, and the terms that fill it."""
        fields, terms = {}, {}
        for name, text in self.part.writes.items():
            address: Address = (*self.address, "writes", name)
            formula = self.scope.read(address, text)
            if formula is None:
                continue
            fields[name] = self.fields.add(name if name not in self.fields.names else f"{name} (signal)")
            self._signal_nodes[name] = formula.node
            terms[fields[name]] = self._written(name, meanings, kinetic=kinetic)
        return fields, terms

    def _written(self, name: str, meanings: Meanings, *, kinetic: bool) -> ColumnTerm:
        """A signal; of a drug without kinetics it is there while the treatment is in force."""
        term = term_of(self._signal_nodes[name], meanings)
        return term if kinetic else apply(code.CHOOSE, meanings["on"], term, number(0.0))

    def _assessments(self, meanings: Meanings) -> dict[str, tuple[list[DeclaredVariable], dict[int, ColumnTerm]]]:
        made = {}
        for name, parts in self.part.assessments.items():
            builder = ObservationsBuilder(self.scope, self.streams, self.fields, meanings, name)
            if not parts:
                self.faults.append((*self.address, "assessments", name), "it shows nothing", at_key=True)
            made[name] = builder.build(parts), builder.stores
        return made

    def _shown_traits(
        self, traits: TraitsBuilder, now: Mapping[str, ColumnTerm], stores: dict[int, ColumnTerm]
    ) -> tuple[Trait, ...]:
        """The columns of the table of subjects; hidden ones in the unit they are to be shown in."""
        made = []
        for trait in traits.traits:
            address: Address = (*self.address, "traits", trait.name, "unit")
            unit = trait.part.unit
            fits = unit_dimension(self.faults, address, unit, trait.dimension)
            if fits is None or fits not in (trait.dimension, NONE):
                if fits is not None:
                    said = f"expected a unit of {dimension_name(trait.dimension)}, as the trait, found '{unit}'"
                    self.faults.append(address, said)
                continue
            place, (low, high) = int(now[trait.name].data[0]), trait.interval
            factor = unit_product(unit).value if unit and fits == trait.dimension != NONE else 1.0
            if factor != 1.0 and trait.part.seen:
                said = f"what rules read is kept in {base_unit(trait.dimension)}; leave the unit out"
                self.faults.append(address, said)
                continue
            if factor != 1.0:
                place = self.fields.add(f"{trait.name} ({unit})")
                stores[place] = over(trait.value, number(factor))
            made.append(
                Trait(trait.name, place, unit or base_unit(trait.dimension), trait.part.meaning,
                      not trait.part.seen, low / factor, high / factor, trait.whole and factor == 1.0)
            )  # fmt: skip
        return tuple(made)

    # Assembling ------------------------------------------------------------------------------------------------------

    def _component(
        self,
        parameters: tuple[Parameter, ...],
        frame: Frame,
        table: Callable[[StartProgram], PatientsStart] | None,
        stores: Mapping[int, ColumnTerm],
        carried: Carried,
        writes: Mapping[str, int],
        shown: Mapping[int, ColumnTerm],
        observed: Mapping[str, tuple[list[DeclaredVariable], dict[int, ColumnTerm]]],
        events: Sequence[DeclaredEvent],
        traits: tuple[Trait, ...],
        conditions: Sequence[Condition],
        step: int | None,
        people: tuple[PatientPopulation, ...],
    ) -> Component:
        start = self.assembler.program(stores)
        always = self.assembler.program(carried.always, also=carried.also_always)
        on_grid = self.assembler.program(carried.on_grid, also=carried.also_on_grid)
        after = self.assembler.program(shown)
        advance = AdvanceProgram(frame, always, on_grid, after, step) if always or on_grid or after else None
        assessments = tuple(self._assessment(frame, n, shows, kept) for n, (shows, kept) in observed.items())
        hazards = tuple(self._hazard(frame, e) for e in events)
        changing = [h.event for h in hazards if h.changing]
        grid = step if on_grid or changing else None
        if changing and step is None:
            grid = self._step_of_events(changing)
        elif step is not None:
            self._no_other_steps()
        checked = tuple((self.assembler.constant(c.constant), c.low, c.high, c.message) for c in conditions)
        give = self._give(frame, carried) if self.is_drug else None
        constants = ConstantsOfValues(parameters, self.assembler.constants(), checked)
        self._check(constants, conditions)
        common: dict[str, Any] = {
            "name": self.name,
            "meaning": self.part.meaning,
            "description": self.part.description or "",
            "stream": min(self.streams.all, default=0),
            "streams": self.streams.all,
            "parameters": parameters,
            "fields": tuple(self.fields.names),
            "constants": constants,
            "start": StartProgram(frame, start) if table is None else table(StartProgram(frame, start)),
            "advance": advance,
            "step": grid,
            "traits": traits,
            "needs": tuple(self.scope.needs),
            "reads": tuple(self.scope.reads),
            "writes": dict(writes),
            "assessments": assessments,
            "hazards": hazards,
        }
        if not self.is_drug:
            return Disease(**common, populations=people)
        return Drug(**common, give=give, dose_unit=self._dose_unit(), per_weight="weight" in self.scope.needs)

    def _assessment(
        self, frame: Frame, name: str, shows: Sequence[DeclaredVariable], kept: Mapping[int, ColumnTerm]
    ) -> Assessment:
        program = self.assembler.program(kept, [*(o.value for o in shows), *(o.truth for o in shows)])
        meaning = ", ".join(o.variable.meaning for o in shows)
        return Assessment(name, meaning, tuple(o.variable for o in shows), ObserveProgram(frame, program))

    def _hazard(self, frame: Frame, event: DeclaredEvent) -> Hazard:
        if event.kind == "rate" and event.multiplier.is_constant:
            # The same for everybody, and all that a state says of it is whether the treatment is in force.
            rate = RateOfConstants(self.assembler.constant(event.multiplier))
            return Hazard(event=event.name, stream=event.stream, rate=rate, since=event.part.since,
                          once=not event.part.recurrent)  # fmt: skip
        return Hazard(
            event=event.name,
            stream=event.stream,
            multiplier=RateProgram(frame, self.assembler.program({}, [event.multiplier])),
            baseline=baseline_of(event.kind, [self.assembler.constant(t) for t in event.baseline]),
            since=event.part.since,
            once=not event.part.recurrent,
            changing=_moves(event.multiplier, self.is_drug, self.scope.reads),
        )

    def _dose_unit(self) -> Literal["mg", "IU"]:
        """What the doses of a drug are measured in."""
        units: dict[Literal["mg", "IU"], str] = {}
        for name, part in self.part.quantities.items():
            if part.doses_enter is not None:
                units.setdefault(part.measured_in, name)
        for unit, name in list(units.items())[1:]:
            said = f"doses are measured in {next(iter(units))} above, and in {unit} here; a drug has one"
            self.faults.append((*self.address, "quantities", name), said, at_key=True)
        return next(iter(units), self.part.measured_in)

    def _give(self, frame: Frame, carried: Carried) -> GiveProgram | None:
        if not carried.doses and not self.scope.reads_dose:
            return None  # it is on or off
        dose = apply(code.GIVEN, data=(0.0,))
        weight = self.scope.special("weight") if "weight" in self.scope.needs else None
        amounts = [dose if weight is None else times(dose, weight), dose]
        programs = [self.assembler.program({p: enter(a) for p, enter in carried.doses.items()}, [a]) for a in amounts]
        return GiveProgram(frame, *programs)

    def _check(self, constants: ConstantsOfValues, conditions: Sequence[Condition]) -> None:
        """Note conditions that the parameters' own values break, at their place."""
        base = in_base_units(constants.parameters, {p.name: p.value for p in constants.parameters})
        numbers = constants.constants([base[p.name] for p in constants.parameters])
        for condition in conditions:
            if not condition.low <= numbers[self.assembler.constant(condition.constant)] <= condition.high:
                self.faults.append(condition.address, condition.message, at_key=True)


def _multipliers(events: Sequence[DeclaredEvent]) -> list[ColumnTerm]:
    return [event.multiplier for event in events]


def _paths(terms: Sequence[ColumnTerm]) -> bool:
    """Whether one of these draws a path in time."""
    return any(part.code == code.AUTOREGRESSIVE for term in terms for part in parts_of(term))


def _moves(term: ColumnTerm, is_drug: bool, reads: Sequence[str]) -> bool:
    """Whether a term may change while a patient stays in a state: not by the treatment in force."""

    def moves(part: ColumnTerm) -> bool:
        if part.code == code.LOAD:
            return part.changes and not (is_drug and part.data[0] == 0.0)
        if part.code == code.SIGNAL:
            return not reads[int(part.data[0])].startswith(level_of(""))
        return part.code in (code.UNTIL, code.AUTOREGRESSIVE)

    return any(moves(part) for part in parts_of(term))
