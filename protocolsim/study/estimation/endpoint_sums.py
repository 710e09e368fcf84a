"""Streaming accumulation of endpoint sums by replicate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Endpoint, Reported
from protocolsim.endpoint.subjects.population import Population, populations
from protocolsim.records import Records
from protocolsim.study.estimation.disk_array import Spill

if TYPE_CHECKING:
    from protocolsim.study.execution.encoded_tables import Encoded


def rows_in(records: Records) -> int:
    """The total number of rows of all tables."""
    return sum(len(next(iter(records[table].values()))) for table in records.names)


@dataclass(frozen=True)
class PointSums:
    """Sums by replicate, [replicates, k] by endpoint; `rows` is the size of the tables they came from.

    `tables` are those tables, encoded, until they are on the disk.
    """

    sums: Mapping[str, Floats]
    rows: int
    tables: Mapping[str, Encoded] | None = None


class EndpointSums:
    """The sums of every endpoint and replicate, from records that come in order and may be parts of a replicate.

    Memory is bounded: the sums of many replicates, and the values of subjects for endpoints that rank them, spill to
    a temporary file.
    """

    def __init__(self, endpoints: Mapping[str, Reported], declared: Mapping[str, Population]) -> None:
        self._endpoints, self._declared = endpoints, declared
        self._done: dict[str, Spill] = {}
        self._open: dict[str, Floats] = {}  # sums of the replicate that may continue
        self._ranked: dict[str, Spill] = {}  # likewise, one number per subject
        self._subjects: dict[str, tuple[Endpoint, Spill]] = {}  # likewise, the columns of a test
        self._unfinished: int | None = None
        self.rows = 0

    def add(self, records: Records) -> None:
        """Count in the next records."""
        known = populations(records, self._declared)
        self.rows += rows_in(records)
        if records.whole or records.first_replicate != self._unfinished:
            self._finish()
        for name, endpoint in self._endpoints.items():
            if records.whole:
                self._keep(name, endpoint.sums(records, known))
            elif isinstance(endpoint, Endpoint) and endpoint.decides:
                self._keep_subjects(endpoint, endpoint.contributions(records, known))
            elif isinstance(endpoint, Endpoint) and endpoint.ranks:
                own = endpoint.contributions(records, known)[:, 0]
                self._ranked.setdefault(name, Spill(1)).add(own[~np.isnan(own)])
            else:
                # Add part by part, in the order of subjects, which floating-point sums depend on.
                sums = endpoint.sums(records, known)
                self._open[name] = self._open[name] + sums if name in self._open else sums
        self._unfinished = None if records.whole else records.first_replicate

    def _keep_subjects(self, endpoint: Endpoint, own: Floats) -> None:
        """Keep the subjects' columns: a statistical test needs all of them at the end of the replicate."""
        _, kept = self._subjects.setdefault(endpoint.name, (endpoint, Spill(own.shape[1])))
        kept.add(own[~np.isnan(own[:, 0])])

    def _keep(self, name: str, sums: Floats) -> None:
        if name not in self._done:
            self._done[name] = Spill(sums.shape[1])
        self._done[name].add(sums)

    def _finish(self) -> None:
        """Finish a replicate that came in parts."""
        for name, sums in self._open.items():
            self._keep(name, sums)
        for name, own in self._ranked.items():
            median = own.median()
            self._keep(name, np.array([[median, 1.0] if len(own) else [0.0, 0.0]]))
        for name, (endpoint, parts) in self._subjects.items():
            rows = np.asarray(parts.rows())
            self._keep(name, endpoint.added(rows, np.zeros(len(rows), dtype=np.int64), 1))
        self._open, self._ranked, self._subjects, self._unfinished = {}, {}, {}, None

    def merge(self, later: PointSums) -> None:
        """Count in the sums of the replicates that follow."""
        self._finish()
        self.rows += later.rows
        for name, sums in later.sums.items():
            self._keep(name, sums)

    def sums(self) -> dict[str, Floats]:
        """The sums of every endpoint, [replicates, k] each."""
        self._finish()
        return {name: self._done[name].rows() if name in self._done else np.empty((0, 1)) for name in self._endpoints}
