"""The documentation site: built by MkDocs from docs/ of the repository, and served on the loopback.

The sources of the site are part of the repository and of the source distribution, not of the installed package:
where they are not there, the refusal says what answers instead.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from protocolsim.errors import UsageError
from protocolsim.interruption import held
from protocolsim.study.storage.claim import parent_locked

_ROOT = Path(__file__).parents[3]
DOCS = _ROOT / "docs"
"""Where the pages stand, in a checkout."""
_CONFIGURATION = "mkdocs.yml"
_OURS = "built by protocolsim docs"
"""The mark in a folder that says its content may be replaced."""


def build(folder: Path) -> None:
    """Build the site into a folder that is new, empty or an earlier site. Raises UsageError; a warning is an error."""
    configuration = _ROOT / _CONFIGURATION
    if not configuration.is_file():
        raise UsageError(
            "the sources of the documentation site are in the repository, not in an installed protocolsim; "
            "`protocolsim explain TERM` and `protocolsim docs NAME` answer here"
        )
    if any(importlib.util.find_spec(module) is None for module in ("mkdocs", "material", "mkdocstrings")):
        raise UsageError("the site needs the extra docs: python -m pip install '.[docs]'")
    _refuse_what_is_not_ours(folder)
    target = folder.resolve()
    try:
        # Beside what is there, so that a site is whole or not begun, whoever interrupts, or builds one there meanwhile.
        with TemporaryDirectory(prefix=".site-", dir=next(p for p in target.parents if p.is_dir())) as name:
            made = Path(name) / "site"
            _make(configuration, made)
            (made / ".site").write_text(f"{_OURS}\n", encoding="utf-8")
            _put_in_place(made, folder, target, Path(name) / "earlier")
    except OSError as error:
        raise UsageError(f"--write {folder}: cannot write there: {error.strerror or error}") from None


def _make(configuration: Path, folder: Path) -> None:
    """Build the site into a new folder. Raises UsageError, with all that MkDocs complains of."""
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")  # an advertisement on standard error, which no reader asked for
    from mkdocs.commands.build import build as mkdocs_build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    seen = _Warnings()
    logger = logging.getLogger("mkdocs")
    logger.addHandler(seen)
    try:
        config = load_config(str(configuration), site_dir=str(folder), strict=True)
        config.plugins.on_startup(command="build", dirty=False)
        mkdocs_build(config)
        config.plugins.on_shutdown()
    except (MkDocsException, SystemExit) as error:
        raise UsageError("\n".join([f"the site was not built: {error}", *seen.messages])) from None
    finally:
        logger.removeHandler(seen)


def _put_in_place(made: Path, folder: Path, target: Path, earlier: Path) -> None:
    """The finished site under its name; an earlier one goes, and whatever else came there meanwhile stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with held(), parent_locked(target):
        _refuse_what_is_not_ours(folder)
        if target.exists():
            target.rename(earlier)
        try:
            made.rename(target)
        except OSError:
            if earlier.exists():
                earlier.rename(target)
            raise


def serve(port: int, *, say: Callable[[str], None]) -> None:
    """Build the site and serve it to this machine alone, until interrupted. Raises UsageError."""
    with TemporaryDirectory(prefix="protocolsim-docs-") as name:
        folder = Path(name) / "site"
        build(folder)
        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
        except (OSError, OverflowError) as error:
            raise UsageError(f"--port {port}: cannot listen there: {error}") from None
        with server:
            say(f"the documentation is at http://127.0.0.1:{server.server_address[1]}/ until you press Ctrl-C")
            server.serve_forever()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no line for each."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Warnings(logging.Handler):
    """What MkDocs complains of, to be part of the refusal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.messages.append(record.getMessage())


def _refuse_what_is_not_ours(folder: Path) -> None:
    """Only a site of ours may be replaced, and not under the feet of whoever stands in it."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--write {folder}: there is a file of that name; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ".site").is_file():
        raise UsageError(f"--write {folder}: there is something else in this folder; name a new or an empty one")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise UsageError(f"--write {folder}: you are in this folder; name a new one")
