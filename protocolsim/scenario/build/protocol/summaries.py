"""From `summaries:` to what rules read, and from texts to the rules themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace

from protocolsim.protocol.checks import closure
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import dimension_of, names_in, parse
from protocolsim.protocol.states import Rule
from protocolsim.protocol.summaries import (
    HOW,
    Entries,
    Formula,
    Observed,
    Summary,
    TimeSince,
    TraitSeen,
    VariableNow,
)
from protocolsim.protocol.variables import ProtocolVariable
from protocolsim.scenario.build.protocol.bounds import ENROLMENT
from protocolsim.scenario.build.protocol.planned_visits import PlannedVisits
from protocolsim.scenario.build.protocol.variables import ComputedNumbers, variables_of
from protocolsim.scenario.build.protocol.visits import VisitsBuilder, Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import ProtocolPart, SummaryPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE, TIME, Dimension, UnitError, dimension_name, unit_product

Summaries = Mapping[str, str | int | float | SummaryPart]


def dimension_of_unit(unit: str) -> Dimension:
    """The dimension of a declared unit; words such as 'lesions' or 'years' count as plain numbers."""
    try:
        return unit_product(unit).dimension
    except UnitError:
        return NONE


class SummariesBuilder:
    """What the rules of one protocol may read, and the rules over it; every fault goes to `q.faults`.

    names, numbers       of the states: every name that is written, and the numbers of those that are sound
    summaries            the summaries so far: traits that the clinic knows, the protocol's variables, then the declared
    slots, dimensions    their numbers by name, and the dimensions of all that a rule may name
    computed, planned    how numbers are read that differ between subjects, and the visits that a protocol plans
    """

    def __init__(self, part: ProtocolPart, q: Expressions, words: Vocabulary) -> None:
        self.q, self.words = q, words
        # A state that was left out for a fault of its own is still known by name.
        self.names = list(q.names.declared("protocol", "states"))
        if not self.names:
            q.faults.append(("protocol", "states"), "no state stands here", at_key=True)
            q.names.silence("state")
        self.numbers = {name: k for k, name in enumerate(part.states)}
        self.summaries: list[Summary] = []
        self.slots: dict[str, int] = {}
        self.dimensions: dict[str, Dimension] = dict(q.parameters.dimensions)
        self.variables = self._traits_and_variables(part)
        self.computed = ComputedNumbers(q, self.summaries, self.slots, self.dimensions, self.variables, words.traits)
        self.visits = VisitsBuilder(q, words, self.computed)
        self.planned = PlannedVisits(part, q, self.visits, self.computed)

    def take_up(self, room: Address, parts: Summaries) -> None:
        """Add the summaries declared in this room of the file; each may use those before it."""
        for name, part in self.q.names.in_order(room, parts):
            address: Address = (*room, name)
            if name in self.dimensions:
                self.q.faults.append(address, f"'{name}' already means something else", at_key=True)
                continue
            made = self._summary(address, name, part)
            if made is None:
                self.q.names.broken(name)
            else:
                self._add(made)

    def further(self, room: Address, parts: Summaries) -> SummariesBuilder:
        """A builder that knows the summaries of this room as well."""
        other = copy(self)
        other.summaries, other.slots, other.dimensions = list(self.summaries), dict(self.slots), dict(self.dimensions)
        other.take_up(room, parts)
        return other

    def _summary(self, address: Address, name: str, part: str | float | SummaryPart) -> Summary | None:
        if not isinstance(part, SummaryPart):
            return self._formula(address, name, part)
        if part.value is None:
            made = self._observed(address, name, part)
        elif others := {f.alias or n for n, f in SummaryPart.model_fields.items() if n in part.model_fields_set}:
            others -= {"value", "label"}
            if others:
                self.q.faults.append(
                    (*address, min(others)), "it does not go with 'value', which is an expression", at_key=True
                )
                return None
            made = self._formula((*address, "value"), name, part.value)
        return None if made is None else replace(made, label=part.label or "")

    def _formula(self, address: Address, name: str, text: str | float) -> Summary | None:
        rule = self.rule(address, text, wants_truth=False)
        if rule is None:
            return None
        node = parse(text)
        reads = tuple(self.slots[n] for n in names_in(node) if n in self.slots)
        dimension = dimension_of(node, self.dimensions)
        assert dimension is not None
        return Summary(name, Formula(rule.words, rule.evaluate, reads), dimension)

    def _observed(self, address: Address, name: str, part: SummaryPart) -> Summary | None:
        written = {k: getattr(part, f"{k}_of") for k in HOW if getattr(part, f"{k}_of") is not None}
        others = [part.entries_of, part.time_since]
        if len(written) + sum(o is not None for o in others) != 1:
            choices = ", ".join(f"'{h} of'" for h in HOW)
            self.q.faults.append(
                address, f"a summary is one of {choices}, 'entries of', 'time since' and 'value'", at_key=True
            )
            return None
        if not written:
            return self._about_states(address, name, part)
        how, variable = next(iter(written.items()))
        sound = self.q.names.known((*address, f"{how} of"), "variable", variable, self.words.variable_names)
        during = self.named_states((*address, "during"), part.during)
        within = -1 if part.within is None else self.q.minutes((*address, "within"), part.within)
        for key, count in (("first", part.first), ("last", part.last)):
            if count is not None and count < 1:
                self.q.faults.append((*address, key), f"{count} is below 1 (observations)")
                sound = False
        if not sound or during is None or within is None:
            return None
        number = self.words.variable_names.index(variable)
        shown = self.words.variables[number]
        dimension = NONE if how == "count" else dimension_of_unit(shown.unit)
        unit = shown.unit if dimension != NONE and shown.factor != 1.0 else ""
        first, last = (-1 if n is None else n for n in (part.first, part.last))
        made = Observed(HOW.index(how), number, during, within, first, last)
        if part.at is not None:
            at_visit = self._at_visit(address, part, made)
            return None if at_visit is None else Summary(name, at_visit, dimension, unit)
        return Summary(name, made, dimension, unit)

    def _at_visit(self, address: Address, part: SummaryPart, made: Observed) -> Observed | None:
        """The same summary, of the observations of one planned visit."""
        if made.first >= 0 or made.last >= 0:
            self.q.faults.append(address, "'first' and 'last' do not go with 'at', which means one visit", at_key=True)
            return None
        at = self.planned.read((*address, "at"), part.at or "")
        if at is None:
            return None
        named = None if part.during is None else [self.names[s] for s in made.during]
        states = self.planned.of_summary((*address, "at"), at, self.words.showing(made.variable), named)
        return None if states is None else replace(made, at=at, during=tuple(self.numbers[s] for s in states))

    def _about_states(self, address: Address, name: str, part: SummaryPart) -> Summary | None:
        if {"during", "within", "first", "last", "at"} & part.model_fields_set:
            belong = "'during', 'within', 'first', 'last' and 'at' belong to observations"
            self.q.faults.append(address, belong, at_key=True)
            return None
        if part.time_since == ENROLMENT:
            return Summary(name, TimeSince(None), TIME)
        word, key = (part.time_since, "time since") if part.time_since is not None else (part.entries_of, "entries of")
        known = (*self.names, ENROLMENT) if key == "time since" else self.names
        if not self.q.names.known((*address, key), "state", str(word), known) or str(word) not in self.numbers:
            return None
        number = self.numbers[str(word)]
        return Summary(name, TimeSince(number), TIME) if key == "time since" else Summary(name, Entries(number), NONE)

    def named_states(self, address: Address, names: str | Sequence[str] | None) -> tuple[int, ...] | None:
        """The numbers of named states; None where one is unknown."""
        wanted = [names] if isinstance(names, str) else list(names or ())
        sound = True
        if names is not None and not wanted:
            self.q.faults.append(address, "no state stands here")
            return None
        for k, name in enumerate(wanted):
            place = address if isinstance(names, str) else (*address, k)
            sound &= self.q.names.known(place, "state", name, self.names)
        return tuple(self.numbers[n] for n in wanted if n in self.numbers) if sound else None

    def rule(self, address: Address, text: str | float, *, wants_truth: bool = True) -> Rule | None:
        """A compiled rule (or formula) over parameters and the summaries so far."""
        read = self.q.comparison_or_number(address, text, self.dimensions, wants_truth=wants_truth)
        return None if read is None else Rule(str(text), compiled(read[0], self.q.parameters.values, self.slots))

    def share(self, address: Address, text: str | float) -> Rule | None:
        """A compiled number without a unit."""
        rule = self.rule(address, text, wants_truth=False)
        dimension = None if rule is None else dimension_of(parse(text), self.dimensions)
        if dimension is not None and dimension != NONE:
            self.q.faults.append(address, f"expected a probability, found '{text}', {dimension_name(dimension)}")
            return None
        return rule

    def reads(self, texts: Sequence[str | float]) -> tuple[int, ...]:
        """The summaries that these expressions read, and those that these read in turn."""
        wanted = {self.slots[n] for text in texts for n in names_in(parse(text)) if n in self.slots}
        return closure(wanted, {k: s.made_by for k, s in enumerate(self.summaries)})

    def _traits_and_variables(self, part: ProtocolPart) -> tuple[ProtocolVariable, ...]:
        """Add what needs no summary: traits that the clinic knows, and the protocol's variables, which are returned."""
        for column, trait in enumerate(self.words.traits):
            if trait.name in self.dimensions:
                self.q.faults.append(
                    ("parameters", trait.name), f"'{trait.name}' is what the clinic knows of each subject", at_key=True
                )
            self._add(Summary(trait.name, TraitSeen(column), dimension_of_unit(trait.unit)))
        variables = variables_of(part.variables, self.q, tuple(self.dimensions))
        for column, variable in enumerate(variables):
            self._add(Summary(variable.name, VariableNow(column), variable.dimension))
        return variables

    def _add(self, summary: Summary) -> None:
        self.slots[summary.name] = len(self.summaries)
        self.dimensions[summary.name] = summary.dimension
        self.summaries.append(summary)
