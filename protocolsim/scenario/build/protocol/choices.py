"""From a transition's `choose:` to a Choice: probabilities over parameters, summaries and seen traits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from protocolsim.component import Component, stream_block
from protocolsim.protocol.choices import Chance, Choice
from protocolsim.protocol.rules import names_in, parse
from protocolsim.protocol.states import Rule
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import TransitionPart
from protocolsim.scenario.file.yaml_reader import Address

REST = "otherwise"
_FEWEST = 2
_EXACT = 1e-9  # what a sum of probabilities may be off

Compiled = Callable[[Address, str | float], Rule | None]
"""Compiles a share over what rules may read; None, with a fault, for what is no share."""


class ChoicesBuilder:
    """Builds the choices of a protocol, in file order; every fault goes to `q.faults`."""

    def __init__(
        self, q: Expressions, numbers: Mapping[str, int], reads: Mapping[str, int], compiled: Compiled
    ) -> None:
        """`numbers`: of states, by name; `reads`: of summaries."""
        self.q, self._numbers, self._reads, self._compiled = q, numbers, reads, compiled
        self.found: list[Choice] = []

    def choice(self, address: Address, part: TransitionPart) -> Choice | None:
        """The choice of one transition, or None, with a fault, where it is none."""
        written = part.choose or {}
        with self.q.faults.watch() as here:
            if len(written) < _FEWEST:
                self.q.faults.append(address, f"a choice is between at least {_FEWEST} states")
            for state in written:
                self.q.names.known((*address, state), "state", state, self._numbers, at_key=True)
            chances = [self._chance((*address, state), text) for state, text in written.items()]
            sound = [c for c in chances if c is not None]
            if here.ok:
                self._sum(address, sound)
            name = part.name or " or ".join(written)
            if any(c.name == name for c in self.found):
                said = f"another transition chooses by '{name}' and would have the same draws; give this one a name"
                self.q.faults.append(address, said, at_key=True)
        if not here.ok or len(sound) < len(written):  # a probability may rest on what has a fault elsewhere
            return None
        states = tuple(self._numbers[state] for state in written)
        self.found.append(Choice(name, len(self.found), states, tuple(sound), stream_of(name)))
        return self.found[-1]

    def _chance(self, address: Address, text: str | float) -> Chance | None:
        if text == REST:
            return Chance(REST, None, None)
        rule = self._compiled(address, text)
        if rule is None:
            return None
        if any(name in self._reads for name in names_in(parse(text))):
            return Chance(rule.words, rule.evaluate, None)
        value = float(rule.evaluate(()))
        if not -_EXACT <= value <= 1.0 + _EXACT:
            self.q.faults.append(address, f"{text} is not between 0 and 100 % (a probability)")
            return None
        return Chance(rule.words, rule.evaluate, value)

    def _sum(self, address: Address, chances: list[Chance]) -> None:
        rests = sum(c.evaluate is None for c in chances)
        total = sum(c.always or 0.0 for c in chances)
        reads = any(c.always is None and c.evaluate is not None for c in chances)
        if rests > 1:
            self.q.faults.append(address, f"one state can take the rest ('{REST}'), not {rests}")
        elif total > 1.0 + _EXACT:
            self.q.faults.append(address, f"the probabilities come to {total:.6g}, more than 1")
        elif not rests and reads:
            self.q.faults.append(address, f"where a probability reads the chart, one state takes the rest: '{REST}'")
        elif not rests and total < 1.0 - _EXACT:
            self.q.faults.append(address, f"the probabilities come to {total:.6g}; let one state take the rest: {REST}")


def stream_of(name: str) -> int:
    """The stream of a choice's draws, which belongs to its name."""
    return stream_block(f"choose {name}")


def meeting(choices: Sequence[Choice], components: Sequence[Component]) -> list[str]:
    """What is said of choices whose draws would be somebody else's, which hardly ever happens."""
    said = []
    taken = {stream: c.name for c in components for stream in c.own_streams}
    for choice in choices:
        if choice.stream in taken:
            said.append(f"the choice '{choice.name}' would draw as '{taken[choice.stream]}' does; give it another name")
        taken[choice.stream] = choice.name
    return said
