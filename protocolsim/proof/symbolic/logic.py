"""An interface to z3 with a budget, and rational terms (fractions).

Rules divide numbers. A quotient is kept as numerator over denominator, and a comparison of quotients is multiplied
out, so that most rules become linear and are decided quickly. What does not depend on the patient is computed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from time import monotonic
from typing import Any, Literal

import z3

from protocolsim.proof.base import Domain
from protocolsim.proof.symbolic.budget import MOST_DEGREE, Budget, TooHigh, in_thread
from protocolsim.protocol.rules import TOLERANCE

Verdict = Literal["yes", "no", "given up"]
Number = Any  # a Fraction, or an expression of z3 over the reals
Truth = Any  # a bool, or an expression of z3

_LATE = 1.0  # seconds after its own time limit at which z3 is interrupted
_TOLERANCE = Fraction(repr(TOLERANCE))


def exact(value: float) -> Fraction:
    """The number as it would be written."""
    return Fraction(repr(float(value)))


@dataclass(frozen=True)
class Term:
    """numerator / denominator, where it is defined; `degree`: of both, as polynomials in what differs by patient."""

    numerator: Number
    denominator: Number
    defined: Truth
    degree: tuple[int, int] = (1, 0)


UNDEFINED = Term(Fraction(0), Fraction(1), False, (0, 0))


@dataclass(frozen=True)
class SolverAnswer:
    """A solver's answer: satisfiable with a model, unsatisfiable, or unknown within the budget."""

    verdict: Verdict
    model: Any = None
    budget: str = ""


