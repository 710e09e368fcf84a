"""Boundaries tried on every trial at once: what a run with each of them would report, to the last bit.

All sums are of whole numbers or of multiples of 2^-24, which add without error in any order, so that they may be added
as products of matrices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import counted_in
from protocolsim.interim.design import Design, TrialRule
from protocolsim.interim.estimates.base import OperatingCharacteristic
from protocolsim.interim.estimates.made import (
    CLAIMS,
    DECISION,
    DURATION,
    ENROLLED,
    IGNORING,
    LOOKS,
    SCREENED,
    bias_name,
    characteristics_of,
    ending_name,
    estimated,
)
from protocolsim.protocol.conduct import NO_RULE
from protocolsim.study.boundaries.matrix import LookMatrix

_AT_ONCE = 1 << 17
"""Trials times boundaries that are worked on together, so that they stay near the processor."""

Bounds = Mapping[str, Floats]
"""Boundaries to try: by name, [boundaries, looks], nan where there is none. Others stand as declared."""


@dataclass(frozen=True)
class TriedBoundaries:
    """What runs with each boundary report: values and Monte Carlo errors by name, [boundaries] each.

    The names are those of a run's estimates. Errors are of those numbers that have one here.
    """

    values: Mapping[str, Floats]
    errors: Mapping[str, Floats]

    def row(self, number: int) -> dict[str, float]:
        """The values of one boundary."""
        return {name: float(column[number]) for name, column in self.values.items()}


def tried(matrix: LookMatrix, bounds: Bounds, *, sizes: bool = True, durations: bool = True) -> TriedBoundaries:
    """Try boundaries. Not `sizes`, `durations`: what hangs on who is enrolled, or on who ends when, is nan.

    bounds: at least one name; all have as many rows.
    """
    number = len(next(iter(bounds.values())))
    sums = _Sums(matrix, number)
    step = max(1, _AT_ONCE // max(1, matrix.replicates))
    for first in range(0, number, step):
        rows = slice(first, min(number, first + step))
        sums.add(rows, {name: np.ascontiguousarray(values[rows]) for name, values in bounds.items()})
    values = {name: sums.shown[name].value(found) for name, found in sums.found.items()}
    unknown = ((ENROLLED, SCREENED) if not sizes else ()) + ((DURATION,) if not durations else ())
    for name in unknown:
        values[name] = np.full(number, np.nan)
    return TriedBoundaries(values, sums.errors(values))


class _Sums:
    """The sums of each characteristic, [boundaries, k] by name, and those of squares."""

    def __init__(self, matrix: LookMatrix, number: int) -> None:
        self.matrix, self.number = matrix, number
        self.design: Design = matrix.design
        known = characteristics_of(self.design)
        wanted = {CLAIMS, IGNORING, ENROLLED, SCREENED, LOOKS, DECISION, DURATION}
        self.shown: dict[str, OperatingCharacteristic] = {
            name: one for name, one in known.items() if name in wanted or name.startswith(("ended[", "bias["))
        }
        self.found = {name: np.zeros((number, one.width)) for name, one in self.shown.items()}
        for name, one in self.shown.items():
            if one.decides:
                self.found[name][:, 1] = matrix.replicates
        self.squares = {name: np.zeros(number) for name in (ENROLLED, DECISION)}
        self._begin_full()

    def _begin_full(self) -> None:
        """Every trial has its full size until it stops."""
        for name, column in zip((SCREENED, ENROLLED, DURATION), self.matrix.full.T, strict=True):
            self.found[name][:] = column.sum(), len(column)
        enrolled = self.matrix.full[:, 1]
        self.squares[ENROLLED][:] = (enrolled * enrolled).sum()

    def add(self, rows: slice, bounds: Bounds) -> None:
        """Try some of the boundaries on every trial."""
        shape = (rows.stop - rows.start, self.matrix.replicates)
        going, ignoring = np.ones(shape, dtype=np.bool_), np.ones(shape, dtype=np.bool_)
        for k in range(len(self.design.looks)):
            read = [self.matrix.values[:, k, j].copy() for j in range(self.matrix.values.shape[2])]
            held = self.matrix.held[:, k]
            here = {name: values[:, k, None] for name, values in bounds.items()}
            rules = self.design.decided(k, read, here)
            if not held.all():
                rules[:, ~held] = NO_RULE
            holds = [(r, rules == r.number) for r in self.design.rules if k in r.at]
            self._end(rows, k, going, holds)
            self._ignore(rows, ignoring, holds)
            if k < len(self.design.looks) - 1:
                going &= rules == NO_RULE

    def _end(self, rows: slice, k: int, going: Mask, holds: Sequence[tuple[TrialRule, Mask]]) -> None:
        """Who ends at a look, for what, and what that comes to."""
        look = self.design.looks[k].name
        ended, stopped = np.zeros_like(going), np.zeros_like(going)
        for rule, mask in holds:
            mine = mask & going
            count = np.count_nonzero(mine, axis=1)
            names = [ending_name(rule.reason), ending_name(rule.reason, look)]
            names += [CLAIMS] if rule.reason in self.design.success else []
            for name in (n for n in names if n in self.found):
                self.found[name][rows, 0] += count
            ended |= mine
            if rule.action == "stop":
                stopped |= mine
        self._add_sizes(rows, k, stopped)
        # A trial that no rule ends is decided at the last look that is held.
        last = (self.matrix.ends == k) & going if k == len(self.design.looks) - 1 else ended
        self._add_ends(rows, k, ended | last, ended)

    def _ignore(self, rows: slice, ignoring: Mask, holds: Sequence[tuple[TrialRule, Mask]]) -> None:
        """The same trials, going on after stops for futility."""
        if IGNORING not in self.found:
            return
        for rule, mask in holds:
            if rule.reason in self.design.futility and rule.action == "stop":
                continue
            mine = mask & ignoring
            if rule.reason in self.design.success:
                self.found[IGNORING][rows, 0] += np.count_nonzero(mine, axis=1)
            ignoring &= ~mine

    def _add_sizes(self, rows: slice, k: int, stopped: Mask) -> None:
        """What trials that stop here have less than at full size."""
        matrix = self.matrix
        at = np.column_stack([matrix.screened[:, k], matrix.enrolled[:, k], matrix.last_minute[:, k]])
        squares = matrix.enrolled[:, k] ** 2 - matrix.full[:, 1] ** 2
        less = stopped.astype(np.float64) @ np.column_stack([at - matrix.full, squares]).astype(np.float64)
        for j, name in enumerate((SCREENED, ENROLLED, DURATION)):
            self.found[name][rows, 0] += less[:, j]
        self.squares[ENROLLED][rows] += less[:, 3]

    def _add_ends(self, rows: slice, k: int, last: Mask, ended: Mask) -> None:
        """When trials whose last look is this one are decided, how many looks they held, and what they estimate."""
        matrix, look = self.matrix, self.design.looks[k].name
        minute = np.where(matrix.held[:, k], matrix.decision[:, k], 0)
        number = matrix.held[:, : k + 1].sum(axis=1)
        columns = [minute, minute * minute, number, np.ones(len(minute))]
        estimates = list(self._estimates(k))
        for _, found, full, both in estimates:
            columns += [found, both, full]
        added = last.astype(np.float64) @ np.column_stack(columns).astype(np.float64)
        self.found[DECISION][rows] += added[:, [0, 3]]
        self.squares[DECISION][rows] += added[:, 1]
        self.found[LOOKS][rows] += added[:, [2, 3]]
        alike = ended is last or np.array_equal(ended, last)
        at_look = added if alike else ended.astype(np.float64) @ np.column_stack(columns).astype(np.float64)
        for j, (name, *_) in enumerate(estimates):
            at = 4 + 3 * j
            self.found[bias_name(name)][rows] += added[:, [at, at + 1, at + 2, at + 1]]
            by_look = self.found.get(bias_name(name, look))
            if by_look is not None:
                by_look[rows, :2] += at_look[:, [at, at + 1]]
            for other in (n for n in self.found if n.startswith(f"{bias_name(name)}[")):
                self.found[other][rows, 2:] += added[:, [at + 2, at + 1]]

    def _estimates(self, k: int) -> Iterator[tuple[str, Floats, Floats, Floats]]:
        """Of each estimate: what is found here and at full length where both are defined, and whether they are."""
        for name in estimated(self.design):
            j = self.design.values.index(name)
            found, full = self.matrix.values[:, k, j], self.matrix.values[:, -1, j]
            both = ~(np.isnan(found) | np.isnan(full))
            yield name, counted_in(both, np.where(both, found, 0.0)), counted_in(both, np.where(both, full, 0.0)), (
                counted_in(both)
            )

    def errors(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Monte Carlo standard errors of shares of all trials, and of means whose squares are known."""
        n = self.matrix.replicates
        with np.errstate(all="ignore"):
            shares = {
                name: np.sqrt(values[name] * (1.0 - values[name]) / (n - 1.0))
                for name, one in self.shown.items()
                if one.decides
            }
            for name, squares in self.squares.items():
                total, units = self.found[name][:, 0], self.shown[name].value(np.array([1.0, 1.0]))
                spread = np.maximum(squares - total * total / n, 0.0)
                shares[name] = np.where(np.isnan(values[name]), np.nan, np.sqrt(spread / (n * (n - 1.0))) * units)
        return shares
