"""What every look of every trial would read if no rule were obeyed: one pass, on which all boundaries are tried.

A look that only stops changes nobody's past, and who is enrolled before a stop is who would be without it. So what is
read at each look, its dates, and how large the trial is if it stops there do not depend on the boundaries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.criteria.dated import Criteria
from protocolsim.engine.base import Progress
from protocolsim.errors import UsageError
from protocolsim.interim.design import Design
from protocolsim.interim.tables import looks_table
from protocolsim.protocol.conduct import NO_RULE, Count, HeldLooks, Look, Numbers
from protocolsim.records import NEVER, READ, Column, Records, Table
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.engines import engine_named
from protocolsim.study.estimation.endpoint_sums import PointSums, rows_in
from protocolsim.study.execution.chunks import Span

_BY_LOOK = ("decision_minute", "screened", "enrolled", "last_minute")
_FIELDS = ("decision", "screened", "enrolled", "last_minute")
_WHOLE = ("screened", "enrolled", "last_minute")
_READ, _DATED, _FULL = "read", "dated", "full"


@dataclass(frozen=True)
class Unobeyed:
    """The conduct of a design whose rules are never obeyed; its tables say how large each trial is if stopped there."""

    design: Design

    @property
    def looks(self) -> tuple[Look, ...]:
        """See Conduct."""
        return self.design.looks

    @property
    def data_lag(self) -> int:
        """See Conduct."""
        return self.design.data_lag

    @property
    def decided_after(self) -> int:
        """See Conduct."""
        return self.design.decided_after

    @property
    def values(self) -> tuple[str, ...]:
        """See Conduct."""
        return self.design.values

    @property
    def touches_patients(self) -> bool:
        """No patient hears of a look."""
        return False

    @property
    def announces(self) -> tuple[int, ...]:
        """No event is sent."""
        return ()

    @property
    def counts(self) -> tuple[Count | Criteria, ...]:
        """See Conduct."""
        return self.design.counts

    def read(self, look: int, known: Records, cutoffs: Integers, numbers: Numbers) -> Floats:
        """See Conduct."""
        return self.design.read(look, known, cutoffs, numbers)

    def read_counts(self, cutoffs: Integers, numbers: Numbers) -> Floats | None:
        """See Conduct."""
        return self.design.read_counts(cutoffs, numbers)

    def decide(self, look: int, values: Floats) -> Integers:  # noqa: ARG002 - whatever was read
        """No rule, in any replicate."""
        return np.full(len(values), NO_RULE, dtype=np.int64)

    def decide_all(self, values: Floats) -> Integers:
        """No rule, at any look."""
        return np.full(values.shape[:2], NO_RULE, dtype=np.int64)

    def stops(self, rules: Integers) -> Mask:
        """None does."""
        return np.zeros(np.shape(rules), dtype=np.bool_)

    def told(self, rules: Integers) -> Integers:
        """Nobody is told anything."""
        return np.full(np.shape(rules), NEVER, dtype=np.int64)

    def tables(self, held: HeldLooks, final: Records, as_if: HeldLooks, overrun: HeldLooks) -> Mapping[str, Table]:  # noqa: ARG002
        """Of every look what it reads, and how large the trial is that stops there; of every trial how large it is."""
        begun, subjects = final.begins(), final["subjects"]
        trial = subjects["replicate"] - final.first_replicate
        looks = held.cutoff.shape[1]
        columns = {name: np.empty((final.replicates, looks), dtype=np.int64) for name in _WHOLE}
        for k in range(looks):
            there = begun <= held.decision[:, k][trial]
            for name, column in _size(final, trial, begun, there).items():
                columns[name][:, k] = column
        table = looks_table(self.design.codes, held, final)
        of_trials: dict[str, Column] = {"replicate": np.arange(final.replicates) + final.first_replicate}
        return {
            "looks": {**table, **{name: column.ravel() for name, column in columns.items()}},
            "trials": {**of_trials, **_size(final, trial, begun, np.ones(len(trial), dtype=np.bool_))},
        }


def _size(records: Records, trial: Integers, begun: Integers, there: Mask) -> dict[str, Integers]:
    """Screened, enrolled, and the last patient's end, of each trial of these subjects only."""
    subjects, number = records["subjects"], records.replicates
    last = np.zeros(number, dtype=np.int64)
    np.maximum.at(last, trial[there], (begun + subjects["end_minute"])[there])
    return {
        "screened": np.bincount(trial[there], minlength=number),
        "enrolled": np.bincount(trial[there & subjects["enrolled"]], minlength=number),
        "last_minute": last,
    }


