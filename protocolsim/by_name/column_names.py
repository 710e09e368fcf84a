"""What stands behind a name where a kernel goes by columns: a column, an entry of it, or one number for all."""

from __future__ import annotations

import ast
from copy import deepcopy
from typing import Any

from protocolsim.by_name.made import Statements
from protocolsim.by_name.reading import SubjectReader
from protocolsim.by_name.rows import RowNames, plain_draws
from protocolsim.by_name.words import assigned_in, names_in


class ColumnPlaces:
    """Which names differ between subjects, and what the columns of these are called."""

    def __init__(self, reader: SubjectReader, lines: Statements) -> None:
        self.reader, self.lines = reader, lines
        self.body: list[ast.stmt] = deepcopy(reader.body)
        self.constants: dict[str, int] = {}
        self.varying: set[str] = set()
        self._varying()

    def differs(self, *nodes: ast.AST) -> bool:
        """Whether something in these differs between subjects."""
        return any(self._differs(name) for name in names_in(*nodes))

    def _differs(self, name: str) -> bool:
        word = name.partition(".")[0]
        return (
            name in self.varying
            or (word in ("me", "disease", "signal", "draw", "see") and name != word)
            or (name in self.reader.kind.of_subject and name in self.reader.numbers)
        )

    def _varying(self) -> None:
        while True:
            before = len(self.varying)
            for node in (n for s in self.body for n in ast.walk(s)):
                if isinstance(node, ast.Assign | ast.AugAssign) and self.differs(node):
                    self.varying |= {n for n in assigned_in(node) if "." not in n}
                if isinstance(node, ast.With):
                    self.varying |= {n for n in assigned_in(*node.body) if "." not in n}
            if len(self.varying) == before:
                return

    def array(self, name: str) -> str:
        """The column of a name."""
        word, _, rest = name.partition(".")
        if word == "see":
            return "{" + rest.partition(".")[0] + "}"
        return f"{{all_{name.replace('.', '_')}}}" if word != "draw" else f"{{draw_{rest.replace('.', '_')}}}"

    def entry(self, name: str) -> str:
        """The entry of a column in the loop over it."""
        rest = name.partition(".")[2]
        if name.startswith("see."):
            return f"{self.array(name)}[{{k}}, {rest.partition('.')[2]}]"
        return f"{self.array(name)}[{{k}}]"


class LastRows(RowNames):
    """Names in the loop over rows at the end: what columns hold is read from them, fields from where they were put."""

    def __init__(self, columns: ColumnPlaces) -> None:
        super().__init__(columns.reader, columns.lines)
        self.of, self.here = columns, set[str]()
        self.columns = plain_draws(*columns.body)

    def visit_Assign(self, node: ast.Assign) -> Any:  # noqa: N802 - NodeTransformer's name
        """What is read before what is set."""
        node.value = self.visit(node.value)
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:  # noqa: N802 - NodeTransformer's name
        """The place behind a name."""
        if isinstance(node.ctx, ast.Store):
            self.here.add(node.id)
        elif node.id in self.of.varying and node.id not in self.here:
            return self._one(self.of.entry(node.id), node)
        return super().visit_Name(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802 - NodeTransformer's name
        """A count that has been looked up stands in its column."""
        if isinstance(node.func, ast.Name) and node.func.id == "counted":
            made: ast.AST = self.visit(node.args[0])
            return made
        return super().visit_Call(node)


class LoopNames(ast.NodeTransformer):
    """Names inside a loop: what this round has set is a local variable, everything else an entry of its column."""

    def __init__(self, columns: ColumnPlaces, here: set[str]) -> None:
        self.columns, self.here = columns, here

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """The place behind a name."""
        lines, word = self.columns.lines, node.id.partition(".")[0]
        if isinstance(node.ctx, ast.Store) or node.id in self.here:
            return self._as(node, scalar(node.id)) if self._own(node.id) else node
        if self.columns.differs(node):
            return self._as(node, self.columns.entry(node.id))
        if word == "p" and node.id != "p":
            name = node.id.partition(".")[2]
            self.columns.constants[name] = self.columns.reader.declared.constants[name][0]
            return self._as(node, f"{{p_{name}}}")
        if node.id in self.columns.reader.numbers:
            return self._as(node, f"{{{node.id}}}")
        if word == "raw":
            return lines.one(f"{{{node.id.partition('.')[2]}}}", node)
        return node

    def _own(self, name: str) -> bool:
        return "." in name

    def _as(self, node: ast.Name, text: str) -> ast.expr:
        made = self.columns.lines.one(text, node)
        made.ctx = node.ctx  # type: ignore[attr-defined]
        return made

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`x += y` reads its column where this round has not set it yet."""
        assert isinstance(node.target, ast.Name)
        before = self.visit(ast.copy_location(ast.Name(node.target.id, ast.Load()), node))
        made = ast.Assign([self.visit(node.target)], ast.BinOp(before, node.op, self.visit(node.value)))
        for new in ast.walk(made):
            if not hasattr(new, "lineno"):
                ast.copy_location(new, node)
        made.placed = True  # type: ignore[attr-defined]
        made.value.placed = True  # type: ignore[attr-defined]
        return made

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A count that has been looked up stands in its column."""
        if isinstance(node.func, ast.Name) and node.func.id == "counted":
            made: ast.AST = self.visit(node.args[0])
            return made
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """A constant chosen by number."""
        if isinstance(node.value, ast.Name) and node.value.id == "p[]":
            return self.columns.lines.one("{constants}[_place_]", node, place=self.visit(node.slice))
        return self.generic_visit(node)


def scalar(name: str) -> str:
    """The local variable of a name inside a loop."""
    return name if "." not in name else f"{{{name.replace('.', '_')}}}"
