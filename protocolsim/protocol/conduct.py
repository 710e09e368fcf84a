"""Decisions about the trial itself, as engines are handed them: when a look is held, and what it may bring about.

The order of trial-level events (both engines; each sentence has a test in tests/interim/test_order_of_looks.py):

1. Calendar. The trial's calendar is that of `opens:`; a subject's minute m falls on its first minute plus m.
2. Trigger. A look's trigger is the first calendar minute at which its `when` holds on what has happened (not on what
   was reported). Looks come in order; one whose trigger lies before the previous decision is held at that decision.
   A look that will never be triggered, as is certain when every subject has finished, is held then, if it is the
   last; others are recorded as not held, and those behind them wait until every subject has finished.
3. Cut-off. What happened at the very minute of the trigger counts: the interval is closed.
4. Known. At the cut-off: who has begun, present states, moves, doses, events, and arms of those randomised by then;
   observations made at least `data_lag` earlier. No hidden truth exists in what a look is handed. Who is still in the
   trial has no outcome yet and is censored at the cut-off.
5. Followed for a time is potential follow-up: enrolled at least that long before the cut-off, whatever became of them.
6. Unknown is not failure. A statistic counts only members whose outcome could be known (its `followed for`).
7. Ties. At one minute: events, visits and ends of states of all subjects, then enrolment, then looks, then decisions.
   The old rules hold at the very minute of a decision; what it brings about comes first in the minute after.
8. Decision. It is taken at the cut-off plus `decided_after`, on the numbers of the cut-off. Meanwhile all goes on.
9. Rules are tried in file order; the first that holds ends the look. A comparison with something undefined is false.
   If none holds, the trial goes on.
10. Gate. After a stop no arriving candidate is screened. Those in screening go on.
11. Lists. Who is randomised takes the next place of a list by calendar minute, then by subject number.
12. The protocol's own rules read nothing of a look: without `upon: stopped for ...` it changes no patient's course.
13. Who continues after a stop is written in the protocol: without `upon: stopped for ...` follow-up is completed and
    only enrolment ends.
14. After a conclusion no further look is held. Enrolment, where it is still open, and follow-up go on.
15. After an early stop the same analysis is made once more when every subject enrolled has been followed (the overrun
    analysis). It changes nothing and is reported beside the decision.
16. Replicates know nothing of each other. A look changes no subject's past.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.criteria.dated import Criteria
from protocolsim.records import FAR, NEVER, Records, Table

NO_RULE = -1


@dataclass(frozen=True)
class Count:
    """What a trigger counts, each subject once: of the enrolled, those who ...

    `enrolled`: are enrolled; `entered`: have been in one of `states` (codes); `event`: had `event` (a code) since they
    were enrolled. Each counts from the first calendar minute at which that holds; `followed` minutes later, where
    potential follow-up is asked for.
    """

    of: Literal["enrolled", "entered", "event"]
    states: frozenset[int] = frozenset()
    event: int = NEVER
    followed: int = 0


@dataclass(frozen=True)
class Trigger:
    """When a look is held: `number` of what is counted, or a calendar minute (`count` None); within bounds.

    `not_before` and `at_the_latest` are calendar minutes, `after_previous` minutes from the cut-off of the look before.
    """

    count: Count | None
    number: int = 0
    minute: int = 0
    not_before: int | None = None
    at_the_latest: int | None = None
    after_previous: int | None = None

    def due(self, dates: Integers, previous_cutoff: Integers) -> Integers:
        """The calendar minute of the trigger in each replicate; FAR where it is not known yet to come.

        dates: [replicates, n], in order in each row and FAR behind the last: from when each subject counts.
        previous_cutoff: [replicates], NEVER where no look was held before.
        """
        if self.count is None:
            due = np.full(len(previous_cutoff), self.minute, dtype=np.int64)
        elif self.number > dates.shape[1]:
            due = np.full(len(previous_cutoff), FAR, dtype=np.int64)
        else:
            due = dates[:, self.number - 1].astype(np.int64)
        if self.not_before is not None:
            due = np.maximum(due, self.not_before)
        if self.after_previous is not None:
            due = np.where(previous_cutoff == NEVER, due, np.maximum(due, previous_cutoff + self.after_previous))
        if self.at_the_latest is not None:
            due = np.minimum(due, self.at_the_latest)
        return np.asarray(np.minimum(due, FAR), dtype=np.int64)


@dataclass(frozen=True)
class Look:
    """One look: name, trigger, and the fraction of the maximum information that is planned for it (nan: none is)."""

    name: str
    trigger: Trigger
    planned: float = float("nan")


@dataclass(frozen=True)
class HeldLooks:
    """The looks of some replicates, [replicates, looks] each.

    `cutoff` and `decision` are calendar minutes, NEVER where a look was not held; `trigger` is when its `when` held
    first (NEVER where it never did). `values` [replicates, looks, values] are what rules read (nan where not held),
    `rule` the number of the rule that held (NO_RULE).
    """

    trigger: Integers
    cutoff: Integers
    decision: Integers
    values: Floats
    rule: Integers

    @classmethod
    def none(cls, replicates: int, looks: int, values: int) -> HeldLooks:
        """Before any look."""
        never = [np.full((replicates, looks), NEVER, dtype=np.int64) for _ in range(4)]
        return cls(never[0], never[1], never[2], np.full((replicates, looks, values), np.nan), never[3])

    @property
    def ended_at(self) -> Integers:
        """The number of the look at which a rule held, [replicates]; NEVER where none did."""
        ends = self.rule != NO_RULE
        return np.where(ends.any(axis=1), ends.argmax(axis=1), NEVER)


Numbers = Mapping[Count | Criteria, Integers]
"""How many subjects count for each of these, [replicates] at one look or [replicates, looks]; some may be missing."""


class Conduct(typing.Protocol):
    """What decides about the trial itself. Engines know nothing of statistics, boundaries or rules."""

    @property
    def looks(self) -> tuple[Look, ...]:
        """The looks, in order."""

    @property
    def data_lag(self) -> int:
        """Minutes from an observation to its being in the database."""

    @property
    def decided_after(self) -> int:
        """Minutes from a cut-off to the decision."""

    @property
    def values(self) -> tuple[str, ...]:
        """The names of what `read` returns: what rules may read."""

    @property
    def counts(self) -> tuple[Count | Criteria, ...]:
        """What it counts at looks, as far as dates tell."""

    def read(self, look: int, known: Records, cutoffs: Integers, numbers: Numbers) -> Floats:
        """What a look's rules read, [replicates, values], from what is known at the cut-offs (`as_of`).

        numbers: of what it counts; what is not among them is counted in what is known, to the same numbers.
        """

    def read_counts(self, cutoffs: Integers, numbers: Numbers) -> Floats | None:
        """The same of all looks together, [replicates, looks, values]; None where it takes more than these numbers.

        cutoffs: [replicates, looks]; what is read at a cut-off NEVER is undefined.
        """

    def decide(self, look: int, values: Floats) -> Integers:
        """The number of the rule that holds in each replicate, NO_RULE where none does."""

    def decide_all(self, values: Floats) -> Integers:
        """The same of all looks together, [replicates, looks], from [replicates, looks, values]."""

    def stops(self, rules: Integers) -> Mask:
        """Which of these rules close the gate."""

    def told(self, rules: Integers) -> Integers:
        """The code of the event that each of these rules sends to every living subject; NEVER where none is awaited."""

    @property
    def announces(self) -> tuple[int, ...]:
        """The codes of the events that some rule sends to living subjects; empty where no transition waits for any."""

    def tables(self, held: HeldLooks, final: Records, as_if: HeldLooks, overrun: HeldLooks) -> Mapping[str, Table]:
        """The tables `looks` and `trials` (see records.py).

        held: the looks that were held. final: the records of the trial as it was. as_if: every look, on the trial as if
        no rule had ever been obeyed. overrun: of replicates that were stopped early, the look that stopped them, once
        more on `final`, with the cut-off when every subject has finished; its values and the rule that would hold.
        """
