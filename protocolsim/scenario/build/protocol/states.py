"""From `states:` to a protocol's states, and the whole Protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protocolsim.names import readable, told_apart
from protocolsim.protocol.states import END, Group, Protocol, State, Transition, reachable
from protocolsim.protocol.summaries import Reader
from protocolsim.scenario.build.protocol.bounds import bounds_of
from protocolsim.scenario.build.protocol.planned_visits import moment
from protocolsim.scenario.build.protocol.summaries import SummariesBuilder
from protocolsim.scenario.build.protocol.transitions import TransitionsBuilder
from protocolsim.scenario.build.protocol.variables import reads_of_settings
from protocolsim.scenario.build.protocol.visits import visits
from protocolsim.scenario.file.schema import ProtocolPart, StatePart
from protocolsim.scenario.file.yaml_reader import Address


class StatesBuilder:
    """Builds one protocol; every fault goes to `rules.q.faults`.

    `rules` says what its rules may read, `leaving` builds the transitions out of its states.
    """

    def __init__(self, part: ProtocolPart, rules: SummariesBuilder) -> None:
        self.part, self.rules, self.q, self.words = part, rules, rules.q, rules.words
        self.leaving = TransitionsBuilder(part, rules)

    def build(self) -> Protocol | None:
        """The protocol, or None where too little of it is sound."""
        rules = self.rules
        rules.take_up(("protocol", "summaries"), self.part.summaries)
        leaving = self.leaving
        leaving.build()
        window = self.q.minutes(("protocol", "window"), self.part.window)
        follows = self._follow_enrolment()
        states = [s for s in (self._state(n, p, follows) for n, p in self.part.states.items()) if s is not None]
        if len(states) < len(self.part.states) or window is None or not states:
            return None
        labels = told_apart([s.label for s in states], [s.name for s in states])
        states = [replace(s, label=label) for s, label in zip(states, labels, strict=True)]
        return Protocol(
            tuple(states),
            Reader(rules.summaries),
            tuple(leaving.randomisations.values()),
            tuple(leaving.transitions),
            window,
            bounds_of(self.part.always, self.q, self.words, rules.names, rules.numbers, states),
            choices=tuple(leaving.choices.found),
            variables=rules.variables,
        )

    def _state(self, name: str, part: StatePart, follows: set[int]) -> State | None:
        address: Address = ("protocol", "states", name)
        if self.q.names.refused(address):
            return None
        with self.q.faults.watch() as here:
            table = self.rules.planned.of(name, part)
            levels, doses = self.rules.visits.treatment(address, part, table.longest)
            for key, given in (("treatment", part.treatment), ("assessments", part.assessments)):
                if part.final is not None and given:
                    said = f"a final state ends a course, so that its {key} would never come about"
                    self.q.faults.append((*address, key), said, at_key=True)
        if not (here.ok and table.sound):
            return None
        number = self.rules.numbers[name]
        groups = self._groups([t for t in self.leaving.transitions if t.source == number])
        after = {k: groups[f"after {a}"] for k, a in enumerate(self.words.assessments) if f"after {a}" in groups}
        upon = {k: groups[f"upon {e}"] for k, e in enumerate(self.words.events) if f"upon {e}" in groups}
        at_visit = {
            (k, offset): groups[f"after {a} at {moment(offset)}"]
            for k, a in enumerate(self.words.assessments)
            for offset in sorted(set(self.leaving.named_visits.get((name, a), {}).values()))
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

    def _follow_enrolment(self) -> set[int]:
        """The states that can follow enrolment."""
        successors: dict[int, list[int]] = {n: [] for n in self.rules.numbers.values()}
        for t in self.leaving.transitions:
            successors[t.source] += t.destinations
        return reachable(successors, [self.rules.numbers[n] for n, s in self.part.states.items() if s.enrolled])

    def _groups(self, transitions: Sequence[Transition]) -> dict[str, Group]:
        found = {}
        for trigger in dict.fromkeys(t.trigger for t in transitions):
            together = tuple(t for t in transitions if t.trigger == trigger)
            rules = [t.rule.words for t in together if t.rule is not None]
            rules += [s.words for t in together if t.randomise is not None for s in t.randomise.strata]
            rules += [c.words for t in together if t.choose is not None for c in t.choose.chances if c.evaluate]
            settings = [self.part.transitions[t.item].set_ for t in together]
            reads = {*self.rules.reads(rules), *reads_of_settings(settings, self.rules.slots, self.rules.summaries)}
            found[trigger] = Group(trigger, together, tuple(sorted(reads)))
        return found
