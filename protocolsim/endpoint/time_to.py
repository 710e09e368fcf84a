"""How long, or how often, from one state to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Endpoint, StateNames, counted_in, quotient
from protocolsim.endpoint.subjects.rows import codes, rows_of
from protocolsim.records import Records, leaving
from protocolsim.units import MINUTES_PER_WEEK

_NOT_YET = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True)
class TimeTo(Endpoint):
    """From first entering any of `start` to next entering any of `to`.

    `rate`: entries per 52 weeks at risk. Denominator: the weeks from `start` to `to` or to the end of the
    subject's course, over members of `among` who entered `start`; leaving the study censors.
    `mean`: mean weeks among those who do enter `to`. Denominator: those subjects; who leaves before is left
    out, so that it is shorter than the true mean where follow-up is short. Missed assessments do not matter.
    """

    kind: ClassVar[str] = "time_to"
    meaning: ClassVar[str] = "rate of entering a state, or mean time to it"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  until_rescue: {kind: time_to, start: monotherapy, to: rescued, reading: mean}
"""

    start: StateNames
    to: StateNames
    reading: Literal["rate", "mean"] = "rate"

    @property
    def unit(self) -> str:
        """Entries per 52 weeks, or weeks."""
        return "per 52 weeks" if self.reading == "rate" else "weeks"

    @property
    def counting(self) -> str:
        """Weeks at risk, or those who got there."""
        if self.reading == "rate":
            return f"weeks at risk of those {self.among} who entered {' or '.join(self.start)}; leaving censors"
        return f"those {self.among} who entered {' or '.join(self.to)}; the others are left out"

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Whether `to` was entered, and minutes (at risk for a rate, until entry for a mean)."""
        started, begin, reached, arrival = self.course(records)
        counted = self.members(populations) & started
        arrived = counted & reached
        until = np.where(reached, arrival, records["subjects"]["end_minute"])
        minutes = np.where(started, until - begin, 0).astype(np.float64)
        over = counted if self.reading == "rate" else arrived
        return np.column_stack([counted_in(arrived), counted_in(over, minutes)])

    def course(self, records: Records) -> tuple[Mask, Integers, Mask, Integers]:
        """For each subject: whether and when they entered `start`, and whether and when they next entered `to`."""
        start = codes(self.start, records.labels.states, "state")
        to = codes(self.to, records.labels.states, "state")
        moves = records["moves"]
        rows = rows_of(records, "moves")
        # Moves are compared by their place in the table, not by the minute: two may fall on one minute.
        place = np.arange(len(rows), dtype=np.int64)
        into = leaving(records)
        into_start = np.isin(moves["to_state"], start) & into
        first = np.full(len(records["subjects"]["subject"]), _NOT_YET, dtype=np.int64)
        np.minimum.at(first, rows[into_start], place[into_start])
        first[np.isin(records.first_states(), start)] = -1
        later = np.isin(moves["to_state"], to) & into & (place > first[rows])
        goal = np.full(len(first), _NOT_YET, dtype=np.int64)
        np.minimum.at(goal, rows[later], place[later])
        started, reached = first != _NOT_YET, goal != _NOT_YET
        begin, arrival = np.zeros_like(first), np.zeros_like(first)
        moved = started & (first >= 0)
        begin[moved] = moves["minute"][first[moved]]
        arrival[reached] = moves["minute"][goal[reached]]
        return started, begin, reached, arrival

    def value(self, sums: Floats) -> Floats:
        """Entries per 52 weeks, or weeks per entry."""
        weeks = sums[..., 1] / MINUTES_PER_WEEK
        if self.reading == "rate":
            return quotient(52.0 * sums[..., 0], weeks)
        return quotient(weeks, sums[..., 0])


KIND = TimeTo
