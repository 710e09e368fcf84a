"""How a measurement moved from baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, StateNames, Text, VariableName, counted_in, quotient
from protocolsim.endpoint.subjects.rows import in_states, per_subject, seen
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class Change(Endpoint):
    """Mean over subjects of the last value during `during`, minus or over the subject's mean value at baseline.

    Denominator: members of `among` with at least one made assessment in each of the two; for a ratio, a
    baseline mean of zero leaves the subject out. Who withdrew contributes the last value before that (last
    observation carried forward); values after a rescue count only where `during` names the rescue's state.
    Missed assessments are ignored. An assessment belongs to the state in which it was made.
    `counted_in` is what a reader calls the variable's unit (letters, kg).
    """

    kind: ClassVar[str] = "change"
    meaning: ClassVar[str] = "mean change of a variable from baseline to the last value during given states"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  nk_cells:
    kind: change
    variable: nk_cd56bright
    baseline: baseline
    during: [monotherapy, dose_doubled, rescued]
    reading: ratio
"""

    variable: VariableName
    baseline: StateNames
    during: StateNames
    reading: Literal["difference", "ratio"] = "difference"
    counted_in: Text = "points"

    @property
    def unit(self) -> str:
        """What the variable is counted in, or how many times the baseline."""
        return self.counted_in if self.reading == "difference" else "times"

    @property
    def counting(self) -> str:
        """Those with an assessment in both."""
        zero = "; who had a baseline of zero is left out" if self.reading == "ratio" else ""
        return f"those {self.among} with an assessment at baseline and a later one, last value carried forward{zero}"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The subject's own change and 1, or 0 and 0."""
        made = seen(records, self.variable)
        early = in_states(made.state, records.labels, self.baseline)
        late = in_states(made.state, records.labels, self.during)
        number = per_subject(records, made.row[early])
        baseline = quotient(per_subject(records, made.row[early], made.value[early]), number)
        last = np.full(len(number), np.nan)
        # Rows stand in order of time, and of repeated places the last assignment stays.
        last[made.row[late]] = made.value[late]
        own = last - baseline if self.reading == "difference" else quotient(last, baseline)
        counted = self.members(populations) & ~np.isnan(own)
        return np.column_stack([counted_in(counted, own), counted_in(counted)])

    def value(self, sums: Floats) -> Floats:
        """The mean of the subjects' own changes."""
        return quotient(sums[..., 0], sums[..., 1])


KIND = Change
