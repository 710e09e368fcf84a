"""On a cluster: workers of a scheduler of Dask distributed, on other machines or on this one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from importlib.metadata import version
from typing import Any

from protocolsim.errors import UsageError, WorkerError
from protocolsim.executor.base import Found, Pool, Say, Task, cores

LOCAL = "local"
_SECONDS_TO_ANSWER = 10


class Cluster(Pool):
    """The workers of a scheduler that runs already, or of one that is started here and ends with this ("local").

    Work that is lost with a worker is given to another by the scheduler itself. Workers need the same version of
    protocolsim, and nothing of this machine's disk. Raises UsageError where `distributed` is not installed or the
    address does not answer, WorkerError where the scheduler has no workers, or workers of another version.
    """

    def __init__(self, address: str, workers: int | None, say: Say | None = None) -> None:
        if address != LOCAL and workers is not None:
            raise UsageError(f"--cluster {address}: the cluster has its own workers; leave --workers away")
        distributed = _distributed()
        self._cluster: Any = None
        if address == LOCAL:
            # One process per worker, one thread in each: kernels hold the interpreter's lock.
            self._cluster = distributed.LocalCluster(
                n_workers=workers or cores(),
                threads_per_worker=1,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        try:
            self.client = distributed.Client(self._cluster or address, timeout=_SECONDS_TO_ANSWER)
        except (OSError, ValueError) as error:
            raise UsageError(f"--cluster {address}: no scheduler answers there ({error})") from None
        try:
            threads = self._looked_at(address)
        except BaseException:
            self._close()
            raise
        super().__init__(threads, say)
        self._pool = self.client.get_executor(pure=False)

    def _looked_at(self, address: str) -> int:
        """How many tasks the workers can do at a time."""
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
        found: Future[Any] = self._pool.submit(function, task)
        return found

    def end(self, *, at_once: bool) -> None:
        """Let go of the cluster; what is still under way is cancelled."""
        self._pool.shutdown(wait=not at_once)
        self._close()

    def _close(self) -> None:
        self.client.close()
        if self._cluster is not None:
            self._cluster.close()


def _version() -> str:
    return version("protocolsim")


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise UsageError("--cluster needs Dask distributed: python -m pip install 'protocolsim[cluster]'") from None
    # Its log would go to the terminal; what matters is raised.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed
