"""The evaluation of expressions: a syntax tree becomes a function of values, the same for one subject and for many."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from protocolsim.protocol.functions import FUNCTIONS, Value
from protocolsim.protocol.rules import TOLERANCE, Call, Evaluator, Name, Negation, Node, Number


def _divide(a: Value, b: Value) -> Value:
    """a / b, undefined where b is zero."""
    if isinstance(b, float) and isinstance(a, float):
        return a / b if b != 0.0 else float("nan")
    a, b = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    return np.divide(a, b, out=np.full(a.shape, np.nan), where=b != 0.0)


_OPERATIONS: dict[str, Callable[[Value, Value], Value]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "and": operator.and_,
    "or": operator.or_,
    ">": lambda a, b: a - b > TOLERANCE,
    ">=": lambda a, b: a - b >= -TOLERANCE,
    "<": lambda a, b: b - a > TOLERANCE,
    "<=": lambda a, b: b - a >= -TOLERANCE,
    "==": lambda a, b: abs(a - b) <= TOLERANCE,
    "!=": lambda a, b: abs(a - b) > TOLERANCE,
}


def compiled(node: Node, constants: Mapping[str, float], slots: Mapping[str, int]) -> Evaluator:
    """Compile an expression to a picklable function of a sequence of values; `constants` are bound now."""
    if isinstance(node, Number):
        return partial(constantly, node.value)
    if isinstance(node, Name):
        if node.name in slots:
            return operator.itemgetter(slots[node.name])
        return partial(constantly, float(constants[node.name]))
    if isinstance(node, Negation):
        operand = compiled(node.operand, constants, slots)
        return partial(_contrary if node.op == "not" else _negative, operand)
    if isinstance(node, Call):
        return partial(_called, node.function, tuple(compiled(part, constants, slots) for part in node.arguments))
    left, right = compiled(node.left, constants, slots), compiled(node.right, constants, slots)
    return partial(_joined, node.op, left, right)


def constantly(value: Value, _: Sequence[Value]) -> Value:
    """A constant function of the values."""
    return value


def _contrary(operand: Evaluator, values: Sequence[Value]) -> Value:
    return operand(values) ^ True


def _negative(operand: Evaluator, values: Sequence[Value]) -> Value:
    return -operand(values)


def _joined(op: str, left: Evaluator, right: Evaluator, values: Sequence[Value]) -> Value:
    return _OPERATIONS[op](left(values), right(values))


def _called(function: str, arguments: Sequence[Evaluator], values: Sequence[Value]) -> Value:
    return FUNCTIONS[function].value(*(argument(values) for argument in arguments))


def constant_value(node: Node, constants: Mapping[str, float]) -> float:
    """Evaluate an expression over constants; NaN if it is undefined."""
    return float(compiled(node, constants, {})(()))
