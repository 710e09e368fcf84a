"""From the file's `protocol:` to a Protocol: names become numbers, schedules become visits, rules are compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace

from protocolsim.errors import RuleError
from protocolsim.names import readable, told_apart
from protocolsim.protocol.checks import closure
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import dimension_of, names_in, parse
from protocolsim.protocol.states import (
    END,
    Group,
    Protocol,
    Randomisation,
    Rule,
    State,
    Transition,
    reachable,
)
from protocolsim.protocol.summaries import (
    HOW,
    Entries,
    Formula,
    Observed,
    Reader,
    Summary,
    TimeSince,
    TraitSeen,
    VariableNow,
)
from protocolsim.protocol.variables import ProtocolVariable
from protocolsim.scenario.build.bounds import ENROLMENT, bounds_of
from protocolsim.scenario.build.interim.events import is_stop
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.variables import ComputedNumbers, reads_of_settings, variables_of
from protocolsim.scenario.build.visits import VisitsBuilder, Vocabulary, visits
from protocolsim.scenario.build.ways.choices import ChoicesBuilder
from protocolsim.scenario.build.ways.planned_visits import PlannedVisits, moment, triggers
from protocolsim.scenario.file.schema import ProtocolPart, StatePart, SummaryPart, TransitionPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE, TIME, Dimension, UnitError, dimension_name, unit_product

Summaries = Mapping[str, str | int | float | SummaryPart]
ON_STUDY, ANY = "on study", "any"
_FEWEST_ARMS, _MOST_IN_BLOCK = 2, 1000


def dimension_of_unit(unit: str) -> Dimension:
    """The dimension of a declared unit; words such as 'lesions' or 'years' count as plain numbers."""
    try:
        return unit_product(unit).dimension
    except UnitError:
        return NONE


class StatesBuilder:
    """Builds one protocol; every fault goes to `q.faults`."""

    def __init__(self, part: ProtocolPart, q: Expressions, words: Vocabulary) -> None:
        self.part, self.q, self.words = part, q, words
        # A state that was left out for a fault of its own is still known by name.
        self.names = list(q.names.declared("protocol", "states"))
        if not self.names:
            q.faults.append(("protocol", "states"), "no state stands here", at_key=True)
            q.names.silence("state")
        self.numbers = {name: k for k, name in enumerate(part.states)}
        self.summaries: list[Summary] = []
        self.slots: dict[str, int] = {}
        self.dimensions: dict[str, Dimension] = dict(q.parameters.dimensions)
        self.variables = self._traits_and_variables()
        self._computed = ComputedNumbers(q, self.summaries, self.slots, self.dimensions, self.variables, words.traits)
        self._visits = VisitsBuilder(q, words, self._computed)
        self._planned = PlannedVisits(part, q, self._visits, self._computed)
        self._named_visits: dict[tuple[str, str], dict[int, int]] = {}  # of transitions, by state and assessment
        self.sound = True  # whether every state and transition could be built

    def build(self) -> Protocol | None:
        """The protocol, or None where too little of it is sound."""
        self.take_up(("protocol", "summaries"), self.part.summaries)
        self._choices = ChoicesBuilder(self.q, self.numbers, self.slots, self._share)
        randomisations = self._randomisations()
        transitions = self._transitions(randomisations)
        window = self.q.minutes(("protocol", "window"), self.part.window)
        follows = self._follows_enrolment(transitions)
        states = [
            s for s in (self._state(n, p, transitions, follows) for n, p in self.part.states.items()) if s is not None
        ]
        if len(states) < len(self.part.states) or window is None or not states:
            return None
        labels = told_apart([s.label for s in states], [s.name for s in states])
        states = [replace(s, label=label) for s, label in zip(states, labels, strict=True)]
        return Protocol(
            tuple(states),
            Reader(self.summaries),
            tuple(randomisations.values()),
            tuple(transitions),
            window,
            bounds_of(self.part.always, self.q, self.words, self.names, self.numbers, states),
            choices=tuple(self._choices.found),
            variables=self.variables,
        )

    # Summaries -----------------------------------------------------------------------------------------------------

    def _traits_and_variables(self) -> tuple[ProtocolVariable, ...]:
        """Add what needs no summary: traits that the clinic knows, and the protocol's variables, which are returned."""
        for column, trait in enumerate(self.words.traits):
            if trait.name in self.dimensions:
                self.q.faults.append(
                    ("parameters", trait.name), f"'{trait.name}' is what the clinic knows of each subject", at_key=True
                )
            self._add(Summary(trait.name, TraitSeen(column), dimension_of_unit(trait.unit)))
        variables = variables_of(self.part.variables, self.q, tuple(self.dimensions))
        for column, variable in enumerate(variables):
            self._add(Summary(variable.name, VariableNow(column), variable.dimension))
        return variables

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

    def further(self, room: Address, parts: Summaries) -> StatesBuilder:
        """A builder that knows the summaries of this room as well."""
        other = copy(self)
        other.summaries, other.slots, other.dimensions = list(self.summaries), dict(self.slots), dict(self.dimensions)
        other.take_up(room, parts)
        return other

    def _add(self, summary: Summary) -> None:
        self.slots[summary.name] = len(self.summaries)
        self.dimensions[summary.name] = summary.dimension
        self.summaries.append(summary)

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
        during = self._states((*address, "during"), part.during)
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
        at = self._planned.read((*address, "at"), part.at or "")
        if at is None:
            return None
        named = None if part.during is None else [self.names[s] for s in made.during]
        states = self._planned.of_summary((*address, "at"), at, self.words.showing(made.variable), named)
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

    def _states(self, address: Address, names: str | Sequence[str] | None) -> tuple[int, ...] | None:
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

    # Rules ---------------------------------------------------------------------------------------------------------

    def rule(self, address: Address, text: str | float, *, wants_truth: bool = True) -> Rule | None:
        """A compiled rule (or formula) over parameters and the summaries so far."""
        try:
            node = parse(text)
            if not self.q.names.all_known(address, names_in(node), self.dimensions):
                return None
            truth = dimension_of(node, self.dimensions) is None
        except RuleError as error:
            self.q.faults.append(address, str(error))
            return None
        if truth != wants_truth:
            wanted, found = ("a comparison", "a number") if wants_truth else ("a number", "a comparison")
            self.q.faults.append(address, f"expected {wanted}, found {found}: '{text}'")
            return None
        return Rule(str(text), compiled(node, self.q.parameters.values, self.slots))

    def reads(self, texts: Sequence[str | float]) -> tuple[int, ...]:
        """The summaries that these expressions read, and those that these read in turn."""
        wanted = {self.slots[n] for text in texts for n in names_in(parse(text)) if n in self.slots}
        return closure(wanted, {k: s.made_by for k, s in enumerate(self.summaries)})

    def _share(self, address: Address, text: str | float) -> Rule | None:
        """A compiled number without a unit."""
        rule = self.rule(address, text, wants_truth=False)
        dimension = None if rule is None else dimension_of(parse(text), self.dimensions)
        if dimension is not None and dimension != NONE:
            self.q.faults.append(address, f"expected a probability, found '{text}', {dimension_name(dimension)}")
            return None
        return rule

    def _randomisations(self) -> dict[str, Randomisation]:
        found: dict[str, Randomisation] = {}
        for number, (name, part) in enumerate(self.part.randomisations.items()):
            address: Address = ("protocol", "randomisations", name)
            places = [((*address, "between", state), state) for state in part.between]
            known = [self.q.names.known(place, "state", state, self.names, at_key=True) for place, state in places]
            arms = tuple(self.numbers[state] for state in part.between if state in self.numbers)
            sound = all(known) and len(arms) == len(part.between) >= _FEWEST_ARMS
            if len(part.between) < _FEWEST_ARMS:
                self.q.faults.append((*address, "between"), f"randomisation needs at least {_FEWEST_ARMS} states")
            for state, ratio in part.between.items():
                if ratio < 1:
                    self.q.faults.append((*address, "between", state), f"{ratio} is below 1 (its part of the ratio)")
                    sound = False
            total = sum(part.between.values())
            size = part.block if part.block is not None else 2 * total
            if sound and (size < total or size % total or size > _MOST_IN_BLOCK):
                wanted = (
                    f"{size} is not a multiple of {total}, the sum of the ratio"
                    if size <= _MOST_IN_BLOCK
                    else f"{size} is too many for a block"
                )
                self.q.faults.append((*address, "block"), f"{wanted} (at most {_MOST_IN_BLOCK})")
                sound = False
            strata = [self.rule((*address, "strata", k), text) for k, text in enumerate(part.strata) if text != "site"]
            if len(strata) > 8:
                self.q.faults.append((*address, "strata"), "at most 8 rules can separate lists")
                sound = False
            if not sound or None in strata:
                self.sound = False
                continue
            once = [arm for arm, ratio in zip(arms, part.between.values(), strict=True) for _ in range(ratio)]
            rules = tuple(r for r in strata if r is not None)
            found[name] = Randomisation(name, number, arms, tuple(once * (size // total)), rules, "site" in part.strata)
        return found

    # Transitions ---------------------------------------------------------------------------------------------------

    def _transitions(self, randomisations: Mapping[str, Randomisation]) -> list[Transition]:
        explicit: dict[int, list[int]] = {n: [] for n in self.numbers.values()}
        for part in self.part.transitions:
            for name in [part.from_] if isinstance(part.from_, str) else part.from_:
                if name in self.numbers:
                    explicit[self.numbers[name]] += [
                        self.numbers[t] for t in self._named_targets(part) if t in self.numbers
                    ]
        enrolled = [self.numbers[n] for n, s in self.part.states.items() if s.enrolled]
        final = {self.numbers[n] for n, s in self.part.states.items() if s.final is not None}
        on_study = reachable(explicit, enrolled) - final
        called: dict[str, int] = {}
        for item, part in enumerate(self.part.transitions):
            if part.name is not None and called.setdefault(part.name, item) != item:
                self.q.faults.append(("protocol", "transitions", item, "name"), f"'{part.name}' is another one's name")
        if not self.part.transitions:
            self.q.faults.append(("protocol", "transitions"), "no transition stands here", at_key=True)
        built = [
            way
            for item, part in enumerate(self.part.transitions)
            for way in self._transition(item, part, randomisations, on_study, final)
        ]
        return self._numbered(built)

    def _numbered(self, built: Sequence[Transition]) -> list[Transition]:
        """The transitions with their numbers, each once for every group in which it is tried."""
        parts, codes = self.part.transitions, self.words.assessments
        names = list(self.part.states)
        sources: dict[int, list[str]] = {}
        for t in built:
            sources.setdefault(t.item, []).append(names[t.source])
        self._named_visits = self._planned.after(parts, sources, codes)
        found: list[Transition] = []
        for t in built:
            state, after = names[t.source], parts[t.item].after
            named = None if after is None else self._named_visits.get((state, after))
            if parts[t.item].at is not None and t.item not in (named or ()):
                continue  # this state does not plan the visit; another that it leaves does
            planned = self._planned.of(state, self.part.states[state]).planned([codes.index(after)]) if named else set()
            for trigger in triggers(t.trigger, t.item, named, planned):
                found.append(replace(t, number=len(found), trigger=trigger))
        return found

    def _named_targets(self, part: TransitionPart) -> list[str]:
        if part.choose is not None:
            return list(part.choose)
        if part.randomise is not None:
            arms = self.part.randomisations.get(part.randomise)
            return list(arms.between) if arms is not None else []
        return [part.to] if part.to is not None else []

    def _transition(
        self,
        item: int,
        part: TransitionPart,
        randomisations: Mapping[str, Randomisation],
        on_study: set[int],
        final: set[int],
    ) -> list[Transition]:
        """A transition out of each state that it leaves, without a number."""
        address: Address = ("protocol", "transitions", item)
        rule = None if part.when is None else self.rule((*address, "when"), part.when)
        sound = self._shape(address, part) and (rule is not None or part.when is None)
        trigger = self._trigger(address, part)
        if part.to is not None:
            sound &= self.q.names.known((*address, "to"), "state", part.to, self.names) and part.to in self.numbers
        if part.randomise is not None:
            known = self.q.names.declared("protocol", "randomisations")
            sound &= self.q.names.known((*address, "randomise"), "randomisation", part.randomise, known)
            sound &= part.randomise in randomisations
        choice = None if part.choose is None else self._choices.choice((*address, "choose"), part)
        sources = self._sources((*address, "from"), part, on_study, final)
        sets = self._computed.settings((*address, "set"), part.set_)
        if not sound or trigger is None or sources is None or sets is None:
            self.sound = False
            return []
        if (choice is None) != (part.choose is None):
            self.sound = False
            return []
        to = None if part.to is None else self.numbers[part.to]
        drawn = None if part.randomise is None else randomisations[part.randomise]
        return [Transition(-1, s, to, drawn, rule, bool(part.otherwise), trigger, item, choice, sets) for s in sources]

    def _shape(self, address: Address, part: TransitionPart) -> bool:
        with self.q.faults.watch() as here:
            ways = sum(way is not None for way in (part.to, part.randomise, part.choose))
            internal = ways == 0 and "set_" in part.model_fields_set
            if ways != 1 and not internal:
                said = "a transition says 'to', 'randomise' or 'choose', one of them"
                self.q.faults.append(address, f"{said}; one that only sets variables says 'set'", at_key=True)
            if "set_" in part.model_fields_set and not part.set_:
                self.q.faults.append((*address, "set"), "no variable stands here", at_key=True)
            if internal and part.after is None and part.upon is None:
                said = "at the end of a state a transition says where it leads ('to'); one that only sets variables"
                self.q.faults.append(
                    (*address, "set"), f"{said} is tried 'after' an assessment or 'upon' an event", at_key=True
                )
            if part.when is not None and part.otherwise:
                self.q.faults.append(address, "a transition says 'when' or 'otherwise', not both", at_key=True)
            if part.after is not None and part.upon is not None:
                self.q.faults.append(address, "a transition says 'after' or 'upon', not both", at_key=True)
            if part.at is not None and part.after is None:
                self.q.faults.append((*address, "at"), "'at' belongs to 'after'", at_key=True)
        return here.ok

    def _trigger(self, address: Address, part: TransitionPart) -> str | None:
        if part.after is not None:
            known = self.words.assessments
            return (
                f"after {part.after}"
                if self.q.names.known((*address, "after"), "assessment", part.after, known)
                else None
            )
        if part.upon is not None:
            return self._event((*address, "upon"), part.upon)
        return END

    def _event(self, address: Address, event: str) -> str | None:
        known = tuple(dict.fromkeys((*self.words.events, *self.words.stops)))
        if is_stop(event) and not self.words.stops:
            self.q.faults.append(address, "nothing stops this trial: no rule of `interim:` says 'stop'")
            return None
        return f"upon {event}" if self.q.names.known(address, "event", event, known) else None

    def _sources(self, address: Address, part: TransitionPart, on_study: set[int], final: set[int]) -> list[int] | None:
        if part.from_ == ON_STUDY:
            chosen = on_study
        elif part.from_ == ANY:
            chosen = set(self.numbers.values()) - final
        else:
            named = self._states(address, part.from_)
            return None if named is None else list(named)
        to = self.numbers.get(part.to or "")
        return sorted(chosen - {to})

    # States --------------------------------------------------------------------------------------------------------

    def _state(self, name: str, part: StatePart, transitions: Sequence[Transition], follows: set[int]) -> State | None:
        address: Address = ("protocol", "states", name)
        if self.q.names.refused(address):
            return None
        with self.q.faults.watch() as here:
            table = self._planned.of(name, part)
            levels, doses = self._visits.treatment(address, part, table.longest)
        if not (here.ok and table.sound):
            return None
        number = self.numbers[name]
        groups = self._groups([t for t in transitions if t.source == number])
        after = {k: groups[f"after {a}"] for k, a in enumerate(self.words.assessments) if f"after {a}" in groups}
        upon = {k: groups[f"upon {e}"] for k, e in enumerate(self.words.events) if f"upon {e}" in groups}
        at_visit = {
            (k, offset): groups[f"after {a} at {moment(offset)}"]
            for k, a in enumerate(self.words.assessments)
            for offset in sorted(set(self._named_visits.get((name, a), {}).values()))
        }
        return State(
            number=number,
            name=name,
            label=part.label or readable(name).capitalize(),
            outcome=part.final,
            enrolled=part.enrolled,
            on_study=part.final is None and number in follows,
            lasts=table.lasts,
            until=table.until,
            levels=levels,
            visits=visits(table.measured, doses),
            at_end=groups.get(END),
            after=after,
            upon=upon,
            at_visit=at_visit,
        )

    def _follows_enrolment(self, transitions: Sequence[Transition]) -> set[int]:
        successors: dict[int, list[int]] = {n: [] for n in self.numbers.values()}
        for t in transitions:
            successors[t.source] += t.destinations
        return reachable(successors, [self.numbers[n] for n, s in self.part.states.items() if s.enrolled])

    def _groups(self, transitions: Sequence[Transition]) -> dict[str, Group]:
        found = {}
        for trigger in dict.fromkeys(t.trigger for t in transitions):
            together = tuple(t for t in transitions if t.trigger == trigger)
            rules = [t.rule.words for t in together if t.rule is not None]
            rules += [s.words for t in together if t.randomise is not None for s in t.randomise.strata]
            rules += [c.words for t in together if t.choose is not None for c in t.choose.chances if c.evaluate]
            settings = [self.part.transitions[t.item].set_ for t in together]
            reads = {*self.reads(rules), *reads_of_settings(settings, self.slots, self.summaries)}
            found[trigger] = Group(trigger, together, tuple(sorted(reads)))
        return found
