"""A choice by chance: a transition to one of several states, each with a probability that may read the chart.

Its draws are keyed by subject, by the choice's own name, and by how often the subject has come to it, so that another
choice changes nobody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.protocol.functions import Value
from protocolsim.protocol.rules import Evaluator


@dataclass(frozen=True)
class Chance:
    """The probability of one state: its source text, the compiled function of the summaries, and what it is for all.

    `always` is None where it differs between patients. `evaluate` None: this state takes what the others leave.
    """

    words: str
    evaluate: Evaluator | None
    always: float | None


@dataclass(frozen=True)
class Choice:
    """One of several states, by chance. `stream`: that of its draws, which belongs to its name.

    Each probability is cut to 0 to 1, and their sum to 1, in the order of the states; an undefined one is 0. Where no
    state takes the rest, the probabilities are the same for everybody and come to 1.
    """

    name: str
    number: int
    states: tuple[int, ...]
    chances: tuple[Chance, ...]
    stream: int

    @property
    def possible(self) -> tuple[int, ...]:
        """The states that somebody may be sent to: all but those whose probability is 0 for everybody."""
        left = 1.0
        for chance in self.chances:
            left -= chance.always or 0.0
        return tuple(
            state
            for state, chance in zip(self.states, self.chances, strict=True)
            if (left > 0.0 if chance.evaluate is None else chance.always != 0.0)
        )

    @property
    def words(self) -> str:
        """What the file says of the probabilities, in order."""
        return ", ".join(chance.words for chance in self.chances)

    def chosen(self, values: Sequence[Value], draws: Floats) -> Integers:
        """The place of the state in `states` that each subject is sent to, by a uniform number of their own.

        `values` are the summaries, as rules read them. What rounding leaves falls to the last state that can be.
        """
        sofar = np.zeros(len(draws))
        chosen = np.full(len(draws), -1, dtype=np.int64)
        last = next((k for k, chance in enumerate(self.chances) if chance.evaluate is None), -1)
        for k, chance in enumerate(self.chances):
            if chance.evaluate is None:
                continue
            with np.errstate(all="ignore"):
                p = np.asarray(chance.evaluate(values), dtype=np.float64)
            p = np.where(p > 0.0, np.minimum(p, 1.0), 0.0)  # what is undefined is no reason to go there
            sofar = np.minimum(sofar + p, 1.0)
            chosen[(chosen < 0) & (draws < sofar)] = k
        if last < 0:
            last = max(k for k, chance in enumerate(self.chances) if chance.always != 0.0)
        chosen[chosen < 0] = last
        return chosen
