"""What a formula can come to at all, from what its names can be: to refuse a rate that can be negative."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocolsim.arithmetic import exp, log, sqrt
from protocolsim.protocol.functions import LOG10_E
from protocolsim.protocol.rules import Call, Name, Negation, Node, Number

Interval = tuple[float, float]
_INF = float("inf")
ANYTHING: Interval = (-_INF, _INF)
NOT_NEGATIVE: Interval = (0.0, _INF)
TRUTH: Interval = (0.0, 1.0)


def hull(*intervals: Interval) -> Interval:
    """The smallest interval that holds all of these."""
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def bounded_by(interval: Interval, least: Interval | None, most: Interval | None) -> Interval:
    """What lies in an interval, made no lower and no higher than ends which lie in theirs."""
    low, high = interval
    if least is not None:
        low, high = max(low, least[0]), max(high, least[1])
    return (low, high) if most is None else (min(low, most[0]), min(high, most[1]))


def interval_of(node: Node, known: Mapping[str, Interval]) -> Interval:
    """Bounds of an expression over names with known bounds. They may be wider than what is possible."""
    if isinstance(node, Number):
        return node.value, node.value
    if isinstance(node, Name):
        return known.get(node.name, ANYTHING)
    if isinstance(node, Negation):
        low, high = interval_of(node.operand, known)
        return TRUTH if node.op == "not" else (-high, -low)
    if isinstance(node, Call):
        return _call(node, known)
    if node.op not in _ARITHMETIC:
        return TRUTH
    return _ARITHMETIC[node.op](interval_of(node.left, known), interval_of(node.right, known))


def _sum(a: Interval, b: Interval) -> Interval:
    return _sound(a[0] + b[0], -_INF), _sound(a[1] + b[1], _INF)


def _difference(a: Interval, b: Interval) -> Interval:
    return _sum(a, (-b[1], -b[0]))


def _product(a: Interval, b: Interval) -> Interval:
    ends = [0.0 if x == 0.0 or y == 0.0 else x * y for x in a for y in b]
    return min(ends), max(ends)


def _quotient(a: Interval, b: Interval) -> Interval:
    if b[0] < 0.0 < b[1]:
        return ANYTHING
    return _product(a, (_inverse(b[1], -_INF), _inverse(b[0], _INF)))


def _inverse(x: float, at_zero: float) -> float:
    return at_zero if x == 0.0 else 1.0 / x


_ARITHMETIC: Mapping[str, Callable[[Interval, Interval], Interval]] = {
    "+": _sum, "-": _difference, "*": _product, "/": _quotient,
}  # fmt: skip


def _sound(x: float, otherwise: float) -> float:
    return otherwise if x != x else x


def _call(node: Call, known: Mapping[str, Interval]) -> Interval:
    if node.function == "if":
        return hull(*(interval_of(part, known) for part in node.arguments[1:]))
    of = [interval_of(part, known) for part in node.arguments]
    low, high = of[0]
    if node.function in ("min", "max"):
        pick = min if node.function == "min" else max
        return pick(x for x, _ in of), pick(x for _, x in of)
    if node.function == "abs":
        return (0.0 if low <= 0.0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
    if node.function == "round":
        step = of[1][1] if len(of) > 1 else 1.0
        return low - step / 2.0, high + step / 2.0
    if node.function == "probit":
        return ANYTHING
    if node.function == "exp":
        return _exp(low), _exp(high)
    if node.function == "sqrt":
        return sqrt(max(0.0, low)), sqrt(max(0.0, high))
    scale = 1.0 if node.function == "log" else LOG10_E
    return _log(low) * scale, _log(high) * scale


def _exp(x: float) -> float:
    return _INF if x > 700.0 else exp(x)


def _log(x: float) -> float:
    return -_INF if x <= 0.0 else log(x)
