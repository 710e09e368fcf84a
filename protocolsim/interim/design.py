"""The interim design of a trial: looks, statistics, boundaries and rules, as the conduct that engines are handed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.criteria.dated import Criteria
from protocolsim.endpoint.subjects.population import LazyPopulations, Population
from protocolsim.interim.base import LookAt, OfCounts, Statistic
from protocolsim.interim.tables import RuleCodes, looks_table, trials_table
from protocolsim.protocol.conduct import NO_RULE, Count, HeldLooks, Look, Numbers
from protocolsim.protocol.counting import number_by
from protocolsim.protocol.rules import Evaluator, Node, Operation, names_in, parse
from protocolsim.protocol.states import Rule
from protocolsim.records import NEVER, Column, Records, Table

Action = Literal["stop", "conclude"]
_COMPARES = ("<", "<=", ">", ">=", "==", "!=")

ENROLLED, FOLLOWED, INFORMATION, LOOK = "enrolled", "followed", "information", "look"
COUNTED = (ENROLLED, FOLLOWED, INFORMATION)
"""What every look counts: subjects enrolled, those that its trigger counts, and the fraction of the information."""
BUILT_IN = (*COUNTED, LOOK)
"""The names that rules may read without declaring them; `look` is the number of the look, from 1."""
_EVERYBODY = Count("enrolled")


@dataclass(frozen=True)
class Boundary:
    """The bound of a statistic at each look, nan where it has none there (what compares with it is false).

    `words` say how it was made. `spends` is the one-sided error it spends (nan for given values); `below` the name of
    the boundary under which it spends type II error, "" for one that spends type I error; `binding`: whether that one
    was made as if this one were always obeyed.
    """

    name: str
    values: tuple[float, ...]
    words: str = ""
    spends: float = float("nan")
    below: str = ""
    binding: bool = False


@dataclass(frozen=True)
class LookFormula:
    """A number computed from statistics and what is counted, by a name of its own."""

    name: str
    words: str
    evaluate: Evaluator


@dataclass(frozen=True)
class TrialRule:
    """A rule of some looks: `rule` None holds wherever none before it did. `reason` says why, or concludes what."""

    number: int
    action: Action
    reason: str
    at: frozenset[int]
    rule: Rule | None


class _Members:
    """The populations of what is known at cut-offs, each with those who have been followed for long enough."""

    def __init__(self, known: Records, declared: Mapping[str, Population], cutoffs: Integers) -> None:
        self._known, self._cutoffs = known, cutoffs
        self._everyone = LazyPopulations(known, declared)
        self._found: dict[int | None, Mapping[str, Mask]] = {None: self._everyone}

    def followed_for(self, least: int | None) -> Mapping[str, Mask]:
        """Those with so many minutes of potential follow-up."""
        if least not in self._found:
            self._found[least] = self._everyone.within(self._follow_up >= (least or 0))
        return self._found[least]

    @cached_property
    def _follow_up(self) -> Integers:
        """Minutes of potential follow-up."""
        subjects = self._known["subjects"]
        entry = self._known.begins() + subjects["enrolled_minute"]
        return np.where(subjects["enrolled"], self._cutoffs[self._known.trials()] - entry, NEVER)


def needed(node: Node) -> list[Node]:
    """The comparisons that must all hold for an expression to hold; other parts of it may do without each other."""
    if isinstance(node, Operation) and node.op == "and":
        return [*needed(node.left), *needed(node.right)]
    return [node] if isinstance(node, Operation) and node.op in _COMPARES else []


@dataclass(frozen=True)
class Information:
    """What the information of a look is counted in, and how much the whole trial is planned to have."""

    count: Count
    maximum: float


@dataclass(frozen=True)
class Design:
    """What a scenario's `interim:` says; a Conduct.

    `of` and `control` name the randomisation whose arms are compared and its control arm ("" without). `events` is the
    code of the event that a reason's stop sends to living subjects, for reasons that a transition of the protocol waits
    for. `success` and `futility` are the reasons that claim an effect, and that give up for lack of one. `null` is how
    the trial without an effect is made: settings by name, or None for equal arms.
    """

    looks: tuple[Look, ...]
    statistics: tuple[Statistic, ...]
    formulas: tuple[LookFormula, ...]
    boundaries: tuple[Boundary, ...]
    rules: tuple[TrialRule, ...]
    information: Information
    populations: Mapping[str, Population] = field(repr=False)
    data_lag: int = 0
    decided_after: int = 0
    of: str = ""
    control: str = ""
    events: Mapping[str, int] = field(default_factory=dict)
    success: frozenset[str] = frozenset()
    futility: frozenset[str] = frozenset()
    null: Mapping[str, float | str] | None = None

    def __getstate__(self) -> dict[str, object]:
        """It travels without what statistics are of counts, which holds functions and is made again."""
        return {name: value for name, value in vars(self).items() if name != "_of_counts"}

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The names of what is read: statistics, formulas, and what every look counts."""
        return (*(s.name for s in self.statistics), *(f.name for f in self.formulas), *COUNTED)

    @cached_property
    def conclusions(self) -> tuple[str, ...]:
        """The reasons by which a trial may end, in file order."""
        return tuple(dict.fromkeys(r.reason for r in self.rules))

    @cached_property
    def announces(self) -> tuple[int, ...]:
        """The codes of the events that stops send to living subjects."""
        return tuple(
            sorted({self.events[r.reason] for r in self.rules if r.action == "stop" and r.reason in self.events})
        )

    @cached_property
    def touches_patients(self) -> bool:
        """Whether a transition of the protocol waits for a stop."""
        return bool(self.announces)

    def slots(self) -> dict[str, int]:
        """The place of each name in what a rule is evaluated on: values, boundaries, the number of the look."""
        return {n: k for k, n in enumerate((*self.values, *(b.name for b in self.boundaries), LOOK))}

    @cached_property
    def _of_counts(self) -> tuple[OfCounts | None, ...]:
        """Of each statistic, what it is of numbers alone, of those who have been followed for long enough."""

        def followed(statistic: Statistic) -> OfCounts | None:
            found = statistic.of_counts(self.populations)
            those = Criteria(followed_for=statistic.followed_for)
            return None if found is None else replace(found, criteria=tuple(c & those for c in found.criteria))

        return tuple(map(followed, self.statistics))

    def _counted(self, look: int) -> Count:
        """What the trigger of a look counts."""
        return self.looks[look].trigger.count or self.information.count

    @cached_property
    def counts(self) -> tuple[Count | Criteria, ...]:
        """See Conduct."""
        of_looks = (_EVERYBODY, self.information.count, *map(self._counted, range(len(self.looks))))
        return tuple(dict.fromkeys((*of_looks, *(c for f in self._of_counts if f is not None for c in f.criteria))))

    def read(self, look: int, known: Records, cutoffs: Integers, numbers: Numbers = MappingProxyType({})) -> Floats:
        """See Conduct."""

        def number(of: Count) -> Floats:
            found = numbers[of] if of in numbers else number_by(of, known, cutoffs)
            return found.astype(np.float64)

        at = LookAt(
            look, cutoffs, np.minimum(number(self.information.count) / self.information.maximum, 1.0),
            self.looks[look].planned, self.information.maximum,
        )  # fmt: skip
        everyone = _Members(known, self.populations, cutoffs)
        columns = []
        for statistic, of_counts in zip(self.statistics, self._of_counts, strict=True):
            if of_counts is not None and all(c in numbers for c in of_counts.criteria):
                counts = np.array([numbers[c] for c in of_counts.criteria], dtype=np.float64)
                columns.append(of_counts.value(counts, at.information, at.maximum))
            else:
                columns.append(statistic.values(known, everyone.followed_for(statistic.followed_for), at))
        counted = [number(_EVERYBODY), number(self._counted(look)), at.information]
        return self._completed(columns, counted, cutoffs, self._bounds(look))

    def read_counts(self, cutoffs: Integers, numbers: Numbers) -> Floats | None:
        """See Conduct."""
        if any(c not in numbers for c in self.counts) or None in self._of_counts:
            return None
        flat = {counted: found.ravel().astype(np.float64) for counted, found in numbers.items()}
        maximum = self.information.maximum
        information = np.minimum(flat[self.information.count] / maximum, 1.0)
        columns = [
            f.value(np.array([flat[c] for c in f.criteria]), information, maximum)
            for f in self._of_counts if f is not None
        ]  # fmt: skip
        of_triggers = np.column_stack([numbers[self._counted(k)][:, k] for k in range(len(self.looks))])
        counted = [flat[_EVERYBODY], of_triggers.ravel().astype(np.float64), information]
        read = self._completed(columns, counted, cutoffs.ravel(), self._bounds_of_all(len(cutoffs)))
        return read.reshape(*cutoffs.shape, -1)

    def _completed(
        self, columns: Sequence[Floats], counted: Sequence[Floats], cutoffs: Integers, bounds: Sequence[Floats | float]
    ) -> Floats:
        """What is read, [n, values], from statistics and what every look counts; `bounds`: see `_bounds`."""
        read = [*columns, *(np.full(len(cutoffs), np.nan) for _ in self.formulas), *counted]
        with np.errstate(all="ignore"):
            for k, formula in enumerate(self.formulas, start=len(columns)):
                read[k] = np.broadcast_to(formula.evaluate([*read, *bounds]), len(cutoffs)).astype(float)
        result = np.column_stack(read)
        # What is undefined is so to the bit: the sign of a nan depends on how many replicates are computed together.
        result[(cutoffs == NEVER)[:, None] | np.isnan(result)] = np.nan
        return result

    def _bounds(self, look: int) -> list[Floats | float]:
        """Each boundary at a look, and its number."""
        return [*(b.values[look] for b in self.boundaries), float(look + 1)]

    def _bounds_of_all(self, replicates: int) -> list[Floats | float]:
        """The same at every look of each of so many replicates."""
        numbers = [float(look + 1) for look in range(len(self.looks))]
        shape = (replicates, len(self.looks))
        return [np.broadcast_to(each, shape).ravel() for each in (*(b.values for b in self.boundaries), numbers)]

    def decide(self, look: int, values: Floats) -> Integers:
        """See Conduct."""
        return self.decided(look, [values[:, k] for k in range(values.shape[1])]).astype(np.int64)

    def decide_all(self, values: Floats) -> Integers:
        """See Conduct."""
        replicates, looks, number = values.shape
        flat = values.reshape(-1, number)
        operands = [*(flat[:, k] for k in range(number)), *self._bounds_of_all(replicates)]
        found = np.full(len(flat), NO_RULE, dtype=np.int64)
        with np.errstate(all="ignore"):
            for rule in reversed(self.rules):
                holds = np.zeros((replicates, looks), dtype=np.bool_)
                holds[:, list(rule.at)] = True
                if rule.rule is not None:
                    holds &= np.broadcast_to(rule.rule.evaluate(operands), len(flat)).reshape(replicates, looks)
                found[holds.ravel()] = rule.number
        return found.reshape(replicates, looks)

    def decided(self, look: int, read: Sequence[Floats], boundaries: Mapping[str, Floats] | None = None) -> Column:
        """The same, in 16 bits, from columns of any shape; `boundaries` replace some of the design's at this look.

        Shapes are broadcast: values [replicates] and boundaries [boundaries, 1] give [boundaries, replicates].
        """
        bounds = [(boundaries or {}).get(b.name, b.values[look]) for b in self.boundaries]
        operands = [*read, *bounds, float(look + 1)]
        shape = np.broadcast_shapes(*(np.shape(o) for o in operands))
        found = np.full(shape, NO_RULE, dtype=np.int16)
        with np.errstate(all="ignore"):
            for rule in reversed([r for r in self.rules if look in r.at]):
                holds = True if rule.rule is None else rule.rule.evaluate(operands)
                found = np.where(holds, np.int16(rule.number), found)
        return found

    def may_hold(self, rule: TrialRule, look: int) -> bool:
        """Whether a rule can hold at a look; not where it needs a boundary that is undefined there."""
        if look not in rule.at or rule.rule is None:
            return look in rule.at
        node = parse(rule.rule.words)
        undefined = {b.name for b in self.boundaries if np.isnan(b.values[look])}
        return not any(undefined.intersection(names_in(part)) for part in needed(node))

    @cached_property
    def codes(self) -> RuleCodes:
        """What the numbers of rules stand for in tables."""
        codes = [self.conclusions.index(r.reason) for r in self.rules]
        stops = [r.action == "stop" for r in self.rules]
        gives_up = [r.action == "stop" and r.reason in self.futility for r in self.rules]
        return RuleCodes(
            self.values, np.array([*codes, NEVER], dtype=np.int16), np.array([*stops, False]),
            np.array([*gives_up, False]),
        )  # fmt: skip

    def stops(self, rules: Integers) -> Mask:
        """See Conduct."""
        return np.asarray(self.codes.stops[rules])

    def told(self, rules: Integers) -> Integers:
        """See Conduct."""
        codes = [self.events.get(r.reason, NEVER) if r.action == "stop" else NEVER for r in self.rules]
        return np.array([*codes, NEVER], dtype=np.int64)[rules]

    def tables(self, held: HeldLooks, final: Records, as_if: HeldLooks, overrun: HeldLooks) -> Mapping[str, Table]:
        """See Conduct."""
        return {
            "looks": looks_table(self.codes, held, final),
            "trials": trials_table(self.codes, held, final, as_if, overrun),
        }
