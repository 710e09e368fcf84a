"""The batch engine as an Engine: vectorised over columns of subjects."""

from __future__ import annotations

from collections.abc import Iterator

from protocolsim.engine.base import Engine, Progress, Trial
from protocolsim.engine.batch import simulation
from protocolsim.records import Records


class BatchEngine:
    """Vectorised simulation of many subjects at once. It has no queues: capacity limits are unsupported."""

    name = "batch"

    def unsupported(self, trial: Trial) -> str | None:
        """See Engine."""
        return simulation.unsupported(trial)

    def pieces(self, trial: Trial, seed: int, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """See Engine."""
        return simulation.pieces(trial, seed, replicates, progress)


ENGINE: Engine = BatchEngine()
