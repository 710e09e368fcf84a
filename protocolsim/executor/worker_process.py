"""A worker process with its link: started, spoken to, and ended, without ever waiting for it longer than said.

Each has a link of its own, a pair of sockets; there is no queue, no lock and no thread that several would share. So a
worker that is killed, wherever it was, closes its own link and nothing else. Nothing here waits for the rest of a
message: what has arrived is taken, and a message is handed on when it is whole. To end a worker is to close its link
and to kill it.

A worker is a new Python that imports protocolsim and nothing of the user's script: so it does not matter whether the
script has a main guard, came on standard input, or is a notebook.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from protocolsim import interruption
from protocolsim.errors import WorkerEnded, WorkerError
from protocolsim.executor.worker import BEGUN, HEAD

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
_BOUND = 5.0  # seconds to wait for a process that was killed
_PIECE = 1 << 20
_WORDS = 1 << 16  # bytes of what a worker wrote that are passed on


class WorkerProcess:
    """One process that carries out `serve(link, *settings)`, a function that it imports."""

    def __init__(self, serve: Callable[..., None], *settings: Any) -> None:
        self._incoming = bytearray()
        self._outgoing: deque[memoryview] = deque()
        self._arrived: deque[Any] = deque()
        self._closed = self._begun = False
        self._written = _file_for_words()
        try:
            self._link, theirs = socket.socketpair()
            with interruption.held(), theirs:
                self._process = _started(theirs, self._written)
        except OSError as error:
            raise WorkerError(f"no worker process can be started here: {error.strerror or error}") from None
        self._link.setblocking(False)
        self.send((serve, settings))

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """What to wait for."""
        return self._link.fileno()

    # Messages ------------------------------------------------------------------------------------------------------

    def send(self, message: Any) -> None:
        """Send a message, or as much of it as passes now; the rest goes with the next `exchange`."""
        packed = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._outgoing += [memoryview(HEAD.pack(len(packed))), memoryview(packed)]
        self.flush()

    def receive(self, seconds: float) -> Any:
        """The next message, or None where none comes in time. Raises WorkerEnded where none will ever come."""
        exchange([self], seconds)
        result = next(self.arrived(), None)
        if result is None and self.ended:
            raise WorkerEnded(self.how_it_ended())
        return result

    def arrived(self) -> Iterator[Any]:
        """The messages that are whole."""
        while self._arrived:
            yield self._arrived.popleft()

    @property
    def ready(self) -> bool:
        """Whether something has arrived, be it the end."""
        return bool(self._arrived) or self._closed

    @property
    def ended(self) -> bool:
        """Whether no more will arrive than has arrived."""
        return self._closed

    @property
    def sending(self) -> bool:
        """Whether a part of a message waits to be sent."""
        return bool(self._outgoing)

    def flush(self) -> None:
        """Send what passes now."""
        while self._outgoing:
            try:
                sent = self._link.send(self._outgoing[0])
            except BlockingIOError:
                return
            except OSError:  # it is gone; what it sent before can still be read
                self._outgoing.clear()
                return
            self._outgoing[0] = self._outgoing[0][sent:]
            if not self._outgoing[0]:
                self._outgoing.popleft()

    def fill(self) -> None:
        """Take what has arrived."""
        while not self._closed:
            try:
                piece = self._link.recv(_PIECE)
            except BlockingIOError:
                break
            except OSError:
                piece = b""
            self._closed = not piece
            self._incoming += piece
        at = 0
        while len(self._incoming) - at >= HEAD.size:
            (length,) = HEAD.unpack_from(self._incoming, at)
            if len(self._incoming) - at - HEAD.size < length:
                break
            at += HEAD.size + length
            with memoryview(self._incoming) as whole, whole[at - length : at] as packed:
                message = pickle.loads(packed)  # noqa: S301 - from a process that this one started
            if self._begun:
                self._arrived.append(message)
            self._begun = self._begun or message == BEGUN
        del self._incoming[:at]

    def gone(self) -> bool:
        """Whether the process is not there any more."""
        return self._process.poll() is not None

    def look(self) -> None:
        """See whether the process is gone, though somebody may hold its end of the link."""
        if self.gone():
            self.fill()
            self._closed = True

    # The end -------------------------------------------------------------------------------------------------------

    def how_it_ended(self) -> str:
        """What became of a worker whose link has closed, in words; it is ended if it is not."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        status, words = self._process.poll(), _last_line(self._written)
        self.end(tell=False)
        if status is None:
            return "a worker process closed its link"
        if status == -getattr(signal, "SIGKILL", 9):
            return "a worker process was killed (signal 9), perhaps for want of memory: fewer --workers need less of it"
        if status < 0:
            with suppress(ValueError):
                return f"a worker process was ended by signal {-status} ({signal.Signals(-status).name})" + words
        when = "" if self._begun else " before it could begin"
        return f"a worker process ended with status {status}{when}{words}"

    def let_go(self) -> None:
        """Close the link: the process ends by itself, at once where it has nothing to do."""
        self._closed = True
        self._link.close()

    def kill(self) -> None:
        """End the process now, wherever it is."""
        self.let_go()
        self._process.kill()

    def end(self, seconds: float = 0.0, *, tell: bool = True) -> None:
        """Let go, wait so long, and kill what is still there. `tell`: pass on what it wrote to standard error."""
        self.let_go()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_BOUND)
        if self._written is not None:
            if tell:
                _pass_on(self._written)
            self._written.close()
            self._written = None


