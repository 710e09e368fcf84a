"""The discrete-event engine as an Engine: the reference implementation."""

from __future__ import annotations

from collections.abc import Iterator

from protocolsim.engine.base import Engine, Progress, Trial
from protocolsim.engine.des import looks, simulation
from protocolsim.records import Records


class DiscreteEventEngine:
    """Discrete-event simulation, subject by subject, with queues and looks at the trial; supports every scenario."""

    name = "des"

    def unsupported(self, trial: Trial) -> str | None:  # noqa: ARG002 - it can simulate all of them
        """See Engine."""
        return None

    def pieces(self, trial: Trial, seed: int, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """See Engine."""
        run = simulation.pieces if trial.conduct is None else looks.pieces
        return run(trial, seed, replicates, progress)


ENGINE: Engine = DiscreteEventEngine()
