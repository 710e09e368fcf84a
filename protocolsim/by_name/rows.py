"""A kernel as one loop over rows: what is said of one subject, for each in its turn; also parts and rates."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from protocolsim.by_name.made import Statements
from protocolsim.by_name.reading import SubjectReader, alike_keys
from protocolsim.by_name.words import HANDED, HANDED_ORDER, assigned_in


class RowNames(ast.NodeTransformer):
    """What each dotted name is where one row is looked at: number k of `rows`, subject i."""

    def __init__(self, reader: SubjectReader, lines: Statements) -> None:
        self.reader, self.lines, self.declared = reader, lines, reader.declared
        self.kept: dict[str, str] = {}  # what is computed before the loop, by the name that it stands for
        self.columns: set[str] = set()  # draws that were made for all rows before the loop
        self.remembered = 0

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """The place behind a name."""
        word, _, name = node.id.partition(".")
        if node.id in self.reader.numbers:
            if node.id not in self.reader.kind.of_subject:
                return self._one(f"{{{node.id}}}", node)
            array, index = self.reader.kind.place(node.id)
            return self._one(f"{{{array}}}[{{{index}}}]", node)
        if not name and node.id not in ("me[]", "p[]"):
            return node
        return self._one(getattr(self, f"_{word}")(name), node)

    def _one(self, text: str, node: ast.Name) -> ast.expr:
        made = self.lines.one(text, node)
        made.ctx = node.ctx  # type: ignore[attr-defined]
        return made

    def _me(self, name: str) -> str:
        return f"{{body}}[{{i}}, {{own}} + {place_of(self.reader, name)}]"

    def _p(self, name: str) -> str:
        text = f"{{constants}}[{self.declared.constants[name][0]}]"
        return self._keep(f"p_{name}", text) if self.reader.kind.arguments[0:1] == ("body",) else text

    def _disease(self, name: str) -> str:
        at = f"{{links}}[{1 + self.declared.needs.index(name)}]"
        return f"{{body}}[{{i}}, {self._keep('at_' + name, at)}]" if self._kernel else f"{{body}}[{{i}}, {at}]"

    def _signal(self, name: str) -> str:
        return f"{{signal_sum}}({{body}}, {{i}}, {{links}}, {self._signal_at(name)})"

    def _signal_at(self, name: str) -> str:
        return signal_at(self.reader, name)

    def _draw(self, name: str) -> str:
        if name in self.columns:
            return f"{{draw_{name.replace('.', '_')}}}[{{k}}]"
        kind = self.reader.kind.use
        use = "{use}" if not kind else f"{{{kind}}}[{{i}}]" if kind == "index" else kind
        return self._drawn(name, use)

    def _drawn(self, name: str, use: str) -> str:
        distribution, of, fixed = f"{name}.".split(".")[:3]
        use = fixed or use
        drawn = f"{{uniform}}({{seed}}, {{who}}[{{i}}, 0], {{who}}[{{i}}, 1], {self.declared.draws[of]}, {use})"
        return {"uniform": drawn, "normal": f"{{normal_quantile}}({drawn})",
                "exponential": f"{{exponential_quantile}}({drawn})"}[distribution]  # fmt: skip

    def _see(self, name: str) -> str:
        part, _, number = name.partition(".")
        return f"{{{part}}}[{{k}}, {number}]"

    def _raw(self, name: str) -> str:
        return f"{{{name}}}" if name != "use" or not self.reader.kind.use else self._use

    @property
    def _use(self) -> str:
        return "{index}[{i}]" if self.reader.kind.use == "index" else self.reader.kind.use

    @property
    def _kernel(self) -> bool:
        return self.reader.kind.arguments[0:1] == ("body",)

    def _keep(self, name: str, text: str) -> str:
        self.kept[name] = text
        return f"{{{name}}}"

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """One of several columns or constants."""
        of = node.value.id if isinstance(node.value, ast.Name) else ""
        if of not in ("me[]", "p[]"):
            return self.generic_visit(node)
        place = self.visit(node.slice)
        text = "{body}[{i}, {own} + _place_]" if of == "me[]" else "{constants}[_place_]"
        made = self.lines.one(text, node, place=place)
        made.ctx = node.ctx  # type: ignore[attr-defined]
        return made

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Draws of other distributions, and those that count their uses."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "draw.use":
            drawn, use = node.args
            assert isinstance(drawn, ast.Name)
            return self.lines.one(self._drawn(drawn.id.partition(".")[2], "int(_use_)"), node, use=self.visit(use))
        if name in ("draw.poisson", "draw.binomial"):
            search = "poisson_search" if name == "draw.poisson" else "binomial_quantile"
            given = node.args[: 2 if name == "draw.poisson" else 3]
            put = {f"x{n}": self.visit(argument) for n, argument in enumerate(given)}
            if name == "draw.poisson":
                none = (
                    self.visit(node.args[2])
                    if len(node.args) > 2
                    else self.lines.one("{exp}(-_x_)", node, x=self.visit(node.args[1]))
                )
                return self.lines.one("{poisson_search}(_x0_, _x1_, _none_)", node, none=none, **put)
            return self.lines.one(f"{{{search}}}(_x0_, _x1_, _x2_)", node, **put)
        return self.generic_visit(node)

    # Statements ---------------------------------------------------------------------------------------------------

    def visit_Return(self, node: ast.Return) -> Any:
        """The next row, once this one has what it gets."""
        result = self.reader.kind.result
        if result == "return":
            return self.generic_visit(node)
        if not result:
            return self.lines("continue", node) if self._kernel else node
        assert node.value is not None
        return self.lines(f"{{{result}}}[{{k}}] = _value_\ncontinue", node, value=self.visit(node.value))

    def visit_With(self, node: ast.With) -> Any:
        """What is alike in most is computed again only where what it depends on has changed since the last row."""
        keys = alike_keys(node) or []
        self.remembered += 1
        lasts = [f"{{last_{self.remembered}_{n}}}" for n in range(len(keys))]
        put = {f"key{n}": self.visit(deepcopy(key)) for n, key in enumerate(keys)}
        new = " or ".join(f"_key{n}_ != {last}" for n, last in enumerate(lasts))
        body: list[ast.stmt] = [self.visit(statement) for statement in node.body]
        again = self.lines(f"if {new}:\n    _body_", node, body=body, **put)
        inside = again[0]
        assert isinstance(inside, ast.If)
        for n, last in enumerate(lasts):
            self.kept[f"last_{self.remembered}_{n}"] = "{np}.nan"
            inside.body += self.lines(f"{last} = _key_", node, key=self.visit(deepcopy(keys[n])))
        for name in assigned_in(*node.body):
            self.kept[f"={name}"] = "0.0"
        return again


def place_of(reader: SubjectReader, name: str) -> int:
    """The column of a field, "loss" or "week.3", after the first of the component."""
    field, _, number = name.partition(".")
    return reader.declared.fields[field][0] + int(number or 0)


def signal_at(reader: SubjectReader, name: str) -> str:
    """Where a signal's count stands in `links`: after those before it, each with its columns."""
    at = f"{1 + len(reader.declared.needs)}"
    for _ in range(reader.declared.reads.index(name)):
        at = f"{at} + 1 + {{links}}[{at}]"
    return at


