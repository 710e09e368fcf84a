"""Replicates of a scenario as a point of a study, folded into endpoint sums, and into tables if they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from protocolsim.engine.base import Progress
from protocolsim.records import SUBJECTS_TOGETHER, Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.engines import pieces
from protocolsim.study.estimation.endpoint_sums import EndpointSums, PointSums
from protocolsim.study.execution.chunks import Span
from protocolsim.study.execution.encoded_tables import Encoder

# Tables of a larger replicate may not fit into memory: they are spooled to disk by the worker.
MOST_SUBJECTS_IN_TABLES = 4 * SUBJECTS_TOGETHER


@dataclass(frozen=True)
class Trials:
    """So many trials of a scenario. `tables`: theirs too; `spool` is a folder for tables too large for memory."""

    scenario: Scenario
    engine: str
    seed: int
    replicates: range
    tables: bool = False
    spool: Path | None = None

    @property
    def large(self) -> bool:
        """Whether the tables of one replicate are too large for memory."""
        return self.scenario.trial.cohort.size > MOST_SUBJECTS_IN_TABLES

    def pieces(self, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """See Point."""
        return pieces(self.scenario, self.seed, replicates, self.engine, progress)

    def accumulator(self, span: Span) -> TrialSums:
        """See Point."""
        return TrialSums(self, span)


class TrialSums:
    """Accumulates sums and, where they are wanted, encoded tables; these are joined on disk and not merged."""

    def __init__(self, trials: Trials, span: Span) -> None:
        self._sums = EndpointSums(trials.scenario.reported, trials.scenario.populations)
        self._encoder = Encoder(trials.spool if trials.large else None, span.name) if trials.tables else None
        self._rows = 0

    def add(self, records: Records) -> None:
        """Count in the next records."""
        self._sums.add(records)
        if self._encoder is not None:
            self._encoder.add(records)
        records.derived.clear()

    def merge(self, later: PointSums) -> None:
        """Count in the sums of the replicates that follow."""
        self._sums.merge(later)

    def result(self) -> PointSums:
        """The sums of every endpoint, and the tables of what was added."""
        tables = self._encoder.finish() if self._encoder is not None else None
        return PointSums(self._sums.sums(), self._sums.rows, tables or None)
