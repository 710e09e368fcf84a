"""The executor on a Dask distributed cluster, remote or local."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from importlib.metadata import version
from typing import Any

from protocolsim.errors import UsageError, WorkerError
from protocolsim.executor.base import Found, PooledExecutor, Say, Task, cores
from protocolsim.executor.worker import Link
from protocolsim.executor.worker_process import WorkerProcess, end_all
from protocolsim.text.shell import install

LOCAL = "local"
_SECONDS_TO_ANSWER = 10
_LOOK = 0.5  # seconds between checks that the local cluster's workers are alive
_ASK = 5.0  # seconds between questions to somebody's scheduler whether it has workers
_PATIENCE = 60.0  # seconds in which new ones may come where all have gone


class Cluster(PooledExecutor):
    """Workers of a running Dask scheduler, or of a local one that is started here and ends with this ("local").

    The scheduler itself reassigns the tasks of a lost worker. Workers need the same version of protocolsim, but no
    shared file system. Raises UsageError if `distributed` is not installed or the address does not answer,
    WorkerError if the scheduler has no workers, or workers of another version.
    """

    same_disk = False

    def __init__(self, address: str, workers: int | None, say: Say | None = None) -> None:
        if address != LOCAL and workers is not None:
            raise UsageError(f"--cluster {address}: the cluster has its own workers; leave --workers away")
        distributed = _distributed()
        self._speak_again = _silenced()
        self._address, self._deaths = address, 0
        self._alone: float | None = None
        self._cluster: Any = None
        self._own: list[WorkerProcess] = []
        if address == LOCAL:
            # A free port for Dask's dashboard: the default may be in use, which would print a warning.
            self._cluster = distributed.LocalCluster(
                n_workers=0,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
            )
        try:
            self.client = distributed.Client(self._cluster or address, timeout=_SECONDS_TO_ANSWER)
        except (OSError, ValueError) as error:
            self._speak_again()
            raise UsageError(f"--cluster {address}: no scheduler answers there ({error})") from None
        try:
            if self._cluster is not None:
                self._begin(workers or cores())
            threads = self._looked_at(address)
        except BaseException:
            self._close()
            raise
        super().__init__(threads, say)
        self._pool = self.client.get_executor(pure=False)

    def _looked_at(self, address: str) -> int:
        """Check the workers' versions. Returns the total number of their threads."""
        threads: int = sum(self.client.nthreads().values())
        if not threads:
            raise WorkerError(f"--cluster {address}: the scheduler has no workers; start some (dask worker {address})")
        mine = version("protocolsim")
        for worker, theirs in self.client.run(_version, on_error="return").items():
            if theirs != mine:
                has = f"has protocolsim {theirs}" if isinstance(theirs, str) else f"cannot say its version ({theirs!r})"
                raise WorkerError(f"--cluster {address}: worker {worker} {has}; {mine} is needed")
        return threads

    def submit(self, function: Callable[[Task], Found], task: Task) -> Future[Any]:
        """Begin a task."""
        submit: Future[Any] = self._pool.submit(function, task)
        return submit

    def wait(self, futures: Collection[Future[Any]]) -> set[Future[Any]]:
        """See PooledExecutor. Restarts workers of the local cluster that died; on another, waits for new ones."""
        while not (done := wait(futures, _LOOK if self._own else _ASK, FIRST_COMPLETED).done):
            if not self._own:
                self._wait_for_workers()
            for worker in [w for w in self._own if w.gone()]:
                self._own.remove(worker)
                self._deaths += 1
                self._tell(self._deaths, worker.how_it_ended())
                self._own.append(self._worker())
        self._deaths, self._alone = 0, None
        return done

    def _wait_for_workers(self) -> None:
        """Say that there are none, which looks like work that takes long. Raises WorkerError where none comes."""
        if self.client.nthreads():
            self._alone = None
        elif self._alone is None:
            self._alone = time.monotonic()
            if self._say is not None:
                self._say(f"--cluster {self._address}: its workers have gone; waiting for new ones")
        elif time.monotonic() - self._alone > _PATIENCE:
            raise WorkerError(
                f"--cluster {self._address}: its workers have gone, and none came for {_PATIENCE:g} seconds"
            )

    def error_of(self, future: Future[Any]) -> BaseException | None:
        """See PooledExecutor. The scheduler raises KilledWorker for a task that killed several workers.

        A scheduler that goes takes its tasks with it: they are cancelled.
        """
        try:
            error = super().error_of(future)
        except CancelledError:
            return WorkerError(f"--cluster {self._address}: the scheduler has gone")
        if type(error).__name__ == "KilledWorker":
            return WorkerError(f"--cluster {self._address}: the cluster's workers died again and again of one part")
        return error

    def end(self, *, at_once: bool) -> None:
        """Disconnect from the cluster; tasks in flight are cancelled."""
        self._pool.shutdown(wait=not at_once and self._alone is None)  # without workers nothing ends
        self._close()

    # The workers of a local cluster ----------------------------------------------------------------------------------

    def _begin(self, workers: int) -> None:
        """Start the workers as `WorkerProcess`es, which end with this process and need no main guard."""
        self._own = [self._worker() for _ in range(workers)]
        while len(self.client.nthreads()) < workers:
            for worker in self._own:
                if worker.gone():
                    raise WorkerError(f"--cluster {LOCAL}: {worker.how_it_ended()}")
            time.sleep(_LOOK)

    def _worker(self) -> WorkerProcess:
        return WorkerProcess(work_for, self._cluster.scheduler_address)

    def _close(self) -> None:
        end_all(self._own)
        self._own = []
        self.client.close()
        if self._cluster is not None:
            self._cluster.close()
        self._speak_again()


def work_for(_: Link, scheduler: str) -> None:
    """Run a Dask worker of this scheduler, with one thread, since kernels hold the GIL."""
    distributed = _distributed()
    _silenced()

    async def work() -> None:
        async with distributed.Worker(scheduler, nthreads=1, dashboard=False) as worker:
            await worker.finished()

    asyncio.run(work())


def _version() -> str:
    return version("protocolsim")


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise UsageError(f"--cluster needs Dask distributed: {install('cluster')}") from None
    return distributed


def _silenced() -> Callable[[], None]:
    """Keep Dask's log off the terminal: errors are raised anyway. Returns what lets it speak again.

    Its parts have levels of their own; what a connection that was lost leaves in its loop Tornado tells.
    """
    known = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    logs = [logging.getLogger(name) for name in {*known, "distributed", "tornado.application"}]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)

    def restore() -> None:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)

    return restore
