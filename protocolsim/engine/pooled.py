"""Several trials that differ in the numbers of their models alone, as one trial in which each replicate has its own.

A trial for which parameters are drawn is small, and to simulate it by itself costs more than its arithmetic: most of
the time goes into passing few subjects through many states. Here the replicates of many draws pass through them
together; only the kernels of what differs are called for each draw's subjects by themselves, with the constants of that
draw. Which draw a subject has stands in a further column of `body`, written when it starts.

The records are those of each trial by itself, to the bit: no kernel's result depends on which rows it is given, and a
rate that is found out for each subject gives the same hazard clock as one that is the same for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.engine.base import Cause, Measured, PlacedComponent, Trial

Run = tuple[int, int, Floats]
"""Rows from one place to another in a list of them, and the constants that they have."""


@dataclass(frozen=True, eq=False)
class _OfDraws:
    """A kernel that is called for the subjects of each draw by themselves, with the constants of that draw."""

    kernel: Any
    column: int
    constants: tuple[Floats, ...]

    def runs(self, body: Floats, rows: Integers) -> Iterator[Run]:
        """Neighbours in `rows` that have the same draw."""
        if not len(rows):
            return
        which = body[rows, self.column].astype(np.int64)
        ends = [*(np.flatnonzero(which[1:] != which[:-1]) + 1).tolist(), len(rows)]
        first = 0
        for end in ends:
            yield first, end, self.constants[which[first]]
            first = end


class _Start(_OfDraws):
    """See StartKernel; the column of draws is there already."""

    def __call__(self, body: Floats, rows: Integers, links: Integers, _: Floats, seed: int, who: Integers, /) -> None:
        for first, end, constants in self.runs(body, rows):
            self.kernel(body, rows[first:end], links, constants, seed, who)


class _Advance(_OfDraws):
    """See AdvanceKernel."""

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, _: Floats, since: Integers, until: Integers, /
    ) -> None:
        for first, end, constants in self.runs(body, rows):
            self.kernel(body, rows[first:end], links, constants, since, until)


class _Observe(_OfDraws):
    """See ObserveKernel."""

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, _: Floats, seed: int, who: Integers, index: Integers,
        minute: Integers, value: Floats, truth: Floats, /,
    ) -> None:  # fmt: skip
        for first, end, constants in self.runs(body, rows):
            shown, behind = value[first:end], truth[first:end]
            self.kernel(body, rows[first:end], links, constants, seed, who, index, minute, shown, behind)


class _Give(_OfDraws):
    """See GiveKernel."""

    def __call__(
        self,
        body: Floats,
        rows: Integers,
        links: Integers,
        _: Floats,
        dose: Floats,
        per_weight: bool,
        amount: Floats,
        /,
    ) -> None:
        for first, end, constants in self.runs(body, rows):
            self.kernel(body, rows[first:end], links, constants, dose[first:end], per_weight, amount[first:end])


class _Multiplier(_OfDraws):
    """See RateKernel."""

    def __call__(self, body: Floats, rows: Integers, links: Integers, _: Floats, now: Integers, out: Floats, /) -> None:
        for first, end, constants in self.runs(body, rows):
            self.kernel(body, rows[first:end], links, constants, now, out[first:end])


@dataclass(frozen=True, eq=False)
class _NotingDraws:
    """The first of all start kernels: it notes which draw each subject has, and goes on as it would."""

    start: Any
    column: int
    first: int
    together: int

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers, /
    ) -> None:
        """See StartKernel."""
        body[rows, self.column] = who[rows, 0] // self.together - self.first
        self.start(body, rows, links, constants, seed, who)


def pooled(trials: Sequence[Trial], first: int, together: int) -> Trial | None:
    """One trial in which the replicates of draw d, together x d and following, are those of trials[d - first].

    None where they differ in more than constants and rates, or have looks, which are held trial by trial.
    """
    one = trials[0]
    if one.conduct is not None or any(_baselines(t) != _baselines(one) for t in trials):
        return None
    column = one.width
    parts = [[t.disease, *t.drugs] for t in trials]
    new = [_part([p[k] for p in parts], column) for k in range(len(parts[0]))]
    disease = replace(new[0], start=_NotingDraws(new[0].start, column, first, together))
    of_old = {id(old): part for old, part in zip(parts[0], (disease, *new[1:]), strict=True)}
    assessments = tuple(
        _measured([t.assessments[k] for t in trials], of_old[id(m.part)], column) for k, m in enumerate(one.assessments)
    )
    causes = tuple(_cause([t.causes[k] for t in trials], column) for k in range(len(one.causes)))
    return replace(one, disease=disease, drugs=tuple(new[1:]), width=column + 1, assessments=assessments, causes=causes)


def _baselines(trial: Trial) -> list[Any]:
    return [c.baseline for c in trial.causes]


def _same(constants: Sequence[Floats]) -> bool:
    return all(np.array_equal(c, constants[0], equal_nan=True) for c in constants)


def _part(parts: Sequence[PlacedComponent], column: int) -> PlacedComponent:
    constants = tuple(p.constants for p in parts)
    one = parts[0]
    if _same(constants):
        return one
    return replace(
        one,
        start=_Start(one.start, column, constants),
        advance=None if one.advance is None else _Advance(one.advance, column, constants),
        give=None if one.give is None else _Give(one.give, column, constants),
    )


def _measured(measured: Sequence[Measured], part: PlacedComponent, column: int) -> Measured:
    constants = tuple(m.part.constants for m in measured)
    one = measured[0]
    return replace(
        one, part=part, observe=one.observe if _same(constants) else _Observe(one.observe, column, constants)
    )


def _cause(causes: Sequence[Cause], column: int) -> Cause:
    one = causes[0]
    if one.multiplier is not None:
        kernel, links, _ = one.multiplier
        constants = tuple(c.multiplier[2] for c in causes if c.multiplier is not None)
        return (
            one
            if _same(constants)
            else replace(one, multiplier=(_Multiplier(kernel, column, constants), links, constants[0]))
        )
    rates = np.array([c.rates for c in causes])
    return one if (rates == rates[0]).all() else replace(one, of_draws=(rates, column))
