"""Every row of a suite with what the others say of it, from trials at the same draws of the parameters.

One row says something of another where their scenarios share a parameter that is drawn. Rows that are so tied, also by
way of others, are asked together, over the draws at which all of their scenarios were simulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.study.parameters.draws import TOGETHER, ParameterDraws
from protocolsim.study.suite.leave_one_out import LeftOut, leave_one_out
from protocolsim.study.suite.row import SuiteRow
from protocolsim.study.suite.scores import off_scale, on_scale

_Words = frozenset[tuple[int, int]]


def predicted_by_others(rows: Sequence[SuiteRow], draws: Mapping[str, ParameterDraws | None]) -> list[SuiteRow]:
    """The rows again, each with what the others say of it; `draws` are what was drawn, by scenario."""
    drawn = {name: frozenset[tuple[int, int]]() if d is None else _words(d) for name, d in draws.items()}
    words = [drawn[row.scenario] for row in rows]
    found = [*rows]
    for group in _tied(words):
        mine = [rows[k] for k in group]
        pairs = min(len(row.trials) for row in mine) // TOGETHER
        values = np.stack([_scaled(row)[: TOGETHER * pairs].reshape(pairs, TOGETHER) for row in mine], axis=2)
        published = np.array([_published(row) for row in mine])
        data = [*dict.fromkeys(row.datum for row in mine)]
        related = np.array([[bool(words[a] & words[b]) for b in group] for a in group])
        told = leave_one_out(values, published, [data.index(row.datum) for row in mine], related)
        for k, row, left in zip(group, mine, told, strict=True):
            found[k] = replace(row, left_out=None if left is None else _in_units(left, row))
    return found


def _words(draws: ParameterDraws) -> _Words:
    return frozenset(p.words for p in draws.parameters)


def _tied(words: Sequence[_Words]) -> list[list[int]]:
    """The rows that share parameters with each other, also by way of others, in groups of two or more."""
    groups: list[tuple[_Words, list[int]]] = []
    for k, mine in enumerate(words):
        if not mine:
            continue
        joined = [g for g in groups if g[0] & mine]
        groups = [g for g in groups if not g[0] & mine]
        groups.append((mine.union(*(g[0] for g in joined)), sorted([k, *(n for g in joined for n in g[1])])))
    return [numbers for _, numbers in groups if len(numbers) > 1]


def _scaled(row: SuiteRow) -> Floats:
    """The row's trials on its scale; a trial of zero, which has no logarithm, as half the smallest that has one."""
    if row.scale != "log":
        return row.trials
    above = row.trials[row.trials > 0.0]
    least = float(above.min()) / 2.0 if len(above) else 1.0
    return on_scale(np.where(np.isnan(row.trials), np.nan, np.maximum(row.trials, least)), "log")


def _published(row: SuiteRow) -> float:
    value = np.array([row.compared.published.value])
    return float((on_scale(value, "log") if row.scale == "log" else value)[0])


def _in_units(left: LeftOut, row: SuiteRow) -> LeftOut:
    """The prediction in the row's own units; nothing is above 100 % or below where its trials can be."""
    ends = np.array([left.lo, left.median, left.hi])
    if row.scale == "log":
        ends = off_scale(ends, "log")
    elif row.scale == "points":
        shares = np.nanmin(row.trials) >= 0.0
        ends = np.clip(ends, 0.0 if shares else None, 1.0)
    lo, median, hi = ends.tolist()
    return replace(left, lo=lo, median=median, hi=hi)
