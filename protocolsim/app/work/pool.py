"""A few worker processes for all visitors: orders wait in line, can be cancelled, and may take so much time."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from protocolsim.app.limits import MOST_WAITING, SECONDS, WORKER_MEMORY
from protocolsim.app.work.orders import Begun, Order, Tell
from protocolsim.app.work.worker import work
from protocolsim.errors import UsageError, WorkerEnded, WorkerError
from protocolsim.executor.worker_process import WorkerProcess

# Seconds in which a worker may stop by itself. A new one takes longer to be of use than most simulations to end.
_GRACE = 15.0
_BOUND = 10.0  # seconds in which all workers end that are killed
_LOOK = 0.05
_COLD = 5  # times as long as otherwise, for what the first run on a machine compiles


@dataclass
class _Ticket:
    """An order in line, and whom to tell."""

    order: Order
    tell: Tell
    begin: Begun
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    stopped: threading.Event = field(default_factory=threading.Event)

    def settle(self, kind: str, value: Any) -> None:
        """Hand over the outcome, in the visitor's loop."""

        def hand_over() -> None:
            if self.answer.done():
                return
            if kind == "done":
                self.answer.set_result(value)
            else:
                self.answer.set_exception(UsageError(value))

        self._call(hand_over)

    def told(self, done: int, total: int) -> None:
        """Hand over how far it is."""
        self._call(lambda: None if self.answer.done() else self.tell(done, total))

    def begun(self, beginning: Any) -> None:
        """Hand over the beginning of the answer."""
        self._call(lambda: None if self.answer.done() else self.begin(beginning))

    def _call(self, what: Callable[[], None]) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(what)


class _Process(WorkerProcess):
    """One worker process. It is started anew after it had to be killed."""

    def __init__(self, memory: int) -> None:
        super().__init__(work, memory)
        self.warm = False  # it has simulated, so that what is compiled is compiled


class Pool:
    """Worker processes, each with a thread that hands it one order at a time."""

    _workers = 0

    def __init__(self, workers: int, *, seconds: float = SECONDS, memory: int = WORKER_MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._closing = threading.Event()
        self._workers = workers
        self._line: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._at_work = [False] * workers
        self._threads = [threading.Thread(target=self._serve, args=(k,), daemon=True) for k in range(workers)]
        for thread in self._threads:
            thread.start()

    @property
    def workers(self) -> int:
        """How many there are."""
        return self._workers

    @property
    def spare(self) -> int:
        """Workers that have nothing to do, less what others wait for.

        One whose order was called off is at work until it has noticed.
        """
        return self._workers - sum(self._at_work) - self._line.qsize()

    async def carry_out(self, order: Order, tell: Tell, begun: Begun = lambda _: None) -> Any:
        """The outcome of an order. Raises UsageError where it is refused; cancel the task to stop the work.

        Where `begun` is told the beginning of an answer, the outcome is the rest of it.
        """
        if self._line.qsize() >= MOST_WAITING:
            raise UsageError("too many visitors are waiting; try again in a minute")
        loop = asyncio.get_running_loop()
        ticket = _Ticket(order, tell, begun, loop, loop.create_future())
        self._line.put(ticket)
        try:
            return await ticket.answer
        finally:
            ticket.stopped.set()

    def close(self) -> None:
        """End all workers, whatever they are at."""
        self._closing.set()
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            thread.join(timeout=_BOUND)

    def _serve(self, place: int) -> None:
        process: _Process | None = None
        try:
            process = self._begun()
            while (ticket := self._line.get()) is not None and not self._closing.is_set():
                if ticket.stopped.is_set():
                    continue
                self._at_work[place] = True
                if process is not None and process.gone():
                    process.end()
                    process = None
                process = process or self._begun(ticket)
                if process is not None and not self._hand(process, ticket):
                    process.end()
                    process = self._begun()
                self._at_work[place] = False
        finally:
            if process is not None:
                process.end()

    def _begun(self, ticket: _Ticket | None = None) -> _Process | None:
        """A new process; where the system has no room for one, who waits is told so, and the next one asks again."""
        try:
            return _Process(self._memory)
        except WorkerError as error:
            if ticket is not None:
                ticket.settle("refused", str(error))
            return None

    def _hand(self, process: _Process, ticket: _Ticket) -> bool:
        """Carry out one order; False where the process cannot go on."""
        seconds = self._seconds if process.warm else self._seconds * _COLD
        try:
            process.send(ticket.order)
            if self._waited(process, ticket, seconds, ticket.stopped):
                return True
            if not ticket.stopped.is_set():
                ticket.settle("refused", f"stopped: it took longer than {seconds:.0f} seconds; ask for less")
            process.send("stop")
            # One that has not simulated yet may still be importing, or compiling.
            grace = _GRACE if process.warm else _GRACE * _COLD
            return self._waited(process, ticket, grace, self._closing)
        except WorkerEnded as error:
            ticket.settle("refused", f"stopped: {error}")
        return False

    def _waited(self, process: _Process, ticket: _Ticket, seconds: float, stopped: threading.Event) -> bool:
        """Wait so long for the end of an order, unless this stops; whether it came."""
        late = time.monotonic() + seconds
        while not (stopped.is_set() or self._closing.is_set()) and time.monotonic() < late:
            message = process.receive(_LOOK)
            if message is not None and self._received(process, ticket, message):
                return True
        return False

    @staticmethod
    def _received(process: _Process, ticket: _Ticket, message: tuple[str, Any]) -> bool:
        """Take one message; whether it was the last of its order."""
        kind, value = message
        if kind == "told":
            process.warm = True
            ticket.told(*value)
            return False
        if kind == "begun":
            ticket.begun(value)
            return False
        ticket.settle(kind, value)
        return True
