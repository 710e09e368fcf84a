"""The share of subjects whose measurements lie within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, Number, StateNames, VariableName, counted_in, quotient, within_bounds
from protocolsim.endpoint.subjects.rows import in_states, per_subject, seen
from protocolsim.errors import UsageError
from protocolsim.records import Records, Seen


@dataclass(frozen=True, kw_only=True)
class ShareOfValues(Endpoint):
    """The share of subjects for whom `times` x a statistic of a variable lies from `at_least` to `at_most`.

    The statistic (`reading`: mean, last, first, smallest or largest) is of the made assessments during the states
    named; with `baseline`, the subject's mean in those states is taken off it first. Denominator: members of `among`
    with at least one made assessment in each. Who withdrew counts with what was seen before that; values after a
    rescue count only where `during` names its state. Missed assessments are ignored.
    """

    kind: ClassVar[str] = "share_of_values"
    meaning: ClassVar[str] = "share of subjects for whom a statistic of a variable lies within bounds"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  free_of_new_lesions: {kind: share_of_values, variable: new_cel, during: monotherapy, reading: largest, at_most: 0}
"""

    variable: VariableName
    during: StateNames
    baseline: StateNames = ()
    reading: Literal["mean", "last", "first", "smallest", "largest"] = "mean"
    times: Number = 1.0
    at_least: Number | None = None
    at_most: Number | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise UsageError(f"endpoint '{self.name}': it needs at_least or at_most; without either it is always 100 %")

    @property
    def unit(self) -> str:
        """A share, shown in per cent."""
        return "%"

    @property
    def counting(self) -> str:
        """Those with an assessment."""
        both = " at baseline and a later one" if self.baseline else ""
        return f"of those {self.among} with an assessment{both}"

    @property
    def binary(self) -> bool:
        """Each subject is one or none."""
        return True

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Whether the subject's value lies within, and whether there is one."""
        made = seen(records, self.variable)
        size = len(records["subjects"]["subject"])
        own = self._statistic(made, in_states(made.state, records.labels, self.during), size)
        if self.baseline:
            early = in_states(made.state, records.labels, self.baseline)
            number = per_subject(records, made.row[early])
            own -= quotient(per_subject(records, made.row[early], made.value[early]), number)
        counted = self.members(populations) & ~np.isnan(own)
        own *= self.times
        within = counted & within_bounds(own, self.at_least, self.at_most)
        return np.column_stack([counted_in(within), counted_in(counted)])

    def _statistic(self, made: Seen, chosen: Mask, size: int) -> Floats:
        """By subject row; nan where nothing was seen."""
        rows, values = made.row[chosen], made.value[chosen]
        own = np.full(size, np.nan)
        if self.reading == "mean":
            total = np.bincount(rows, weights=values, minlength=size).astype(np.float64)
            own = quotient(total, np.bincount(rows, minlength=size).astype(np.float64))
        elif self.reading == "last":
            own[rows] = values  # of repeated places the last assignment stays, and rows stand in order of time
        elif self.reading == "first":
            own[rows[::-1]] = values[::-1]
        else:
            (np.fmin if self.reading == "smallest" else np.fmax).at(own, rows, values)
        return own

    def value(self, sums: Floats) -> Floats:
        """Those within over all."""
        return quotient(sums[..., 0], sums[..., 1])


KIND = ShareOfValues
