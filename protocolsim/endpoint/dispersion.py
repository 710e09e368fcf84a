"""How much more a count varies than counts of events at one constant rate do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, StateNames, VariableName, counted_in, quotient
from protocolsim.endpoint.subjects.rows import in_states, per_subject, seen
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class Dispersion(Endpoint):
    """Variance over mean of a variable that counts: 1 for Poisson counts of one rate, more where rates differ.

    `within subjects`: variances of each subject's values about the subject's own mean, added over subjects with their
    n - 1 degrees of freedom, over the mean of the same values weighed alike; changes over time and chance make it.
    `between subjects`: variance over mean of the subjects' own means, times the mean number of values in one, so that
    Poisson counts of one rate have 1 again. `all values`: variance over mean of all values together, whosever they are.

    Denominator: the made assessments during the states named (any where none is) of members of `among`; within subjects
    those of subjects with two or more. Undefined where all values are zero. Withdrawal ends a subject's series, values
    after a rescue count only where `during` names its state, and missed assessments are left out.
    """

    kind: ClassVar[str] = "dispersion"
    meaning: ClassVar[str] = "variance over mean of counts: within subjects, between them, or of all values"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  lesions_dispersed: {kind: dispersion, variable: new_cel, during: baseline}
"""

    variable: VariableName
    during: StateNames = ()
    reading: Literal["within subjects", "between subjects", "all values"] = "within subjects"

    @property
    def unit(self) -> str:
        """A variance over a mean of counts has none."""
        return ""

    @property
    def counting(self) -> str:
        """Whose values, and of how many each."""
        where = f" in {' or '.join(self.during)}" if self.during else ""
        of = {
            "within subjects": f"about each subject's own mean, over those {self.among} with two assessments",
            "between subjects": f"of the subjects' own means, over those {self.among} with an assessment",
            "all values": f"of all values together, of those {self.among}",
        }[self.reading]
        return f"variance over mean {of}{where}; missed assessments are left out"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The sums from which variance and mean are made, of each subject."""
        made = seen(records, self.variable)
        chosen = np.ones(len(made.row), dtype=np.bool_)
        if self.during:
            chosen = in_states(made.state, records.labels, self.during)
        rows, value = made.row[chosen], made.value[chosen]
        number, total = per_subject(records, rows), per_subject(records, rows, value)
        counted = self.members(populations) & (number > 0.0)
        if self.reading == "all values":
            return _columns(counted, total, per_subject(records, rows, value * value), number)
        own = quotient(total, number)
        if self.reading == "between subjects":
            ones = np.ones(len(number))
            return _columns(counted, own, own * own, ones, number)
        away = value - own[rows]
        counted &= number > 1.0
        return _columns(counted, per_subject(records, rows, away * away), own * (number - 1.0), number - 1.0)

    def value(self, sums: Floats) -> Floats:
        """Variance over mean."""
        if self.reading == "within subjects":
            return quotient(sums[..., 0], sums[..., 1])
        total, squares, number = sums[..., 0], sums[..., 1], sums[..., 2]
        around = np.maximum(squares - np.nan_to_num(quotient(total * total, number)), 0.0)
        variance = quotient(around, np.where(number > 1.0, number - 1.0, 0.0))
        ratio = quotient(variance, quotient(total, number))
        return ratio if self.reading == "all values" else ratio * quotient(sums[..., 3], number)


def _columns(counted: Mask, *columns: Floats) -> Floats:
    return np.column_stack([counted_in(counted, column) for column in columns])


KIND = Dispersion
