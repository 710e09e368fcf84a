"""z3 with a budget, and terms that are fractions.

Rules divide numbers. A quotient is kept as numerator over denominator, and a comparison of quotients is multiplied
out, so that most rules become linear and are decided quickly. What does not depend on the patient is computed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import z3

from protocolsim.proof.base import Domain
from protocolsim.protocol.rules import TOLERANCE

Verdict = Literal["yes", "no", "given up"]
Number = Any  # a Fraction, or an expression of z3 over the reals
Truth = Any  # a bool, or an expression of z3

STEPS = 3_000_000
"""What one question may cost, in z3's own count of steps: the same on every machine, unlike seconds."""
STEPS_IN_ALL = 60_000_000
_TOLERANCE = Fraction(repr(TOLERANCE))


def exact(value: float) -> Fraction:
    """The number as it would be written."""
    return Fraction(repr(float(value)))


@dataclass(frozen=True)
class Term:
    """numerator / denominator, where it is defined."""

    numerator: Number
    denominator: Number
    defined: Truth


UNDEFINED = Term(Fraction(0), Fraction(1), False)


@dataclass(frozen=True)
class Answer:
    """Whether something can be so; and if it can, for which numbers."""

    verdict: Verdict
    model: Any = None


class Logic:
    """Symbols, connectives that fold constants, and questions within a budget. One for each check."""

    def __init__(self) -> None:
        self.context = z3.Context()
        self.spent = 0
        self._fresh = 0
        self._numerals: dict[Fraction, Any] = {}

    # Symbols -------------------------------------------------------------------------------------------------------

    def number(self, name: str, domain: Domain, facts: list[Truth]) -> Number:
        """A number of this domain; what is known of it goes to the facts."""
        self._fresh += 1
        label = f"{name}~{self._fresh}"
        symbol = z3.ToReal(z3.Int(label, self.context)) if domain.whole else z3.Real(label, self.context)
        if domain.least > -float("inf"):
            facts.append(symbol >= self.z3_number(exact(domain.least)))
        if domain.most < float("inf"):
            facts.append(symbol <= self.z3_number(exact(domain.most)))
        return symbol

    def truth(self, name: str) -> Truth:
        """Something that may or may not be."""
        self._fresh += 1
        return z3.Bool(f"{name}~{self._fresh}", self.context)

    def z3_number(self, value: Number) -> Any:
        """A number as z3's."""
        if not is_known(value):
            return value
        if value not in self._numerals:
            self._numerals[value] = z3.RealVal(f"{value.numerator}/{value.denominator}", self.context)
        return self._numerals[value]

    def z3_truth(self, value: Truth) -> Any:
        """A truth as z3's."""
        return z3.BoolVal(value, self.context) if isinstance(value, bool) else value

    # Connectives ---------------------------------------------------------------------------------------------------

    def both(self, *parts: Truth) -> Truth:
        """All of these hold."""
        if any(p is False for p in parts):
            return False
        rest = [p for p in parts if p is not True]
        return z3.And(*rest) if len(rest) > 1 else rest[0] if rest else True

    def either(self, *parts: Truth) -> Truth:
        """At least one of these holds."""
        if any(p is True for p in parts):
            return True
        rest = [p for p in parts if p is not False]
        return z3.Or(*rest) if len(rest) > 1 else rest[0] if rest else False

    @staticmethod
    def no(part: Truth) -> Truth:
        """It does not hold."""
        return (not part) if isinstance(part, bool) else z3.Not(part)

    def if_then(self, condition: Truth, yes: Number, no: Number) -> Number:
        """One number or the other."""
        if isinstance(condition, bool):
            return yes if condition else no
        return z3.If(condition, self.z3_number(yes), self.z3_number(no))

    def compare(self, op: str, a: Number, b: Number) -> Truth:
        """An exact comparison of two numbers."""
        left, right = (a, b) if is_known(a) and is_known(b) else (self.z3_number(a), self.z3_number(b))
        found = {"<": lambda: left < right, "<=": lambda: left <= right, ">": lambda: left > right,
                 ">=": lambda: left >= right, "==": lambda: left == right}[op]()  # fmt: skip
        return bool(found) if is_known(a) and is_known(b) else found

    # Terms ---------------------------------------------------------------------------------------------------------

    def add(self, a: Term, b: Term, sign: int = 1) -> Term:
        """a + b, or a - b."""
        second = times(Fraction(sign), b.numerator)
        top = plus(times(a.numerator, b.denominator), times(second, a.denominator))
        return Term(top, times(a.denominator, b.denominator), self.both(a.defined, b.defined))

    def multiply(self, a: Term, b: Term) -> Term:
        """The product."""
        return Term(times(a.numerator, b.numerator), times(a.denominator, b.denominator),
                    self.both(a.defined, b.defined))  # fmt: skip

    def divide(self, a: Term, b: Term) -> Term:
        """a / b, undefined where b is zero."""
        there = self.no(self.compare("==", b.numerator, Fraction(0)))
        return Term(times(a.numerator, b.denominator), times(a.denominator, b.numerator),
                    self.both(a.defined, b.defined, there))  # fmt: skip

    def holds(self, op: str, a: Term, b: Term) -> Truth:
        """A comparison as the rules make it: false where a side is undefined, equal within the tolerance."""
        difference = self.add(a, b, -1)
        top, bottom, tolerance = difference.numerator, difference.denominator, _TOLERANCE

        def beyond(sign: int, strictly: bool, bound: Fraction) -> Truth:
            """sign x difference > bound (or >=), multiplied out by the denominator, whichever sign that has."""
            left, right = times(Fraction(sign), top), times(bound, bottom)
            up, down = (">", "<") if strictly else (">=", "<=")
            return self.either(
                self.both(self.compare(">", bottom, Fraction(0)), self.compare(up, left, right)),
                self.both(self.compare("<", bottom, Fraction(0)), self.compare(down, left, right)),
            )

        found = {
            ">": lambda: beyond(1, True, tolerance),
            ">=": lambda: beyond(1, False, -tolerance),
            "<": lambda: beyond(-1, True, tolerance),
            "<=": lambda: beyond(-1, False, -tolerance),
            "==": lambda: self.both(beyond(1, False, -tolerance), beyond(-1, False, -tolerance)),
            "!=": lambda: self.either(beyond(1, True, tolerance), beyond(-1, True, tolerance)),
        }[op]()
        return self.both(difference.defined, found)

    # Questions -----------------------------------------------------------------------------------------------------

    def solver(self, facts: Sequence[Truth]) -> Solver:
        """Someone to ask who knows these facts."""
        return Solver(self, facts)

    def shown(self, model: Any, number: Number) -> Fraction:
        """A number in a counterexample."""
        if is_known(number):
            return Fraction(number)
        value = model.evaluate(number, model_completion=True)
        if z3.is_algebraic_value(value):
            value = value.approx(20)
        return Fraction(value.numerator_as_long(), value.denominator_as_long()) if _is_rational(value) else Fraction(0)

    def is_so(self, model: Any, truth: Truth) -> bool:
        """Whether something holds in a counterexample."""
        return truth if isinstance(truth, bool) else z3.is_true(model.evaluate(truth, model_completion=True))


