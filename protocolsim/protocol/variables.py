"""Variables: numbers that a protocol keeps for each subject, what sets them, and numbers that are computed from them.

A variable begins at `start`, and a transition may set it (`set:`). What is set is computed from the state of affairs
before the transition, for all its variables at once; a value outside of the range is cut to it, and one that is
undefined leaves the variable as it was. So a variable is defined, and within its range, at any time.

What differs between subjects and is no rule is `Computed`: a dose, or how long a state lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.protocol.functions import Value
from protocolsim.protocol.rules import Evaluator
from protocolsim.units import Dimension, in_words, unit_product


@dataclass(frozen=True)
class ProtocolVariable:
    """A number that the protocol keeps: where it begins, its range (internal units), the unit that it is written in.

    `written` is the text of the start and of the range's ends; `label` what readers are told it is called, "" for its
    name.
    """

    name: str
    start: float
    low: float
    high: float
    dimension: Dimension
    unit: str = ""
    meaning: str = ""
    written: tuple[str, str, str] = ("", "", "")
    label: str = ""

    def said(self, value: float) -> str:
        """A value in the variable's own unit, to four digits."""
        number = float(f"{value / unit_product(self.unit).value:.4g}")
        return "undefined" if value != value else in_words(number, self.unit)


@dataclass(frozen=True)
class Assignment:
    """What a transition sets one variable to (its number): source text, and the compiled function of the summaries."""

    variable: int
    words: str
    evaluate: Evaluator


@dataclass(frozen=True)
class Computed:
    """A number that is computed for each subject: source text, compiled function, and the summaries that it reads.

    It lies between `low` and `high` (internal units), whatever the variables are within their ranges.
    """

    words: str
    evaluate: Evaluator
    reads: tuple[int, ...]
    low: float
    high: float


def column(value: Value, size: int) -> Floats:
    """What an expression comes to, one number for each subject; a scalar is the same for all."""
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (size,)).copy()


def assigned(
    variables: Sequence[ProtocolVariable], sets: Sequence[Assignment], values: Sequence[Value], size: int
) -> list[tuple[int, Floats]]:
    """What is set, [(variable, [subjects])], from the summaries before it; nan where it is undefined.

    All are computed before any is set, so that two variables may change places.
    """
    with np.errstate(all="ignore"):
        return [(s.variable, cut(variables[s.variable], column(s.evaluate(values), size))) for s in sets]


def cut(variable: ProtocolVariable, values: Floats) -> Floats:
    """Values cut to the variable's range; nan stays. A zero has no sign, so that engines cannot differ in it."""
    cut = np.where(values < variable.low, variable.low, np.where(values > variable.high, variable.high, values))
    return cut + 0.0


def whole_minutes(computed: Computed, values: Sequence[Value], size: int) -> Integers:
    """A computed time in whole minutes, to the nearest (a half upwards), between `low` and `high`."""
    with np.errstate(all="ignore"):
        found = np.floor(column(computed.evaluate(values), size) + 0.5)
    within = np.where(found > computed.low, np.where(found < computed.high, found, computed.high), computed.low)
    return within.astype(np.int64)


def amounts(computed: Computed, values: Sequence[Value], size: int) -> Floats:
    """A computed dose; 0 where it is undefined, infinite or below 0: nothing is given then."""
    with np.errstate(all="ignore"):
        found = column(computed.evaluate(values), size)
        return np.where(np.isfinite(found) & (found > 0.0), found, 0.0)


def told(
    variables: Sequence[ProtocolVariable],
    sets: Sequence[Assignment],
    before: Mapping[int, float],
    values: Sequence[Value],
    called: Callable[[str], str] = str,
) -> str:
    """What was set, in words: 'insulin 10 IU -> 18 IU'. `before`: the variables' values, `values`: all summaries'.

    `called` says the variable of a name.
    """
    parts = []
    for s, (number, after) in zip(sets, assigned(variables, sets, values, 1), strict=True):
        variable, wanted = variables[number], float(column(s.evaluate(values), 1)[0])
        old, new = variable.said(before[number]), variable.said(float(after[0]))
        name = called(variable.name)
        if wanted != wanted:
            parts.append(f"{name} stays {old} (undefined)")
        elif wanted < variable.low or wanted > variable.high:
            parts.append(f"{name} {old} -> {new} (cut from {variable.said(wanted)})")
        else:
            parts.append(f"{name} {old} -> {new}")
    return ", ".join(parts)