def exchange(workers: Iterable[WorkerProcess], seconds: float) -> None:
    """Let bytes pass both ways until something is whole that some worker sent, one ended, or the time is over."""
    workers = list(workers)
    late = time.monotonic() + seconds
    while not any(w.ready for w in workers):
        left = late - time.monotonic()
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                writing = selectors.EVENT_WRITE if worker.sending else 0
                selector.register(worker, selectors.EVENT_READ | writing, worker)
            passing = [(key.data, events) for key, events in selector.select(max(0.0, left))]
        for worker, events in passing:
            if events & selectors.EVENT_WRITE:
                worker.flush()
            if events & selectors.EVENT_READ:
                worker.fill()
        if left <= 0:
            for worker in workers:
                worker.look()
            return


def end_all(workers: Iterable[WorkerProcess], seconds: float = 0.0) -> None:
    """End several workers: those that have nothing left to do may take so long to do it by themselves."""
    workers = list(workers)
    with interruption.held():
        for worker in workers:
            worker.let_go() if seconds else worker.kill()
        late = time.monotonic() + seconds
        for worker in workers:
            worker.end(max(0.0, late - time.monotonic()))


# Starting ------------------------------------------------------------------------------------------------------------


def _started(theirs: socket.socket, words: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """A new Python that is a worker. What it prints goes to a file: the user's standard output is for results."""
    if not sys.executable:
        raise WorkerError("no worker process can be started here: Python does not know its own program; use one worker")
    # It finds what this process finds. The working folder is no place for modules unless it is one here.
    path = [str(p) for p in sys.path]
    begin = f"import sys; sys.path[:] = {path!a}; from protocolsim.executor.worker import main; main()"
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # noqa: SLF001 - as multiprocessing
    command = [sys.executable, *flags, "-c", begin]
    environment, out = {**_ONE_THREAD, **os.environ}, words or subprocess.DEVNULL
    if sys.platform == "win32":
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(theirs.share(process.pid))
        return process
    with _ctrl_c_kept_from_children():
        return subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=theirs.fileno(), stdout=out, stderr=subprocess.STDOUT, env=environment
        )


@contextmanager
def _ctrl_c_kept_from_children() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal; a Python that is just starting would die of it with a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What workers write --------------------------------------------------------------------------------------------------


def _file_for_words() -> IO[bytes] | None:
    """Where a worker's standard output and error go; nowhere, if the disk has no room even for that."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return None


def _last_line(written: IO[bytes] | None) -> str:
    """The last thing a worker said, as the end of a sentence: of a traceback, the error."""
    lines = [line for line in _read(written).splitlines() if line.strip()]
    return f": {lines[-1].strip()[:500]}" if lines else ""


def _pass_on(written: IO[bytes]) -> None:
    text = _read(written)
    if text and sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)


def _read(written: IO[bytes] | None) -> str:
    if written is None:
        return ""
    size = written.seek(0, os.SEEK_END)
    written.seek(max(0, size - _WORDS))
    return written.read().decode("utf-8", "replace")
