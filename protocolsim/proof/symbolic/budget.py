"""The budget of proofs: solver steps, which are the same on every machine, and a timeout in seconds.

A step of nonlinear algebra may take arbitrarily long: a comparison of fourth powers keeps z3 busy for minutes within
few steps. Each query therefore runs in a thread; after the timeout the caller interrupts it. An interrupt of the caller
(Ctrl-C) is passed to the thread, and raised again.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Sequence
from time import monotonic, thread_time

STEPS = 3_000_000
"""The limit of one query, in z3's resource units (rlimit)."""
STEPS_IN_ALL = 60_000_000
SECONDS = 2.0
"""How long one question is waited for: what costs a hundred times the usual comes to that, on a busy machine too."""
SECONDS_IN_ALL = 8.0
"""What all may cost, in seconds of the processor for those that were answered, on the wall for those given up."""
MOST_DEGREE = 16
"""How often one comparison may multiply what differs between patients; beyond, z3 does not even heed an interrupt."""
_GRACE = 0.5  # seconds in which an interrupted thread should end; z3 takes some milliseconds, but for the odd step
_GLANCE = 0.1  # Windows looks at signals between waits only


class TooHigh(Exception):  # noqa: N818 - not an error: a question that is not asked
    """A comparison multiplies more often than is tried, or has a function that no proof reaches."""

    def __init__(self, why: str = f"it multiplies more than {MOST_DEGREE} times what differs between patients") -> None:
        super().__init__(why)


class Budget:
    """The budget spent on the queries about one scenario; shared by all solvers."""

    def __init__(self) -> None:
        self.steps = 0
        self.seconds = 0.0

    @property
    def steps_left(self) -> int:
        """The steps that one more question may take."""
        return max(0, min(STEPS, STEPS_IN_ALL - self.steps))

    @property
    def seconds_left(self) -> float:
        """The seconds that one more question may take."""
        return max(0.0, min(SECONDS, SECONDS_IN_ALL - self.seconds))

    def why(self, *, in_time: bool) -> str:
        """What to say of a question that was given up. `in_time`: it was its steps that ran out."""
        if not in_time:
            whole = self.seconds >= SECONDS_IN_ALL
            return f"within {SECONDS_IN_ALL:g} seconds for all questions" if whole else f"within {SECONDS:g} seconds"
        whole = self.steps >= STEPS_IN_ALL
        return f"within {STEPS_IN_ALL:,} steps for all questions" if whole else f"within {STEPS:,} steps"


def in_thread(work: Callable[[], None], interrupt: Callable[[], None], seconds: float) -> float | None:
    """Do some work in a thread of its own and wait for it; after so many seconds it is interrupted, and None returned.

    Otherwise returns the processor time that it took: less than has passed where others keep the machine busy.
    Whatever interrupts the caller interrupts the work first, and is raised on. Work that does not heed it is left
    behind: it may still use its arguments, so they must not be used again. What the work raises is raised here.
    """
    # A plain lock and a plain thread: an interrupt inside the code of an Event, by which a Thread too says that it has
    # begun, leaves it locked, so that whoever waits hangs, or ends in an error of its own.
    working = threading.Lock()
    working.acquire()
    raised: list[BaseException] = []
    took: list[float] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised on, in the caller's thread
            raised.append(error)
        finally:
            took.append(thread_time())
            working.release()

    deadline = monotonic() + seconds
    try:
        _thread.start_new_thread(run, ())
        while not took and monotonic() < deadline:
            working.acquire(timeout=max(0.0, min(_GLANCE, deadline - monotonic())))
    except BaseException:
        _end(took, working, interrupt)
        raise
    if not took:
        _end(took, working, interrupt)
        return None
    if raised:
        raise raised[0]
    return took[0]


def _end(took: Sequence[float], working: threading.Lock, interrupt: Callable[[], None]) -> None:
    """Interrupt until it has ended: an interrupt that comes before the work has begun is lost."""
    deadline = monotonic() + _GRACE
    while not took and monotonic() < deadline:
        interrupt()
        try:
            working.acquire(timeout=0.02)
        except KeyboardInterrupt:  # pressed twice
            continue
