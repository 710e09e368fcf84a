"""A kernel as short loops over columns, of which the compiler does several subjects at a time (SIMD).

Possible where every subject goes the same way: no branch or loop of what is said asks something that differs between
subjects (`a if x else b` is no branch). Fields that are read are gathered, draws are made for all rows together, then
come loops, each over as few columns as LLVM still vectorises, and fields that were set are put back. The bits are those
of a loop over rows: each number is made by the same operations.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from functools import cached_property

from protocolsim.by_name.column_names import ColumnPlaces, LastRows, LoopNames, scalar
from protocolsim.by_name.made import Statements
from protocolsim.by_name.reading import SubjectReader, alike_keys
from protocolsim.by_name.rows import draws_before, place_of, plain_draws, signal_at
from protocolsim.by_name.words import assigned_in, names_in

# LLVM asks before a loop whether its columns overlap, pair by pair, and gives up beyond this many pairs.
_MOST_PAIRS = 8

_SIMPLE = (ast.Assign, ast.AugAssign)
_Region = list[ast.stmt]


def by_columns(reader: SubjectReader, lines: Statements) -> tuple[list[str], list[ast.stmt]] | None:
    """The arguments and the statements of a kernel by columns, or None where there is no such way."""
    made = ColumnKernel(reader, lines)
    return made.kernel() if made.possible() else None


class ColumnKernel(ColumnPlaces):
    """The way from what is said of one subject to loops over columns."""

    def __init__(self, reader: SubjectReader, lines: Statements) -> None:
        super().__init__(reader, lines)
        self.tree, self.alike = reader.source.tree, 0
        self._split_counts(self.body)
        self.split = self._split()

    def possible(self) -> bool:
        """Whether every subject goes the same way."""
        last = self.body[-1] if self.body else None
        return not self.reader.by_row and self.split > 0 and all(self._straight(s, s is last) for s in self.body)

    def _straight(self, node: ast.stmt, last: bool) -> bool:
        if isinstance(node, _SIMPLE):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [p for t in targets for p in (t.elts if isinstance(t, ast.Tuple) else [t])]
            return all(isinstance(p, ast.Name) for p in parts) or not self.differs(node)
        if isinstance(node, ast.If | ast.While):
            return not self.differs(node.test) and all(self._straight(s, False) for s in [*node.body, *node.orelse])
        if isinstance(node, ast.For):
            return not self.differs(node.target, node.iter) and all(self._straight(s, False) for s in node.body)
        if isinstance(node, ast.With):
            return all(isinstance(s, _SIMPLE) and self._straight(s, False) for s in node.body)
        return isinstance(node, ast.Return) and last and bool(self.reader.kind.result)

    # Draws that need a column first -------------------------------------------------------------------------------

    def _split_counts(self, region: _Region) -> None:
        """Poisson and binomial draws are looked up for all rows at once, from columns of their own."""
        at = 0
        while at < len(region):
            node, before = region[at], list[ast.stmt]()
            for inner in [
                n for n in ast.walk(node) if isinstance(node, (*_SIMPLE, ast.Return)) and isinstance(n, ast.Call)
            ]:
                if isinstance(inner.func, ast.Name) and inner.func.id in ("draw.poisson", "draw.binomial"):
                    before += self._counts(inner)
            region[at:at] = before
            at += 1 + len(before)
            for part in ("body", "orelse"):
                if not isinstance(node, _SIMPLE):
                    self._split_counts(getattr(node, part, []))

    def _counts(self, call: ast.Call) -> _Region:
        assert isinstance(call.func, ast.Name)
        kind, drawn = call.func.id.partition(".")[2], call.args[0]
        assert isinstance(drawn, ast.Name)
        of, many = drawn.id.split(".")[2], 2 if kind == "poisson" else 3
        made: _Region = []
        names = [drawn.id]
        for number, argument in enumerate(call.args[1:many]):
            names.append(self._columned(f"{kind}.{of}.{number}", argument, made))
        if len(call.args) > many:
            none: ast.expr = call.args[many]
        else:
            put = {f"x{n}": ast.Name(name, ast.Load()) for n, name in enumerate(names)}
            none = self.lines.one(
                "{exp}(-_x1_)" if kind == "poisson" else "{exp}(_x1_ * {log}(1.0 - _x2_))", call, **put
            )
        names.append(self._columned(f"{kind}.{of}.none", none, made))
        count = f"counted.{kind}.{of}"
        looked = ast.Call(ast.Name(f"counts.{kind}", ast.Load()), [ast.Name(n, ast.Load()) for n in names], [])
        made.append(ast.Assign([ast.Name(count, ast.Store())], looked))
        self.varying.add(count)
        call.func, call.args = ast.Name("counted", ast.Load()), [ast.Name(count, ast.Load())]
        for statement in [*made, call]:
            for new in ast.walk(statement):
                if not hasattr(new, "placed"):
                    ast.copy_location(new, call)
                    new.placed = True  # type: ignore[attr-defined]
        return made

    def _columned(self, name: str, value: ast.expr, made: _Region) -> str:
        """The column of a value: its own where it is a name that has one, else one that is made first."""
        if isinstance(value, ast.Name) and self._column(value.id):
            return value.id
        made.append(ast.Assign([ast.Name(name, ast.Store())], value))
        self.varying.add(name)
        return name

    # The kernel ---------------------------------------------------------------------------------------------------

    def kernel(self) -> tuple[list[str], list[ast.stmt]]:
        """The arguments and the statements."""
        body = self._region(self.body[: self.split])
        lines, tree, kind = self.lines, self.tree, self.reader.kind
        before = lines("{own}, {count} = {links}[0], {rows}.shape[0]", tree)
        for name, place in self.constants.items():
            before += lines(f"{{p_{name}}} = {{constants}}[{place}]", tree)
        before += draws_before(self.reader, lines, sorted(plain_draws(*self.body)), "{rows}", tree)
        used = names_in(*body)
        for name in sorted(n for n in names_in(*self.body) if self._column(n)):
            if lines.names[self.array(name)[1:-1]] in used:
                before += self._gathered(name)
        return [lines.names[a] for a in kind.arguments], before + body + self._kept(used) + self._last()

    def _split(self) -> int:
        """Where the last statements begin that compute next to nothing: they go from row to row, without columns."""
        at = len(self.body)
        while at > 0 and _cheap(self.body[at - 1]):
            at -= 1
        while at < len(self.body) and not self._fresh(self.body[at], self.body[:at]):
            at += 1
        return at

    def _fresh(self, node: ast.stmt, before: _Region) -> bool:
        """Whether this touches a field or trait that nothing before has made a column of."""
        return any(n.startswith(("me.", "disease.")) for n in names_in(node) - names_in(*before))

    def _last(self) -> list[ast.stmt]:
        """One loop over rows: the last statements, and what is the same for all."""
        last = LastRows(self)
        inside: list[ast.stmt] = []
        for node in [s for s in self.body[: self.split] if self._fixed(s)] + self.body[self.split :]:
            made = last.visit(deepcopy(node))
            inside += made if isinstance(made, list) else [made]
        if not inside:
            return []
        before = [s for name, text in last.kept.items() for s in self.lines(f"{{{name}}} = {text}", self.tree)]
        loop = "for {k} in range({count}):\n    {i} = {np}.uint64({rows}[{k}])\n    _body_"
        return before + self.lines(loop, self.tree, body=inside)

    def _kept(self, used: set[str]) -> list[ast.stmt]:
        """What was set in columns goes back."""
        after: list[ast.stmt] = []
        for name in sorted(n for n in assigned_in(*self.body[: self.split]) if n.startswith("me.")):
            place = place_of(self.reader, name[3:])
            if self.lines.names[self.array(name)[1:-1]] in used:
                after += self.lines(
                    f"{{put_back}}({{body}}, {{rows}}, {{own}} + {place}, {self.array(name)})", self.tree
                )
        return after

    def _fixed(self, node: ast.stmt) -> bool:
        """Whether this sets fields, once and for all, to a number that everybody has."""
        if not isinstance(node, ast.Assign) or all(s is not node for s in self.body[: self.split]):
            return False
        targets = {t.id for t in node.targets if isinstance(t, ast.Name)}
        return (
            len(targets) == len(node.targets)
            and all(t.startswith("me.") for t in targets)
            and not self.differs(node.value)
            and not targets & {n.id for s in self.body if s is not node for n in _names(s)}
            and not names_in(node.value) & assigned_in(*self.body)
        )

    def _column(self, name: str) -> bool:
        return self._differs(name) and not name.startswith(("see.", "draw.", "counted."))

    def _gathered(self, name: str) -> list[ast.stmt]:
        word, _, rest = name.partition(".")
        array = self.array(name)
        if word == "me" and not self._set_first(name):
            return self.lines(
                f"{array} = {{taken}}({{body}}, {{rows}}, {{own}} + {place_of(self.reader, rest)})", self.tree
            )
        if word == "disease":
            at = 1 + self.reader.declared.needs.index(rest)
            return self.lines(f"{array} = {{taken}}({{body}}, {{rows}}, {{links}}[{at}])", self.tree)
        if word == "signal":
            return self.lines(
                f"{array} = {{signal_sums}}({{body}}, {{rows}}, {{links}}, {signal_at(self.reader, rest)})", self.tree
            )
        made = self.lines(f"{array} = {{np}}.empty({{count}})", self.tree)
        if name in self.reader.numbers:
            of, index = self.reader.kind.place(name)
            row = "{np}.uint64({rows}[{k}])" if index == "i" else "{k}"
            made += self.lines(f"for {{k}} in range({{count}}):\n    {array}[{{k}}] = {{{of}}}[{row}]", self.tree)
        return made

    def _set_first(self, name: str) -> bool:
        """Whether a field is set, for all, before anything reads it."""
        for statement in self.body:
            read = any(isinstance(n.ctx, ast.Load) and n.id == name for n in _names(statement))
            if read or (isinstance(statement, ast.AugAssign) and name in assigned_in(statement)):
                return False
            if name in assigned_in(statement):
                return isinstance(statement, ast.Assign)
        return False

    def _region(self, region: _Region) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        waiting: _Region = []
        for node in region:
            if self._fixed(node):
                continue
            if isinstance(node, ast.Return) or (
                isinstance(node, _SIMPLE) and self.differs(node) and not _looked_up(node)
            ):
                waiting.append(node)
                continue
            if isinstance(node, _SIMPLE) and not self.differs(node) and not names_in(*waiting) & assigned_in(node):
                made.append(self._same_for_all(node))  # before the loops that wait: none of them reads another value
                continue
            made += self._loops(waiting)
            waiting = []
            made += self._between(node)
        return made + self._loops(waiting)

    def _between(self, node: ast.stmt) -> list[ast.stmt]:
        if _looked_up(node):
            assert isinstance(node, ast.Assign)
            call, target = node.value, node.targets[0]
            assert isinstance(call, ast.Call)
            assert isinstance(call.func, ast.Name)
            assert isinstance(target, ast.Name)
            arrays = ", ".join(self.array(a.id) for a in call.args if isinstance(a, ast.Name))
            return self.lines(f"{self.array(target.id)} = {{{call.func.id.partition('.')[2]}_counts}}({arrays})", node)
        if isinstance(node, ast.With):
            return self._once(node)
        if isinstance(node, ast.If | ast.While | ast.For):
            again = self._same_for_all(
                ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), "body": [], "orelse": []}), node)
            )
            again.body = self._region(node.body)  # type: ignore[attr-defined]
            again.orelse = self._region(node.orelse)  # type: ignore[attr-defined]
            return [again]
        return [self._same_for_all(node)]

    def _same_for_all(self, node: ast.stmt) -> ast.stmt:
        made: ast.stmt = LoopNames(self, set()).visit(deepcopy(node))
        return made

    def _once(self, node: ast.With) -> list[ast.stmt]:
        """What is alike in all is computed for the first row; where a key differs between rows, for each."""
        keys = alike_keys(node) or []
        named = {k.id for k in keys if isinstance(k, ast.Name)}
        inside = {n for n in names_in(*node.body) if self.differs(ast.Name(n, ast.Load()))} - assigned_in(*node.body)
        if len(named) < len(keys) or inside - named:
            other = ", ".join(sorted(inside - named)) or "a formula"
            self.reader.source.refuse(
                node, f"alike(...) takes variables: all that differs in it is among them, and {other} is not"
            )
        self.alike += 1
        done, arrays = f"{{done_{self.alike}}}", [self.entry(n) for n in sorted(named) if self._differs(n)]
        differ = " | ".join(f"({a} != {a.replace('{k}', '{k} - 1')})" for a in arrays) or "False"
        made = self.lines(f"{done} = 0\nfor {{k}} in range(1, {{count}}):\n    {done} += {differ}", node)
        made += self.lines(f"{done} = {{count}} if {done} > 0 else min({{count}}, 1)", node)
        made += self._loops(list(node.body), upto=done)
        outs = [self.array(n) for n in sorted(assigned_in(*node.body)) if self._needed(n, list(node.body))]
        spread = "".join(f"\n    {out}[:] = {out}[0]" for out in outs) or "\n    pass"
        return made + self.lines(f"if {done} < {{count}}:{spread}", node)

    # Loops --------------------------------------------------------------------------------------------------------

    def _loops(self, statements: _Region, upto: str = "{count}") -> list[ast.stmt]:
        """The fewest loops, in the order of the statements, of which each is vectorised."""
        made: list[ast.stmt] = []
        group: _Region = []
        for node in statements:
            if group and self._pairs([*group, node]) > _MOST_PAIRS:
                made += self._loop(group, upto)
                group = []
            group.append(node)
        return made + (self._loop(group, upto) if group else [])

    def _pairs(self, group: _Region) -> int:
        read, written = self._columns_of(group)
        return len(written) * len(read - written) + len(written) * (len(written) - 1) // 2

    def _columns_of(self, group: _Region) -> tuple[set[str], set[str]]:
        set_here: set[str] = set()
        read: set[str] = set()
        for node in group:
            for name in _loaded(node):
                if self._differs(name) and name not in set_here:
                    read.add(self.array(name))
            set_here |= assigned_in(node)
        written = {self.array(n) for n in set_here if self._needed(n, group)}
        if any(isinstance(node, ast.Return) for node in group):
            written.add("result")
        return read, written

    def _needed(self, name: str, group: _Region) -> bool:
        """Whether something outside a loop, or its next round, reads what it sets."""
        if name.startswith(("see.", "me.")) or name not in self.varying:
            return True
        seen: set[str] = set()
        for node in group:
            if name in _loaded(node) and name not in seen:
                return True
            seen |= assigned_in(node)
        here = {id(n) for node in group for n in ast.walk(node)}
        return any(reader not in here for reader in self._readers.get(name, ()))

    @cached_property
    def _readers(self) -> dict[str, list[int]]:
        """By name, the nodes of the whole that read it; from the time on when the whole no longer changes."""
        readers: dict[str, list[int]] = {}
        for node in (n for statement in self.body for n in ast.walk(statement)):
            read = [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else []
            for name in assigned_in(node.target) if isinstance(node, ast.AugAssign) else read:
                readers.setdefault(name, []).append(id(node))
        return readers

    def _loop(self, group: _Region, upto: str) -> list[ast.stmt]:
        inside: list[ast.stmt] = []
        here: set[str] = set()
        for node in group:
            lowered = LoopNames(self, here).visit(deepcopy(node))
            if isinstance(node, ast.Return):
                inside += self.lines(f"{{{self.reader.kind.result}}}[{{k}}] = _value_", node, value=lowered.value)
                continue
            inside.append(lowered)
            here |= assigned_in(node)
            for name in sorted(assigned_in(node)):
                if self._needed(name, group):
                    inside += self.lines(f"{self.entry(name)} = {scalar(name)}", node)
        return self.lines(f"for {{k}} in range({upto}):\n    _body_", group[0], body=inside)


def _cheap(node: ast.stmt) -> bool:
    """Whether this is arithmetic that takes no longer than to fetch what it reads."""
    if isinstance(node, ast.AugAssign) and not (isinstance(node.target, ast.Name) and node.target.id.startswith("me.")):
        return False
    called = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    simple = all(isinstance(f, ast.Name) and f.id in ("counted", "min", "max", "abs", "int", "float") for f in called)
    return isinstance(node, (*_SIMPLE, ast.Return)) and simple and not _looked_up(node)


def _names(node: ast.AST) -> Iterator[ast.Name]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Name))


def _loaded(node: ast.AST) -> set[str]:
    read = {n.id for n in _names(node) if isinstance(n.ctx, ast.Load)}
    return read | assigned_in(node) if isinstance(node, ast.AugAssign) else read


def _looked_up(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Assign) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id.startswith("counts.")
