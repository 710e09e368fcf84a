"""Translation of decision rules to logic: a rule's syntax tree becomes a formula or term over its names."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from protocolsim.proof.symbolic.logic import Logic, Term, Truth, exact
from protocolsim.protocol.rules import Name, Negation, Node, Number, Operation

Meaning = Callable[[str], Term]


def term_of(logic: Logic, node: Node, meaning: Meaning) -> Term:
    """An expression that is a number."""
    if isinstance(node, Number):
        return Term(exact(node.value), Fraction(1), True, (0, 0))
    if isinstance(node, Name):
        return meaning(node.name)
    if isinstance(node, Negation):
        return logic.multiply(Term(Fraction(-1), Fraction(1), True, (0, 0)), term_of(logic, node.operand, meaning))
    left, right = term_of(logic, node.left, meaning), term_of(logic, node.right, meaning)
    if node.op in ("+", "-"):
        return logic.add(left, right, 1 if node.op == "+" else -1)
    return logic.multiply(left, right) if node.op == "*" else logic.divide(left, right)


def truth_of(logic: Logic, node: Node, meaning: Meaning) -> Truth:
    """An expression that is true or false."""
    if isinstance(node, Negation):
        return logic.no(truth_of(logic, node.operand, meaning))
    assert isinstance(node, Operation)
    if node.op in ("and", "or"):
        join = logic.both if node.op == "and" else logic.either
        return join(truth_of(logic, node.left, meaning), truth_of(logic, node.right, meaning))
    return logic.holds(node.op, term_of(logic, node.left, meaning), term_of(logic, node.right, meaning))
