"""From `transitions:` and `randomisations:` to a protocol's transitions, a numbered one for each state that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protocolsim.protocol.states import END, Randomisation, Transition, reachable
from protocolsim.scenario.build.interim.events import is_stop
from protocolsim.scenario.build.protocol.choices import ChoicesBuilder
from protocolsim.scenario.build.protocol.planned_visits import triggers
from protocolsim.scenario.build.protocol.summaries import SummariesBuilder
from protocolsim.scenario.file.schema import ProtocolPart, TransitionPart
from protocolsim.scenario.file.yaml_reader import Address

ON_STUDY, ANY = "on study", "any"
_FEWEST_ARMS, _MOST_IN_BLOCK = 2, 1000


class TransitionsBuilder:
    """Builds the transitions of one protocol; every fault goes to `q.faults` of `rules`.

    randomisations, choices    those that they lead to, by name and in file order
    named_visits               by state and assessment, the offset of the visit that each transition of the file names
    sound                      whether every one could be built
    """

    def __init__(self, part: ProtocolPart, rules: SummariesBuilder) -> None:
        self.part, self.rules, self.q, self.words = part, rules, rules.q, rules.words
        self.names, self.numbers, self.planned = rules.names, rules.numbers, rules.planned
        self.choices = ChoicesBuilder(rules.q, rules.numbers, rules.slots, rules.share)
        self.randomisations: dict[str, Randomisation] = {}
        self.transitions: list[Transition] = []
        self.named_visits: dict[tuple[str, str], dict[int, int]] = {}
        self.sound = True

    def build(self) -> None:
        """Build the randomisations, then the transitions; what a rule may read is known by now."""
        self.randomisations = self._randomisations()
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
            for way in self._transition(item, part, on_study, final)
        ]
        self.transitions = self._numbered(built)

    def _numbered(self, built: Sequence[Transition]) -> list[Transition]:
        """The transitions with their numbers, each once for every group in which it is tried."""
        parts, codes = self.part.transitions, self.words.assessments
        names = list(self.part.states)
        sources: dict[int, list[str]] = {}
        for t in built:
            sources.setdefault(t.item, []).append(names[t.source])
        self.named_visits = self.planned.after(parts, sources, codes)
        found: list[Transition] = []
        for t in built:
            state, after = names[t.source], parts[t.item].after
            named = None if after is None else self.named_visits.get((state, after))
            if parts[t.item].at is not None and t.item not in (named or ()):
                continue  # this state does not plan the visit; another that it leaves does
            planned = self.planned.of(state, self.part.states[state]).planned([codes.index(after)]) if named else set()
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
        on_study: set[int],
        final: set[int],
    ) -> list[Transition]:
        """A transition out of each state that it leaves, without a number."""
        address: Address = ("protocol", "transitions", item)
        rule = None if part.when is None else self.rules.rule((*address, "when"), part.when)
        sound = self._shape(address, part) and (rule is not None or part.when is None)
        trigger = self._trigger(address, part)
        if part.to is not None:
            sound &= self.q.names.known((*address, "to"), "state", part.to, self.names) and part.to in self.numbers
        if part.randomise is not None:
            known = self.q.names.declared("protocol", "randomisations")
            sound &= self.q.names.known((*address, "randomise"), "randomisation", part.randomise, known)
            sound &= part.randomise in self.randomisations
        choice = None if part.choose is None else self.choices.choice((*address, "choose"), part)
        sources = self._sources((*address, "from"), part, on_study, final)
        sets = self.rules.computed.settings((*address, "set"), part.set_)
        if not sound or trigger is None or sources is None or sets is None:
            self.sound = False
            return []
        if (choice is None) != (part.choose is None):
            self.sound = False
            return []
        to = None if part.to is None else self.numbers[part.to]
        drawn = None if part.randomise is None else self.randomisations[part.randomise]
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
            named = self.rules.named_states(address, part.from_)
            return None if named is None else list(named)
        to = self.numbers.get(part.to or "")
        return sorted(chosen - {to})

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
            strata = [
                self.rules.rule((*address, "strata", k), text) for k, text in enumerate(part.strata) if text != "site"
            ]
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
