"""How much of a drug a subject received."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import NO_KEY, DrugName, Endpoint, StateNames, counted_in, quotient
from protocolsim.endpoint.subjects.rows import codes, in_states, per_subject, rows_of
from protocolsim.errors import UsageError
from protocolsim.records import MADE, Records


@dataclass(frozen=True, kw_only=True)
class DoseTotal(Endpoint):
    """The mean over `among` of the total dose of a drug, in all states or in those named by `during`.

    It is counted in the unit of the drug's doses: mg/kg, or mg, IU or IU/kg. A drug of which some doses are per weight
    and some are not has no total.

    Denominator: every member of `among`; a subject without a dose counts as zero. Withdrawal ends a total
    where it stands, rescue adds to it. Missed doses add nothing; missed assessments do not matter.
    """

    kind: ClassVar[str] = "dose_total"
    meaning: ClassVar[str] = "mean total dose of a drug per subject"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  given_on_monotherapy: {kind: dose_total, drug: daclizumab, during: monotherapy}
"""

    drug: DrugName
    during: StateNames = ()
    dose_unit: str = field(default="mg/kg", metadata={NO_KEY: True})

    @property
    def unit(self) -> str:
        """The unit of the drug's doses: mg/kg, mg, IU/kg or IU."""
        return self.dose_unit

    def with_dose_units(self, units: Mapping[str, str | None]) -> DoseTotal:
        """The same in the unit of its drug's doses. Raises UsageError where they are not all in one."""
        unit = units.get(self.drug, self.dose_unit)
        if unit is None:
            why = f"some doses of '{self.drug}' are per weight and some are not, so that they cannot be added up"
            raise UsageError(f"endpoint '{self.name}': {why}")
        return replace(self, dose_unit=unit)

    @property
    def counting(self) -> str:
        """Everybody among them is in the denominator."""
        return f"mean over all {self.among}; who had no dose counts as zero"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Total dose, and 1."""
        among = self.members(populations)
        doses = records["doses"]
        given = (doses["status"] == MADE) & (doses["drug"] == codes([self.drug], records.labels.drugs, "drug")[0])
        if self.during:
            given &= in_states(doses["state"], records.labels, self.during)
        total = per_subject(records, rows_of(records, "doses", given), doses["dose"][given])
        return np.column_stack([counted_in(among, total), counted_in(among)])

    def value(self, sums: Floats) -> Floats:
        """Total dose over subjects."""
        return quotient(sums[..., 0], sums[..., 1])


KIND = DoseTotal
