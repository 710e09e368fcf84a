"""Parallel compilation of the kernels of a first run, in helper processes, with a progress message.

Numba compiles in one thread. But which kernels a run will call is known as soon as it calls the first that is not on
the disk: they stand in `kernels.txt`, each with the types it is called with. So this process compiles them from the
front of that list, helpers from its end; what a helper has compiled is found on the disk. A kernel that does not stand
there, or that some trials call only, is compiled when it is called; so are all where helpers cannot be started or end
too soon.

`python -m tests.support.kernels_called` writes the list anew; a test says when it is no longer true.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from numba import config
from numba.core.sigutils import normalize_signature

from protocolsim.kernels.machine_code import MachineCode, misses, not_kept
from protocolsim.notices import tell

COMPONENTS = frozenset(["disease", "drug", "model"])
"""The rooms of what a trial has or has not, and not of engines."""
LOAD, ENGINE, SOME = "load", "engine", "some"
_MOST_HELPERS = 3
_SECONDS = 0.7  # of one processor, for one kernel and what it calls
_HELPER = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("protocolsim", {package!r})
package = sys.modules["protocolsim"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from protocolsim.kernels.compiling import serve
serve()
"""
_SHARED = 0.85  # of the time that helpers save where nothing had to be compiled twice


class Job(NamedTuple):
    """A kernel to compile for these types. `when`: as a trial is loaded, by an engine, or for some trials only."""

    when: str
    module: str
    name: str
    types: str

    @property
    def dispatcher(self) -> Any:
        """What Numba made of the function."""
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def signature(self) -> tuple[Any, ...]:
        """The types, as Numba has them."""
        signature: tuple[Any, ...] = normalize_signature(self.types)[0]
        return signature

    @property
    def wanted(self) -> bool:
        """Whether this trial calls it: components are imported where a trial has them."""
        return self.module in sys.modules or self.module.split(".")[1] not in COMPONENTS

    @property
    def made(self) -> bool:
        """Whether its function is there; of a model that is being imported, and reckons meanwhile, perhaps not yet."""
        return self.module not in sys.modules or hasattr(sys.modules[self.module], self.name)


