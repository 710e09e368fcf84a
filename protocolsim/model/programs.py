"""Programs as the kernels of a component: what an engine calls to start, advance, observe, dose and count events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.model.assembler import NO_NUMBERS, Program

# A float holds half of a seed exactly.
_HALF, _LOW = 32, (1 << 32) - 1
_NOBODY = np.zeros((1, 2), dtype=np.int64)
Kept = tuple[int, Integers]
"""A seed, and (replicate, subject) of everybody."""


@dataclass(frozen=True, eq=False)
class Frame:
    """What the programs of one component share.

    `needs`: how many columns of others it is told. `key`: the first of four own fields that keep the seed (two) and
    (replicate, subject), the key of draws, where something is drawn while time passes; -1 where nothing is.
    """

    needs: int
    key: int

    def kept(self, body: Floats, rows: Integers, links: Integers) -> Kept:
        """The key of draws while time passes, when none is given; rows of one study, at least one."""
        if self.key < 0:
            return 0, _NOBODY
        at = int(links[0]) + self.key
        seed = (int(body[rows[0], at]) << _HALF) + int(body[rows[0], at + 1])
        return seed, body[:, at + 2 : at + 4].astype(np.int64)

    def run(
        self,
        program: Program,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        kept: Kept,
        since: Integers,
        until: Integers,
        out: Floats = NO_NUMBERS,
    ) -> None:
        """Run a program while time passes, with the key that is `kept`."""
        if program and len(rows):
            self._run(program, body, rows, links, constants, *kept, since, until, until, NO_NUMBERS, out)

    def run_for(
        self,
        program: Program,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        seed: int,
        who: Integers,
        minute: Integers,
        index: Integers,
        out: Floats = NO_NUMBERS,
    ) -> None:
        """Run a program at one moment, with the key that is given."""
        self._run(program, body, rows, links, constants, seed, who, minute, minute, index, NO_NUMBERS, out)

    def give(
        self, program: Program, body: Floats, rows: Integers, links: Integers, constants: Floats, given: Floats,
        out: Floats,
    ) -> None:  # fmt: skip
        """Run a program on what is given to each of the rows, [columns, rows]."""
        none = np.zeros(body.shape[0], dtype=np.int64)
        self._run(program, body, rows, links, constants, 0, _NOBODY, none, none, none, given, out)

    def _run(
        self,
        program: Program,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        seed: int,
        who: Integers,
        since: Integers,
        until: Integers,
        index: Integers,
        given: Floats,
        out: Floats,
    ) -> None:
        from protocolsim.model.interpreter import run_program  # where a model is declared, and not before

        run_program(
            program.lines, program.size, constants, body, rows, links, self.needs, seed, who, since, until, index,
            given, out,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class StartProgram:
    """Fills the component's columns at minute 0 (`StartKernel`)."""

    frame: Frame
    program: Program

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers, /
    ) -> None:
        """Draw what each subject brings."""
        if self.frame.key >= 0:
            at = int(links[0]) + self.frame.key
            body[rows, at], body[rows, at + 1] = float(seed >> _HALF), float(seed & _LOW)
            body[rows, at + 2], body[rows, at + 3] = who[rows, 0], who[rows, 1]
        then = np.zeros(body.shape[0], dtype=np.int64)
        self.frame.run_for(self.program, body, rows, links, constants, seed, who, then, then)


@dataclass(frozen=True, eq=False)
class AdvanceProgram:
    """Advances the component's columns (`AdvanceKernel`).

    `always` is exact for an interval of any length; `on_grid` goes one step of the grid (`step` minutes; None: every
    interval is one) where an interval ends on it; `shown` fills the columns that others read.
    """

    frame: Frame
    always: Program
    on_grid: Program
    shown: Program
    step: int | None

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers, /
    ) -> None:
        """Go on from since[i] to until[i]."""
        if not len(rows):
            return
        kept = self.frame.kept(body, rows, links)
        self.frame.run(self.always, body, rows, links, constants, kept, since, until)
        if self.on_grid:
            there = rows[until[rows] > since[rows]]
            if self.step is not None:
                there = there[until[there] % self.step == 0]
            self.frame.run(self.on_grid, body, there, links, constants, kept, since, until)
        self.frame.run(self.shown, body, rows, links, constants, kept, since, until)


@dataclass(frozen=True, eq=False)
class ObserveProgram:
    """Makes one assessment (`ObserveKernel`): puts out what is seen of each variable, then what is behind each."""

    frame: Frame
    program: Program

    def __call__(
        self,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        seed: int,
        who: Integers,
        index: Integers,
        minute: Integers,
        value: Floats,
        truth: Floats,
        /,
    ) -> None:
        """Fill value and truth, [rows, variables]."""
        shown = value.shape[1]
        out = np.empty((2 * shown, len(rows)))
        self.frame.run_for(self.program, body, rows, links, constants, seed, who, minute, index, out)
        value[:] = out[:shown].T
        truth[:] = out[shown:].T


@dataclass(frozen=True, eq=False)
class GiveProgram:
    """Lets a dose arrive (`GiveKernel`): one program where it is per weight, and one where it is flat."""

    frame: Frame
    per_weight: Program
    flat: Program

    def __call__(
        self,
        body: Floats,
        rows: Integers,
        links: Integers,
        constants: Floats,
        dose: Floats,
        per_weight: bool,
        amount: Floats,
        /,
    ) -> None:
        """Fill amount[k] with what rows[k] gets of dose[k]."""
        out = np.empty((1, len(rows)))
        program = self.per_weight if per_weight else self.flat
        self.frame.give(program, body, rows, links, constants, np.ascontiguousarray(dose).reshape(1, -1), out)
        amount[:] = out[0]


@dataclass(frozen=True, eq=False)
class RateProgram:
    """Says how often an event comes (`RateKernel`)."""

    frame: Frame
    program: Program

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, now: Integers, out: Floats, /
    ) -> None:
        """Fill out[k] with the multiplier of rows[k] at minute now[rows[k]]."""
        if not len(rows):
            return
        found, kept = np.empty((1, len(rows))), self.frame.kept(body, rows, links)
        self.frame.run(self.program, body, rows, links, constants, kept, now, now, found)
        out[:] = found[0]
