"""The fingerprint of a kernel: a hash of everything that could change its machine code.

A compiled kernel holds copies of the functions that it calls, of theirs, and of every constant that they read, wherever
they stand: in its own file, in another of this package, in a second file of a plugin. Its fingerprint therefore follows
the names in its code to what they mean at this moment, and theirs, and so on: functions by their code, constants by
their value. So an edit of any of them is seen, and an edit of a comment or of what no kernel touches is none.

What cannot be looked into (a class, an object of a foreign library) counts as the text of the file that it comes from.
Python's own library, NumPy, SciPy and Numba count as their versions.
"""

from __future__ import annotations

import dis
import enum
import hashlib
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.typing.templates import builtin_registry

_LIBRARIES = frozenset(["llvmlite", "numba", "numpy", "scipy"])
_STANDARD = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# How the first constant of a code is read, which otherwise is the docstring.
_READS_FIRST = [bytes([dis.opmap[name], 0]) for name in ("LOAD_CONST", "RETURN_CONST") if name in dis.opmap]
# Of a code's flags, what kind of function it is: *words, **words, generator, coroutines. A profiler that meets a kernel
# makes Numba overwrite the others, which say nothing that the code itself does not.
_KINDS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), range)
VERSIONS = "; ".join(
    [
        f"python {sys.version_info[0]}.{sys.version_info[1]}",
        f"numba {numba.__version__}",
        f"llvmlite {llvmlite.__version__}",
        f"numpy {np.__version__}",
    ]
)


def fingerprint(function: Callable[..., Any]) -> str:
    """The hash of a function and of all functions and constants that it reaches, as of now."""
    return CodeWalk(function).digest.hexdigest()


