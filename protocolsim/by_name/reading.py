"""A function about one subject, read: every name is looked up, and stands as one dotted name afterwards.

`me.loss` becomes the name "me.loss", `draw.normal("loss")` the name "draw.normal.loss", so that both ways to write a
kernel (`rows.py`, `columns.py`) treat them as they treat local variables. What is not known is refused here, at
its line.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any, TypeVar

from numba import config

from protocolsim.by_name.words import (
    DISTRIBUTIONS,
    HANDED,
    HANDED_ORDER,
    KINDS,
    Declared,
    Used,
    Written,
    assigned_in,
)
from protocolsim.errors import UsageError, unknown
from protocolsim.kernels.fingerprint import overloads

N = TypeVar("N", bound=ast.AST)


def written(function: Callable[..., Any]) -> Written:
    """The syntax tree of a function, from its file. Raises UsageError."""
    code = function.__code__
    linecache.checkcache(code.co_filename)  # the file may have been edited and imported anew
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise UsageError(
            f"{code.co_filename}: the text of {function.__name__} cannot be read, which a kernel is made of"
        )
    text, place = "".join(lines), (function.__name__, code.co_firstlineno)
    if place not in _functions_of(text):
        _functions_of.cache_clear()  # it was read before
    node = _functions_of(text).pop(place, None)  # whoever has it changes it
    if node is not None:
        for inside in ast.walk(node):
            inside.placed = True  # type: ignore[attr-defined]
        return Written(node, code.co_filename, function)
    raise UsageError(f"{code.co_filename}:{code.co_firstlineno}: {function.__name__} is not a `def` that stands here")


@lru_cache(maxsize=1)
def _functions_of(text: str) -> dict[tuple[str, int], ast.FunctionDef]:
    """Each `def` of a file by its name and first line; the functions of a model are asked for one after the other."""
    defined = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return {(d.name, min([d.lineno, *(by.lineno for by in d.decorator_list)])): d for d in defined}


class SubjectReader(ast.NodeTransformer):
    """Looks up every name of one function; `body` is what it says, in dotted names.

    `whole`: where something is a matter of one row at a time (a part that is handed the subject, a draw that counts
    its own uses, a column chosen by number), so that there is no way by columns.
    """

    def __init__(self, source: Written, kind: str, declared: Declared, variables: Sequence[str] = ()) -> None:
        self.source, self.kind, self.declared, self.variables = source, KINDS[kind], declared, tuple(variables)
        self.used = Used(source.tree.name, kind)
        self.by_row = False
        self._loops = 0
        self.arguments = self._taken(kind)
        given = set(self.arguments) & set(self.kind.known)
        self.words = {word: word in given for word in self.kind.words}
        self.numbers = given - set(self.kind.words)
        for name in assigned_in(*source.tree.body) & given:
            source.refuse(source.tree, f"'{name}' is given and cannot be another thing")
        body = source.tree.body[1:] if ast.get_docstring(source.tree) is not None else source.tree.body
        self.body: list[ast.stmt] = [said for statement in body for said in self._statements(statement)]
        if missing := [v for v in self.variables if v not in self.used.variables]:
            source.refuse(source.tree, f"nothing sets see.{missing[0]}")

    def _taken(self, kind: str) -> list[str]:
        args = self.source.tree.args
        if args.vararg or args.kwarg or args.kwonlyargs or args.defaults or args.posonlyargs:
            self.source.refuse(self.source.tree, "plain arguments only, without defaults")
        for argument in args.args:
            if kind != "part" and argument.arg not in self.kind.known:
                self.source.refuse(
                    argument, unknown(f"argument of what is said about '{kind}'", argument.arg, self.kind.known)
                )
        return [a.arg for a in args.args]

    def _is(self, node: ast.AST, word: str) -> bool:
        """Whether a node is this word, which the function takes."""
        return isinstance(node, ast.Name) and node.id == word and self.words.get(word, False)

    def _statements(self, node: ast.stmt) -> list[ast.stmt]:
        done = self.visit(node)
        return done if isinstance(done, list) else [done]

    # What stands before a dot ------------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A word of the subject says nothing without what follows its dot."""
        if self.words.get(node.id):
            self.source.refuse(node, f"'{node.id}' stands before a dot, or is handed to a part of the model")
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A name of the model after its word; anything else as it stands."""
        word = node.value.id if isinstance(node.value, ast.Name) else ""
        if not self.words.get(word):
            return self.generic_visit(node)
        return self._named(word, node.attr, node)

    def _named(self, word: str, name: str, node: ast.expr) -> ast.expr:
        storing = isinstance(getattr(node, "ctx", None), ast.Store)
        if storing and (word not in ("me", "see") or not self.kind.sets):
            self.source.refuse(node, f"'{word}.{name}' can only be read")
        if word == "me":
            self._known("field", name, self.declared.fields, self.used.fields, node)
            if self.declared.fields[name][1] > 1:
                self.source.refuse(
                    node, f"'{name}' has {self.declared.fields[name][1]} columns: say which, as me.{name}[0]"
                )
        elif word == "p":
            self._known("parameter or constant", name, self.declared.constants, self.used.constants, node)
            if self.declared.constants[name][1]:
                self.source.refuse(
                    node, f"'{name}' is a table of {self.declared.constants[name][1]}: say which, as p.{name}[0]"
                )
        elif word == "disease":
            self._known("trait that this model needs", name, self.declared.needs, self.used.needs, node)
        elif word == "signal":
            self._known("signal that this model reads", name, self.declared.reads, self.used.reads, node)
        elif word == "draw":
            self.source.refuse(node, f'a draw is asked for as draw.normal("name"): {", ".join(DISTRIBUTIONS)}')
        elif word == "see":
            self.source.refuse(node, "what is seen is set as see.name = value, truth")
        return _at(node, ast.Name(f"{word}.{name}", ast.Store() if storing else ast.Load()))

    def _known(self, what: str, name: str, known: Any, used: set[str], node: ast.AST) -> None:
        if name not in known:
            self.source.refuse(node, unknown(what, name, known))
        used.add(name)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """One of several columns or constants; a signal whose name is no name of Python's."""
        inner = node.value
        if self._is(inner, "signal"):
            if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
                self.source.refuse(node, 'a signal is named, as signal["level of it"]')
            return self._named("signal", node.slice.value, node)
        word = inner.value.id if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) else ""
        if not self.words.get(word) or word not in ("me", "p"):
            return self.generic_visit(node)
        assert isinstance(inner, ast.Attribute)
        return self._one_of(word, inner.attr, node)

    def _one_of(self, word: str, name: str, node: ast.Subscript) -> ast.AST:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        asked = [self.visit(part) for part in parts]
        if word == "me":
            self._known("field", name, self.declared.fields, self.used.fields, node)
            first, many = self.declared.fields[name]
            shape: tuple[int, ...] = (many,) if many > 1 else ()
        else:
            if isinstance(node.ctx, ast.Store):
                self.source.refuse(node, f"'p.{name}' can only be read")
            self._known("parameter or constant", name, self.declared.constants, self.used.constants, node)
            first, shape = self.declared.constants[name]
        if len(asked) != len(shape):
            self.source.refuse(node, f"'{word}.{name}' takes {len(shape)} numbers in brackets, not {len(asked)}")
        if isinstance(node.ctx, ast.Store) and not self.kind.sets:
            self.source.refuse(node, f"'me.{name}' can only be read")
        for part, size in zip(asked, shape, strict=True):
            if isinstance(part, ast.Constant) and not (isinstance(part.value, int) and 0 <= part.value < size):
                self.source.refuse(part, f"'{word}.{name}' has 0 to {size - 1} there")
        if word == "me" and isinstance(asked[0], ast.Constant):
            return _at(node, ast.Name(f"me.{name}.{asked[0].value!s}", node.ctx))
        place: ast.expr = ast.Constant(first)
        for at, part in enumerate(asked):
            size = 1
            for further in shape[at + 1 :]:
                size *= further
            whole = ast.Call(ast.Name("int", ast.Load()), [part], [])
            place = ast.BinOp(place, ast.Add(), ast.BinOp(whole, ast.Mult(), ast.Constant(size)) if size > 1 else whole)
        self.by_row |= word == "me"
        of = ast.Name("me[]" if word == "me" else "p[]", ast.Load())
        return _at(node, ast.Subscript(of, place, node.ctx))

    # What is called -----------------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A draw, a part of the model, or a function."""
        asked = node.func
        if isinstance(asked, ast.Attribute) and self._is(asked.value, "draw"):
            return self._draw(asked.attr, node)
        if isinstance(asked, ast.Name):
            called = self._meant(asked.id)
            if id(called) in self.declared.parts:
                return self._part(asked, self.declared.parts[id(called)], node)
            if isinstance(called, FunctionType) and not config.DISABLE_JIT and not overloads(called):
                self.source.refuse(node, f"'{asked.id}' is a plain function: decorate it with @kernel or @inlined")
        return self.generic_visit(node)

    def _meant(self, name: str) -> Any:
        function = self.source.function
        free = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        return free[name].cell_contents if name in free else function.__globals__.get(name)

    def _draw(self, distribution: str, node: ast.Call) -> ast.AST:
        if distribution not in DISTRIBUTIONS:
            self.source.refuse(node, unknown("distribution", distribution, DISTRIBUTIONS))
        name = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if not isinstance(name, str):
            self.source.refuse(
                node, f'a draw has a name, as draw.{distribution}("{next(iter(self.declared.draws), "name")}")'
            )
        if name not in self.declared.draws:
            self.source.refuse(node, unknown("draw", name, self.declared.draws))
        many, keywords = DISTRIBUTIONS[distribution], {k.arg or "**": k.value for k in node.keywords}
        allowed = {"use"} | ({"none"} if distribution in ("poisson", "binomial") else set())
        if len(node.args) != 1 + many or not keywords.keys() <= allowed:
            self.source.refuse(
                node, f"draw.{distribution} takes its name and {many} further; by name {', '.join(sorted(allowed))}"
            )
        if self._loops and "use" not in keywords:
            self.source.refuse(node, f"the draw '{name}' stands in a loop, and would be the same each time: say use=")
        self.used.draws.append((name, distribution, node))
        given = [self.visit(argument) for argument in node.args[1:]]
        use = self.visit(keywords["use"]) if "use" in keywords else None
        none = [self.visit(keywords["none"])] if "none" in keywords else []
        if isinstance(use, ast.Constant) and isinstance(use.value, int):
            name, use = f"{name}.{use.value}", None
        self.by_row |= use is not None
        if distribution == "bernoulli":
            return _at(node, ast.Compare(self._number("uniform", name, use), [ast.Lt()], given))
        if many == 0:
            return _at(node, self._number(distribution, name, use))
        return _at(
            node,
            ast.Call(
                ast.Name(f"draw.{distribution}", ast.Load()), [self._number("uniform", name, use), *given, *none], []
            ),
        )

    @staticmethod
    def _number(distribution: str, name: str, use: ast.expr | None) -> ast.expr:
        drawn = ast.Name(f"draw.{distribution}.{name}", ast.Load())
        return drawn if use is None else ast.Call(ast.Name("draw.use", ast.Load()), [drawn, use], [])

    def _part(self, asked: ast.Name, takes: tuple[str, ...], node: ast.Call) -> ast.AST:
        if node.keywords or len(node.args) != len(takes):
            self.source.refuse(node, f"'{asked.id}' takes {len(takes)} arguments, by their order")
        given, handed = [], set[str]()
        for argument, word in zip(node.args, takes, strict=True):
            if word:
                if not (isinstance(argument, ast.Name) and argument.id == word and self.words.get(word)):
                    self.source.refuse(argument, f"'{asked.id}' is handed '{word}' here")
                handed.update(HANDED[word])
                self.by_row |= word != "p"
            else:
                given.append(self.visit(argument))
        part = id(self._meant(asked.id))
        if part in self.declared.once and (self._loops or part in self.used.parts):
            self.source.refuse(
                node, f"'{asked.id}' draws, and would draw the same again: say use= there, or call it once"
            )
        self.used.parts.append(part)
        raw = [ast.Name(f"raw.{name}", ast.Load()) for name in HANDED_ORDER if name in handed]
        return _at(node, ast.Call(asked, [*raw, *given], []))

    # Statements ---------------------------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> Any:
        """What is seen of a variable, and the truth behind it, are two."""
        target = node.targets[0]
        if isinstance(target, ast.Attribute) and self._is(target.value, "see"):
            return self._seen(target, node)
        return self.generic_visit(node)

    def _seen(self, target: ast.Attribute, node: ast.Assign) -> list[ast.stmt]:
        if target.attr not in self.variables:
            self.source.refuse(target, unknown("variable of this assessment", target.attr, self.variables))
        self.used.variables.add(target.attr)
        both = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value, node.value]
        if len(both) != 2 or len(node.targets) != 1:
            self.source.refuse(node, f"see.{target.attr} = value, truth")
        number = self.variables.index(target.attr)
        names = [ast.Name(f"see.{part}.{number}", ast.Store()) for part in ("value", "truth")]
        if both[0] is both[1]:
            same: list[ast.expr] = [_at(target, name) for name in names]
            return [_at(node, ast.Assign(same, self.visit(both[0])))]
        return [_at(node, ast.Assign([_at(target, n)], self.visit(v))) for n, v in zip(names, both, strict=True)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """A variable's type is for the type checker: the kernel takes it from the values."""
        if node.value is None:
            self.source.refuse(node, "a variable gets a value")
        plain = ast.Assign([node.target], node.value)
        return self.visit_Assign(_at(node, plain))

    def visit_For(self, node: ast.For) -> Any:
        """A loop, in which no draw may stand that does not count its uses."""
        return self._loop(node)

    def visit_While(self, node: ast.While) -> Any:
        """As `for`."""
        return self._loop(node)

    def _loop(self, node: ast.For | ast.While) -> Any:
        self._loops += 1
        done = self.generic_visit(node)
        self._loops -= 1
        return done

    def visit_Return(self, node: ast.Return) -> Any:
        """The end of what is said of this subject, with what it gets where something is asked for."""
        wanted = bool(self.kind.result)
        if wanted != (node.value is not None):
            self.source.refuse(node, "return a number" if wanted else "nothing is returned here")
        if self._loops and self.kind.result != "return":
            self.source.refuse(node, "return in a loop: write the loop as a part of the model")
        return self.generic_visit(node)

    def visit_With(self, node: ast.With) -> Any:
        """What is mostly alike in all: with alike(...)."""
        if alike_keys(node) is None:
            self.source.refuse(node, "`with` stands before alike(...) only")
        call = node.items[0].context_expr
        assert isinstance(call, ast.Call)
        call.args = [self.visit(key) for key in call.args]
        node.body = [said for statement in node.body for said in self._statements(statement)]
        return node

    def _other(self, node: ast.AST) -> Any:
        self.source.refuse(node, f"{type(node).__name__} has no place in what is said of one subject")

    visit_Yield = visit_Await = visit_Lambda = visit_FunctionDef = visit_ClassDef = visit_Import = _other  # noqa: N815
    visit_ImportFrom = visit_Global = visit_Nonlocal = visit_Try = visit_Delete = visit_NamedExpr = _other  # noqa: N815


def alike_keys(node: ast.With) -> list[ast.expr] | None:
    """What `with alike(a, b):` is asked of, or None where it is another `with`."""
    call = node.items[0].context_expr
    named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "alike"
    if not named or len(node.items) != 1 or node.items[0].optional_vars is not None:
        return None
    assert isinstance(call, ast.Call)
    return None if call.keywords or not call.args else call.args


def _at(node: ast.AST, made: N) -> N:
    """The same place in the author's file for what is made of a node."""
    for new in ast.walk(made):
        if not hasattr(new, "placed"):
            ast.copy_location(new, node)
            new.placed = True  # type: ignore[attr-defined]
    return made
