"""All the memory a run works in, kept for the next run: most runs answer somebody who then asks again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from protocolsim.engine.batch.buffers import Workspace
from protocolsim.engine.batch.lending import Lending

_MOST_KEPT = 2**29  # bytes; what an unusually large trial has needed goes back to the system


class Memory:
    """Workspaces for the rounds of a chunk, and tables."""

    def __init__(self) -> None:
        self._workspaces: list[Workspace] = []
        self.tables = Lending()

    def workspace(self, number: int) -> Workspace:
        """The workspace of this round."""
        while len(self._workspaces) <= number:
            self._workspaces.append(Workspace())
        return self._workspaces[number]

    @property
    def size(self) -> int:
        """Bytes kept while nobody runs."""
        return self.tables.size + sum(w.size for w in self._workspaces)


_idle: list[Memory] = []  # taken and given back in one step each, since runs may be in several threads


@contextmanager
def kept() -> Iterator[Memory]:
    """Memory that nobody else works in, mostly that of the run before."""
    try:
        memory = _idle.pop()
    except IndexError:
        memory = Memory()
    try:
        yield memory
    finally:
        if memory.size <= _MOST_KEPT:
            _idle.append(memory)
            del _idle[1:]
