"""Decision rules: a small expression language, parsed and compiled once (`evaluation.py`), never `eval`ed.

    or  and  not  >  >=  <  <=  ==  !=  +  -  *  /  ( )  numbers with units  names  functions (`functions.py`)

A rule is compiled to a function of the values of its names, scalars or arrays: both engines call the same function.
NaN means undefined (no observation in the window, a division by zero), and a comparison with it is false. Values within
TOLERANCE of each other count as equal:
1 - 7/10 > 0.30 is true in floats and false here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from protocolsim.errors import RuleError, nearest, unknown
from protocolsim.protocol.functions import FUNCTIONS, Value
from protocolsim.units import NONE, NUMBER, Dimension, UnitError, combine, dimension_name, known_units, unit

GRAMMAR = """\
rule        = disjunction ;
disjunction = conjunction , { "or" , conjunction } ;
conjunction = negation , { "and" , negation } ;
negation    = { "not" } , comparison ;
comparison  = total , [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) , total ] ;
total       = product , { ( "+" | "-" ) , product } ;
product     = factor , { ( "*" | "/" ) , factor } ;
factor      = { "-" } , atom ;
atom        = quantity | name | call | "(" , disjunction , ")" ;
call        = function , "(" , disjunction , { "," , disjunction } , ")" ;
quantity    = number , [ unit ] , { "/" , unit } ;
"""
"""The syntax of a rule, in EBNF. The parser is written by hand for its messages; tests hold it to this."""

TOLERANCE = 1e-9
MAX_LENGTH = 1000
MAX_DEPTH = 40

Evaluator = Callable[[Sequence[Value]], Value]


@dataclass(frozen=True)
class Number:
    """A literal, with the dimension of its unit."""

    value: float
    dimension: Dimension


@dataclass(frozen=True)
class Name:
    """A parameter, a summary, or a trait the clinic knows."""

    name: str


@dataclass(frozen=True)
class Negation:
    """`-x` or `not x`."""

    op: str
    operand: Node


@dataclass(frozen=True)
class Operation:
    """A binary operator and its operands."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple[Node, ...]


Node = Number | Name | Negation | Operation | Call

_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{NUMBER})|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<op><=|>=|==|!=|[<>=+\-*/()%,]))"
)
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_WORDS = ("and", "or", "not")
RESERVED = frozenset(_WORDS) | frozenset(known_units()) | {"otherwise", "undefined"}


def parse(text: str | float) -> Node:
    """Parse an expression into a syntax tree. Raises RuleError with the token found and what was expected."""
    if isinstance(text, bool):
        raise RuleError(f"expected an expression, found {str(text).lower()}")
    if isinstance(text, (int, float)):
        return Number(_finite(float(text), text), NONE)
    if len(text) > MAX_LENGTH:
        raise RuleError(f"an expression of {len(text)} characters; at most {MAX_LENGTH} are read")
    return _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Node:
    # A report asks the same expressions again and again what they read.
    return _Parser(text).whole()


def _finite(value: float, text: object) -> float:
    if not abs(value) < float("inf"):
        raise RuleError(f"'{text}' is not a finite number")
    return value


