"""In worker processes on this machine."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

from protocolsim import interruption
from protocolsim.errors import WorkerEnded
from protocolsim.executor.base import PooledExecutor, Say
from protocolsim.executor.worker import carry_out_tasks
from protocolsim.executor.worker_process import WorkerProcess, end_all, exchange

_LOOK = 0.5  # seconds between looks at workers that say nothing
_PATIENCE = 2.0  # seconds in which workers that have nothing left to do may end by themselves


class Processes(PooledExecutor):
    """Workers that are started when there is something to do, and again where one died."""

    def __init__(self, workers: int, say: Say | None = None) -> None:
        super().__init__(workers, say)
        self._numbers = itertools.count()
        self._under_way: dict[WorkerProcess, dict[int, Future[Any]]] = {}

    @property
    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return [worker.pid for worker in self._under_way]

    def submit(self, function: Callable[[Any], Any], task: Any) -> Future[Any]:
        """Begin a task; a worker is started for it where all are busy and there are too few."""
        packed = pickle.dumps((function, task), pickle.HIGHEST_PROTOCOL)
        worker = min(self._under_way, key=lambda w: len(self._under_way[w]), default=None)
        if worker is None or (self._under_way[worker] and len(self._under_way) < self.workers):
            with interruption.held():
                worker = WorkerProcess(carry_out_tasks)
                self._under_way[worker] = {}
        number, future = next(self._numbers), Future[Any]()
        self._under_way[worker][number] = future
        worker.send((number, packed))
        return future

    def wait(self, futures: Collection[Future[Any]]) -> set[Future[Any]]:
        """Those that are done, one at least. All passing of messages happens here, in the thread that waits."""
        while not (done := {future for future in futures if future.done()}):
            exchange(self._under_way, _LOOK)
            for worker, under_way in list(self._under_way.items()):
                for number, whole, wait in worker.arrived():
                    future = under_way.pop(number)
                    future.set_result(wait) if whole else future.set_exception(wait)
                if worker.ended:
                    del self._under_way[worker]
                    how = worker.how_it_ended()
                    for future in under_way.values():
                        future.set_exception(WorkerEnded(how))
        return done

    def end(self, *, at_once: bool) -> None:
        """Let workers end that have nothing left to do, or kill them."""
        workers = list(self._under_way)
        self._under_way.clear()
        end_all(workers, 0.0 if at_once else _PATIENCE)
