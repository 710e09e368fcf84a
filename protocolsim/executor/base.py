"""The interface of executors, which carry out the tasks of a study in one process, in many, or on a cluster.

A task is a plain value, and its result is a pure function of it, so tasks may run anywhere, in any order, and again
after a worker was lost.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any, Self, TypeVar

from protocolsim.errors import UsageError, WorkerEnded, WorkerError

Task = TypeVar("Task")
Found = TypeVar("Found")

Say = Callable[[str], None]

MOST_WORKERS = 1024
AUTO = "auto"
ALL_CORES = -1  # the convention of SciPy and joblib


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number_of_workers(workers: int) -> int:
    """Resolve a number of workers: -1 means one per core. Raises UsageError if it is not positive or -1."""
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise UsageError(f"workers: expected a whole number, -1 (all cores) or 'auto', found {workers!r}")
    if workers != ALL_CORES and not 1 <= workers <= MOST_WORKERS:
        raise UsageError(f"workers: {workers} is not between 1 and {MOST_WORKERS}, nor -1 (all cores)")
    return cores() if workers == ALL_CORES else workers


class Executor(ABC):
    """Carries out tasks. A context manager: its workers end on exit, immediately if an exception is raised."""

    same_disk = True
    """Whether workers share this process's file system, so that a path names the same file there."""

    @abstractmethod
    def results(self, function: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[tuple[Task, Found]]:
        """Each task with its result, in order of completion.

        If tasks fail, the error of the first in the order of the tasks is raised, independent of the number of
        workers, after the results of all tasks before it have been yielded.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.end(at_once=kind is not None)

    @abstractmethod
    def end(self, *, at_once: bool) -> None:
        """End the workers: after their tasks are done, or immediately (`at_once`)."""


class PooledExecutor(Executor):
    """Base of executors with workers. The tasks of a worker that died are submitted again."""

    # Consecutive worker deaths without a result: the tasks themselves must be the cause, so retrying is futile.
    patience = 3

    def __init__(self, workers: int, say: Say | None = None) -> None:
        self.workers, self._say = workers, say

    @abstractmethod
    def submit(self, function: Callable[[Any], Any], task: Any) -> Future[Any]:
        """Submit a task; returns its future."""

    def wait(self, futures: Collection[Future[Any]]) -> set[Future[Any]]:
        """Wait for at least one future. Returns those that are done; the error of a lost task is WorkerEnded."""
        return wait(futures, return_when=FIRST_COMPLETED).done

    def error_of(self, future: Future[Any]) -> BaseException | None:
        """The exception that a task raised, or None."""
        return future.exception()

    def results(self, function: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[tuple[Task, Found]]:
        """See Executor. Only a few tasks are in flight at a time, so that an interruption loses little.

        While many are left, each worker has one task queued ahead; the last tasks go to the first idle worker.
        """
        waiting = list(range(len(tasks)))[::-1]  # a stack: the next task is last
        under_way: dict[Future[Any], int] = {}
        failed: tuple[int, BaseException] | None = None
        deaths = 0
        while under_way or (waiting and _before(waiting[-1], failed)):
            while waiting and _before(waiting[-1], failed) and len(under_way) < self._at_a_time(len(waiting)):
                under_way[self.submit(function, tasks[waiting[-1]])] = waiting[-1]
                waiting.pop()
            lost: dict[int, WorkerEnded] = {}
            for future in sorted(self.wait(under_way), key=under_way.__getitem__):
                number, error = under_way.pop(future), self.error_of(future)
                if isinstance(error, WorkerEnded):
                    lost[number] = error
                elif error is not None:
                    failed = min(failed or (number, error), (number, error), key=lambda f: f[0])
                else:
                    deaths = 0
                    yield tasks[number], future.result()
            if lost:
                deaths += 1
                self._tell(deaths, str(next(iter(lost.values()))))
                waiting = sorted({*waiting, *lost}, reverse=True)
        if failed is not None:
            raise failed[1]

    def _at_a_time(self, waiting: int) -> int:
        return 2 * self.workers if waiting > self.workers else self.workers

    def _tell(self, deaths: int, how: str) -> None:
        """Report that a worker died. Raises WorkerError after too many consecutive deaths."""
        if deaths >= self.patience:
            raise WorkerError(
                f"worker processes died {deaths} times in a row, before any of them finished its part; at last {how}"
            )
        if self._say is not None:
            self._say(f"{how}; nothing is lost, what it was doing is done again")


def _before(number: int, failed: tuple[int, BaseException] | None) -> bool:
    """Whether a task still has to run: not if it comes after a failed one."""
    return failed is None or number < failed[0]


def in_order(executor: Executor) -> Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]:
    """Adapt an executor to the interface of `map` over one iterable: results only, in the order of the tasks."""

    def mapped(function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        early: dict[int, Any] = {}
        following = 0
        for number, order in executor.results(partial(_numbered, function), list(enumerate(tasks))):
            early[number[0]] = order
            while following in early:
                yield early.pop(following)
                following += 1

    return mapped


def _numbered(function: Callable[[Any], Any], task: tuple[int, Any]) -> Any:
    """Apply the function to a numbered task, without its number."""
    return function(task[1])
