"""From the file's `protocol:` to a Protocol: names become numbers, schedules become visits, rules are compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace

from protocolsim.errors import RuleError
from protocolsim.names import told_apart
from protocolsim.protocol.checks import closure
from protocolsim.protocol.rules import compiled, dimension_of, names_in, parse
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
)
from protocolsim.scenario.build.bounds import ENROLMENT, bounds_of
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.visits import VisitsBuilder, Vocabulary, visits
from protocolsim.scenario.file.schema import ProtocolPart, StatePart, SummaryPart, TransitionPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE, TIME, Dimension, UnitError, unit_product

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
        self._visits = VisitsBuilder(q, words)
        self.sound = True  # whether every state and transition could be built

    def build(self) -> Protocol | None:
        """The protocol, or None where too little of it is sound."""
        self._summaries()
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
            bounds_of(self.part.always, self.q, self.words, self.names, self.numbers),
        )

    # Summaries -----------------------------------------------------------------------------------------------------

    def _summaries(self) -> None:
        for column, trait in enumerate(self.words.traits):
            if trait.name in self.dimensions:
                self.q.faults.append(
                    ("parameters", trait.name), f"'{trait.name}' is what the clinic knows of each subject", at_key=True
                )
            self._add(Summary(trait.name, TraitSeen(column), dimension_of_unit(trait.unit)))
        self.take_up(("protocol", "summaries"), self.part.summaries)

    def take_up(self, room: Address, parts: Summaries) -> None:
        """Add the summaries declared in this room of the file; each may use those before it."""
        for name, part in self.q.names.in_order(room, parts):
            address: Address = (*room, name)
            if name in self.dimensions:
                self.q.faults.append(address, f"'{name}' already means something else", at_key=True)
                continue
            made = (
                self._observed(address, name, part)
                if isinstance(part, SummaryPart)
                else self._formula(address, name, part)
            )
            if made is None:
                self.q.names.broken(name)
            else:
                self._add(made)

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
            self.q.faults.append(address, f"a summary is one of {choices}, 'entries of' and 'time since'", at_key=True)
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
        dimension = NONE if how == "count" else dimension_of_unit(self.words.variables[number].unit)
        first, last = (-1 if n is None else n for n in (part.first, part.last))
        return Summary(name, Observed(HOW.index(how), number, during, within, first, last), dimension)

    def _about_states(self, address: Address, name: str, part: SummaryPart) -> Summary | None:
        if {"during", "within", "first", "last"} & part.model_fields_set:
            self.q.faults.append(address, "'during', 'within', 'first' and 'last' belong to observations", at_key=True)
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
        if not self.part.transitions:
            self.q.faults.append(("protocol", "transitions"), "no transition stands here", at_key=True)
        found: list[Transition] = []
        for item, part in enumerate(self.part.transitions):
            for built in self._transition(item, part, randomisations, on_study, final):
                found.append(Transition(len(found), *built))
        return found

    def _named_targets(self, part: TransitionPart) -> list[str]:
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
    ) -> list[tuple[int, int | None, Randomisation | None, Rule | None, bool, str, int]]:
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
        sources = self._sources((*address, "from"), part, on_study, final)
        if not sound or trigger is None or sources is None:
            self.sound = False
            return []
        to = None if part.to is None else self.numbers[part.to]
        drawn = None if part.randomise is None else randomisations[part.randomise]
        return [(s, to, drawn, rule, bool(part.otherwise), trigger, item) for s in sources]

    def _shape(self, address: Address, part: TransitionPart) -> bool:
        with self.q.faults.watch() as here:
            if (part.to is None) == (part.randomise is None):
                self.q.faults.append(address, "a transition says 'to' or 'randomise', one of them", at_key=True)
            if part.when is not None and part.otherwise:
                self.q.faults.append(address, "a transition says 'when' or 'otherwise', not both", at_key=True)
            if part.after is not None and part.upon is not None:
                self.q.faults.append(address, "a transition says 'after' or 'upon', not both", at_key=True)
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
            known = self.words.events
            return f"upon {part.upon}" if self.q.names.known((*address, "upon"), "event", part.upon, known) else None
        return END

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
            lasts = None if part.lasts is None else self.q.minutes((*address, "lasts"), part.lasts, what="duration")
            until = (
                None
                if part.until is None
                else self.q.minutes((*address, "until"), part.until, what="time since enrolment")
            )
            if part.lasts is not None and part.until is not None:
                self.q.faults.append(address, "a state says 'lasts' or 'until', not both", at_key=True)
            longest = lasts if until is None else until
            levels, doses = self._visits.treatment(address, part, longest)
            measured = self._visits.assessments(address, part, longest)
        if not here.ok:
            return None
        number = self.numbers[name]
        groups = self._groups([t for t in transitions if t.source == number])
        after = {k: groups[f"after {a}"] for k, a in enumerate(self.words.assessments) if f"after {a}" in groups}
        upon = {k: groups[f"upon {e}"] for k, e in enumerate(self.words.events) if f"upon {e}" in groups}
        return State(
            number=number,
            name=name,
            label=part.label or name.replace("_", " ").capitalize(),
            outcome=part.final,
            enrolled=part.enrolled,
            on_study=part.final is None and number in follows,
            lasts=lasts,
            until=until,
            levels=levels,
            visits=visits(measured, doses),
            at_end=groups.get(END),
            after=after,
            upon=upon,
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
            found[trigger] = Group(trigger, together, self.reads(rules))
        return found
