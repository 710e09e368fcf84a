"""How much lower a count is on treatment than at baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import Endpoint, Minutes, StateNames, VariableName, counted_in, quotient
from protocolsim.endpoint.subjects.rows import in_states, per_subject, seen, since_enrolment
from protocolsim.records import Records
from protocolsim.units import MINUTES_PER_WEEK

_FOUR_WEEKS = 4 * MINUTES_PER_WEEK


@dataclass(frozen=True)
class Rates:
    """Sums by subject row: what was counted, and over how much (assessments, or minutes).

    `on_each_side`: who has an assessment on each side.
    """

    late: Floats
    late_over: Floats
    early: Floats
    early_over: Floats
    on_each_side: Mask


@dataclass(frozen=True, kw_only=True)
class Reduction(Endpoint):
    """One minus the rate of a variable during treatment over its rate at baseline.

    `per: time` counts per 4 weeks of the gap since the subject's previous made assessment of the variable
    (`first_gap` before the first), so a missed assessment lengthens the next gap; `per: scan` counts per made
    assessment. `after` and `before` bound the assessments of `during`, in time since enrolment, the first
    inclusive and the second exclusive; without them (0 and none) all of those states count.

    `pooled`: both rates are taken over all subjects together, so those with a high count weigh more.
    `mean of patients`, `median of patients`: of each subject's own reduction; over many trials the median is
    the mean of the trials' medians.

    Denominator: members of `among` with at least one made assessment on each side; in the patients' own
    readings a baseline of zero has no reduction and leaves the subject out. Withdrawal ends a subject's
    counting; assessments after a rescue count only where `during` names the rescue's state. Missed assessments
    are ignored; what came and went unseen in a longer gap is not counted, so rates `per: time` are then too low, and
    gaps of equal length compare best. An assessment belongs to the state in which it was made.
    """

    kind: ClassVar[str] = "reduction"
    meaning: ClassVar[str] = "one minus the rate of a variable during treatment over its rate at baseline"
    EXAMPLE: ClassVar[str] = """\
extends: ms_daclizumab
endpoints:
  fewer_lesions: {kind: reduction, variable: new_cel, baseline: baseline, during: combination, after: 6 weeks}
"""

    variable: VariableName
    baseline: StateNames
    during: StateNames
    after: Minutes = 0
    before: Minutes | None = None
    per: Literal["scan", "time"] = "time"
    first_gap: Minutes = _FOUR_WEEKS
    reading: Literal["pooled", "mean of patients", "median of patients"] = "pooled"

    @property
    def unit(self) -> str:
        """A share of the baseline rate, shown in per cent."""
        return "%"

    @property
    def counting(self) -> str:
        """Those with an assessment on each side, and whether a baseline of zero counts."""
        zero = "" if self.reading == "pooled" else "; who had a baseline of zero is left out"
        rate = "per 4 weeks" if self.per == "time" else "per assessment"
        return f"{self.reading}, {rate}, over those {self.among} with an assessment at baseline and a later one{zero}"

    @property
    def counted_at(self) -> tuple[float, float] | None:
        """From `after` to the minute before `before`: what is counted in `during`."""
        if self.after == 0 and self.before is None:
            return None
        return self.after, float("inf") if self.before is None else self.before - 1

    def contributions(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Four counts (pooled), or the subject's own reduction and 1, or only that reduction (median)."""
        if self.reading == "pooled":
            rates = self.rates(records)
            counted = self.members(populations) & rates.on_each_side
            parts = (rates.late, rates.late_over, rates.early, rates.early_over)
            return np.column_stack([counted_in(counted, part) for part in parts])
        own = self.own_values(records, populations)
        if self.reading == "mean of patients":
            counted = ~np.isnan(own)
            return np.column_stack([counted_in(counted, own), counted_in(counted)])
        return own[:, np.newaxis]

    @property
    def ranks(self) -> bool:
        """A median ranks."""
        return self.reading == "median of patients"

    def own_values(self, records: Records, populations: Mapping[str, Mask]) -> Floats:
        """Each subject's own reduction, [subjects]; nan for who has none."""
        rates = self.rates(records)
        own = 1.0 - quotient(rates.late * rates.early_over, rates.late_over * rates.early)
        return np.where(self.members(populations) & rates.on_each_side, own, np.nan)

    def value(self, sums: Floats) -> Floats:
        """The reduction, as a share of the baseline rate; negative where the rate rose."""
        if self.reading == "pooled":
            return 1.0 - quotient(sums[..., 0] * sums[..., 3], sums[..., 1] * sums[..., 2])
        return quotient(sums[..., 0], sums[..., 1])

    def rates(self, records: Records) -> Rates:
        """What was counted of each subject on each side, and over how much."""
        # Several readings of the same counts are usual: they are counted once.
        key = (self.variable, self.baseline, self.during, self.after, self.before, self.per, self.first_gap)
        rates: Rates = records.once(("rates", *key), lambda: self._count(records))
        return rates

    def _count(self, records: Records) -> Rates:
        made = seen(records, self.variable)
        rows, value = made.row, made.value
        over = self._gaps(rows, made.minute) if self.per == "time" else np.ones(len(rows))
        early = in_states(made.state, records.labels, self.baseline)
        late = in_states(made.state, records.labels, self.during) & self._window(records, rows, made.minute)
        late_over, early_over = (per_subject(records, rows[side], over[side]) for side in (late, early))
        return Rates(
            late=per_subject(records, rows[late], value[late]),
            late_over=late_over,
            early=per_subject(records, rows[early], value[early]),
            early_over=early_over,
            on_each_side=(late_over > 0.0) & (early_over > 0.0),
        )

    def _gaps(self, rows: Integers, minute: Integers) -> Floats:
        """Minutes since the subject's previous made assessment, whole numbers so that their sums are exact."""
        gap = np.full(len(rows), float(self.first_gap))
        same = rows[1:] == rows[:-1]
        gap[1:][same] = (minute[1:] - minute[:-1])[same]
        return gap

    def _window(self, records: Records, rows: Integers, minute: Integers) -> Mask:
        inside: Mask = np.ones(len(rows), dtype=np.bool_)
        if self.after == 0 and self.before is None:
            return inside
        since, ever = since_enrolment(records, rows, minute)
        inside = ever & (since >= self.after)
        return inside if self.before is None else inside & (since < self.before)


KIND = Reduction