def _as_many_as_matter(signs: int) -> int:
    """Reduce a run of signs to one or two: pairs cancel, but the last pair is kept, as it fixes the operand's type."""
    return 2 - signs % 2 if signs else 0


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens(text)
        self.at = 0
        self.depth = 0

    def _tokens(self, text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise RuleError(f"cannot read '{text[position:].strip()[:20]}' in '{text}'")
            kind = str(match.lastgroup)
            tokens.append((kind, match[kind]))
            position = match.end()
        return tokens

    def whole(self) -> Node:
        node = self.disjunction()
        if self.at < len(self.tokens):
            raise RuleError(f"'{self.tokens[self.at][1]}' is not expected there in '{self.text}'")
        return node

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise RuleError(f"'{self.text}' ends too early" if self.text.strip() else "an empty expression")
        self.at += 1
        return self.tokens[self.at - 1]

    def disjunction(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise RuleError(f"an expression nested deeper than {MAX_DEPTH}")
        node = self.conjunction()
        while self.peek() == "or":
            self.take()
            node = Operation("or", node, self.conjunction())
        self.depth -= 1
        return node

    def conjunction(self) -> Node:
        node = self.negation()
        while self.peek() == "and":
            self.take()
            node = Operation("and", node, self.negation())
        return node

    def negation(self) -> Node:
        signs = 0
        while self.peek() == "not":
            self.take()
            signs += 1
        node = self.comparison()
        for _ in range(_as_many_as_matter(signs)):
            node = Negation("not", node)
        return node

    def comparison(self) -> Node:
        node = self.total()
        if self.peek() == "=":
            raise RuleError(f"'=' in '{self.text}'; equality is written '=='")
        if self.peek() in _COMPARISONS:
            op = self.take()[1]
            node = Operation(op, node, self.total())
            if self.peek() in _COMPARISONS:
                raise RuleError(f"two comparisons in a row in '{self.text}'; join them with 'and'")
        return node

    def total(self) -> Node:
        node = self.product()
        while self.peek() in ("+", "-"):
            op = self.take()[1]
            node = Operation(op, node, self.product())
        return node

    def product(self) -> Node:
        node = self.factor()
        while self.peek() in ("*", "/"):
            op = self.take()[1]
            node = Operation(op, node, self.factor())
        return node

    def factor(self) -> Node:
        minus = 0
        while self.peek() == "-":
            self.take()
            minus += 1
        node = self.atom()
        for _ in range(_as_many_as_matter(minus)):
            node = Negation("-", node)
        return node

    def atom(self) -> Node:
        kind, token = self.take()
        if kind == "number":
            return self.number(_finite(float(token), token))
        if kind == "word":
            if token in _WORDS:
                raise RuleError(f"'{token}' is not expected there in '{self.text}'")
            if token in known_units():
                raise RuleError(f"the unit '{token}' needs a number before it in '{self.text}', such as '1 {token}'")
            return self.call(token) if self.peek() == "(" else Name(token)
        if token == "(":
            node = self.disjunction()
            if self.take()[1] != ")":
                raise RuleError(f"a missing ')' in '{self.text}'")
            return node
        raise RuleError(f"'{token}' is not expected there in '{self.text}'")

    def call(self, name: str) -> Node:
        """A function and its arguments in brackets."""
        if name not in FUNCTIONS:
            close = nearest(name, FUNCTIONS)
            hint = f"did you mean '{close}'?" if close else f"known: {', '.join(FUNCTIONS)}"
            raise RuleError(f"unknown function '{name}' in '{self.text}'; {hint}")
        arguments: list[Node] = []
        while not arguments or self.peek() == ",":
            self.take()
            arguments.append(self.disjunction())
        if self.take()[1] != ")":
            raise RuleError(f"a missing ')' in '{self.text}'")
        return Call(name, tuple(arguments))

    def number(self, value: float) -> Node:
        """A literal and the unit behind it, which may be compound: 2 mg/kg, 5 %, 1/week."""
        dimension = NONE
        if self.peek() == "%" or (self._kind() == "word" and self.peek() not in _WORDS):
            value, dimension = self._unit(value, dimension, +1)
        while self.peek() == "/" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][1] in known_units():
            self.take()
            value, dimension = self._unit(value, dimension, -1)
        return Number(_finite(value, self.text), dimension)

    def _kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def _unit(self, value: float, dimension: Dimension, sign: int) -> tuple[float, Dimension]:
        try:
            of = unit(self.take()[1])
        except UnitError as error:
            raise RuleError(str(error)) from None
        return (value * of.value if sign > 0 else value / of.value), combine(dimension, of.dimension, sign)


def names_in(node: Node) -> tuple[str, ...]:
    """Every name an expression uses, in order of first use."""
    if isinstance(node, Name):
        return (node.name,)
    if isinstance(node, Negation):
        return names_in(node.operand)
    if isinstance(node, Operation):
        return tuple(dict.fromkeys(names_in(node.left) + names_in(node.right)))
    if isinstance(node, Call):
        return tuple(dict.fromkeys(name for part in node.arguments for name in names_in(part)))
    return ()


def dimension_of(node: Node, known: Mapping[str, Dimension]) -> Dimension | None:
    """The dimension of an expression; None for one that is true or false.

    Raises RuleError for an unknown name, units that do not fit, or a truth used as a number.
    """
    if isinstance(node, Number):
        return node.dimension
    if isinstance(node, Name):
        if node.name not in known:
            raise RuleError(unknown("name", node.name, known))
        return known[node.name]
    if isinstance(node, Negation):
        dimension = dimension_of(node.operand, known)
        if (node.op == "not") != (dimension is None):
            raise RuleError(f"'{node.op}' stands before {_kind_name(dimension)}")
        return dimension
    if isinstance(node, Call):
        return FUNCTIONS[node.function].result([dimension_of(part, known) for part in node.arguments])
    left, right = dimension_of(node.left, known), dimension_of(node.right, known)
    if node.op in ("and", "or"):
        if left is not None or right is not None:
            wrong = left if left is not None else right
            raise RuleError(f"'{node.op}' joins comparisons; found {_kind_name(wrong)}")
        return None
    if left is None or right is None:
        raise RuleError(f"'{node.op}' needs numbers; found a comparison (brackets may be missing)")
    if node.op in ("*", "/"):
        return combine(left, right, 1 if node.op == "*" else -1)
    if left != right:
        raise RuleError(f"units do not fit: '{node.op}' between {dimension_name(left)} and {dimension_name(right)}")
    return left if node.op in ("+", "-") else None


def _kind_name(dimension: Dimension | None) -> str:
    return "a comparison" if dimension is None else dimension_name(dimension)
