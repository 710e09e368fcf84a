"""The on-disk cache of compiled kernels, keyed by fingerprint: an entry is valid only if nothing it uses has changed.

Numba's own cache looks at one file only, that of the outer function; so what a kernel copies from others could change
without it. It also ends the command where a kernel cannot be written, and believes whatever it reads. Here the name of
a file says all that its machine code depends on (`fingerprint.py`), a checksum says that it is what was written, it is
replaced in one step, and a kernel that cannot be kept is used all the same.

Where the package was installed from source, its own kernels were compiled then, and stand in `BUILT`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import os
import pickle
import re
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
from numba import config
from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.environment import Environment, lookup_environment
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from protocolsim.kernels.fingerprint import CodeWalk, fingerprint
from protocolsim.notices import tell

_MAGIC = b"protocolsim kernel 1\n"
_STALE = 7 * 86400.0  # seconds after which the machine code of an earlier text goes when the kernel is compiled anew
BUILT = Path(__file__).parent / "built"
"""What was compiled as the package was built (`hatch_build.py`); only read, and not if PROTOCOLSIM_BUILT_KERNELS=0."""
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT")


_PLACES: dict[tuple[str, str], Path] = {}
"""Where the kernels of a file are kept, by the file and Numba's setting."""


class CacheMisses:
    """What is called where a kernel is not on the disk, before it is compiled; nothing by default."""

    def __init__(self) -> None:
        self.missing: Callable[[MachineCode, tuple[Any, ...]], None] = lambda kernel, signature: None


misses = CacheMisses()


def not_kept(place: Path | None, why: str) -> None:
    """Warn, once, that every run will recompile."""
    where = f" in {place}" if place else ""
    tell(
        f"compiled kernels cannot be kept{where} ({why}), so that each run compiles anew; set NUMBA_CACHE_DIR to a "
        "folder with some 20 MB of room",
        once="not kept",
    )


class MachineCode(FunctionCache):  # type: ignore[misc]
    """Where Numba looks for the machine code of one kernel, and leaves it."""

    def __init__(self, function: Callable[..., Any], *, to_python: bool = True) -> None:
        # Without Numba's own beginning, which asks the file system for each kernel, also for those that are not called.
        self._name, self.function = repr(function), function
        self._py_func = function
        self.to_python = to_python  # whether Python can call it, or other kernels only
        self._keys: dict[tuple[Any, ...], str] = {}
        self.made: set[str] = set()  # the fingerprints of what this process runs
        self.enable()

    @property
    def cache_path(self) -> str:
        """The folder, for Numba's statistics."""
        place = self.place
        return "" if place is None else str(place)

    @property
    def place(self) -> Path | None:
        """The folder where this kernel is kept: `NUMBA_CACHE_DIR`, beside its file, the user's own; or None."""
        file = self.function.__code__.co_filename, config.CACHE_DIR
        if file not in _PLACES:
            keeper = self._keeper()
            if keeper is None:
                return None
            _PLACES[file] = Path(keeper.locator.get_cache_path())
        return _PLACES[file]

    def _keeper(self) -> Any:
        """What Numba keeps kernels with, or None where they cannot be; to find out a file is written and removed."""
        try:
            return self._impl_class(self.function)
        except (OSError, RuntimeError, TypeError):
            # Numba's word where there is no folder that can be written, or no file that the kernel stands in.
            return None

    def _file(self, sig: tuple[Any, ...], codegen: Any, made_of: str) -> str:
        """The name of a file that says all that its machine code depends on."""
        settings = [(name, str(getattr(config, name, None))) for name in _SETTINGS]
        asked = hashlib.sha256(repr((sig, codegen.magic_tuple(), settings, self.to_python)).encode())
        return f"{self._stem}{made_of[:20]}.{asked.hexdigest()[:20]}.nbc"

    @property
    def _stem(self) -> str:
        named = f"{self.function.__module__}.{self.function.__qualname__}".rpartition("protocolsim.")[2]
        return f"{re.sub('[^A-Za-z0-9_.]', '', named)[-80:]}.{sys.implementation.cache_tag}."

    def load_overload(self, sig: tuple[Any, ...], target_context: Any) -> Any:
        """The kernel from the disk, or None.

        Numba would first set up what compiling needs: all that it knows of NumPy, with SciPy's linear algebra, for a
        third of a second. Its compiler does so itself when it is called; what is on the disk needs the runtime only.
        """
        if not self._enabled:
            return None
        made_of = self._keys[sig] = fingerprint(self.function)
        self.made.add(made_of)
        body = self._read(sig, target_context, made_of)
        if body is None and self.to_python:
            misses.missing(self, sig)
            body = self._read(sig, target_context, made_of)  # another process may have compiled it meanwhile
        if body is None:
            return None
        rtsys.initialize(target_context)
        parts = _Unpickler(io.BytesIO(body)).load()  # its checksum holds
        return CompileResult._rebuild(target_context, *parts)  # noqa: SLF001 - there is no public way

    def _read(self, sig: tuple[Any, ...], target_context: Any, made_of: str) -> bytes | None:
        name = self._file(sig, target_context.codegen(), made_of)
        built = os.environ.get("PROTOCOLSIM_BUILT_KERNELS") != "0"
        body = _content(BUILT / name) if built else None
        if body is None and self.place is not None:
            body = _content(self.place / name)
        return body

    def save_overload(self, sig: tuple[Any, ...], data: Any) -> None:
        """Keep a kernel that has just been compiled, if that can be."""
        made_of = self._keys.pop(sig, None)
        if not self._enabled or made_of is None:
            return
        place, keeper = self.place, self._keeper()
        if place is None or keeper is None:
            not_kept(None, "no folder can be written to")
            return
        path = place / self._file(sig, data.codegen, made_of)
        if not self._as_read(made_of) or not keeper.check_cachable(data):
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            reduced = keeper.reduce(data)
            _replace(path, _for_python(reduced, data.fndesc.llvm_cpython_wrapper_name) if self.to_python else reduced)
            self._tidy(path, made_of)
        except OSError as error:
            not_kept(path.parent, error.strerror or str(error))

    def _as_read(self, made_of: str) -> bool:
        """Whether this process has changed no constant since this kernel, and those that it calls, were compiled."""
        walk = CodeWalk(self.function)
        called = [kernel for kernel in walk.compiled if isinstance(getattr(kernel, "_cache", None), MachineCode)]
        return walk.digest.hexdigest() == made_of and all(
            kernel._cache.made <= {fingerprint(kernel.py_func)}  # noqa: SLF001 - ours
            for kernel in called
        )

    def _tidy(self, path: Path, made_of: str) -> None:
        """Remove stale files of earlier versions of the kernel."""
        late = time.time() - _STALE
        for other in path.parent.glob(f"{self._stem}*.nbc"):
            if not other.name.startswith(f"{self._stem}{made_of[:20]}."):
                with contextlib.suppress(OSError):
                    if other.stat().st_mtime < late:
                        other.unlink()


