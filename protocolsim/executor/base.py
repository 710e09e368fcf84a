"""What carries out the tasks of a study; nothing else differs between one process, many, and a cluster.

A task is a plain value, and carrying it out is a pure function of it: so it may be done anywhere, in any order, and
again where a worker was lost.
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
ALL_CORES = -1  # as in SciPy and joblib


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def number_of_workers(workers: int) -> int:
    """The number meant: -1 is one for each core. Raises UsageError for what is no number of workers."""
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise UsageError(f"workers: expected a whole number, -1 (all cores) or 'auto', found {workers!r}")
    if workers != ALL_CORES and not 1 <= workers <= MOST_WORKERS:
        raise UsageError(f"workers: {workers} is not between 1 and {MOST_WORKERS}, nor -1 (all cores)")
    return cores() if workers == ALL_CORES else workers


class Executor(ABC):
    """Carries out tasks. A context manager: what it started ends with it, at once where something went wrong."""

    same_disk = True
    """Whether a path means the same file to whoever carries out a task as it does here."""

    @abstractmethod
    def results(self, function: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[tuple[Task, Found]]:
        """Each task with what the function made of it, as they are done.

        Where some fail, the error of the first in the order of the tasks is raised, whatever the number of workers,
        after all that came before it has been handed on.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.end(at_once=kind is not None)

    @abstractmethod
    def end(self, *, at_once: bool) -> None:
        """Let go of what was started: after its work is done, or at once."""


class PooledExecutor(Executor):
    """An executor that hands tasks to others and waits. What is lost with a worker is done again."""

    # Deaths without any result between them: the tasks themselves kill, and doing them again would not help.
    patience = 3

    def __init__(self, workers: int, say: Say | None = None) -> None:
        self.workers, self._say = workers, say

    @abstractmethod
    def submit(self, function: Callable[[Any], Any], task: Any) -> Future[Any]:
        """Begin a task."""

    def wait(self, futures: Collection[Future[Any]]) -> set[Future[Any]]:
        """Those that are done, one at least; WorkerEnded is the error of those that were lost with a worker."""
        return wait(futures, return_when=FIRST_COMPLETED).done

    def error_of(self, future: Future[Any]) -> BaseException | None:
        """What a task failed of, if it did."""
        return future.exception()

    def results(self, function: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[tuple[Task, Found]]:
        """See Executor. Only a few tasks are under way at a time, so that little is lost by an interruption.

        While there are many, each worker has the next one at hand; the last ones go to whoever is free first.
        """
        waiting = list(range(len(tasks)))[::-1]  # the next one is at the end
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
        """Say that a worker died. Raises WorkerError where that happens again and again."""
        if deaths >= self.patience:
            raise WorkerError(
                f"worker processes died {deaths} times in a row, before any of them finished its part; at last {how}"
            )
        if self._say is not None:
            self._say(f"{how}; nothing is lost, what it was doing is done again")


def _before(number: int, failed: tuple[int, BaseException] | None) -> bool:
    """Whether a task still has to be done: none that comes after one that failed."""
    return failed is None or number < failed[0]


def in_order(executor: Executor) -> Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]:
    """The executor as Python's own `map` over one iterable: the results alone, in the order of the tasks."""

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
    """The function of the task without its number."""
    return function(task[1])
