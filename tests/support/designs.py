"""Interim designs made in code, with statistics so plain that what a look reads can be counted by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.interim.base import LookAt, Statistic
from protocolsim.interim.design import Boundary, Design, Information, TrialRule
from protocolsim.protocol.conduct import Count, Look, Trigger
from protocolsim.protocol.states import Rule
from protocolsim.records import Records
from protocolsim.scenario.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Total(Statistic):
    """Counts rows of a table, or adds up the whole part of a thousandfold of a column, of members of a population."""

    key: ClassVar[str] = "total of"
    meaning: ClassVar[str] = "rows of a table"
    EXAMPLE: ClassVar[str] = ""

    table: str
    column: str = ""
    among: str = "screened"

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:
        """See Statistic."""
        rows = known.subject_rows(self.table) if self.table != "subjects" else np.arange(len(known["subjects"]["site"]))
        mine = np.flatnonzero(populations[self.among][rows])
        weights = np.ones(len(mine))
        if self.column:
            weights = np.nan_to_num(np.floor(known[self.table][self.column][mine].astype(np.float64) * 1000.0))
        trial = (known["subjects"]["replicate"] - known.first_replicate)[rows[mine]]
        return np.bincount(trial, weights=weights, minlength=known.replicates)


def looks_when(*triggers: Trigger) -> tuple[Look, ...]:
    """Looks by these triggers, look_1, look_2, ..."""
    return tuple(Look(f"look_{k}", trigger) for k, trigger in enumerate(triggers, start=1))


def enrolled(number: int, followed: int = 0, **bounds: int) -> Trigger:
    """A look at so many subjects enrolled, `followed` minutes later."""
    return Trigger(Count("enrolled", followed=followed), number=number, **bounds)


def at_minute(minute: int, **bounds: int) -> Trigger:
    """A look at a minute of the calendar."""
    return Trigger(None, minute=minute, **bounds)


@dataclass(frozen=True)
class _Compared:
    """The rule `values[slot] >= bound` or `<`, over columns."""

    slot: int
    bound: float
    below: bool

    def __call__(self, values: Sequence[Any]) -> Any:
        found = values[self.slot]
        return found < self.bound if self.below else found >= self.bound


@dataclass
class Rules:
    """Rules of a design, written down in order."""

    names: Sequence[str]
    looks: int
    made: list[TrialRule] = field(default_factory=list)

    def add(
        self, action: Any, reason: str, name: str = "", bound: float = 0.0, *, below: bool = False,
        at: Sequence[int] | None = None,
    ) -> Rules:  # fmt: skip
        """`name` at least `bound` (or below it); without a name the rule holds wherever none before it did."""
        rule = None
        if name:
            words = f"{name} {'<' if below else '>='} {bound}"
            rule = Rule(words, _Compared(list(self.names).index(name), bound, below))
        places = frozenset(range(self.looks) if at is None else at)
        self.made.append(TrialRule(len(self.made), action, reason, places, rule))
        return self


def design(
    looks: Sequence[Look],
    rules: Sequence[tuple[Any, ...]] = (),
    statistics: Sequence[Statistic] = (),
    **more: Any,
) -> Design:
    """A design; each rule is (action, reason, name, bound, keywords), the last three optional."""
    names = [*(s.name for s in statistics), "enrolled", "followed", "information"]
    written = Rules(names, len(looks))
    for action, reason, *rest in rules:
        words = rest.pop() if rest and isinstance(rest[-1], dict) else {}
        written.add(action, reason, *rest, **words)
    return Design(
        looks=tuple(looks),
        statistics=tuple(statistics),
        formulas=(),
        boundaries=more.pop("boundaries", (Boundary("bound", (0.0,) * len(looks)),)),
        rules=tuple(written.made),
        information=more.pop("information", Information(Count("enrolled"), 10.0)),
        populations=more.pop("populations", {}),
        **more,
    )


def with_design(scenario: Scenario, made: Design) -> Scenario:
    """The same scenario, whose trials are looked at by this design."""
    labels = replace(scenario.trial.labels, looks=tuple(look.name for look in made.looks), conclusions=made.conclusions)
    made = replace(made, populations=scenario.populations)
    return replace(scenario, trial=replace(scenario.trial, conduct=made, labels=labels))
