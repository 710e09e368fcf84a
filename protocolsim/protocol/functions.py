"""The functions of the rule language: how many arguments each takes, of which dimension, and what it makes of them.

A function of a column and of one number give the same bits: what is not plain arithmetic is a kernel, and a choice is
made by comparison. What has no value (the logarithm of 0, a square root below 0) is undefined, NaN, as in a division by
zero; so is a function of what is undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from protocolsim.arithmetic import exp, kernel, log, sqrt
from protocolsim.arrays import Floats
from protocolsim.errors import RuleError
from protocolsim.randomness import normal_quantile
from protocolsim.units import NONE, Dimension, dimension_name

Value = Any  # a float, a bool, or a column of either
Kinds = Sequence[Dimension | None]  # the dimensions of arguments; None: true or false

LOG10_E = 0.4342944819032518


@dataclass(frozen=True)
class Function:
    """One function: its name, its arguments in words, how many it takes, the dimension and the value it makes of them.

    `dimension(kinds)` raises RuleError where the arguments do not fit.
    """

    name: str
    arguments: str
    meaning: str
    fewest: int
    most: int
    dimension: Callable[[Kinds], Dimension]
    value: Callable[..., Value]

    def result(self, kinds: Kinds) -> Dimension:
        """The dimension of a call. Raises RuleError."""
        if not self.fewest <= len(kinds) <= self.most:
            wanted = f"{self.name}({self.arguments})"
            raise RuleError(f"'{self.name}' is written {wanted}; found {len(kinds)} arguments")
        return self.dimension(kinds)


def _numbers(name: str, kinds: Kinds) -> list[Dimension]:
    numbers = [k for k in kinds if k is not None]
    if len(numbers) < len(kinds):
        raise RuleError(f"'{name}' needs numbers; found a comparison")
    return numbers


def _plain(name: str) -> Callable[[Kinds], Dimension]:
    def dimension(kinds: Kinds) -> Dimension:
        (of,) = _numbers(name, kinds)
        if of != NONE:
            raise RuleError(f"'{name}' needs a plain number or a share; found {dimension_name(of)}")
        return NONE

    return dimension


def _alike(name: str) -> Callable[[Kinds], Dimension]:
    def dimension(kinds: Kinds) -> Dimension:
        numbers = _numbers(name, kinds)
        other = next((k for k in numbers if k != numbers[0]), None)
        if other is not None:
            found = f"{dimension_name(numbers[0])} and {dimension_name(other)}"
            raise RuleError(f"units do not fit: '{name}' of {found}")
        return numbers[0]

    return dimension


def _root(kinds: Kinds) -> Dimension:
    (of,) = _numbers("sqrt", kinds)
    if any(power % 2 for power in of):
        raise RuleError(f"'sqrt' of {dimension_name(of)} has no unit")
    return cast("Dimension", tuple(power // 2 for power in of))


def _rounded(kinds: Kinds) -> Dimension:
    dimension = _alike("round")(kinds)
    if len(kinds) == 1 and dimension != NONE:
        raise RuleError(f"'round' of {dimension_name(dimension)} needs to what, such as round(x, 1 mg)")
    return dimension


def _choice(kinds: Kinds) -> Dimension:
    if kinds[0] is not None:
        raise RuleError(f"'if' needs a comparison first, as in if(x > 1, a, b); found {dimension_name(kinds[0])}")
    return _alike("if")(kinds[1:])


@kernel
def exponentials(x: Floats) -> Floats:
    """`exp` of each."""
    out = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        out[k] = exp(x[k])
    return out


@kernel
def logarithms(x: Floats) -> Floats:
    """`log` of each; NaN at 0 and below."""
    out = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        out[k] = log(x[k]) if x[k] > 0.0 else np.nan
    return out


@kernel
def square_roots(x: Floats) -> Floats:
    """`sqrt` of each; NaN below 0."""
    out = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        out[k] = sqrt(x[k]) if x[k] >= 0.0 else np.nan
    return out


@kernel
def probits(p: Floats) -> Floats:
    """The standard normal quantile of each; NaN outside of 0 to 1."""
    out = np.empty(p.shape[0])
    for k in range(p.shape[0]):
        out[k] = normal_quantile(p[k]) if 0.0 < p[k] < 1.0 else np.nan
    return out


def _by_kernel(of: Callable[[Floats], Floats]) -> Callable[[Value], Value]:
    def value(x: Value) -> Value:
        if isinstance(x, np.ndarray):
            return of(np.ascontiguousarray(x, dtype=np.float64).ravel()).reshape(x.shape)
        return float(of(np.array([x], dtype=np.float64))[0])

    return value


_log = _by_kernel(logarithms)


def chosen(condition: Value, yes: Value, no: Value) -> Value:
    """One value or the other, for each subject."""
    if any(isinstance(v, np.ndarray) for v in (condition, yes, no)):
        return np.where(condition, yes, no)
    return yes if condition else no


def smaller(a: Value, b: Value) -> Value:
    """The smaller; undefined where either is."""
    return chosen((a <= b) | (a != a), a, b)


def larger(a: Value, b: Value) -> Value:
    """The larger; undefined where either is."""
    return chosen((a >= b) | (a != a), a, b)


def whole(x: Value, step: Value = 1.0) -> Value:
    """The nearest multiple of step, a half upwards; undefined where the step is not above 0."""
    if isinstance(x, np.ndarray) or isinstance(step, np.ndarray):
        step = np.where(np.asarray(step) > 0.0, step, np.nan)
        return np.floor(x / step + 0.5) * step
    return float(np.floor(x / step + 0.5) * step) if step > 0.0 else float("nan")


_ANY = 20
FUNCTIONS: Mapping[str, Function] = MappingProxyType({f.name: f for f in (
    Function("exp", "x", "e to the power x", 1, 1, _plain("exp"), _by_kernel(exponentials)),
    Function("log", "x", "the natural logarithm; undefined at 0 and below", 1, 1, _plain("log"), _log),
    Function("log10", "x", "the logarithm to base 10", 1, 1, _plain("log10"), lambda x: _log(x) * LOG10_E),
    Function("probit", "p", "the standard normal quantile of a share above 0 and below 1", 1, 1, _plain("probit"),
             _by_kernel(probits)),
    Function("sqrt", "x", "the square root; undefined below 0", 1, 1, _root, _by_kernel(square_roots)),
    Function("abs", "x", "the size without the sign", 1, 1, _alike("abs"), abs),
    Function("min", "x, y, ...", "the smallest", 2, _ANY, _alike("min"), lambda *x: reduce(smaller, x)),
    Function("max", "x, y, ...", "the largest", 2, _ANY, _alike("max"), lambda *x: reduce(larger, x)),
    Function("round", "x, to", "the nearest multiple of `to` (1 where it is left out), a half upwards", 1, 2, _rounded,
             whole),
    Function("if", "rule, x, y", "x where the rule is true, else y", 3, 3, _choice, chosen),
)})  # fmt: skip
"""Every function by its name."""
