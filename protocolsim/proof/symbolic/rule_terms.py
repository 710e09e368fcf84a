"""Translation of decision rules to logic: a rule's syntax tree becomes a formula or term over its names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import reduce

from protocolsim.proof.symbolic.budget import TooHigh
from protocolsim.proof.symbolic.logic import UNDEFINED, Logic, Term, Truth, exact, is_known
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import Call, Name, Negation, Node, Number, Operation

Meaning = Callable[[str], Term]


def term_of(logic: Logic, node: Node, meaning: Meaning) -> Term:
    """An expression that is a number."""
    if isinstance(node, Number):
        return Term(exact(node.value), Fraction(1), True, (0, 0))
    if isinstance(node, Name):
        return meaning(node.name)
    if isinstance(node, Negation):
        return logic.multiply(Term(Fraction(-1), Fraction(1), True, (0, 0)), term_of(logic, node.operand, meaning))
    if isinstance(node, Call):
        return _call(logic, node, meaning)
    left, right = term_of(logic, node.left, meaning), term_of(logic, node.right, meaning)
    if node.op in ("+", "-"):
        return logic.add(left, right, 1 if node.op == "+" else -1)
    return logic.multiply(left, right) if node.op == "*" else logic.divide(left, right)


def _call(logic: Logic, node: Call, meaning: Meaning) -> Term:
    """A function of numbers: exact where comparisons say it, or where it is the same for every patient."""
    if node.function == "if":
        condition = truth_of(logic, node.arguments[0], meaning)
        return logic.choose(condition, *(term_of(logic, part, meaning) for part in node.arguments[1:]))
    terms = [term_of(logic, part, meaning) for part in node.arguments]
    if all(is_known(t.numerator) and is_known(t.denominator) and t.defined is True for t in terms):
        return _known_call(node.function, [t.numerator / t.denominator for t in terms])
    if node.function in ("min", "max"):
        op = "<=" if node.function == "min" else ">="
        return reduce(lambda a, b: _first_if(logic, op, a, b), terms)
    if node.function == "abs":
        minus = logic.multiply(Term(Fraction(-1), Fraction(1), True, (0, 0)), terms[0])
        return _first_if(logic, ">=", terms[0], minus)
    raise TooHigh(f"'{node.function}' of what differs between patients")


def _known_call(function: str, values: list[Fraction]) -> Term:
    call = Call(function, tuple(Name(str(k)) for k in range(len(values))))
    value = float(compiled(call, {}, {str(k): k for k in range(len(values))})([float(v) for v in values]))
    return Term(exact(value), Fraction(1), True, (0, 0)) if abs(value) < float("inf") else UNDEFINED


def _first_if(logic: Logic, op: str, a: Term, b: Term) -> Term:
    """`a` where it compares so with `b`, else `b`; undefined where either is."""
    chosen = logic.choose(logic.holds(op, a, b), a, b)
    return replace(chosen, defined=logic.both(a.defined, b.defined))


def truth_of(logic: Logic, node: Node, meaning: Meaning) -> Truth:
    """An expression that is true or false."""
    if isinstance(node, Negation):
        return logic.no(truth_of(logic, node.operand, meaning))
    assert isinstance(node, Operation)
    if node.op in ("and", "or"):
        join = logic.both if node.op == "and" else logic.either
        return join(truth_of(logic, node.left, meaning), truth_of(logic, node.right, meaning))
    return logic.holds(node.op, term_of(logic, node.left, meaning), term_of(logic, node.right, meaning))
