"""The compiled methods of dataclasses, kept between commands.

Python writes the methods of a dataclass as text while its module is imported, and compiles that text in each process
anew, since no file of bytecode holds it: of two hundred classes a twelfth of a short command. A process that is one
command keeps the compiled form of each text. What is found again is found by the text itself, so that nothing can be
out of date, and is what Python would have compiled from it.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import importlib.util
import marshal
import os
import sys
import zlib
from types import CodeType

_HEAD = b"protocolsim methods 1\n" + importlib.util.MAGIC_NUMBER + sys.version.encode() + b"\n"
_WORTH_WRITING = 20  # texts that the file does not hold
_MOST = 4000  # texts: with more, those that this process did not use go


class CompiledTexts:
    """Texts and what they are compiled to, from a file and back to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.kept: dict[str, bytes] = {}  # each taken apart where it is used
        self.used: dict[str, CodeType] = {}
        try:
            with open(path, "rb") as stream:  # noqa: PTH123 - pathlib is not imported yet
                content = stream.read()
            checksum, body = content[len(_HEAD) : len(_HEAD) + 4], content[len(_HEAD) + 4 :]
            if content.startswith(_HEAD) and checksum == zlib.crc32(body).to_bytes(4, "big"):
                self.kept = marshal.loads(body)  # noqa: S302 - as Python does with its own files of bytecode
        except (OSError, ValueError, EOFError, TypeError):
            pass  # compiled anew

    def execute(self, text: str, names: dict[str, object] | None, made: dict[str, object]) -> None:
        """What `exec` does with a text where it is called from the module `dataclasses`."""
        code = self.used.get(text)
        if code is None:
            kept = self.kept.get(text)
            code = compile(text, "<string>", "exec", dont_inherit=True) if kept is None else marshal.loads(kept)  # noqa: S302 - as below
            self.used[text] = code
        exec(code, vars(dataclasses) if names is None else names, made)  # noqa: S102 - it stands for `exec`

    def keep(self) -> None:
        """Write the file anew, in one step, where much is missing in it; without a word where that cannot be."""
        if len(self.used.keys() - self.kept.keys()) < _WORTH_WRITING:
            return
        used = {text: marshal.dumps(code) for text, code in self.used.items()}
        whole = self.kept | used
        body = marshal.dumps(whole if len(whole) <= _MOST else used)
        partial = f"{self.path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)  # noqa: PTH103, PTH120 - as above
            with open(partial, "xb") as stream:  # noqa: PTH123 - as above
                stream.write(_HEAD + zlib.crc32(body).to_bytes(4, "big") + body)
            os.replace(partial, self.path)  # noqa: PTH105 - as above
        except OSError:
            _removed(partial)
        except BaseException:  # Ctrl-C too
            _removed(partial)
            raise


def _removed(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - as above


def begin() -> None:
    """Compile the methods of dataclasses so, in a process that is one command; the file stands where kernels do."""
    beside = os.path.join(os.path.dirname(__file__), "__pycache__")  # noqa: PTH118, PTH120 - as above
    folder = os.environ.get("NUMBA_CACHE_DIR") or beside
    texts = CompiledTexts(os.path.join(folder, f"dataclasses.{sys.implementation.cache_tag}.marshal"))  # noqa: PTH118
    vars(dataclasses)["exec"] = texts.execute  # the name that it calls; Python's own stays what it is elsewhere
    atexit.register(texts.keep)
