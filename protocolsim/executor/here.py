"""In this process, one task after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from protocolsim.executor.base import Executor, Found, Task


class Here(Executor):
    """No worker: the tasks are carried out where they are asked for."""

    def results(self, function: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[tuple[Task, Found]]:
        """In the order of the tasks."""
        for task in tasks:
            yield task, function(task)

    def end(self, *, at_once: bool) -> None:
        """Nothing was started."""
