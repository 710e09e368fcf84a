"""The serial executor: tasks run in this process, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from protocolsim.executor.base import Executor, Found, Task


class Here(Executor):
    """Runs tasks in this process, without workers."""

    def results(self, function: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[tuple[Task, Found]]:
        """See Executor. In the order of the tasks."""
        for task in tasks:
            yield task, function(task)

    def end(self, *, at_once: bool) -> None:
        """See Executor. There are no workers to end."""
