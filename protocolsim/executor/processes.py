"""In worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from protocolsim.executor.base import Pool, Say

# One worker per core is the parallelism; the libraries' own threads would only be in each other's way.
_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    )
}


class Processes(Pool):
    """Workers that are started afresh (never forked from this process, whose threads and locks they would inherit)."""

    def __init__(self, workers: int, say: Say | None = None) -> None:
        super().__init__(workers, say)
        self._pool = self._started()

    def _started(self) -> ProcessPoolExecutor:
        # A server that has imported what is needed, once, and does nothing but fork; elsewhere each worker imports it.
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        return ProcessPoolExecutor(self.workers, mp_context=multiprocessing.get_context(method), initializer=_begin)

    def submit(self, function: Callable[[Any], Any], task: Any) -> Future[Any]:
        """Begin a task; a worker is started for it where all are busy and there are too few."""
        multiprocessing.set_forkserver_preload([_module_of(function)])
        with _environment(_ONE_THREAD):
            return self._pool.submit(function, task)

    def revive(self) -> None:
        """A pool that lost a worker cannot be mended; the rest of it ends and a new one takes its place."""
        self._end()
        self._pool = self._started()

    def end(self, *, at_once: bool) -> None:
        """Let workers end when they have nothing left to do, or at once."""
        if at_once:
            self._end()
        else:
            self._pool.shutdown()

    def _end(self) -> None:
        # Python 3.14 has kill_workers(); before, nobody but the pool itself knows its processes.
        processes = list((self._pool._processes or {}).values())  # noqa: SLF001
        for process in processes:
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _module_of(function: Callable[[Any], Any]) -> str:
    """Where a function stands, or the one that a partial one completes."""
    while isinstance(function, partial):
        function = function.args[0] if function.args else function.func
    return function.__module__


@contextmanager
def _environment(changed: dict[str, str]) -> Iterator[None]:
    """The environment that new processes get; what the user has set goes first."""
    before = dict(os.environ)
    os.environ.update({k: v for k, v in changed.items() if k not in before})
    try:
        yield
    finally:
        for name in changed:
            if name not in before:
                os.environ.pop(name, None)


def _begin() -> None:
    """A worker leaves Ctrl-C to the process that started it, and ends with it, even if that one was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
