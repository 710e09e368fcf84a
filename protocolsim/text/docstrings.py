"""An import hook that keeps docstrings under `python -OO`: help, model pages and the schema are made of them.

Altair, too, cannot be imported without its own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

_DOCUMENTED = frozenset(["protocolsim", "altair"])


class _Kept(SourceFileLoader):
    """Compiles as under `-O`: without assertions, with docstrings."""

    def get_code(self, fullname: str) -> CodeType:
        """Always from the source; what Python keeps on disk for this level is without them."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path, _optimize=1)
        return code


class _Finder(MetaPathFinder):
    """Finds these packages as Python does, for the loader that keeps docstrings."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None of another package, or where it is no file of source."""
        if fullname.partition(".")[0] not in _DOCUMENTED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Kept(spec.loader.name, spec.loader.path)
        return spec


def keep() -> None:
    """From here on these packages keep what says what their things are."""
    if sys.flags.optimize > 1 and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
