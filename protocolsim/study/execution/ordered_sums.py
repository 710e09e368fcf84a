"""The sums of one scenario, from spans that come in any order."""

from __future__ import annotations

from protocolsim.arrays import Floats
from protocolsim.study.estimation.disk_array import Spill
from protocolsim.study.execution.chunks import Tallied


class Gathered:
    """The sums of every endpoint in the order of the replicates; what comes early waits for those before it."""

    def __init__(self, replicates: int) -> None:
        self._replicates, self._next = replicates, 0
        self._waiting: dict[int, Tallied] = {}
        self._sums: dict[str, Spill] = {}
        self.rows = 0

    def add(self, tallied: Tallied) -> None:
        """Count in a span."""
        self._waiting[tallied.span.first] = tallied
        while self._next in self._waiting:
            here = self._waiting.pop(self._next)
            for name, sums in here.sums.items():
                self._sums.setdefault(name, Spill(sums.shape[1])).add(sums)
            self.rows += here.rows
            self._next = here.span.stop

    @property
    def whole(self) -> bool:
        """Whether all replicates are there."""
        return self._next == self._replicates

    def sums(self) -> dict[str, Floats]:
        """The sums of every endpoint, [replicates, k] each."""
        return {name: spill.rows() for name, spill in self._sums.items()}