def by_rows(reader: SubjectReader, lines: Statements) -> tuple[list[str], list[ast.stmt]]:
    """The arguments and the statements of a kernel that goes from row to row."""
    tree, names = reader.source.tree, RowNames(reader, lines)
    kind = reader.kind
    names.columns = _drawn_before(reader)
    body: list[ast.stmt] = []
    for statement in reader.body:
        made = names.visit(statement)
        body += made if isinstance(made, list) else [made]
    _no_return_inside(reader, body)
    before = lines("{own} = {links}[0]", tree)
    before += draws_before(reader, lines, sorted(names.columns), "{rows}", tree)
    for name, text in names.kept.items():
        before += lines(f"{name[1:]} = {text}" if name[0] == "=" else f"{{{name}}} = {text}", tree)
    loop = lines("for {k} in range({rows}.shape[0]):\n    {i} = {np}.uint64({rows}[{k}])\n    _body_", tree, body=body)
    return [lines.names[a] for a in kind.arguments], before + loop


def _no_return_inside(reader: SubjectReader, body: Sequence[ast.stmt]) -> None:
    if reader.kind.result and not isinstance(body[-1], ast.Continue):
        reader.source.refuse(reader.source.tree, "ends without what the subject gets: return it")


def _drawn_before(reader: SubjectReader) -> set[str]:
    """Draws that every subject makes: they stand in no branch or loop, and nothing returns before."""
    found: set[str] = set()
    for statement in reader.body:
        if any(isinstance(node, ast.Return) for node in ast.walk(statement)) and not isinstance(statement, ast.Return):
            break
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.Return):
            found |= plain_draws(statement)
    return found


def plain_draws(*nodes: ast.AST) -> set[str]:
    """Draws of the one use that is keyed by the kernel itself, as "normal.loss"."""
    counted = {
        id(n.args[0])
        for node in nodes
        for n in ast.walk(node)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "draw.use"
    }
    names = (n for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in counted)
    return {n.id.partition(".")[2] for n in names if n.id.startswith("draw.") and n.id.count(".") > 1}


def draws_before(
    reader: SubjectReader, lines: Statements, names: Sequence[str], rows: str, at: ast.AST
) -> list[ast.stmt]:
    """The draws of all rows, each a column."""
    if not names:
        return []
    made: list[ast.stmt] = []
    keyed: set[str] = set()
    for name in names:
        distribution, of, use = f"{name}.".split(".")[:3]
        use = use or reader.kind.use
        key = f"{{key_{use}}}"
        if use not in keyed:
            by = (
                f"{{keys}}({{who}}, {rows}, {{index}})"
                if use == "index"
                else f"{{keys_of_use}}({{who}}, {rows}, {use})"
            )
            made += lines(f"{key} = {by}", at)
            keyed.add(use)
        drawn = "{normals}" if distribution == "normal" else "{uniforms}"
        column = f"{{draw_{name.replace('.', '_')}}}"
        made += lines(f"{column} = {drawn}({{seed}}, {key}, {reader.declared.draws[of]})", at)
        if distribution == "exponential":
            each = f"{column}[{{k}}]"
            loop = f"for {{k}} in range({column}.shape[0]):\n    {each} = {{exponential_quantile}}({each})"
            made += lines(loop, at)
    return made


def alone(reader: SubjectReader, lines: Statements) -> tuple[list[str], list[ast.stmt]]:
    """The arguments and the statements of a part or a rate: a function of one subject that returns a number."""
    names = RowNames(reader, lines)
    body: list[ast.stmt] = []
    for statement in reader.body:
        made = names.visit(statement)
        body += made if isinstance(made, list) else [made]
    if reader.kind.arguments:
        return [lines.names[a] for a in reader.kind.arguments], body
    handed = {name for word in reader.arguments if word in HANDED for name in HANDED[word]}
    raw = [lines.names[name] for name in HANDED_ORDER if name in handed]
    return raw + [a for a in reader.arguments if a not in HANDED], body
