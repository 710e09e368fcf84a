"""A worker process from the parent's side: started, sent messages, and ended, with non-blocking I/O and timeouts.

Each worker has its own socket pair; workers share no queue, lock or thread. So a worker that is killed at any point
closes its own socket and corrupts nothing else. Nothing here blocks on a partial message: available bytes are
buffered, and a message is returned once it is complete. To end a worker is to close its socket and to kill it.

A worker is a new Python interpreter that imports protocolsim and nothing of the user's script, which therefore needs
no main guard and may come from standard input or a notebook.
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

# With one worker per core, thread pools of libraries would oversubscribe the processor.
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
_WORDS = 1 << 16  # bytes of a worker's output that are passed on


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
        """The process id."""
        return self._process.pid

    def fileno(self) -> int:
        """The socket's file descriptor, for `selectors`."""
        return self._link.fileno()

    # Messages ------------------------------------------------------------------------------------------------------

    def send(self, message: Any) -> None:
        """Send a message without blocking; what does not fit into the socket's buffer goes with the next `exchange`."""
        packed = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._outgoing += [memoryview(HEAD.pack(len(packed))), memoryview(packed)]
        self.flush()

    def receive(self, seconds: float) -> Any:
        """The next message, or None after a timeout. Raises WorkerEnded if the worker has ended."""
        exchange([self], seconds)
        result = next(self.arrived(), None)
        if result is None and self.ended:
            raise WorkerEnded(self.how_it_ended())
        return result

    def arrived(self) -> Iterator[Any]:
        """The complete messages received."""
        while self._arrived:
            yield self._arrived.popleft()

    @property
    def ready(self) -> bool:
        """Whether a message, or the end of the worker, has arrived."""
        return bool(self._arrived) or self._closed

    @property
    def ended(self) -> bool:
        """Whether the worker has ended and all its messages were read."""
        return self._closed

    @property
    def sending(self) -> bool:
        """Whether bytes of a message are still to be sent."""
        return bool(self._outgoing)

    def flush(self) -> None:
        """Send pending bytes without blocking."""
        while self._outgoing:
            try:
                sent = self._link.send(self._outgoing[0])
            except BlockingIOError:
                return
            except OSError:  # the worker is gone; what it sent before can still be read
                self._outgoing.clear()
                return
            self._outgoing[0] = self._outgoing[0][sent:]
            if not self._outgoing[0]:
                self._outgoing.popleft()

    def fill(self) -> None:
        """Read available bytes without blocking."""
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
        """Whether the process has exited."""
        return self._process.poll() is not None

    def look(self) -> None:
        """Check whether the process has exited; a child of it may still hold its end of the socket."""
        if self.gone():
            self.fill()
            self._closed = True

    # The end -------------------------------------------------------------------------------------------------------

    def how_it_ended(self) -> str:
        """How a worker whose socket has closed ended, in words; kills it if it still runs."""
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
        """Close the socket: an idle worker then exits by itself."""
        self._closed = True
        self._link.close()

    def kill(self) -> None:
        """Kill the process."""
        self.let_go()
        self._process.kill()

    def end(self, seconds: float = 0.0, *, tell: bool = True) -> None:
        """Close the socket, wait, then kill the process if it still runs. `tell`: pass on its standard error."""
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
    """Send and receive until a worker has sent a complete message, a worker has ended, or the time is over."""
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
    """End several workers, giving idle ones this many seconds to exit by themselves."""
    workers = list(workers)
    with interruption.held():
        for worker in workers:
            worker.let_go() if seconds else worker.kill()
        late = time.monotonic() + seconds
        for worker in workers:
            worker.end(max(0.0, late - time.monotonic()))


# Starting ------------------------------------------------------------------------------------------------------------


def _started(theirs: socket.socket, words: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Start a Python interpreter as a worker. Its output goes to a file: the user's standard output is for results."""
    if not sys.executable:
        raise WorkerError("no worker process can be started here: Python does not know its own program; use one worker")
    # The same module search path as here; the working directory is on it only if it is here.
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
    """Block SIGINT while a child starts: Ctrl-C reaches all processes of a terminal, and would give it a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What workers write --------------------------------------------------------------------------------------------------


def _file_for_words() -> IO[bytes] | None:
    """A temporary file for a worker's standard output and error; None if the disk is full."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return None


def _last_line(written: IO[bytes] | None) -> str:
    """The last line of a worker's output, as the end of a sentence: after a traceback, the error."""
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
