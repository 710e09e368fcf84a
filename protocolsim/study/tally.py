"""The sums of endpoints, gathered while records stream by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.endpoint.base import Endpoint, Population, populations
from protocolsim.records import Records

Floats = NDArray[np.float64]


class Tally:
    """The sums of every endpoint and replicate, from records that come in order and may be parts of a replicate.

    What is kept does not grow with the number of subjects, but for endpoints that rank the subjects of a large trial:
    those keep one number per subject.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], declared: Mapping[str, Population]) -> None:
        self._endpoints, self._declared = endpoints, declared
        self._sums: dict[str, list[Floats]] = {name: [] for name in endpoints}
        self._ranked: dict[str, list[Floats]] = {name: [] for name in endpoints}
        self._unfinished: int | None = None
        self.rows = 0

    def add(self, records: Records) -> None:
        """Count in the next records."""
        known = populations(records, self._declared)
        self.rows += sum(len(next(iter(table.values()))) for table in records.tables.values())
        goes_on = not records.whole and records.first_replicate == self._unfinished
        if not goes_on:
            self._finish()
        for name, endpoint in self._endpoints.items():
            if endpoint.ranks and not records.whole:
                self._ranked[name].append(endpoint.contributions(records, known))
                continue
            sums = endpoint.sums(records, known)
            if goes_on:
                # Part by part in the order of subjects, as within one part.
                self._sums[name][-1] = self._sums[name][-1] + sums
            else:
                self._sums[name].append(sums)
        self._unfinished = None if records.whole else records.first_replicate

    def _finish(self) -> None:
        for name, parts in self._ranked.items():
            if parts:
                own = np.concatenate(parts)
                self._sums[name].append(self._endpoints[name].added(own, np.zeros(len(own), dtype=np.int64), 1))
                parts.clear()

    def sums(self) -> dict[str, Floats]:
        """The sums of every endpoint, [replicates, k] each."""
        self._finish()
        self._unfinished = None
        empty: Any = np.empty((0, 1))
        return {name: np.concatenate(s) if s else empty for name, s in self._sums.items()}
