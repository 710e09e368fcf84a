"""How high a variable is, at a visit or during states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import (
    Endpoint,
    Minutes,
    Number,
    StateNames,
    Text,
    VariableName,
    counted_in,
    quotient,
    within_bounds,
)
from protocolsim.endpoint.subjects.rows import in_states, per_subject, seen, since_enrolment
from protocolsim.errors import UsageError
from protocolsim.records import Records, Seen
from protocolsim.units import MINUTES_PER_WEEK


@dataclass(frozen=True, kw_only=True)
class Level(Endpoint):
    """Mean, standard deviation, median or share within bounds of the subjects' own values of a variable.

    A subject's own value is, with `at`, the made assessment nearest to that time since enrolment, at most `window` away
    (of two as near, the earlier); without, the mean of the made assessments. With `during`, only assessments made in
    those states count. `sd` has n - 1 below; over many trials it is that of all their subjects together, and the median
    is the mean of the trials' medians. `share`: from `at_least` to `at_most`, which may both be met.

    Denominator: members of `among` with such an assessment. Who withdrew before has none and is left out, unless
    `during` alone is given: then what was seen before counts. Values after a rescue count, but where `during` does not
    name its state. Missed assessments are ignored. `counted_in` is what a reader calls the variable's
    unit (letters, kg).
    """

    kind: ClassVar[str] = "level"
    meaning: ClassVar[str] = "mean, SD, median or share within bounds of a variable, at a visit or during states"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
endpoints:
  lesions_week_22: {kind: level, variable: new_cel, at: 22 weeks}
  spread_week_22: {kind: level, variable: new_cel, at: 22 weeks, reading: sd}
  free_week_22: {kind: level, variable: new_cel, at: 22 weeks, reading: share, at_most: 0}
"""

    variable: VariableName
    at: Minutes | None = None
    window: Minutes = 2 * MINUTES_PER_WEEK
    during: StateNames = ()
    reading: Literal["mean", "sd", "median", "share"] = "mean"
    at_least: Number | None = None
    at_most: Number | None = None
    counted_in: Text = "points"

    def __post_init__(self) -> None:
        if self.at is None and not self.during:
            raise UsageError(f"endpoint '{self.name}': a level needs `at`, a time since enrolment, or `during`, states")
        bounded = self.at_least is not None or self.at_most is not None
        if self.reading == "share" and not bounded:
            raise UsageError(f"endpoint '{self.name}': it needs at_least or at_most; without either it is always 100 %")
        if self.reading != "share" and bounded:
            raise UsageError(f"endpoint '{self.name}': bounds are of `reading: share`, not of {self.reading}")
        if self.window < 0:
            raise UsageError(f"endpoint '{self.name}': the window is below 0")

    @property
    def unit(self) -> str:
        """What the variable is counted in; a share is shown in per cent."""
        return "%" if self.reading == "share" else self.counted_in

    @property
    def counting(self) -> str:
        """Those with an assessment then."""
        where = f" in {' or '.join(self.during)}" if self.during else ""
        if self.at is None:
            return f"over those {self.among} with an assessment{where}, of whom each counts with the mean"
        weeks, window = self.at / MINUTES_PER_WEEK, self.window / MINUTES_PER_WEEK
        when = f"{weeks:g} weeks after enrolment, at most {window:g} away"
        return f"over those {self.among} with an assessment{where} {when}; who was not seen then is left out"

    @property
    def binary(self) -> bool:
        """Of a share each subject is one or none."""
        return self.reading == "share"

    @property
    def ranks(self) -> bool:
        """A median ranks."""
        return self.reading == "median"

    @property
    def counted_at(self) -> tuple[float, float] | None:
        """The window around `at`."""
        return None if self.at is None else (self.at - self.window, self.at + self.window)

    def own_values(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Each subject's own value, [subjects]; nan for who is not counted."""
        made = seen(records, self.variable)
        chosen = np.ones(len(made.row), dtype=np.bool_)
        if self.during:
            chosen = in_states(made.state, records.labels, self.during)
        if self.at is None:
            number = per_subject(records, made.row[chosen])
            own = quotient(per_subject(records, made.row[chosen], made.value[chosen]), number)
        else:
            own = self._nearest(records, made, chosen, self.at)
        return np.where(self.members(populations), own, np.nan)

    def _nearest(self, records: Records, made: Seen, chosen: Mask, at: int) -> Floats:
        since, ever = since_enrolment(records, made.row, made.minute)
        away = np.abs(since - at)
        rows = np.flatnonzero(chosen & ever & (away <= self.window))
        # The nearest comes last, so that it stays; of two as near, the earlier.
        rows = rows[np.lexsort((-made.minute[rows], -away[rows]))]
        own = np.full(len(records["subjects"]["subject"]), np.nan)
        own[made.row[rows]] = made.value[rows]
        return own

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """The subject's own value (or whether it lies within), its square for an SD, and 1; alone for a median."""
        own = self.own_values(records, populations)
        if self.reading == "median":
            return own[:, np.newaxis]
        counted = ~np.isnan(own)
        if self.reading == "share":
            within = counted & within_bounds(own, self.at_least, self.at_most)
            return np.column_stack([counted_in(within), counted_in(counted)])
        columns = [counted_in(counted, own)]
        if self.reading == "sd":
            columns.append(counted_in(counted, own * own))
        return np.column_stack([*columns, counted_in(counted)])

    def value(self, sums: Floats) -> Floats:
        """The mean, or the standard deviation, undefined for a single subject."""
        if self.reading != "sd":
            return quotient(sums[..., 0], sums[..., -1])
        total, squares, number = sums[..., 0], sums[..., 1], sums[..., 2]
        around = squares - np.nan_to_num(quotient(total * total, number))
        variance = quotient(np.maximum(around, 0.0), np.where(number > 1.0, number - 1.0, 0.0))
        return np.asarray(np.sqrt(variance))


KIND = Level
