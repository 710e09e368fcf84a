"""Whether planned assessments were made, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, Minutes, StateNames, VariableName, counted_in, quotient
from protocolsim.endpoint.subjects.rows import codes, in_states, per_subject, rows_of, since_enrolment
from protocolsim.records import MADE, Records
from protocolsim.units import MINUTES_PER_DAY


@dataclass(frozen=True, kw_only=True)
class Visits(Endpoint):
    """The share of planned assessments of a variable that were not made, or how late those made were.

    `missed`: those not made (the subject did not come, or had no place within the window) over all that were planned.
    `lateness`: mean days from the planned to the actual time of those made. Denominator: the assessments of members
    of `among`, in all states or in those named by `during`; what a subject no longer needs after leaving a state was
    never planned. `after` leaves out what was planned earlier, in time since enrolment. Rescue and withdrawal matter
    only in this way.
    """

    kind: ClassVar[str] = "visits"
    meaning: ClassVar[str] = "share of planned assessments that were missed, or mean delay of those made"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
cohort: {no_show: 5 %}
endpoints:
  missed_scans: {kind: visits, variable: new_cel, during: [combination, monotherapy], after: 4 weeks}
"""

    variable: VariableName
    during: StateNames = ()
    after: Minutes = 0
    reading: Literal["missed", "lateness"] = "missed"

    @property
    def unit(self) -> str:
        """A share, or days."""
        return "%" if self.reading == "missed" else "days"

    @property
    def counting(self) -> str:
        """Which assessments count."""
        return f"of all assessments {'planned for' if self.reading == 'missed' else 'made of'} those {self.among}"

    @property
    def counted_at(self) -> tuple[float, float] | None:
        """From `after` on."""
        return (self.after, float("inf")) if self.after else None

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Of each subject: missed and planned assessments, or days late and those made."""
        among = self.members(populations)
        table = records["observations"]
        wanted = table["variable"] == codes([self.variable], records.labels.variables, "variable")[0]
        if self.during:
            wanted &= in_states(table["state"], records.labels, self.during)
        if self.after:
            since, ever = since_enrolment(records, rows_of(records, "observations"), table["planned_minute"])
            wanted &= ever & (since >= self.after)
        made = table["status"] == MADE
        if self.reading == "missed":
            above = per_subject(records, rows_of(records, "observations", wanted & ~made))
        else:
            wanted &= made
            late = (table["minute"] - table["planned_minute"])[wanted].astype(np.float64)
            above = per_subject(records, rows_of(records, "observations", wanted), late) / MINUTES_PER_DAY
        below = per_subject(records, rows_of(records, "observations", wanted))
        return np.column_stack([counted_in(among, above), counted_in(among, below)])

    def value(self, sums: Floats) -> Floats:
        """The first over the second."""
        return quotient(sums[..., 0], sums[..., 1])


KIND = Visits