class _Unpickler(pickle.Unpickler):
    """Reads a kernel without importing all that it was compiled with."""

    def find_class(self, module: str, name: str) -> Any:
        """What Numba would find, but for the environments of its own functions."""
        return _environment if name == "_rebuild_env" else super().find_class(module, name)


def _environment(module: str, constants: list[Any], name: str) -> Environment:
    """The environment of a function: its constants, and the names of its module, which only uncompiled code looks up.

    Numba imports the module for these names. Of its own functions, which are in each kernel that makes an array, those
    are its arrays and texts, half as long to import as all the rest of it; a kernel is compiled code and asks for none.
    """
    known = lookup_environment(name)
    if known is None:
        needed = module in sys.modules or not module.startswith("numba.")
        known = Environment(vars(importlib.import_module(module)) if needed else {"__name__": module})
        known.consts[:] = constants
        known.env_name = name
        Environment._memo[name] = known  # noqa: SLF001 - as Numba does
    return known


def _for_python(reduced: tuple[Any, ...], entry: str) -> tuple[Any, ...]:
    """A compiled kernel, as Numba keeps it, without the code that other kernels are made with: Python only calls it.

    Numba reads that code of each kernel that it loads, for half of the time, to learn how the machine code is entered;
    here it finds that name and no more. Kernels call `arithmetic._compiled.inside`, which keeps all.
    """
    (name, kind, content), *others = reduced
    if kind != "object":
        return reduced
    named = llvmlite.binding.parse_assembly(f'define void @"{entry}"() {{ unreachable }}')
    return (name, kind, (content[0], named.as_bitcode())), *others


def _content(path: Path) -> bytes | None:
    """What was written to a file, or None if it is not there or is not what was written."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    checksum, body = content[len(_MAGIC) : len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
    return body if content.startswith(_MAGIC) and checksum == _checksum(path.name, body) else None


def _checksum(name: str, body: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + body).digest()


def _replace(path: Path, reduced: Any) -> None:
    """Write a file atomically (temporary file and rename), also against concurrent writers."""
    body: bytes = dumps(reduced)
    partial = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        partial.write_bytes(_MAGIC + _checksum(path.name, body) + body)
        partial.replace(path)
    except BaseException:  # Ctrl-C too: the temporary file would never be removed
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