def _is_rational(value: Any) -> bool:
    return bool(z3.is_rational_value(value) or z3.is_int_value(value))


def is_known(number: Number) -> bool:
    """Whether it is the same for every patient."""
    return isinstance(number, Fraction)


def plus(a: Number, b: Number) -> Number:
    """a + b, folded."""
    if is_known(a) and is_known(b):
        return a + b
    if is_known(a) and a == 0:
        return b
    return a if is_known(b) and b == 0 else _lifted(a, b) + _lifted(b, a)


def times(a: Number, b: Number) -> Number:
    """a x b, folded."""
    if is_known(a) and is_known(b):
        return a * b
    for one, other in ((a, b), (b, a)):
        if is_known(one) and one in (0, 1):
            return one if one == 0 else other
    return _lifted(a, b) * _lifted(b, a)


def _lifted(number: Number, beside: Number) -> Any:
    return z3.RealVal(f"{number.numerator}/{number.denominator}", beside.ctx) if is_known(number) else number


class Solver:
    """Answers questions about the same facts, within the budget of its logic."""

    def __init__(self, logic: Logic, facts: Sequence[Truth]) -> None:
        self.logic = logic
        self._solver = z3.Solver(ctx=logic.context)
        self._solver.add(*(logic.z3_truth(f) for f in facts))

    def ask(self, *claims: Truth, best: Sequence[Sequence[Truth]] = ()) -> Answer:
        """Whether the claims can hold; `best`: if so, for each list in turn with the first of it that can hold too."""
        if any(c is False for c in claims):
            return Answer("no")
        self._solver.push()
        self._solver.add(*(self.logic.z3_truth(c) for c in claims))
        found = self._check()
        for choices in best if found.verdict == "yes" else ():
            found = self._with_the_first(choices) or found
        self._solver.pop()
        return found

    def _with_the_first(self, choices: Sequence[Truth]) -> Answer | None:
        for choice in choices:
            self._solver.push()
            self._solver.add(self.logic.z3_truth(choice))
            found = self._check()
            self._solver.pop()
            if found.verdict == "yes":
                self._solver.add(self.logic.z3_truth(choice))
                return found
        return None

    def _check(self) -> Answer:
        left = min(STEPS, STEPS_IN_ALL - self.logic.spent)
        if left <= 0:
            return Answer("given up")
        self._solver.set("rlimit", left)
        before = self._steps()
        verdict = self._solver.check()
        self.logic.spent += max(0, self._steps() - before)
        if verdict == z3.sat:
            return Answer("yes", self._solver.model())
        return Answer("no") if verdict == z3.unsat else Answer("given up")

    def _steps(self) -> int:
        found = self._solver.statistics()
        return int(found.get_key_value("rlimit count")) if "rlimit count" in found.keys() else 0  # noqa: SIM118
