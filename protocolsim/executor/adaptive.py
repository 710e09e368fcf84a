"""An executor that starts in this process, and moves to worker processes once that saves time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from protocolsim.executor.base import Executor, Found, Say, Task
from protocolsim.executor.processes import Processes

# Workers take two to three seconds to start; two of them must save more than that.
WORTH_SECONDS = 10.0


class Adaptive(Executor):
    """Runs tasks in this process and extrapolates their duration: small studies never pay to start workers."""

    def __init__(self, workers: int, say: Say | None = None, worth: float = WORTH_SECONDS) -> None:
        self.workers, self._say, self._worth = workers, say, worth

    def results(self, function: Callable[[Task], Found], tasks: Sequence[Task]) -> Iterator[tuple[Task, Found]]:
        """In order of the tasks at first, then in order of completion."""
        began = 0.0
        for done, task in enumerate(tasks, start=1):
            yield task, function(task)
            now = time.perf_counter()
            if done == 1:
                began = now  # the first task also pays for loading and compiling
            elif (now - began) / (done - 1) * (len(tasks) - done) > self._worth:
                with Processes(self.workers, self._say) as pool:
                    yield from pool.results(function, tasks[done:])
                return

    def end(self, *, at_once: bool) -> None:
        """See Executor. Workers have ended with the `results` that started them."""
