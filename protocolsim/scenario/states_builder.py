"""From the file's `protocol:` to a Protocol: names become numbers, schedules become visits, rules are compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocolsim.component import Trait, Variable
from protocolsim.drug.base import Drug
from protocolsim.protocol.checks import closure
from protocolsim.protocol.rules import RESERVED, RuleError, compiled, dimension_of, names_in, parse
from protocolsim.protocol.states import (
    END,
    Dose,
    Group,
    Protocol,
    Randomisation,
    Rule,
    State,
    Transition,
    Visit,
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
from protocolsim.scenario.quantities import Quantities
from protocolsim.scenario.reader import Address
from protocolsim.scenario.schema import ProtocolPart, Regimen, Schedule, StatePart, SummaryPart, TransitionPart
from protocolsim.units import DOSE, MINUTES_PER_DAY, MINUTES_PER_WEEK, NONE, TIME, Dimension, UnitError, unit_product

ON_STUDY, ANY = "on study", "any"
ENROLMENT = "enrolment"
_MOST_VISITS = 5000


@dataclass(frozen=True)
class Vocabulary:
    """The names a protocol may use that come from its disease, its drugs and its cohort."""

    drugs: tuple[Drug, ...]
    drug_names: tuple[str, ...]
    assessments: tuple[str, ...]
    variables: tuple[Variable, ...]
    events: tuple[str, ...]
    traits: tuple[Trait, ...]

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The names of the variables, in order of their codes."""
        return tuple(v.name for v in self.variables)


def dimension_of_unit(unit: str) -> Dimension:
    """The dimension of a declared unit; words such as 'lesions' or 'years' count as plain numbers."""
    try:
        return unit_product(unit).dimension
    except UnitError:
        return NONE


