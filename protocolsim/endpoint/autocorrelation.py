"""How alike a variable is at visits that follow each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, StateNames, VariableName, counted_in, quotient
from protocolsim.endpoint.series.pairs import successive
from protocolsim.endpoint.subjects.rows import per_subject
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class Autocorrelation(Endpoint):
    """Correlation of a variable at one visit with itself at the next: Pearson's, over pairs of successive visits.

    `within subjects`: of the deviations from each subject's own mean (that of the firsts, that of the seconds), pooled
    over subjects. It is what is left of a subject's episodes when subjects' levels are taken out, and in short series
    too low, by about one over the number of pairs of a subject. `all pairs`: of the values themselves, so that
    differences between subjects make it higher.

    Denominator: pairs of successive planned visits at which the variable was seen both times, of members of `among`,
    during the states named (any where none is); within subjects those of subjects with two pairs or more. A missed
    assessment is in no pair, and none bridges it. Withdrawal ends a subject's series, and visits after a rescue count
    only where `during` names its state. Undefined where nothing varies.
    """

    kind: ClassVar[str] = "autocorrelation"
    meaning: ClassVar[str] = "correlation of a variable with itself at the next visit (lag one)"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  lesions_correlated: {kind: autocorrelation, variable: new_cel, during: baseline, reading: all pairs}
"""

    variable: VariableName
    during: StateNames = ()
    reading: Literal["within subjects", "all pairs"] = "within subjects"

    @property
    def unit(self) -> str:
        """A correlation has none."""
        return ""

    @property
    def counting(self) -> str:
        """Which pairs, of whom."""
        where = f" in {' or '.join(self.during)}" if self.during else ""
        about = "about each subject's own mean, " if self.reading == "within subjects" else ""
        return (
            f"{about}over pairs of successive visits{where} of those {self.among}; a missed visit is in no pair, and "
            "none bridges it"
        )

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Sums of squares of the firsts and of the seconds, and of products; of all pairs the sums too."""
        pairs = successive(records, self.variable, self.during)
        number = per_subject(records, pairs.row)
        counted = self.members(populations) & (number > 0.0)
        one, two = pairs.first, pairs.second
        if self.reading == "within subjects":
            counted &= number > 1.0
            one = one - quotient(per_subject(records, pairs.row, one), number)[pairs.row]
            two = two - quotient(per_subject(records, pairs.row, two), number)[pairs.row]
        sums = [per_subject(records, pairs.row, product) for product in (one * one, two * two, one * two)]
        if self.reading == "all pairs":
            sums += [per_subject(records, pairs.row, one), per_subject(records, pairs.row, two), number]
        return np.column_stack([counted_in(counted, own) for own in sums])

    def value(self, sums: Floats) -> Floats:
        """The covariance over the root of both variances."""
        ones, twos, both = (sums[..., k] for k in range(3))
        if self.reading == "all pairs":
            first, second, number = (sums[..., k] for k in range(3, 6))
            ones = ones - np.nan_to_num(quotient(first * first, number))
            twos = twos - np.nan_to_num(quotient(second * second, number))
            both = both - np.nan_to_num(quotient(first * second, number))
        spread = np.maximum(ones, 0.0) * np.maximum(twos, 0.0)
        # What rounding leaves of a variance of zero is none.
        return np.clip(quotient(both, np.sqrt(np.where(spread > 1e-18, spread, 0.0))), -1.0, 1.0)


KIND = Autocorrelation
