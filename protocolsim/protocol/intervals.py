"""What an expression can come to, where each of its names lies in a known interval: interval arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from protocolsim.protocol.functions import FUNCTIONS
from protocolsim.protocol.rules import Call, Name, Negation, Node, Number

Interval = tuple[float, float]
_RISING = ("exp", "log", "log10", "probit", "sqrt")
_INFINITY = float("inf")


def interval_of(node: Node, known: Mapping[str, Interval]) -> Interval | None:
    """The least and the most that a number can be; None where it may be undefined, or is not bounded by these names."""
    if isinstance(node, Number):
        return node.value, node.value
    if isinstance(node, Name):
        return known.get(node.name)
    if isinstance(node, Negation):
        inner = interval_of(node.operand, known)
        return None if inner is None else _defined([-inner[1], -inner[0]])
    if isinstance(node, Call):
        return _called(node, known)
    left, right = interval_of(node.left, known), interval_of(node.right, known)
    if left is None or right is None:
        return None
    if node.op == "+":
        return _defined([left[0] + right[0], left[1] + right[1]])
    if node.op == "-":
        return _defined([left[0] - right[1], left[1] - right[0]])
    if node.op == "*":
        return _defined([a * b for a, b in product(left, right)])
    if node.op == "/" and not right[0] <= 0.0 <= right[1]:
        return _defined([a / b for a, b in product(left, right)])
    return None


def _called(node: Call, known: Mapping[str, Interval]) -> Interval | None:
    # The rule of an 'if' may be true or false.
    numbers = node.arguments[1:] if node.function == "if" else node.arguments
    found = [interval_of(a, known) for a in numbers]
    inside = [f for f in found if f is not None]
    if len(inside) < len(found):
        return None
    lows, highs = [low for low, _ in inside], [high for _, high in inside]
    if node.function == "if":
        return min(lows), max(highs)
    if node.function in ("min", "max"):
        choose = min if node.function == "min" else max
        return choose(lows), choose(highs)
    value = FUNCTIONS[node.function].value
    if node.function in _RISING:
        return _defined([value(lows[0]), value(highs[0])])
    if node.function == "abs":
        crosses = lows[0] <= 0.0 <= highs[0]
        return (0.0 if crosses else min(abs(lows[0]), abs(highs[0]))), max(abs(lows[0]), abs(highs[0]))
    if node.function == "round" and (len(inside) == 1 or lows[1] == highs[1]):
        to = lows[1:2]
        return _defined([value(lows[0], *to), value(highs[0], *to)])
    return None


def _defined(ends: Sequence[float]) -> Interval | None:
    """From the least to the most of these; None where one is undefined or infinite."""
    return (min(ends), max(ends)) if all(abs(end) < _INFINITY for end in ends) else None
