"""Interim designs made in code, with statistics so plain that what a look reads can be counted by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from hypothesis import strategies as st

from protocolsim.arrays import Floats, Mask
from protocolsim.interim.base import LookAt, Statistic
from protocolsim.interim.design import Boundary, Design, Information, TrialRule
from protocolsim.protocol.conduct import Count, Look, Trigger
from protocolsim.protocol.states import Rule
from protocolsim.records import NEVER, Records
from protocolsim.scenario.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Total(Statistic):
    """Counts rows of a table, or adds up a column in whole thousandths, so that sums have no order; of a population."""

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
        return np.bincount(trial, weights=weights, minlength=known.replicates).astype(np.float64)


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


# Drawn designs ---------------------------------------------------------------------------------------------------

DAY = 1440
REASONS = ("efficacy", "futility", "harm")


def _number(draw: Any, *choices: int) -> int:
    return int(draw(st.sampled_from(choices)))


@st.composite
def triggers(draw: Any, scenario: Scenario) -> Trigger:
    """Any trigger of a look, of people, events or dates; some never come."""
    trial = scenario.trial
    size, states, events = trial.cohort.size, len(trial.protocol.states), len(trial.labels.events)
    bounds = {
        name: _number(draw, 0, 2 * DAY, 9 * DAY, 20 * DAY + 7, 60 * DAY)
        for name in ("not_before", "at_the_latest", "after_previous")
        if _number(draw, 0, 0, 0, 1)
    }
    of = draw(st.sampled_from(["enrolled", "enrolled", "entered", "event", "date"]))
    if of == "date":
        return Trigger(None, minute=_number(draw, 0, DAY, 5 * DAY, 11 * DAY + 1, 90 * DAY), **bounds)
    chosen = draw(st.sets(st.integers(0, states - 1), min_size=1, max_size=2)) if of == "entered" else ()
    event = draw(st.integers(0, events - 1)) if of == "event" and events else NEVER
    followed = _number(draw, 0, 0, 1, 3 * DAY, 10 * DAY)
    return Trigger(Count(of, frozenset(chosen), event, followed), number=draw(st.integers(1, size + 1)), **bounds)


STATISTICS = (
    Total(name="everybody", table="subjects"),
    Total(name="early", table="subjects", column="end_minute"),
    Total(name="seen", table="observations", column="value", among="enrolled"),
    Total(name="given", table="doses", column="amount", followed_for=2 * DAY, among="enrolled"),
    Total(name="ill", table="events", followed_for=0),
    Total(name="moved", table="moves", column="minute"),
)


@st.composite
def designs(draw: Any, scenario: Scenario, *, upon: bool = True) -> Design:
    """Any design over a trial; `upon`: whose stops may be events in the courses of subjects."""
    looks = draw(st.lists(triggers(scenario), min_size=1, max_size=4))
    rules: list[tuple[Any, ...]] = []
    if _number(draw, 0, 1, 1):  # most stop some trials early
        early = draw(st.sampled_from(["everybody", "enrolled", "moved"]))
        rules.append(("stop", draw(st.sampled_from(REASONS)), early, float(_number(draw, 1, 2, 4)), {}))
        size = scenario.trial.cohort.size
        looks[:0] = [enrolled(draw(st.integers(1, max(1, size - 1))), followed=_number(draw, 0, 0, DAY))]
    names = [s.name for s in STATISTICS] + ["enrolled", "followed", "information"]
    for _ in range(_number(draw, 0, 1, 2, 3)):
        places = draw(st.sets(st.integers(0, len(looks) - 1), min_size=1))
        words = {"at": sorted(places), "below": draw(st.booleans())}
        bound = _number(draw, 1, 2, 3, 5, 2000, 10_000, 100_000, 10_000_000)
        compared = (draw(st.sampled_from(names)), float(bound)) if _number(draw, 0, 1, 1) else ()
        action = draw(st.sampled_from(["stop", "stop", "conclude"]))
        rules.append((action, draw(st.sampled_from(REASONS)), *compared, words))
    codes = range(len(scenario.trial.labels.events))
    told = sorted({event for state in scenario.trial.protocol.states for event in state.upon}) or codes
    awaited = {r: draw(st.sampled_from(told)) for r in REASONS if upon and codes and _number(draw, 0, 1, 1)}
    return design(
        looks_when(*looks),
        rules,
        STATISTICS,
        data_lag=_number(draw, 0, 0, 60, 3 * DAY),
        decided_after=_number(draw, 0, 0, 1, 2 * DAY, 6 * DAY),
        information=Information(Count("enrolled", followed=_number(draw, 0, DAY)), 5.0),
        events=awaited,
    )
