"""The code that runs inside a worker process: its end of the socket, and the main loop over tasks.

A worker begins in `main`, called by `python -c` (see worker_process.py), so the user's script is not imported again.
It exits when its socket closes, also if the parent process was killed: immediately if it is idle, shortly after if not.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import socket
import struct
import sys
import threading
import traceback
from typing import Any

from protocolsim.errors import ProtocolsimError, WorkerError

HEAD = struct.Struct("!Q")  # how many bytes follow
BEGUN = "begun"
_MOMENT = 1.0


class Link:
    """The worker's end of the socket. A thread each reads and writes, so I/O and the task never block each other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._orders: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._next: list[bytes | None] = []
        self._answers: queue.Queue[bytes] = queue.Queue(maxsize=1)
        for thread in (self._read, self._write):
            threading.Thread(target=thread, daemon=True).start()

    def receive(self) -> Any:
        """The next message. Raises EOFError after the socket was closed."""
        message = self._next.pop() if self._next else self._orders.get()
        if message is None:
            raise EOFError
        return pickle.loads(message)  # noqa: S301 - from the process that started this one

    def waiting(self) -> bool:
        """Whether a message has arrived."""
        return bool(self._next) or not self._orders.empty()

    def idle(self, seconds: float) -> bool:
        """Whether no message arrives for so long."""
        if not self._next:
            try:
                self._next.append(self._orders.get(timeout=seconds))
            except queue.Empty:
                return True
        return False

    def send(self, message: Any) -> None:
        """Send a message; blocks while the previous one is not sent."""
        self._answers.put(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))

    def _read(self) -> None:
        try:
            with self._connection.makefile("rb") as stream:
                while len(head := stream.read(HEAD.size)) == HEAD.size:
                    (length,) = HEAD.unpack(head)
                    message = stream.read(length)
                    if len(message) < length:
                        break
                    self._orders.put(message)
        except OSError:
            pass  # the other end is gone
        finally:
            self._orders.put(None)
            threading.Event().wait(_MOMENT)
            os._exit(1)  # the parent is gone: abort the running task

    def _write(self) -> None:
        while True:
            message = self._answers.get()
            try:
                self._connection.sendall(HEAD.pack(len(message)) + message)
            except OSError:
                return  # the other end is gone; the reading thread knows it too


def main() -> None:
    """Entry point of a worker process: run the function named by the first message until the socket closes."""
    link = Link(_connection())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        serve, settings = link.receive()
        link.send(BEGUN)
        serve(link, *settings)
    except EOFError:
        pass
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(0)


def _connection() -> socket.socket:
    """The socket, inherited as standard input; standard input is then replaced by the null device."""
    if sys.platform == "win32":
        return socket.fromshare(sys.stdin.buffer.read())
    at = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return socket.socket(fileno=at)


def carry_out_tasks(link: Link) -> None:
    """Main loop over tasks: a message is a number, and the pickled pair of a function and its argument."""
    while True:
        number, task = link.receive()
        done, found = _carried_out(task)
        try:
            link.send((number, done, found))
        except Exception as error:  # noqa: BLE001 - whatever pickling raises
            link.send((number, False, _able_to_travel(error)))


def _carried_out(packed: bytes) -> tuple[bool, Any]:
    try:
        function, task = pickle.loads(packed)  # noqa: S301 - from the process that started this one
        return True, function(task)
    except BaseException as error:  # noqa: BLE001 - reported to the parent process
        return False, _able_to_travel(error)


def _able_to_travel(error: BaseException) -> BaseException:
    """A picklable version of the error; an unexpected one (no ProtocolsimError) with its traceback."""
    if not isinstance(error, ProtocolsimError):
        error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever pickling raises
        return WorkerError(f"in a worker process: {type(error).__name__}: {error}")
    return error
