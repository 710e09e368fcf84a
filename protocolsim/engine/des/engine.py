"""The des engine as a value: the reference, one event after another."""

from __future__ import annotations

from collections.abc import Iterator

from protocolsim.engine.base import Engine, Progress, Trial
from protocolsim.engine.des import simulation
from protocolsim.records import Records


class DiscreteEventEngine:
    """Simulates every subject event by event, also subjects who wait for each other: whatever a scenario can say."""

    name = "des"

    def unsupported(self, trial: Trial) -> str | None:  # noqa: ARG002 - it can simulate all of them
        """See Engine."""
        return None

    def pieces(self, trial: Trial, seed: int, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """See Engine."""
        return simulation.pieces(trial, seed, replicates, progress)


ENGINE: Engine = DiscreteEventEngine()
