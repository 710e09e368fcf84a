"""Replicates of a scenario as a point of a study, folded into endpoint sums, and into tables if they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from protocolsim.endpoint.base import Reported
from protocolsim.engine.base import Progress
from protocolsim.records import SUBJECTS_TOGETHER, Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.engines import pieces
from protocolsim.study.estimation.endpoint_sums import EndpointSums, PointSums
from protocolsim.study.estimation.undefined_values import undefined_values
from protocolsim.study.execution.chunks import Span
from protocolsim.study.execution.encoded_tables import Encoder
from protocolsim.study.parameters.draws import ParameterDraws
from protocolsim.study.parameters.patients import patient_variances
from protocolsim.study.parameters.shares import coupled_by

# Tables of a larger replicate may not fit into memory: they are spooled to disk by the worker.
MOST_SUBJECTS_IN_TABLES = 4 * SUBJECTS_TOGETHER


@dataclass(frozen=True)
class Trials:
    """So many trials of a scenario. `tables`: theirs too; `spool` is a folder for tables too large for memory.

    `draws`: what each pair of them has for values of the uncertain parameters; None: the scenario's own.
    """

    scenario: Scenario
    engine: str
    seed: int
    replicates: range
    tables: bool = False
    spool: Path | None = None
    draws: ParameterDraws | None = None

    @property
    def measured(self) -> dict[str, Reported]:
        """All that is added up of each trial: what is reported, which observations are undefined, how patients vary.

        The last is needed where parameters are drawn and patients are coupled; elsewhere all that parameters do not
        explain is theirs.
        """
        reported = {**self.scenario.reported, **undefined_values(self.scenario.trial)}
        if self.draws is None or not coupled_by(self.scenario.trial):
            return reported
        return {**reported, **patient_variances(reported)}

    @property
    def large(self) -> bool:
        """Whether the tables of one replicate are too large for memory."""
        return self.scenario.trial.cohort.size > MOST_SUBJECTS_IN_TABLES

    def pieces(self, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """See Point."""
        return pieces(self.scenario, self.seed, replicates, self.engine, progress, self.draws)

    def accumulator(self, span: Span) -> TrialSums:
        """See Point."""
        return TrialSums(self, span)


class TrialSums:
    """Accumulates sums and, where they are wanted, encoded tables; these are joined on disk and not merged."""

    def __init__(self, trials: Trials, span: Span) -> None:
        self._sums = EndpointSums(trials.measured, trials.scenario.populations)
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
