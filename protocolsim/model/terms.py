"""What programs are made of: terms, each an operation on other terms, down to fields, signals, draws and numbers.

A term is a value: two that say the same are equal, and a program computes them once. What depends on parameters alone
is the same for every subject: it is computed once for each set of their values (`is_constant`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as field_
from functools import reduce
from hashlib import blake2b

from protocolsim.model import instructions as code
from protocolsim.protocol.functions import LOG10_E
from protocolsim.protocol.rules import Call, Name, Negation, Node, Number, Operation

NUMBER, PARAMETER = -1, -2
"""Codes of the leaves that are no instruction: a number, and a parameter's number among the parameters."""


_OF_NUMBERS = frozenset(range(code.ADD, code.AUTOREGRESSIVE))
_CHANGING = frozenset(
    {code.SIGNAL, code.SINCE, code.UNTIL, code.ELAPSED, code.GIVEN, code.AUTOREGRESSIVE, code.ARRIVALS, code.STEPS}
)


@dataclass(frozen=True, eq=False)
class ColumnTerm:
    """An operation (a code of `instructions.py`, or a leaf) on the terms `of`, with the plain numbers `data`.

    `is_constant`: it is the same for every subject. `changes`: it may change with time, as it reads a field that does,
    a signal, the time, or a random path. What a term is made of may be shared by many: it is compared by a digest, and
    all of this is found out when it is made, so that no depth and no number of uses makes it slow.
    """

    code: int
    of: tuple[ColumnTerm, ...] = ()
    data: tuple[float, ...] = ()
    is_constant: bool = field_(init=False, repr=False)
    changes: bool = field_(init=False, repr=False)
    digest: bytes = field_(init=False, repr=False)

    def __post_init__(self) -> None:
        own = self.code in (NUMBER, PARAMETER) or (self.code in _OF_NUMBERS and bool(self.of))
        said = f"{type(self).__name__} {self.code} {self.data}".encode()
        digest = blake2b(said + b"".join(part.digest for part in self.of), digest_size=16).digest()
        object.__setattr__(self, "is_constant", own and all(part.is_constant for part in self.of))
        object.__setattr__(self, "changes", self.code in _CHANGING or any(part.changes for part in self.of))
        object.__setattr__(self, "digest", digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ColumnTerm) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True, eq=False)
class ChangingField(ColumnTerm):
    """A field of the body whose content changes after entry."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "changes", True)


def parts_of(term: ColumnTerm) -> Iterator[ColumnTerm]:
    """The term and all that it is made of, each once."""
    seen, open_ = {term}, [term]
    while open_:
        top = open_.pop()
        yield top
        fresh = set(top.of) - seen
        seen |= fresh
        open_ += fresh


def number(value: float) -> ColumnTerm:
    """A number."""
    return ColumnTerm(NUMBER, (), (float(value),))


def apply(what: int, *of: ColumnTerm, data: tuple[float, ...] = ()) -> ColumnTerm:
    """An operation on terms."""
    return ColumnTerm(what, of, data)


def field(place: int, *, changes: bool = False) -> ColumnTerm:
    """A field of the component's own."""
    return (ChangingField if changes else ColumnTerm)(code.LOAD, (), (float(place),))


def uniform(stream: int, index: int = 0) -> ColumnTerm:
    """A uniform draw at a fixed index."""
    return ColumnTerm(code.UNIFORM, (), (float(stream), float(index)))


def uniform_of_use(stream: int) -> ColumnTerm:
    """A uniform draw at the number of the use."""
    return ColumnTerm(code.UNIFORM_OF_USE, (), (float(stream),))


_BINARY = {"+": code.ADD, "-": code.SUBTRACT, "*": code.MULTIPLY, "/": code.DIVIDE, "and": code.AND, "or": code.OR,
           "<": code.LESS, "<=": code.LESS_OR_EQUAL, "==": code.EQUAL, "!=": code.NOT_EQUAL}  # fmt: skip
_MIRRORED = {">": code.LESS, ">=": code.LESS_OR_EQUAL}
_UNARY = {"exp": code.EXP, "log": code.LOG, "sqrt": code.SQRT, "abs": code.ABS}


def term_of(node: Node, meaning: Mapping[str, ColumnTerm]) -> ColumnTerm:
    """An expression of the rule language as a term, its names as their meaning says (which must have them all)."""
    if isinstance(node, Number):
        return number(node.value)
    if isinstance(node, Name):
        return meaning[node.name]
    if isinstance(node, Negation):
        return apply(code.NOT if node.op == "not" else code.NEGATE, term_of(node.operand, meaning))
    if isinstance(node, Operation):
        left, right = term_of(node.left, meaning), term_of(node.right, meaning)
        if node.op in _MIRRORED:
            return apply(_MIRRORED[node.op], right, left)
        return apply(_BINARY[node.op], left, right)
    return _call(node, [term_of(part, meaning) for part in node.arguments])


def _call(node: Call, of: list[ColumnTerm]) -> ColumnTerm:
    if node.function in _UNARY:
        return apply(_UNARY[node.function], of[0])
    if node.function == "log10":
        return apply(code.MULTIPLY, apply(code.LOG, of[0]), number(LOG10_E))
    if node.function == "round":
        return apply(code.ROUND, of[0], of[1] if len(of) > 1 else number(1.0))
    if node.function == "probit":
        inside = apply(code.AND, apply(code.DRAWN, number(0.0), of[0]), apply(code.DRAWN, of[0], number(1.0)))
        return apply(code.CHOOSE, inside, apply(code.NORMAL, of[0]), number(float("nan")))
    if node.function == "if":
        return apply(code.CHOOSE, *of)
    which = {"min": code.MIN, "max": code.MAX}[node.function]
    return reduce(lambda a, b: apply(which, a, b), of)
