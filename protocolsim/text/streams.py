"""Handling of standard streams that are closed, full (ENOSPC), or a broken pipe (EPIPE).

The exit status is 2 if requested output could not be printed, with one line on standard error; on a broken pipe
(`| head -1`) the command ends silently with 141, the status of a tool killed by SIGPIPE. Messages for standard error
are dropped if it is closed or cannot take them, whoever writes them, without changing the status.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from protocolsim.text.terminal import OutputLost, say

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

BROKEN_PIPE = 128 + 13
_SIZES = ("COLUMNS", "LINES")
_MOST_DIGITS = 4  # of a terminal's size


class _Closed(io.StringIO):
    """Stands for a standard output that was closed when the program began."""

    encoding = "utf-8"

    def write(self, text: str, /) -> int:
        if text:
            raise OSError(errno.EBADF, "it is closed")
        return 0


class _Unheard(io.FileIO):
    """Descriptor 2, to which a write never fails: what it cannot take is dropped.

    Python's own keeps in its buffer what could not be written, tries again when the process ends, and then turns the
    exit status into 120. So does every write in between: a warning, a traceback, the message of a library.
    """

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            written = super().write(data)
        except OSError:
            written = None
        return memoryview(data).nbytes if written is None else written


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """A command in here ends in words and with the right status whatever became of its streams."""
    _prepare()
    try:
        try:
            yield
        finally:
            _flush()
    except OutputLost as error:
        sys.exit(_ended(error.why))
    except SystemExit:
        # Click exits in this way if its help output goes to a broken pipe.
        if type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):
            sys.exit(BROKEN_PIPE)
        raise
    except OSError as error:
        # File operations handle their own OSError, so this one is from a stream, or unexpected.
        named = ": ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        if named:
            say(f"{named}: {error.strerror}", err=True)
            sys.exit(2)
        sys.exit(_ended(error))


def _ended(error: OSError) -> int:
    """The status where standard output is lost; what it still holds is let go, or Python would complain of it."""
    own = sys.__stdout__
    if own is not None and sys.stdout is own:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, own.fileno())
            os.close(nowhere)
    if error.errno == errno.EPIPE:
        return BROKEN_PIPE
    say(f"standard output: cannot write there: {error.strerror or error}", err=True)
    return 2


def _flush() -> None:
    """What waits in standard output goes out now, while a failure can still be told."""
    if sys.stdout is not None and not sys.stdout.closed:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise OutputLost(error) from None
    if sys.stderr is not None and not sys.stderr.closed:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def _prepare() -> None:
    """No file that is opened later becomes a standard stream by its number, and no name stops a message."""
    _occupy()
    _forget_odd_sizes()
    if sys.stdin is None:
        sys.stdin = io.StringIO()
    if sys.stdout is None:
        sys.stdout = _Closed()
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None:
        sys.stderr = _deaf()
    elif isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__:
        sys.stderr = _unheard(sys.stderr)


def _forget_odd_sizes() -> None:
    """What the environment says of the terminal's size counts where it is one: libraries print nothing in 0 columns."""
    for name in _SIZES:
        said = os.environ.get(name, "1")
        if not (said.isascii() and said.isdigit() and int(said[:_MOST_DIGITS]) > 0 and len(said) <= _MOST_DIGITS):
            del os.environ[name]


def _unheard(own: io.TextIOWrapper) -> TextIO:
    """Standard error for the rest of the process, at whose end Python flushes it."""
    with contextlib.suppress(OSError):
        own.flush()
    raw = _Unheard(own.fileno(), "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), own.encoding, "backslashreplace", line_buffering=True)


def _deaf() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - a stream for the rest of the process


def _occupy() -> None:
    """Closed descriptors below 3 lead nowhere from here on."""
    with contextlib.suppress(OSError):
        while (lowest := os.open(os.devnull, os.O_RDWR)) < 3:
            os.set_inheritable(lowest, True)
        os.close(lowest)
