"""Factory of executors: from a number of workers, "auto", or the address of a cluster."""

from __future__ import annotations

from protocolsim.errors import UsageError
from protocolsim.executor.base import AUTO, Executor, Say, cores, number_of_workers
from protocolsim.executor.here import Here


def executor_for(workers: int | str, cluster: str | None = None, say: Say | None = None) -> Executor:
    """Make an executor. `workers` is a number, -1 for all cores, or "auto": start workers only if that saves time.

    `cluster` is the address of a Dask scheduler, or "local" to start one. `say` is called with messages for the user.
    Raises UsageError for any other value.
    """
    if cluster is not None:
        from protocolsim.executor.cluster import Cluster

        return Cluster(cluster, None if workers == AUTO else _number(workers), say)
    if workers == AUTO:
        from protocolsim.executor.adaptive import Adaptive

        return Adaptive(cores(), say) if cores() > 1 else Here()
    number = _number(workers)
    if number == 1:
        return Here()
    from protocolsim.executor.processes import Processes

    return Processes(number, say)


def _number(workers: int | str) -> int:
    if isinstance(workers, str):
        try:
            workers = int(workers)
        except ValueError:
            raise UsageError(f"workers: expected a whole number, -1 (all cores) or 'auto', found '{workers}'") from None
    return number_of_workers(workers)
