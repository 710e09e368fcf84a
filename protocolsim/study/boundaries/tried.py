"""Boundaries tried on every trial at once: what a run with each of them would report, to the last bit.

All sums are of whole numbers or of multiples of 2^-24, which add without error in any order, so that they may be added
as products of matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

_ONE_THREAD = 1 << 18
"""Multiplications of a product that linear algebra still does in one thread; more of them wait for each other."""

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


def sums_of(mask: Mask, columns: Floats) -> Floats:
    """The sum of each column over the trials of each boundary, [boundaries, columns], from [boundaries, trials]."""
    trials, width = columns.shape
    together = max(1, min(trials, _ONE_THREAD // width))
    rows = max(1, _ONE_THREAD // (together * width))
    result = np.zeros((len(mask), width))
    for at in range(0, trials, together):
        part, those = mask[:, at : at + together], columns[at : at + together]
        for first in range(0, len(mask), rows):
            result[first : first + rows] += part[first : first + rows].astype(np.float64) @ those
    return result


_SIZES = 4


@dataclass(frozen=True)
class _LookColumns:
    """What trials add that end at a look, one row each.

    `read` is what rules read. `sizes`: what a trial that stops there screens, enrols, and lasts less than at full size,
    and the square of the second. `shorter`: what one lasts less that this look concludes and does not stop, which waits
    for no later decision. `ends`: its decision's minute, the square of that, the looks held by then, 1, and of
    each estimate what is found there; where that or the full length's may be undefined also whether both are defined,
    and what is at full length.
    """

    read: list[Floats]
    held: Mask
    sizes: Floats
    shorter: Floats
    ends: Floats
    both: Floats

    @classmethod
    def of(cls, matrix: LookMatrix, k: int, estimates: Mapping[str, bool]) -> _LookColumns:
        """Of one look."""
        held, full = matrix.held[:, k], matrix.full_size
        finished = np.maximum(matrix.last_minute[:, k], matrix.decision[:, k])
        at = np.column_stack([matrix.screened[:, k], matrix.enrolled[:, k], finished])
        squares = matrix.enrolled[:, k] ** 2 - full[:, 1] ** 2
        sizes = np.column_stack([at - full, squares]).astype(np.float64)
        shorter = (np.maximum(matrix.full[:, 2], matrix.decision[:, k]) - full[:, 2])[:, np.newaxis]
        minute = np.where(held, matrix.decision[:, k], 0).astype(np.float64)
        columns = [minute, minute * minute, matrix.held[:, : k + 1].sum(axis=1), np.ones(len(held))]
        for name, defined in estimates.items():
            j = matrix.design.values.index(name)
            found, whole = matrix.values[:, k, j], matrix.values[:, -1, j]
            both = ~(np.isnan(found) | np.isnan(whole))
            columns += [counted_in(both, found)]
            columns += [] if defined else [counted_in(both), counted_in(both, whole)]
        read = [np.ascontiguousarray(matrix.values[:, k, j]) for j in range(matrix.values.shape[2])]
        ends = np.column_stack(columns).astype(np.float64)
        return cls(read, held, sizes, shorter.astype(np.float64), ends, np.concatenate([sizes, ends], axis=1))


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
        self.estimates = {name: self._defined(name) for name in estimated(self.design)}
        self.by_look = {e: [n for n in self.found if n.startswith(f"{bias_name(e)}[")] for e in self.estimates}
        self.looks = [_LookColumns.of(matrix, k, self.estimates) for k in range(len(self.design.looks))]
        self._begin_full()

    def _defined(self, estimate: str) -> bool:
        """Whether an estimate is defined at every look of every trial."""
        return not np.isnan(self.matrix.values[:, :, self.design.values.index(estimate)]).any()

    def _begin_full(self) -> None:
        """Every trial has its full size until it stops, and its full length's estimates."""
        for name, column in zip((SCREENED, ENROLLED, DURATION), self.matrix.full_size.T, strict=True):
            self.found[name][:] = column.sum(), len(column)
        for name in (n for n, defined in self.estimates.items() if defined):
            full = self.matrix.values[:, -1, self.design.values.index(name)]
            whole = counted_in(np.ones(len(full), dtype=np.bool_), full).sum()
            for one in (bias_name(name), *self.by_look[name]):
                self.found[one][:, 2:] = whole, len(full)
        enrolled = self.matrix.full[:, 1]
        self.squares[ENROLLED][:] = (enrolled * enrolled).sum()

    def add(self, rows: slice, bounds: Bounds) -> None:
        """Try some of the boundaries on every trial."""
        shape = (rows.stop - rows.start, self.matrix.replicates)
        going, ignoring = np.ones(shape, dtype=np.bool_), np.ones(shape, dtype=np.bool_)
        for k, columns in enumerate(self.looks):
            rules = self.design.decided(k, columns.read, {name: values[:, k, None] for name, values in bounds.items()})
            if not columns.held.all():
                rules[:, ~columns.held] = NO_RULE
            holds = [(r, rules == r.number) for r in self.design.rules if k in r.at]
            self._end(rows, k, going, holds)
            self._ignore(rows, ignoring, holds)
            going &= rules == NO_RULE

    def _end(self, rows: slice, k: int, going: Mask, holds: Sequence[tuple[TrialRule, Mask]]) -> None:
        """Who ends at a look, for what, and what that comes to."""
        look, columns = self.design.looks[k].name, self.looks[k]
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
        if k < len(self.looks) - 1 and all(rule.action == "stop" for rule, _ in holds):
            both = sums_of(stopped, columns.both)
            self._add_sizes(rows, both[:, :_SIZES])
            self._add_ends(rows, k, both[:, _SIZES:], both[:, _SIZES:])
            return
        self._add_sizes(rows, sums_of(stopped, columns.sizes))
        self.found[DURATION][rows, 0] += sums_of(ended & ~stopped, columns.shorter)[:, 0]
        if k < len(self.looks) - 1:
            at_look = decided = sums_of(ended, columns.ends)
        else:  # a trial that no rule ends is decided at the last look
            at_look, decided = sums_of(ended, columns.ends), sums_of(going, columns.ends)
        self._add_ends(rows, k, decided, at_look)

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

    def _add_sizes(self, rows: slice, less: Floats) -> None:
        """What trials that stop at a look have less than at full size."""
        for j, name in enumerate((SCREENED, ENROLLED, DURATION)):
            self.found[name][rows, 0] += less[:, j]
        self.squares[ENROLLED][rows] += less[:, 3]

    def _add_ends(self, rows: slice, k: int, decided: Floats, at_look: Floats) -> None:
        """What trials come to whose last look is this one, and (at_look) those that a rule ends there."""
        self.found[DECISION][rows] += decided[:, [0, 3]]
        self.squares[DECISION][rows] += decided[:, 1]
        self.found[LOOKS][rows] += decided[:, [2, 3]]
        at = 4
        for name, defined in self.estimates.items():
            pair = [at, 3 if defined else at + 1]
            self.found[bias_name(name)][rows, :2] += decided[:, pair]
            by_look = self.found.get(bias_name(name, self.design.looks[k].name))
            if by_look is not None:
                by_look[rows, :2] += at_look[:, pair]
            for one in () if defined else (bias_name(name), *self.by_look[name]):
                self.found[one][rows, 2:] += decided[:, [at + 2, at + 1]]
            at += 1 if defined else 3

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