class CodeWalk:
    """A traversal of everything that a function refers to; each object is visited once."""

    def __init__(self, start: Any) -> None:
        self.digest = hashlib.sha256(VERSIONS.encode())
        self.compiled: list[Any] = []  # what Numba compiles, of all that was met
        self._number: dict[int, int] = {}  # of what has been seen, by identity
        self._held: list[Any] = []  # so that no identity is given twice
        self._todo: list[Any] = [start]
        while self._todo:
            self._look(self._todo.pop())

    def _say(self, *words: object) -> None:
        said = []
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode("utf-8", "surrogatepass")
            said += [b"%d:" % len(data), data]
        self.digest.update(b"".join(said))

    def _name(self, thing: Any) -> None:
        """Say which thing this is, by the order in which things are met; what is new is looked into later."""
        known = self._number.get(id(thing))
        if known is None:
            known = self._number[id(thing)] = len(self._held)
            self._held.append(thing)
            self._todo.append(thing)
        self._say("->", known)

    def _look(self, thing: Any) -> None:
        if _of_numba(thing):  # a ufunc or an intrinsic keeps its function inside
            thing = next((getattr(thing, n) for n in ("_dispatcher", "_defn") if hasattr(thing, n)), thing)
        if hasattr(thing, "py_func"):
            self._say("compiled", *sorted(map(repr, getattr(thing, "targetoptions", {}).items())))
            self.compiled.append(thing)
            thing = thing.py_func
        if isinstance(thing, FunctionType):
            self._function(thing)
        elif isinstance(thing, CodeType):
            self._code(thing)
        elif isinstance(thing, type) and not _foreign(thing):
            self._class(thing)
        else:
            self._object(thing)

    def _value(self, value: Any) -> None:
        """Say a value that the compiler copies; numbers and arrays bit by bit, what is built of others by its parts."""
        if isinstance(value, enum.Enum):
            self._say(type(value).__qualname__, value.name)
            self._value(value.value)
        elif isinstance(value, np.ndarray | np.generic):
            array = np.asarray(value)
            layout = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
            self._say(type(value).__name__, array.dtype.descr, array.shape, layout, array.tobytes())
        elif isinstance(value, _PLAIN):
            self._say(type(value).__name__, repr(value))
        elif isinstance(value, tuple | list):
            self._say(type(value).__qualname__, len(value), getattr(value, "_fields", ""))
            for part in value:
                self._value(part)
        elif isinstance(value, dict):
            self._say("dict", len(value))
            for key, part in value.items():
                self._value(key)
                self._value(part)
        elif isinstance(value, set | frozenset):
            self._say("set", *sorted(map(repr, value)))
        else:
            self._name(value)

    def _function(self, function: FunctionType) -> None:
        if _foreign(function):
            self._say("foreign", function.__module__, function.__qualname__)
            return
        self._say("function", function.__module__, function.__qualname__)
        self._code(function.__code__)
        for value in (function.__defaults__, function.__kwdefaults__):
            self._value(value)
        names = list(_names(function.__code__))
        for cell in function.__closure__ or ():
            self._global(cell.cell_contents, names)
        for name in names:
            if name in function.__globals__:
                self._say("global", name)
                self._global(function.__globals__[name], names)
        for written in overloads(function):
            self._name(written)

    def _global(self, value: Any, names: Iterable[str]) -> None:
        """What a name of a module means. Of a module, what the same code may read of it: it asks for that by name."""
        if not isinstance(value, ModuleType):
            self._value(value)
            return
        self._say("module", value.__name__)
        if _foreign_module(value.__name__):
            return
        for name in names:
            if name in vars(value) and (part := vars(value)[name]) is not value:
                self._say("part", name)
                self._global(part, [n for n in names if n != name])

    def _code(self, code: CodeType) -> None:
        self._say("code", code.co_code, code.co_exceptiontable, code.co_names, code.co_varnames, code.co_freevars)
        self._say(code.co_flags & _KINDS, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
        for number, constant in enumerate(code.co_consts):
            if isinstance(constant, CodeType):
                self._code(constant)
            elif not (number == 0 and _docstring(code)):
                self._value(constant)

    def _class(self, kind: type) -> None:
        self._say("class", kind.__module__, kind.__qualname__)
        if not issubclass(kind, enum.Enum):
            self._say(_text_of(kind.__module__))
        for base in kind.__bases__:
            self._name(base)
        for name, part in vars(kind).items():
            if isinstance(part, FunctionType | enum.Enum):
                self._say(name)
                self._value(part)

    def _object(self, thing: Any) -> None:
        """Where it comes from, and what it says of itself."""
        kind = type(thing)
        home = str(getattr(thing, "__module__", None) or kind.__module__)
        self._say("object", kind.__module__, kind.__qualname__, home, _ADDRESS.sub("", repr(thing)))
        for module in (home, kind.__module__):
            self._say(b"" if _foreign_module(module) else _text_of(module))


def _of_numba(thing: Any) -> bool:
    return type(thing).__module__.partition(".")[0] == "numba"


def _foreign(thing: Any) -> bool:
    return _foreign_module(str(getattr(thing, "__module__", None)))


def _foreign_module(name: str) -> bool:
    """Whether it is of a library that the versions speak for; a user's file may have the name of a standard one."""
    top = name.partition(".")[0]
    if top in _LIBRARIES:
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    return top in sys.stdlib_module_names and (file is None or file.startswith(_STANDARD))


def _docstring(code: CodeType) -> bool:
    """Whether the first constant is text that the code does not read: no machine code holds it."""
    first = code.co_consts[0]
    return isinstance(first, str) and not any(reading in code.co_code for reading in _READS_FIRST)


def _names(code: CodeType) -> Iterator[str]:
    """Names in a code and in those inside it: of globals, and of what is asked of objects."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(_names(constant))
    yield from sorted(names)


def overloads(function: FunctionType) -> list[Any]:
    """What Numba compiles in place of a plain function (`numba.extending.overload`)."""
    kinds = _registered(len(builtin_registry.globals)).get(id(function), ())
    templates = [t for kind in kinds for t in getattr(kind, "templates", ())]
    return [written for t in templates if (written := getattr(t, "_overload_func", None)) is not None]


@lru_cache(maxsize=1)
def _registered(_: int) -> dict[int, list[Any]]:
    """What Numba knows instead of each value, by its identity: it holds all of them, and only adds to them."""
    found: dict[int, list[Any]] = {}
    for value, kind in builtin_registry.globals:
        found.setdefault(id(value), []).append(kind)
    return found


def _text_of(module: str) -> bytes:
    """The text of the file of a module, or nothing where there is none."""
    path = getattr(sys.modules.get(module), "__file__", None)
    try:
        return Path(path).read_bytes() if path else b""
    except OSError:
        return b""