class Logic:
    """Symbols, connectives that fold constants, and questions within a budget."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.context = z3.Context()
        self.budget = Budget() if budget is None else budget
        self.lost = False  # z3 did not end by itself: nothing more can be asked here
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
        compare = {"<": lambda: left < right, "<=": lambda: left <= right, ">": lambda: left > right,
                 ">=": lambda: left >= right, "==": lambda: left == right}[op]()  # fmt: skip
        return bool(compare) if is_known(a) and is_known(b) else compare

    # Terms ---------------------------------------------------------------------------------------------------------

    def add(self, a: Term, b: Term, sign: int = 1) -> Term:
        """a + b, or a - b."""
        second = times(Fraction(sign), b.numerator)
        top = plus(times(a.numerator, b.denominator), times(second, a.denominator))
        (up, down), (other_up, other_down) = a.degree, b.degree
        degree = max(up + other_down, other_up + down), down + other_down
        return Term(top, times(a.denominator, b.denominator), self.both(a.defined, b.defined), degree)

    def multiply(self, a: Term, b: Term) -> Term:
        """The product."""
        degree = a.degree[0] + b.degree[0], a.degree[1] + b.degree[1]
        return Term(times(a.numerator, b.numerator), times(a.denominator, b.denominator),
                    self.both(a.defined, b.defined), degree)  # fmt: skip

    def divide(self, a: Term, b: Term) -> Term:
        """a / b, undefined where b is zero. Raises TooHigh."""
        degree = _low(a.degree[0] + b.degree[1], a.degree[1] + b.degree[0])
        there = self.no(self.compare("==", b.numerator, Fraction(0)))
        return Term(times(a.numerator, b.denominator), times(a.denominator, b.numerator),
                    self.both(a.defined, b.defined, there), degree)  # fmt: skip

    def choose(self, condition: Truth, yes: Term, no: Term) -> Term:
        """One term or the other; undefined where the chosen one is."""
        if isinstance(condition, bool):
            return yes if condition else no
        defined = self.either(self.both(condition, yes.defined), self.both(self.no(condition), no.defined))
        numerator = self.if_then(condition, yes.numerator, no.numerator)
        denominator = self.if_then(condition, yes.denominator, no.denominator)
        degree = max(yes.degree[0], no.degree[0]), max(yes.degree[1], no.degree[1])
        return Term(numerator, denominator, defined, degree)

    def holds(self, op: str, a: Term, b: Term) -> Truth:
        """A comparison as the rules make it: false where a side is undefined, equal within the tolerance.

        Raises TooHigh where it multiplies too often to be decided.
        """
        difference = self.add(a, b, -1)
        _low(*difference.degree)
        top, bottom, tolerance = difference.numerator, difference.denominator, _TOLERANCE

        def beyond(sign: int, strictly: bool, bound: Fraction) -> Truth:
            """sign x difference > bound (or >=), multiplied out by the denominator, whichever sign that has."""
            left, right = times(Fraction(sign), top), times(bound, bottom)
            up, down = (">", "<") if strictly else (">=", "<=")
            return self.either(
                self.both(self.compare(">", bottom, Fraction(0)), self.compare(up, left, right)),
                self.both(self.compare("<", bottom, Fraction(0)), self.compare(down, left, right)),
            )

        holds = {
            ">": lambda: beyond(1, True, tolerance),
            ">=": lambda: beyond(1, False, -tolerance),
            "<": lambda: beyond(-1, True, tolerance),
            "<=": lambda: beyond(-1, False, -tolerance),
            "==": lambda: self.both(beyond(1, False, -tolerance), beyond(-1, False, -tolerance)),
            "!=": lambda: self.either(beyond(1, True, tolerance), beyond(-1, True, tolerance)),
        }[op]()
        return self.both(difference.defined, holds)

    # Questions -----------------------------------------------------------------------------------------------------

    def solver(self, facts: Sequence[Truth]) -> Solver:
        """A solver with these facts asserted."""
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


def _low(top: int, bottom: int) -> tuple[int, int]:
    if max(top, bottom) > MOST_DEGREE:
        raise TooHigh
    return top, bottom


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
        self._solver.set("ctrl_c", False)  # z3 would take the signal for itself, and answer that it does not know
        self._solver.add(*(logic.z3_truth(f) for f in facts))
        self._left = 0.0  # seconds for the present question

    def ask(self, *claims: Truth, best: Sequence[Sequence[Truth]] = ()) -> SolverAnswer:
        """Whether the claims can hold; `best`: if so, for each list in turn with the first of it that can hold too."""
        if any(c is False for c in claims):
            return SolverAnswer("no")
        self._left = self.logic.budget.seconds_left
        if self.logic.lost:
            return SolverAnswer("given up", budget=self.logic.budget.why(in_time=False))
        self._solver.push()
        self._solver.add(*(self.logic.z3_truth(c) for c in claims))
        result = self._check()
        for choices in best if result.verdict == "yes" else ():
            result = self._with_the_first(choices) or result
        if not self.logic.lost:
            self._solver.pop()
        return result

    def _with_the_first(self, choices: Sequence[Truth]) -> SolverAnswer | None:
        for choice in choices:
            self._solver.push()
            self._solver.add(self.logic.z3_truth(choice))
            first = self._check()
            if self.logic.lost:
                return None
            self._solver.pop()
            if first.verdict == "yes":
                self._solver.add(self.logic.z3_truth(choice))
                return first
        return None

    def _check(self) -> SolverAnswer:
        budget = self.logic.budget
        if budget.steps_left <= 0 or self._left <= 0.0 or self.logic.lost:
            return SolverAnswer("given up", budget=budget.why(in_time=budget.steps_left <= 0))
        self._solver.set("rlimit", budget.steps_left)
        self._solver.set("timeout", max(1, round(1000.0 * self._left)))
        before, began = self._steps(), monotonic()
        verdict: list[z3.CheckSatResult] = []
        # Lost, unless z3 comes back by itself: what was interrupted stays so.
        self.logic.lost = True
        interrupt = self.logic.context.interrupt
        took = in_thread(lambda: verdict.append(self._solver.check()), interrupt, self._left + _LATE)
        waited = monotonic() - began
        self.logic.lost = took is None
        self._left -= waited
        budget.seconds += waited if took is None or verdict[0] == z3.unknown else took
        if self.logic.lost:
            return SolverAnswer("given up", budget=budget.why(in_time=False))
        budget.steps += max(0, self._steps() - before)
        if verdict[0] == z3.sat:
            return SolverAnswer("yes", self._solver.model())
        in_time = self._left > 0.0
        return (
            SolverAnswer("no")
            if verdict[0] == z3.unsat
            else SolverAnswer("given up", budget=budget.why(in_time=in_time))
        )

    def _steps(self) -> int:
        statistics = self._solver.statistics()
        return int(statistics.get_key_value("rlimit count")) if "rlimit count" in statistics.keys() else 0  # noqa: SIM118
