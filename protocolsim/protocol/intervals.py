"""What an expression can come to, where each of its names lies in a known interval: interval arithmetic.

Bounds may be wider than what is possible, never narrower, and may be infinite. Beside them stands whether the result is
certainly a finite number: no division by what may be 0, no logarithm of what may not be above it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

from protocolsim.protocol.functions import FUNCTIONS
from protocolsim.protocol.rules import Call, Name, Negation, Node, Number

Interval = tuple[float, float]
_INFINITY = float("inf")
ANYTHING: Interval = (-_INFINITY, _INFINITY)
NOT_NEGATIVE: Interval = (0.0, _INFINITY)
TRUTH: Interval = (0.0, 1.0)
_ARITHMETIC = ("+", "-", "*", "/")


class _Extent(NamedTuple):
    """Bounds of a number, and whether it is certainly a finite one."""

    low: float
    high: float
    sure: bool


def interval_of(node: Node, known: Mapping[str, Interval]) -> Interval | None:
    """The least and the most that a number can be; None where it may be undefined, or is not bounded by these names."""
    low, high, sure = _extent(node, known)
    return (low, high) if sure else None


def bounds_of(node: Node, known: Mapping[str, Interval]) -> Interval:
    """The same where it is defined at all; a name that is not known may be anything. A truth is 0 or 1."""
    low, high, _ = _extent(node, known)
    return low, high


def hull(*intervals: Interval) -> Interval:
    """The smallest interval that holds all of these."""
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def bounded_by(interval: Interval, least: Interval | None, most: Interval | None) -> Interval:
    """What lies in an interval, made no lower and no higher than ends which lie in theirs."""
    low, high = interval
    if least is not None:
        low, high = max(low, least[0]), max(high, least[1])
    return (low, high) if most is None else (min(low, most[0]), min(high, most[1]))


def _extent(node: Node, known: Mapping[str, Interval]) -> _Extent:
    if isinstance(node, Number):
        return _Extent(node.value, node.value, True)
    if isinstance(node, Name):
        return _Extent(*known.get(node.name, ANYTHING), node.name in known)
    if isinstance(node, Negation):
        if node.op == "not":
            return _Extent(*TRUTH, False)
        low, high, sure = _extent(node.operand, known)
        return _finite(-high, -low, sure)
    if isinstance(node, Call):
        return _called(node, known)
    if node.op not in _ARITHMETIC:
        return _Extent(*TRUTH, False)
    left, right = _extent(node.left, known), _extent(node.right, known)
    sure = left.sure and right.sure
    if node.op == "+":
        return _sum(left, right.low, right.high, sure)
    if node.op == "-":
        return _sum(left, -right.high, -right.low, sure)
    return _product(left, right, sure) if node.op == "*" else _quotient(left, right, sure)


def _finite(low: float, high: float, sure: bool) -> _Extent:
    """These bounds; what is certain must be finite."""
    return _Extent(low, high, sure and abs(low) < _INFINITY and abs(high) < _INFINITY)


def _sum(a: _Extent, low: float, high: float, sure: bool) -> _Extent:
    low, high = a.low + low, a.high + high
    # Infinities of both signs leave everything open.
    return _finite(-_INFINITY if low != low else low, _INFINITY if high != high else high, sure)


def _product(a: _Extent, b: _Extent, sure: bool) -> _Extent:
    ends = [0.0 if x == 0.0 or y == 0.0 else x * y for x, y in product(a[:2], b[:2])]
    bounded = all(abs(end) < _INFINITY for end in (*a[:2], *b[:2]))
    return _finite(min(ends), max(ends), sure and bounded)


def _quotient(a: _Extent, b: _Extent, sure: bool) -> _Extent:
    if b.low < 0.0 < b.high:
        return _Extent(*ANYTHING, False)
    if b.low == 0.0 or b.high == 0.0:
        inverse = (-_INFINITY if b.high == 0.0 else 1.0 / b.high, _INFINITY if b.low == 0.0 else 1.0 / b.low)
        return _product(a, _Extent(*inverse, False), False)
    ends = [x / y for x, y in product(a[:2], b[:2])]
    ends = [0.0 if end != end else end for end in ends]  # infinity over infinity is bounded by the other ends
    return _finite(min(ends), max(ends), sure and all(abs(x) < _INFINITY for x in a[:2]))


def _called(node: Call, known: Mapping[str, Interval]) -> _Extent:
    # The rule of an 'if' may be true or false.
    of = [_extent(part, known) for part in (node.arguments[1:] if node.function == "if" else node.arguments)]
    sure = all(part.sure for part in of)
    (low, high, _), name = of[0], node.function
    if name == "if":
        return _Extent(*hull(*(part[:2] for part in of)), sure)
    if name in ("min", "max"):
        choose = min if name == "min" else max
        return _Extent(choose(part.low for part in of), choose(part.high for part in of), sure)
    if name == "abs":
        nearest = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
        return _Extent(nearest, max(abs(low), abs(high)), sure)
    if name == "round":
        return _rounded(of, sure)
    return _rising(name, low, high, sure)


def _rounded(of: list[_Extent], sure: bool) -> _Extent:
    low, high, _ = of[0]
    step = of[1][:2] if len(of) > 1 else (1.0, 1.0)
    value = FUNCTIONS["round"].value
    if step[0] == step[1] > 0.0 and abs(low) < _INFINITY and abs(high) < _INFINITY:
        return _finite(value(low, step[0]), value(high, step[0]), sure)
    return _Extent(low - step[1] / 2.0, high + step[1] / 2.0, False)


def _rising(name: str, low: float, high: float, sure: bool) -> _Extent:
    """Of a function that rises: between its values at the ends, and open where it has none."""
    value = FUNCTIONS[name].value
    if name == "exp":
        return _finite(value(low), value(high), sure)
    if name == "sqrt":
        return _finite(value(max(0.0, low)), value(max(0.0, high)), sure and low >= 0.0)
    if name == "probit":
        inside = low > 0.0 and high < 1.0
        return _finite(value(low), value(high), sure) if inside else _Extent(*ANYTHING, False)
    ends = [-_INFINITY if end <= 0.0 else value(end) for end in (low, high)]
    return _finite(ends[0], ends[1], sure)
