"""The share of subjects whose course meets some conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint, EventNames, StateNames, counted_in, quotient
from protocolsim.endpoint.criteria.dated import Criteria, of_course, of_population
from protocolsim.endpoint.subjects.population import Population
from protocolsim.endpoint.subjects.rows import codes, course_mask, rows_of
from protocolsim.errors import UsageError
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class Share(Endpoint):
    """The share of `among` that meets every condition given; a tuple means any of its names.

    Denominator: every member of `among`, whether or not they stayed. Withdrawal and rescue count only as far
    as the states named here say so: who withdrew and never entered the state asked for counts as a failure.
    Missed assessments do not matter. Undefined for a trial in which nobody is among them.
    """

    kind: ClassVar[str] = "share"
    meaning: ClassVar[str] = "share of subjects who entered, avoided or ended in given states, or had an event"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  controlled: {kind: share, entered: monotherapy, not_entered: rescued, ended_in: completed, among: evaluable}
"""

    entered: StateNames = ()
    not_entered: StateNames = ()
    ended_in: StateNames = ()
    not_ended_in: StateNames = ()
    with_event: EventNames = ()

    def __post_init__(self) -> None:
        if not (self.entered or self.not_entered or self.ended_in or self.not_ended_in or self.with_event):
            raise UsageError(
                f"endpoint '{self.name}': a share needs at least one of entered, not_entered, ended_in, "
                "not_ended_in, with_event; without one it is always 100 %"
            )

    @property
    def unit(self) -> str:
        """A share, shown in per cent."""
        return "%"

    @property
    def counting(self) -> str:
        """Everybody among them is in the denominator."""
        return f"of all {self.among}, whatever became of them later"

    @property
    def binary(self) -> bool:
        """Each subject is one or none."""
        return True

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Of each subject: how many meet the conditions, and how many there are."""
        among = self.members(populations)
        meets = among & course_mask(records, self.entered, self.not_entered, self.ended_in, self.not_ended_in)
        if self.with_event:
            events = records["events"]
            wanted = np.isin(events["event"], codes(self.with_event, records.labels.events, "event"))
            had = np.zeros(len(among), dtype=np.bool_)
            had[rows_of(records, "events", wanted)] = True
            meets &= had
        return np.column_stack([counted_in(meets), counted_in(among)])

    def criteria(self, declared: Mapping[str, Population]) -> tuple[Criteria, Criteria] | None:
        """Of those who meet the conditions, and of all; None where its population asks for more than dates tell."""
        among = of_population(self.among, declared)
        course = self.entered, self.not_entered, self.ended_in, self.not_ended_in, self.with_event
        return None if among is None else (among & of_course(*course), among)

    def value(self, sums: Floats) -> Floats:
        """Those who meet the conditions over all."""
        return quotient(sums[..., 0], sums[..., 1])


KIND = Share
