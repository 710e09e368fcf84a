"""The executor in worker processes on this machine."""

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

_LOOK = 0.5  # seconds between checks that silent workers are alive
_PATIENCE = 2.0  # seconds that idle workers have to exit by themselves


class Processes(PooledExecutor):
    """A pool of worker processes, started on demand and replaced if they die."""

    def __init__(self, workers: int, say: Say | None = None) -> None:
        super().__init__(workers, say)
        self._numbers = itertools.count()
        self._under_way: dict[WorkerProcess, dict[int, Future[Any]]] = {}

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.pid for worker in self._under_way]

    def submit(self, function: Callable[[Any], Any], task: Any) -> Future[Any]:
        """Submit a task; starts a worker if all are busy and the pool is not full."""
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
        """See PooledExecutor. All communication with workers happens here, in the calling thread."""
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
        """Let idle workers exit by themselves, or kill all (`at_once`)."""
        workers = list(self._under_way)
        self._under_way.clear()
        end_all(workers, 0.0 if at_once else _PATIENCE)