@dataclass(frozen=True)
class AllLooks:
    """Trials of a scenario whose looks are all held and never obeyed, as a point of a study."""

    scenario: Scenario
    engine: str
    seed: int
    replicates: range

    def pieces(self, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """See Point."""
        trial = replace(self.scenario.trial, conduct=Unobeyed(design_of(self.scenario)))
        return engine_named(self.engine).pieces(trial, self.seed, replicates, progress)

    def accumulator(self, span: Span) -> MatrixParts:  # noqa: ARG002 - parts come in order
        """See Point."""
        return MatrixParts(len(design_of(self.scenario).looks))


class MatrixParts:
    """Accumulates what every look reads, its dates, and how large the trial is: rows of replicates, in order."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._parts: list[Mapping[str, Floats]] = []
        self._rows = 0

    def add(self, records: Records) -> None:
        """Count in the next records; of a replicate in parts, one has its looks."""
        self._rows += rows_in(records)
        if not records.trial_tables:
            return
        looks, trials = records["looks"], records["trials"]
        number = len(trials["replicate"])

        def by_look(names: list[str]) -> Floats:
            columns = [looks[name].astype(np.float64).reshape(number, self._looks) for name in names]
            return np.stack(columns, axis=2).reshape(number, -1)

        read = [name for name in looks if name.startswith(READ)]
        full = np.column_stack([trials[name].astype(np.float64) for name in _WHOLE])
        self._parts.append({_READ: by_look(read), _DATED: by_look(list(_BY_LOOK)), _FULL: full})
        records.derived.clear()

    def merge(self, later: PointSums) -> None:
        """Count in the rows of the replicates that follow."""
        self._rows += later.rows
        self._parts.append(later.sums)

    def result(self) -> PointSums:
        """Rows of all replicates so far."""
        names = (_READ, _DATED, _FULL)
        return PointSums({name: np.concatenate([p[name] for p in self._parts]) for name in names}, self._rows)


@dataclass(frozen=True)
class LookMatrix:
    """Every look of every trial as if no rule were obeyed.

    `values` [replicates, looks, values] is what is read (nan where a look is not held), `decision` its calendar minute
    (NEVER where it is not held). `screened`, `enrolled` and `last_minute` [replicates, looks] are those of the trial
    that stops there; `full` [replicates, 3] those of the trial that never stops.
    """

    design: Design
    values: Floats
    decision: Integers
    screened: Integers
    enrolled: Integers
    last_minute: Integers
    full: Integers

    @classmethod
    def of(cls, design: Design, made: PointSums) -> LookMatrix:
        """From what the point of a study gave."""
        looks, number = len(design.looks), len(made.sums[_FULL])
        dated = made.sums[_DATED].reshape(number, looks, len(_BY_LOOK)).astype(np.int64)
        values = made.sums[_READ].reshape(number, looks, len(design.values))
        by_look = dict(zip(_FIELDS, np.moveaxis(dated, 2, 0), strict=True))
        return cls(design, values, full=made.sums[_FULL].astype(np.int64), **by_look)

    @property
    def replicates(self) -> int:
        """How many trials there are."""
        return len(self.values)

    @cached_property
    def held(self) -> Mask:
        """Which looks are held, [replicates, looks]."""
        return np.asarray(self.decision != NEVER)

    @cached_property
    def full_size(self) -> Integers:
        """As `full`, where each trial lasts until its last look is decided as well, [replicates, 3]."""
        screened, enrolled, last = self.full.T
        return np.column_stack([screened, enrolled, np.maximum(last, self.decision.max(axis=1))])

    @cached_property
    def ends(self) -> Integers:
        """The number of the last look that is held in each trial, [replicates]."""
        return np.asarray(self.held.shape[1] - 1 - self.held[:, ::-1].argmax(axis=1), dtype=np.int64)


def design_of(scenario: Scenario) -> Design:
    """The design of a scenario. Raises UsageError where it has none, or where stops change more than is read here."""
    design = scenario.interim
    if design is None:
        raise UsageError(f"{scenario.name}: it has no looks at the accumulating data; declare them in `interim:`")
    if not design.boundaries:
        raise UsageError(
            f"{scenario.name}: no boundary is declared; numbers that rules compare with stand in `interim.boundaries`"
        )
    return design


def sizes_known(scenario: Scenario) -> bool:
    """Whether a trial that stops enrols those who would have been enrolled by then, and no others.

    Not where patients queue, since who comes later may be served earlier, or where a stop is told to candidates who are
    still screened.
    """
    design = design_of(scenario)
    told = set(design.events.values())
    waiting = [s for s in scenario.trial.protocol.states if told.intersection(s.upon)]
    return not scenario.trial.limited and all(s.on_study for s in waiting)


def durations_known(scenario: Scenario) -> bool:
    """Whether a trial that stops ends when its last patient would have ended: no transition waits for a stop."""
    return sizes_known(scenario) and not design_of(scenario).touches_patients
