"""What may stand in a function about one subject: which words each kind has, and the names behind them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

from protocolsim.errors import UsageError


@dataclass(frozen=True)
class KernelKind:
    """One kind of kernel: the arguments that engines hand it, and the words that its author may take.

    arguments   of the kernel, in their order (see `component.py`)
    words       what stands before a dot: `me`, `p`, `disease`, `signal`, `draw`, `see`
    of_subject  words for one number of each subject, and its place in an argument: "since[i]" of the subject in row i
                of `body`, "dose[k]" of the subject rows[k]
    plain       words that are arguments themselves
    use         what keys a draw beside its stream: the argument of that name at i, or this number
    result      the array that receives what the function returns, as array[k]; "return": the kernel itself returns
    sets        whether it may set fields
    """

    arguments: tuple[str, ...]
    words: tuple[str, ...] = ("me", "p", "disease", "signal")
    of_subject: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    plain: tuple[str, ...] = ()
    use: str = ""
    result: str = ""
    sets: bool = True

    def place(self, word: str) -> tuple[str, str]:
        """The argument that holds a word's number for each subject, and the index: i, the row of `body`, or k."""
        array, _, index = self.of_subject[word].rstrip("]").partition("[")
        return array, index

    @property
    def known(self) -> tuple[str, ...]:
        """Every word that the author's function may take as an argument."""
        return (*self.words, *self.of_subject, *self.plain)


_ALL = ("body", "rows", "links", "constants")
_DRAWING = ("me", "p", "disease", "signal", "draw")

KINDS: Mapping[str, KernelKind] = MappingProxyType({
    "start": KernelKind((*_ALL, "seed", "who"), _DRAWING, use="0"),
    "advance": KernelKind((*_ALL, "since", "until"), of_subject={"since": "since[i]", "until": "until[i]"}),
    "observe": KernelKind((*_ALL, "seed", "who", "index", "minute", "value", "truth"), (*_DRAWING, "see"),
                          of_subject={"now": "minute[i]"}, use="index"),
    "give": KernelKind((*_ALL, "dose", "per_weight", "amount"), of_subject={"dose": "dose[k]"}, plain=("per_weight",),
                       result="amount"),
    "multiplier": KernelKind((*_ALL, "now", "out"), of_subject={"now": "now[i]"}, result="out", sets=False),
    "rate": KernelKind(("constants", "level"), ("p",), plain=("level",), result="return"),
    "part": KernelKind((), _DRAWING, result="return"),
})  # fmt: skip

# What a part is handed for each word, and the order in which it is handed.
HANDED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "me": ("body", "i", "own"), "disease": ("body", "i", "links"), "signal": ("body", "i", "links"),
    "p": ("constants",), "draw": ("i", "seed", "who", "use"),
})  # fmt: skip
HANDED_ORDER = ("body", "i", "own", "links", "constants", "seed", "who", "use")

# The number of arguments of each distribution after the name of the draw.
DISTRIBUTIONS: Mapping[str, int] = MappingProxyType(
    {"normal": 0, "uniform": 0, "exponential": 0, "bernoulli": 1, "poisson": 1, "binomial": 2}
)


@dataclass(frozen=True)
class Declared:
    """The names of a model, each with its place; the one declaration that all its kernels are made from.

    fields      first column and number of columns of each field
    constants   first place and shape of each constant (the shape of a plain number is empty)
    draws       stream number of each draw
    needs       traits of the disease; reads: signals
    parts       the model's parts, by identity: the words each takes, by position (other arguments: "")
    once        those parts that draw numbers of one use only, so that a second call would get the same
    support     functions that generated code calls, by name
    """

    fields: Mapping[str, tuple[int, int]]
    constants: Mapping[str, tuple[int, tuple[int, ...]]]
    draws: Mapping[str, int]
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    parts: dict[int, tuple[str, ...]]
    support: Mapping[str, Any]
    once: set[int] = field(default_factory=set)


@dataclass
class Used:
    """What one function used of the names of its model; draws with the line and the distribution of each."""

    function: str
    kind: str
    fields: set[str] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)
    draws: list[tuple[str, str, ast.AST]] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    parts: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """The function as its author wrote it: the syntax tree, with the lines of its file."""

    tree: ast.FunctionDef
    path: str
    function: Callable[..., Any]

    def refuse(self, at: ast.AST, what: str) -> NoReturn:
        """Raise UsageError with the place in the author's file."""
        line, column = getattr(at, "lineno", self.tree.lineno), getattr(at, "col_offset", 0) + 1
        raise UsageError(f"{self.path}:{line}:{column}: in {self.tree.name}: {what}")


def names_in(*nodes: ast.AST) -> set[str]:
    """Every name that stands in syntax trees, read or assigned."""
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}


def assigned_in(*nodes: ast.AST) -> set[str]:
    """Every name that is assigned in syntax trees."""
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
