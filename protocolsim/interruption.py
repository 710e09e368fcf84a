"""Asked to end: one way for Ctrl-C (SIGINT) and SIGTERM, whatever runs when they arrive.

Python turns a signal into an exception between two steps of the main thread. Foreign code often stands there: a
callback that a compiler calls, a finaliser, an `except` that is too wide. All of them swallow the exception, and the
signal would be lost. So while `ending_in_order` lasts, the request is noted, and a timer asks again and again until it
is seen that the exception unwinds: then the clean-up that is under way is left alone, also by a second Ctrl-C.

Only the command line uses this for itself. Who calls protocolsim from Python keeps Python's own behaviour.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM)
_AGAIN = 0.05  # seconds until it is asked again
_TIMED = hasattr(signal, "setitimer")


class Interruption(KeyboardInterrupt):
    """Somebody asked this process to end."""

    word, status = "interrupted", 130


class Termination(Interruption):
    """The system asked this process to end; it ends as after Ctrl-C, leaving nothing half-written."""

    word, status = "terminated", 143


class _Watch:
    """What was asked of this process, and whether that may be raised now."""

    on = False
    over = False  # nothing is left to be interrupted
    held = 0
    asked: int | None = None


_watch = _Watch()


def requested() -> bool:
    """Whether this process was asked to end (and `ending_in_order` lasts)."""
    return _watch.asked is not None


def check() -> None:
    """Raise what was asked, if that is not under way: for code that comes back from where a signal may be swallowed."""
    if _watch.asked is None or _watch.held or _watch.over or not _in_main_thread() or _unwinding():
        return
    raise wanted()


def wanted() -> Interruption:
    """What was asked, as the exception that says it."""
    return Termination() if _watch.asked == signal.SIGTERM else Interruption()


def ending(error: KeyboardInterrupt) -> tuple[str, int]:
    """The word and the exit status for an interruption, this module's or Python's own."""
    kind = error if isinstance(error, Interruption) else Interruption
    return kind.word, kind.status


@contextmanager
def ending_in_order(*, to_the_end: bool = False) -> Iterator[None]:
    """While this lasts, a request to end is raised in the main thread until it has unwound; nothing can swallow it.

    `to_the_end`: the process ends after this, and nothing that arrives then disturbs its last steps. A signal that is
    ignored (as in what a shell starts in the background) stays ignored.
    """
    if _watch.on or not _in_main_thread():
        yield
        return
    handled = [n for n in ENDING if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    alarm = [signal.SIGALRM] if _TIMED else []
    before = {n: signal.signal(n, _arrived) for n in [*handled, *alarm]}
    hook, sys.unraisablehook = sys.unraisablehook, _without_ours(sys.unraisablehook)
    _watch.on, _watch.over, _watch.held, _watch.asked = True, False, 0, None
    try:
        yield
    finally:
        _watch.over = True
        if _TIMED:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if not to_the_end:
            for number, handler in before.items():
                signal.signal(number, handler)
            sys.unraisablehook = hook
            _watch.on, _watch.over, _watch.asked = False, False, None


@contextmanager
def held() -> Iterator[None]:
    """A few lines that are not to be interrupted half-way; what was asked meanwhile is raised after them."""
    if not _in_main_thread():
        yield
        return
    _watch.held += 1
    try:
        yield
    finally:
        _watch.held -= 1
    check()


def _arrived(number: int, _: FrameType | None) -> None:
    if _watch.over:
        return
    if number in ENDING and _watch.asked is None:
        _watch.asked = number
    if _TIMED and _watch.asked is not None:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
    check()


def _unwinding() -> bool:
    """Whether this is called by the clean-up after an interruption."""
    error, seen = sys.exception(), 0
    while error is not None and seen < 1000:
        if isinstance(error, Interruption):
            return True
        error, seen = error.__context__, seen + 1
    return False


def _without_ours(hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """What Python says of exceptions that nobody can catch, but for ours, which is raised again."""

    def said(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, Interruption):
            hook(unraisable)

    return said


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
