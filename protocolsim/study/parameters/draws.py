"""Draws of uncertain parameters: the values that each pair of trials (replicates 2k and 2k + 1) has in common.

Each draw is looked up by key, as all random numbers are: by the seed, the number of the draw, and the names of model
and parameter. So it depends on no order, on no number of replicates or workers, and two scenarios that share a model
share its draws. Two trials of different patients have each draw: what they have in common is the parameters'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.engine.base import Trial
from protocolsim.randomness import PARAMETERS, uniforms
from protocolsim.scenario.redrawn import redrawn
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.parameters.uncertain import UncertainParameter, spread_of, words_of

TOGETHER = 2
"""Trials that share a draw."""

Origin = Literal["plausible", "posterior"]


@dataclass(frozen=True)
class JointDraws:
    """Weighted draws of several parameters together: a row of `values` for each, in the order of the parameters.

    `source` is the file that they were read from, as the user called it; `checksum` is its content's.
    """

    source: str
    checksum: str
    values: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]

    @cached_property
    def below(self) -> Floats:
        """The cumulative weights, ending in 1."""
        total = np.cumsum(np.array(self.weights))
        return np.asarray(total / total[-1])


@dataclass(frozen=True)
class ParameterDraws:
    """What is drawn for the trials of a study under a seed.

    `joint`: from the draws of a posterior, by weight; else each parameter by itself from its plausible range.
    """

    parameters: tuple[UncertainParameter, ...]
    seed: int
    joint: JointDraws | None = None

    @property
    def origin(self) -> Origin:
        """Where they come from."""
        return "plausible" if self.joint is None else "posterior"

    def of(self, replicates: range) -> range:
        """The draws that these replicates have."""
        return range(replicates.start // TOGETHER, -(-replicates.stop // TOGETHER))

    def table(self, draws: range) -> Floats:
        """The values of each draw, [draws, parameters], in the parameters' own units."""
        if not self.parameters:
            return np.empty((len(draws), 0))
        if self.joint is not None:
            names = ("posterior", *(p.key for p in self.parameters))
            at = np.searchsorted(self.joint.below, self._uniforms(draws, words_of(*names)), side="right")
            return np.array(self.joint.values)[np.minimum(at, len(self.joint.values) - 1)]
        return np.column_stack([spread_of(p, self._uniforms(draws, p.words)) for p in self.parameters])

    def _uniforms(self, draws: range, words: tuple[int, int]) -> Floats:
        first, second = words
        numbers = np.arange(draws.start, draws.stop, dtype=np.int64)
        key = np.stack([numbers, np.full(len(draws), first), np.full(len(draws), second)])
        return uniforms(self.seed, key, PARAMETERS)

    def trials(self, scenario: Scenario, replicates: range) -> Iterator[tuple[range, Trial]]:
        """The trial of each draw, and which of these replicates have it.

        Raises SimulationError where a model fails at the values of a draw.
        """
        draws = self.of(replicates)
        table = self.table(draws)
        for draw, values in zip(draws, table.tolist(), strict=True):
            first = draw * TOGETHER
            mine = range(max(first, replicates.start), min(first + TOGETHER, replicates.stop))
            yield mine, redrawn(scenario, self.numbers(values))

    def numbers(self, values: list[float]) -> Mapping[str, float]:
        """The values of one draw by path."""
        return {p.path: value for p, value in zip(self.parameters, values, strict=True)}
