"""The function that is made: its syntax tree compiled as if it stood in the author's file, line for line.

So a debugger steps through what the author wrote (with NUMBA_DISABLE_JIT=1), a traceback shows it, Numba keeps the
machine code where it keeps that of the other kernels of the file, and the fingerprint of the kernel follows what it
calls through the author's own names. Nothing is written to a disk that could go stale.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from protocolsim.by_name.words import Declared, Written


class FreeNames:
    """Names of what a kernel is handed and what it keeps, none of which the author uses."""

    def __init__(self, taken: set[str]) -> None:
        self._taken, self._given = set(taken), dict[str, str]()

    def __getitem__(self, name: str) -> str:
        if name not in self._given:
            free = name
            while free in self._taken:
                free += "_"
            self._taken.add(free)
            self._given[name] = free
        return self._given[name]


class Statements:
    """Statements from text, with names put in: `{body}` is the kernel's own name for its argument `body`."""

    def __init__(self, names: FreeNames, declared: Declared) -> None:
        self.names, self.declared = names, declared
        self.called: set[str] = set()

    def __call__(self, text: str, at: ast.AST, **put: ast.AST | Sequence[ast.stmt] | str | int) -> list[ast.stmt]:
        """The statements; an expression or statements in `put` stand where their name stands as `_name_`."""
        tree = ast.parse(self._filled(text, put))
        made: list[ast.stmt] = [_Put(put).visit(statement) for statement in tree.body]
        flat = [s for one in made for s in (one if isinstance(one, list) else [one])]
        return [_placed(statement, at) for statement in flat]

    def one(self, text: str, at: ast.AST, **put: ast.AST | str | int) -> ast.expr:
        """An expression, likewise."""
        (statement,) = self(text, at, **put)
        assert isinstance(statement, ast.Expr)
        return statement.value

    def _filled(self, text: str, put: dict[str, Any]) -> str:
        plain = {k: str(v) for k, v in put.items() if isinstance(v, str | int)}
        return text.format_map(_Filling(self, plain))


class _Filling(dict[str, str]):
    def __init__(self, lines: Statements, plain: dict[str, str]) -> None:
        super().__init__(plain)
        self.lines = lines

    def __missing__(self, name: str) -> str:
        if name in self.lines.declared.support:
            self.lines.called.add(name)
        return self.lines.names[name]


class _Put(ast.NodeTransformer):
    def __init__(self, put: dict[str, Any]) -> None:
        self.put = {f"_{name}_": what for name, what in put.items() if not isinstance(what, str | int)}

    def visit_Name(self, node: ast.Name) -> Any:
        """The expression where its name stands."""
        return self.put.get(node.id, node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        """Statements where their name stands as a statement."""
        what = self.put.get(node.value.id) if isinstance(node.value, ast.Name) else None
        return list(what) if isinstance(what, list) else self.generic_visit(node)


def _placed(made: Any, at: ast.AST) -> Any:
    for new in ast.walk(made):
        if not hasattr(new, "placed"):  # what the author wrote has been, as it was read
            ast.copy_location(new, at)
            new.placed = True  # type: ignore[attr-defined]
    return made


def function_of(
    source: Written, arguments: Sequence[str], body: Sequence[ast.stmt], names: FreeNames, support: dict[str, Any]
) -> Callable[..., Any]:
    """The function with these arguments and statements, in the author's module and under the author's name."""
    author = source.function
    free = dict(zip(author.__code__.co_freevars, author.__closure__ or (), strict=True))
    given = {names[name]: what for name, what in support.items()} | {n: c.cell_contents for n, c in free.items()}
    made = ast.FunctionDef(author.__name__, _arguments(arguments), list(body) or [ast.Pass()], [], None, None)
    outer = ast.FunctionDef(
        "made", _arguments(list(given)), [made, ast.Return(ast.Name(author.__name__, ast.Load()))], [], None, None
    )
    for node in (made, outer):
        node.type_params = []  # type: ignore[attr-defined]
        ast.copy_location(node, source.tree)
    tree = ast.fix_missing_locations(ast.Module([outer], []))
    place: dict[str, Any] = {}
    exec(compile(tree, source.path, "exec"), author.__globals__, place)  # noqa: S102 - it is the author's own code
    function: Callable[..., Any] = place["made"](**given)
    function.__qualname__, function.__doc__ = author.__qualname__, author.__doc__
    function.__module__ = author.__module__
    function.__text__ = ast.unparse(made)  # type: ignore[attr-defined]
    return function


def _arguments(names: Sequence[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
