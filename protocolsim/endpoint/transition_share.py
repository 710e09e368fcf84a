"""How often values within some bounds are followed by values within others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, Number, StateNames, VariableName, counted_in, quotient, within_bounds
from protocolsim.endpoint.series.pairs import successive
from protocolsim.endpoint.subjects.rows import per_subject
from protocolsim.errors import UsageError
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class TransitionShare(Endpoint):
    """Of visits with a value in one class, the share whose next visit has a value in another: a transition probability.

    The first class reaches from `from_at_least` to `from_at_most`, the second from `at_least` to `at_most`; each has a
    bound at least, and bounds may be met. The same class twice: how often it lasts.

    Denominator: pairs of successive planned visits at which the variable was seen both times and the first of which is
    in the first class, of members of `among`, during the states named (any where none is). A missed assessment is in no
    pair, and none bridges it. Withdrawal ends a subject's series, and visits after a rescue count only where `during`
    names its state.
    """

    kind: ClassVar[str] = "transition_share"
    meaning: ClassVar[str] = "share of visits with a value in one class that is followed by a value in another"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  stays_quiet: {kind: transition_share, variable: new_cel, during: baseline, from_at_most: 0, at_most: 0}
"""

    variable: VariableName
    during: StateNames = ()
    from_at_least: Number | None = None
    from_at_most: Number | None = None
    at_least: Number | None = None
    at_most: Number | None = None

    def __post_init__(self) -> None:
        if self.from_at_least is None and self.from_at_most is None:
            raise UsageError(f"endpoint '{self.name}': it needs from_at_least or from_at_most, the class it begins in")
        if self.at_least is None and self.at_most is None:
            raise UsageError(f"endpoint '{self.name}': it needs at_least or at_most; without either it is always 100 %")

    @property
    def unit(self) -> str:
        """A share, shown in per cent."""
        return "%"

    @property
    def counting(self) -> str:
        """Which visits."""
        where = f" in {' or '.join(self.during)}" if self.during else ""
        return (
            f"of visits{where} of those {self.among} with a value in the first class and a next visit; a missed visit "
            "is in no pair, and none bridges it"
        )

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Of each subject: pairs from the first class into the second, and all from the first."""
        pairs = successive(records, self.variable, self.during)
        begins = within_bounds(pairs.first, self.from_at_least, self.from_at_most)
        moves = begins & within_bounds(pairs.second, self.at_least, self.at_most)
        among = self.members(populations)
        return np.column_stack([counted_in(among, per_subject(records, pairs.row[mask])) for mask in (moves, begins)])

    def value(self, sums: Floats) -> Floats:
        """The first over the second."""
        return quotient(sums[..., 0], sums[..., 1])


KIND = TransitionShare