@cache
def jobs() -> tuple[Job, ...]:
    """Every job of the list in `kernels.txt`."""
    text = (Path(__file__).parent / "kernels.txt").read_text(encoding="utf-8")
    lines = (line.split(maxsplit=3) for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(Job(*line) for line in lines)


class Team:
    """This process and its helper processes, which compile the missing kernels together."""

    def __init__(self, helpers: int | None = None) -> None:
        self.helpers = min(_processors() - 1, _MOST_HELPERS) if helpers is None else helpers
        self.waiting: list[Job] = []
        self.running: set[Job] = set()
        self.engine = False  # whether an engine has asked for one
        self.listed: set[Job] = set()  # what has been put in line
        self.changed = threading.Condition()
        self.busy = self.ended = False
        self.started = 0.0
        self.processes: list[subprocess.Popen[str]] = []
        self.threads: list[threading.Thread] = []

    def missing(self, kernel: MachineCode, signature: tuple[Any, ...]) -> None:
        """Handle a cache miss: compile the list in parallel. If the kernel is still missing, the caller compiles it."""
        if self.busy or self.ended:
            return
        function = kernel.function
        named = [j for j in jobs() if (j.module, j.name) == (function.__module__, function.__qualname__)]
        job = next((j for j in named if j.signature == signature), None)
        if job is None or job.when == SOME:
            return
        if not self.started:
            self._start(kernel)
        self.engine |= job.when == ENGINE
        self._line_up()
        self._work(job)
        with self.changed:
            if job in self.waiting:
                self.waiting.remove(job)
            self.changed.wait_for(lambda: job not in self.running)
        if self.engine:
            self.end()

    def _start(self, kernel: MachineCode) -> None:
        """Say what is done, and start the helpers."""
        self.started = time.monotonic()
        many = [j for j in jobs() if j.wanted and j.when != SOME]
        share = 1.0 + self.helpers * _SHARED
        tell(f"compiling for this machine, once: about {len(many) * _SECONDS / share:.0f} seconds ...")
        if kernel.place is None:
            _lend_a_folder()
        self._start_helpers()

    def _start_helpers(self) -> None:
        atexit.register(self.abandon)
        for _ in range(self.helpers):
            thread = threading.Thread(target=self._lead, daemon=True)
            thread.start()
            self.threads.append(thread)

    def compile_all(self) -> None:
        """Compile the whole list, whoever calls it."""
        self.started, self.engine, self.waiting = time.monotonic(), True, [*jobs()]
        self._start_helpers()
        self._work(None)
        self.end()

    def _line_up(self) -> None:
        """What is called, also of models that were imported since the last miss.

        What an engine calls is in line for helpers before it asks, while this process reads the trial.
        """
        with self.changed:
            found = [j for j in jobs() if j.wanted and j.when != SOME and j not in self.listed]
            self.listed.update(found)
            self.waiting = [j for j in jobs() if j in self.waiting or j in found]
            self.changed.notify_all()

    def _work(self, asked: Job | None) -> None:
        """Compile the jobs that no other process has begun, but for the one that the caller compiles if it is left."""
        self.busy = True
        try:
            with _no_garbage_sought():
                while (job := self._next(asked)) is not None:
                    job.dispatcher.compile(job.signature)
        finally:
            self.busy = False

    def _next(self, asked: Job | None) -> Job | None:
        """The first other job that this process can do; of those of an engine, once it has asked for one."""
        with self.changed:
            mine = (j for j in self.waiting if j is not asked and j.made and (self.engine or j.when == LOAD))
            job = next(mine, None)
            if job is not None:
                self.waiting.remove(job)
            return job

    def _lead(self) -> None:
        """Feed jobs from the end of the list to one helper; stops if the helper cannot start or dies."""
        with contextlib.suppress(OSError), _started() as process:
            self.processes.append(process)
            while (job := self._for_a_helper()) is not None:
                try:
                    done = _handed(process, job)
                finally:
                    with self.changed:
                        self.running.discard(job)
                        self.changed.notify_all()
                if not done:
                    break

    def _for_a_helper(self) -> Job | None:
        """The last job that is not begun, waiting until there is one; None at the end."""
        with self.changed:
            self.changed.wait_for(lambda: self.waiting or self.ended)
            if self.ended:
                return None
            job = self.waiting.pop()
            self.running.add(job)
            return job

    def end(self) -> None:
        """Report the duration, and let helpers finish their current job and exit."""
        with self.changed:
            if self.ended:
                return
            self.changed.wait_for(lambda: not self.running)
            self.ended = True
            self.changed.notify_all()
        tell(f"compiled in {time.monotonic() - self.started:.1f} seconds")

    def abandon(self) -> None:
        """Kill the helpers immediately, as the process exits."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        for process in self.processes:
            process.kill()
        for thread in self.threads:
            thread.join(timeout=2.0)


@contextlib.contextmanager
def _no_garbage_sought() -> Iterator[None]:
    """Of the many objects that compiling makes most stay: looking through them takes a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _lend_a_folder() -> None:
    """Without a writable cache, share kernels with helpers and workers in a temporary folder of this process."""
    with contextlib.suppress(OSError):
        folder = tempfile.mkdtemp(prefix="protocolsim-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        not_kept(None, "no folder can be written to")
        config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = folder


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _started() -> subprocess.Popen[str]:
    """A helper of this package, wherever another one may stand; it takes no module from the folder it stands in."""
    return subprocess.Popen(  # noqa: S603 - this program itself
        [sys.executable, "-P", "-c", _HELPER.format(package=str(Path(__file__).parents[1] / "__init__.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _handed(process: subprocess.Popen[str], job: Job) -> bool:
    """Whether a helper has done a job."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(" ".join(job) + "\n")
    process.stdin.flush()
    return bool(process.stdout.readline())


def begin() -> None:
    """Enable parallel compilation in this process."""
    misses.missing = Team().missing


def compile_all() -> None:
    """Compile every kernel of the list and what they call, with helpers, as the package is built (`hatch_build.py`)."""
    for job in jobs():
        importlib.import_module(job.module)
    Team().compile_all()


def serve() -> None:
    """Main loop of a helper: compile one job per line of standard input, until it is closed."""
    with _no_garbage_sought():
        for line in sys.stdin:
            job = Job(*line.rstrip("\n").split(maxsplit=3))
            job.dispatcher.compile(job.signature)
            sys.stdout.write("done\n")
            sys.stdout.flush()