class StatesBuilder:
    """Builds one protocol; every fault goes to the quantities' list."""

    def __init__(self, part: ProtocolPart, quantities: Quantities, words: Vocabulary) -> None:
        self.part, self.q, self.words = part, quantities, words
        # A state that was left out for a fault of its own is still known by name.
        written = quantities.document.data.get("protocol", {}).get("states", {})
        self.names = list(written) if isinstance(written, dict) else list(part.states)
        self.numbers = {name: k for k, name in enumerate(part.states)}
        self.summaries: list[Summary] = []
        self.slots: dict[str, int] = {}
        self.dimensions: dict[str, Dimension] = dict(quantities.dimensions)
        self.broken = set(quantities._broken)
        self.sound = True  # whether every state and transition could be built

    def build(self) -> Protocol | None:
        """The protocol, or None where too little of it is sound."""
        self._summaries()
        randomisations = self._randomisations()
        transitions = self._transitions(randomisations)
        window = self.q.minutes(("protocol", "window"), self.part.window)
        states = [s for s in (self._state(n, p, transitions) for n, p in self.part.states.items()) if s is not None]
        if len(states) < len(self.part.states) or window is None or not states:
            return None
        return Protocol(
            tuple(states),
            Reader(self.summaries),
            tuple(randomisations.values()),
            tuple(transitions),
            window,
        )

    # Summaries -----------------------------------------------------------------------------------------------------

    def _summaries(self) -> None:
        for column, trait in enumerate(self.words.traits):
            self._add(Summary(trait.name, TraitSeen(column), dimension_of_unit(trait.unit)))
        for name, part in self.part.summaries.items():
            address: Address = ("protocol", "summaries", name)
            if name in self.dimensions or name in RESERVED or not name.isidentifier():
                why = "already means something else" if name in self.dimensions else "cannot name a summary"
                self.q.fault(address, f"'{name}' {why}", at_key=True)
                continue
            made = self._observed(address, name, part) if isinstance(part, SummaryPart) else self._formula(address, name, part)
            if made is None:
                self.broken.add(name)
            else:
                self._add(made)

    def _add(self, summary: Summary) -> None:
        self.slots[summary.name] = len(self.summaries)
        self.dimensions[summary.name] = summary.dimension
        self.summaries.append(summary)

    def _formula(self, address: Address, name: str, text: str | float) -> Summary | None:
        rule = self._rule(address, text, wants_truth=False)
        if rule is None:
            return None
        node = parse(text)
        reads = tuple(self.slots[n] for n in names_in(node) if n in self.slots)
        dimension = dimension_of(node, self.dimensions)
        assert dimension is not None
        return Summary(name, Formula(rule.evaluate, reads), dimension)

    def _observed(self, address: Address, name: str, part: SummaryPart) -> Summary | None:
        written = {k: getattr(part, f"{k}_of") for k in HOW if getattr(part, f"{k}_of") is not None}
        others = [part.entries_of, part.time_since]
        if len(written) + sum(o is not None for o in others) != 1:
            choices = ", ".join(f"'{h} of'" for h in HOW)
            self.q.fault(address, f"a summary is one of {choices}, 'entries of' and 'time since'", at_key=True)
            return None
        if not written:
            return self._about_states(address, name, part)
        how, variable = next(iter(written.items()))
        sound = self.q.name((*address, f"{how} of"), "variable", variable, self.words.variable_names)
        during = self._states((*address, "during"), part.during)
        within = -1 if part.within is None else self.q.minutes((*address, "within"), part.within)
        for key, count in (("first", part.first), ("last", part.last)):
            if count is not None and count < 1:
                self.q.fault((*address, key), f"{count} is below 1 (observations)")
                sound = False
        if not sound or during is None or within is None:
            return None
        number = self.words.variable_names.index(variable)
        dimension = NONE if how == "count" else dimension_of_unit(self.words.variables[number].unit)
        first, last = (-1 if n is None else n for n in (part.first, part.last))
        return Summary(name, Observed(HOW.index(how), number, during, within, first, last), dimension)

    def _about_states(self, address: Address, name: str, part: SummaryPart) -> Summary | None:
        if part.during or part.within or part.first or part.last:
            self.q.fault(address, "'during', 'within', 'first' and 'last' belong to observations", at_key=True)
            return None
        if part.time_since == ENROLMENT:
            return Summary(name, TimeSince(None), TIME)
        word, key = (part.time_since, "time since") if part.time_since is not None else (part.entries_of, "entries of")
        known = (*self.names, ENROLMENT) if key == "time since" else self.names
        if not self.q.name((*address, key), "state", str(word), known) or str(word) not in self.numbers:
            return None
        number = self.numbers[str(word)]
        return Summary(name, TimeSince(number), TIME) if key == "time since" else Summary(name, Entries(number), NONE)

    def _states(self, address: Address, names: str | Sequence[str] | None) -> tuple[int, ...] | None:
        """The numbers of named states; None where one is unknown."""
        wanted = [names] if isinstance(names, str) else list(names or ())
        sound = True
        for k, name in enumerate(wanted):
            place = address if isinstance(names, str) else (*address, k)
            sound &= self.q.name(place, "state", name, self.names)
        return tuple(self.numbers[n] for n in wanted if n in self.numbers) if sound else None

    # Rules ---------------------------------------------------------------------------------------------------------

    def _rule(self, address: Address, text: str | float, *, wants_truth: bool = True) -> Rule | None:
        """A compiled rule (or formula) over parameters and the summaries so far."""
        try:
            node = parse(text)
            if any(n in self.broken for n in names_in(node)):
                return None
            truth = dimension_of(node, self.dimensions) is None
        except RuleError as error:
            self.q.fault(address, str(error))
            return None
        if truth != wants_truth:
            wanted, found = ("a comparison", "a number") if wants_truth else ("a number", "a comparison")
            self.q.fault(address, f"expected {wanted}, found {found}: '{text}'")
            return None
        return Rule(str(text), compiled(node, self.q.constants, self.slots))

    def _reads(self, texts: Sequence[str | float]) -> tuple[int, ...]:
        wanted = {self.slots[n] for text in texts for n in names_in(parse(text)) if n in self.slots}
        return closure(wanted, {k: s.made_by for k, s in enumerate(self.summaries)})

    def _randomisations(self) -> dict[str, Randomisation]:
        found: dict[str, Randomisation] = {}
        for number, (name, part) in enumerate(self.part.randomisations.items()):
            address: Address = ("protocol", "randomisations", name)
            arms = self._states((*address, "between"), list(part.between))
            sound = arms is not None and len(arms) >= 2
            if arms is not None and len(part.between) < 2:
                self.q.fault((*address, "between"), "randomisation needs at least two states")
            for state, ratio in part.between.items():
                if ratio < 1:
                    self.q.fault((*address, "between", state), f"{ratio} is below 1 (its part of the ratio)")
                    sound = False
            total = sum(part.between.values())
            size = part.block if part.block is not None else 2 * total
            if sound and (size < total or size % total or size > 1000):
                self.q.fault((*address, "block"), f"{size} is not a multiple of {total}, the sum of the ratio (at most 1000)")
                sound = False
            strata = [
                self._rule((*address, "strata", k), text) for k, text in enumerate(part.strata) if text != "site"
            ]
            if len(strata) > 8:
                self.q.fault((*address, "strata"), "at most 8 rules can separate lists")
                sound = False
            if not sound or arms is None or None in strata:
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
                    explicit[self.numbers[name]] += [self.numbers[t] for t in self._named_targets(part) if t in self.numbers]
        enrolled = [self.numbers[n] for n, s in self.part.states.items() if s.enrolled]
        final = {self.numbers[n] for n, s in self.part.states.items() if s.final is not None}
        on_study = reachable(explicit, enrolled) - final
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
        self, item: int, part: TransitionPart, randomisations: Mapping[str, Randomisation], on_study: set[int], final: set[int]
    ) -> list[tuple[int, int | None, Randomisation | None, Rule | None, bool, str, int]]:
        address: Address = ("protocol", "transitions", item)
        rule = None if part.when is None else self._rule((*address, "when"), part.when)
        sound = self._shape(address, part) and (rule is not None or part.when is None)
        trigger = self._trigger(address, part)
        if part.to is not None:
            sound &= self.q.name((*address, "to"), "state", part.to, self.names) and part.to in self.numbers
        if part.randomise is not None:
            known = list(self.part.randomisations)
            sound &= self.q.name((*address, "randomise"), "randomisation", part.randomise, known)
            sound &= part.randomise in randomisations
        sources = self._sources((*address, "from"), part, on_study, final)
        if not sound or trigger is None or sources is None:
            self.sound = False
            return []
        to = None if part.to is None else self.numbers[part.to]
        drawn = None if part.randomise is None else randomisations[part.randomise]
        return [(s, to, drawn, rule, bool(part.otherwise), trigger, item) for s in sources]

    def _shape(self, address: Address, part: TransitionPart) -> bool:
        before = len(self.q.faults)
        if (part.to is None) == (part.randomise is None):
            self.q.fault(address, "a transition says 'to' or 'randomise', one of them", at_key=True)
        if part.when is not None and part.otherwise:
            self.q.fault(address, "a transition says 'when' or 'otherwise', not both", at_key=True)
        if part.after is not None and part.upon is not None:
            self.q.fault(address, "a transition says 'after' or 'upon', not both", at_key=True)
        return len(self.q.faults) == before

    def _trigger(self, address: Address, part: TransitionPart) -> str | None:
        if part.after is not None:
            known = self.words.assessments
            return f"after {part.after}" if self.q.name((*address, "after"), "assessment", part.after, known) else None
        if part.upon is not None:
            known = self.words.events
            return f"upon {part.upon}" if self.q.name((*address, "upon"), "event", part.upon, known) else None
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

    def _state(self, name: str, part: StatePart, transitions: Sequence[Transition]) -> State | None:
        address: Address = ("protocol", "states", name)
        if not name.replace("_", "a").replace("-", "a").isalnum():
            self.q.fault(address, f"'{name}' cannot name a state; use letters, digits and _", at_key=True)
            return None
        before = len(self.q.faults)
        lasts = None if part.lasts is None else self.q.minutes((*address, "lasts"), part.lasts, what="duration")
        until = None if part.until is None else self.q.minutes((*address, "until"), part.until, what="time since enrolment")
        if part.lasts is not None and part.until is not None:
            self.q.fault(address, "a state says 'lasts' or 'until', not both", at_key=True)
        longest = lasts if until is None else until
        levels, doses = self._treatment(address, part, longest)
        measured = self._assessments(address, part, longest)
        if len(self.q.faults) > before:
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
            on_study=part.final is None and number in self._follows_enrolment(transitions),
            lasts=lasts,
            until=until,
            levels=levels,
            visits=_visits(measured, doses),
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
            found[trigger] = Group(trigger, together, self._reads(rules))
        return found

    def _treatment(self, address: Address, part: StatePart, lasts: int | None) -> tuple[tuple[float, ...], list[tuple[int, Dose, bool]]]:
        levels = [0.0] * len(self.words.drugs)
        doses: list[tuple[int, Dose, bool]] = []
        for drug, given in part.treatment.items():
            place: Address = (*address, "treatment", drug)
            if not self.q.name(place, "drug", drug, self.words.drug_names, at_key=True):
                continue
            number = self.words.drug_names.index(drug)
            infused = self.words.drugs[number].give is not None
            if isinstance(given, Regimen) != infused:
                self.q.fault(place, f"'{drug}' is given in doses: {{dose: 1 mg/kg, every: 4 weeks}}" if infused
                             else f"'{drug}' is not given in doses here: say 'standard'")  # fmt: skip
                continue
            if not isinstance(given, Regimen):
                levels[number] = 1.0
                continue
            amount = self.q.number((*place, "dose"), given.dose, DOSE, least=0.0, what="dose")
            offsets = self._schedule(place, given, lasts)
            if amount is not None:
                levels[number] = amount
                doses += [(offset, Dose(number, amount), given.every is None) for offset in offsets]
        return tuple(levels), doses

    def _assessments(self, address: Address, part: StatePart, lasts: int | None) -> list[tuple[int, int, bool]]:
        found: list[tuple[int, int, bool]] = []
        for name, schedule in part.assessments.items():
            place: Address = (*address, "assessments", name)
            if self.q.name(place, "assessment", name, self.words.assessments, at_key=True):
                number = self.words.assessments.index(name)
                found += [(offset, number, schedule.every is None) for offset in self._schedule(place, schedule, lasts)]
        return found

    def _schedule(self, address: Address, schedule: Schedule, lasts: int | None) -> list[int]:
        """The minutes, from the start of the state, at which something is planned."""
        listed = [k for k in ("weeks", "days") if getattr(schedule, k) is not None]
        if len(listed) + (schedule.every is not None) != 1:
            self.q.fault(address, "say when: one of weeks: [0, 4, 8], days: [0, 7], every: 4 weeks", at_key=True)
            return []
        if schedule.every is None:
            scale = MINUTES_PER_WEEK if listed == ["weeks"] else MINUTES_PER_DAY
            return self._listed((*address, listed[0]), getattr(schedule, listed[0]), scale)
        return self._repeated(address, schedule, lasts)

    def _listed(self, address: Address, values: Sequence[str | float], scale: int) -> list[int]:
        found = [self.q.number((*address, k), v, NONE, least=0.0, most=520000.0 / 7, what="from the start of the state") for k, v in enumerate(values)]
        offsets = [round(f * scale) for f in found if f is not None]
        if len(set(offsets)) < len(offsets):
            self.q.fault(address, "the same time stands there twice")
        return sorted(set(offsets))

    def _repeated(self, address: Address, schedule: Schedule, lasts: int | None) -> list[int]:
        every = self.q.minutes((*address, "every"), str(schedule.every), least=1.0, what="interval")
        start = self.q.minutes((*address, "start"), schedule.start)
        if every is None or start is None or lasts is None:
            return []
        # Half-open: what falls on the very end belongs to the state that follows.
        offsets = range(start, lasts, every)
        if schedule.times is not None:
            if schedule.times < 1:
                self.q.fault((*address, "times"), f"{schedule.times} is below 1 (times)")
                return []
            offsets = range(start, start + every * schedule.times, every)
        if len(offsets) > _MOST_VISITS:
            self.q.fault((*address, "every"), f"that is {len(offsets)} times; at most {_MOST_VISITS} are possible")
            return []
        return list(offsets)


def _visits(measured: Sequence[tuple[int, int, bool]], doses: Sequence[tuple[int, Dose, bool]]) -> tuple[Visit, ...]:
    """Everything planned for one moment is one visit; assessments and doses in file order."""
    found = []
    for moment in sorted({offset for offset, _, _ in (*measured, *doses)}):
        assessments = [(a, listed) for o, a, listed in measured if o == moment]
        given = [(d, listed) for o, d, listed in doses if o == moment]
        closing = Visit(moment, tuple(a for a, listed in assessments if listed), tuple(d for d, listed in given if listed), None)
        found.append(
            Visit(
                moment,
                tuple(a for a, _ in assessments),
                tuple(d for d, _ in given),
                closing if closing.assessments or closing.doses else None,
            )
        )
    return tuple(found)
