"""Which branch each subject takes at a decision, at any value of a number that its rules compare with.

A threshold rule (`threshold_rule.py`) is one comparison, and its curve says what follows too. A longer rule, one of
several, or one that two arms share is not: but what it read of each subject stands in the records, so that the branch
at another value of one of its parameters is computed and not simulated. What follows from it is not said here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.errors import UsageError, unknown
from protocolsim.names import told_apart
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import names_in, parse
from protocolsim.protocol.states import Group, Transition, reachable
from protocolsim.protocol.summaries import Formula
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.threshold_rule import places_of
from protocolsim.study.result import Result

_STEPS, _HALVINGS = 101, 24
_NO_BRANCH = -1


def decided_by(scenario: Scenario) -> dict[str, tuple[int, ...]]:
    """The scenario's own parameters that rules at the end of a state compare with, and these states.

    In file order, those of which something else is made as well behind all others. Only decisions on study, between two
    branches or more, and only parameters with a range, of which no summary is made that the rule reads: its value would
    have been another.
    """
    found: dict[str, list[int]] = {}
    for state in scenario.trial.protocol.states:
        group = state.at_end
        if group is None or not state.on_study or len(group.transitions) < 2:
            continue
        for name in _named(scenario, group):
            found.setdefault(name, []).append(state.number)
    ordered = sorted((n for n in scenario.named if n in found), key=lambda n: _elsewhere(scenario, n))
    return {name: tuple(found[name]) for name in ordered}


def tried_after_assessments(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """The scenario's own parameters that rules on study compare with after an assessment, and after which.

    These rules have no curve. At another value a patient would change state at another visit, and what a rule would
    have read after that stands in no record: it has to be simulated anew.
    """
    found: dict[str, list[str]] = {}
    for state in scenario.trial.protocol.states:
        for group in state.groups if state.on_study else ():
            for name in _named(scenario, group) if group.trigger.startswith("after ") else ():
                found.setdefault(name, []).append(group.trigger)
    return {name: tuple(dict.fromkeys(triggers)) for name, triggers in found.items()}


def _named(scenario: Scenario, group: Group) -> list[str]:
    known, summaries = scenario.named, scenario.trial.protocol.reader.summaries
    rules = [t.rule.words for t in group.transitions if t.rule is not None]
    inside = {
        n for k in group.reads if isinstance(made := summaries[k].made_by, Formula) for n in names_in(parse(made.words))
    }
    names = dict.fromkeys(n for words in rules for n in names_in(parse(words)))
    return [
        n for n in names if n in known and n not in inside and known[n].low is not None and known[n].high is not None
    ]


@dataclass(frozen=True)
class DecidedSubjects:
    """The subjects who came to the end of one state, and what its rules read of each, in the order of their reads."""

    state: int
    replicate: Integers
    subject: Integers
    read: tuple[Floats, ...]


@dataclass(frozen=True)
class BranchShare:
    """The share of those decided on who take a branch, and its Monte Carlo standard error (over trials)."""

    value: float
    mcse: float


@dataclass(frozen=True)
class BranchCurve:
    """Every value of one parameter at the decisions that compare with it; `decided` are those who came to each."""

    scenario: Scenario
    parameter: str
    seed: int
    replicates: int
    decided: tuple[DecidedSubjects, ...]

    @property
    def own(self) -> float:
        """The scenario's own value, in internal units."""
        return self.scenario.named[self.parameter].value

    @cached_property
    def values(self) -> Floats:
        """The values to draw: the range in even steps (or factors), and the scenario's own."""
        named = self.scenario.named[self.parameter]
        assert named.low is not None
        assert named.high is not None
        log = self.scenario.settable(f"parameters.{self.parameter}").log
        spread = (np.geomspace if log else np.linspace)(named.low, named.high, _STEPS)
        return np.unique(np.append(spread, self.own))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The rules of each decision."""
        states = self.scenario.trial.protocol.states
        return tuple(g for d in self.decided if (g := states[d.state].at_end) is not None)

    def branches(self, place: int) -> list[tuple[Transition, ...]]:
        """The branches of one decision: transitions that lead to the same states, in file order; where all do, each."""
        transitions = self.groups[place].transitions
        by_end: dict[Any, list[Transition]] = {}
        for t in transitions:
            by_end.setdefault(t.destinations, []).append(t)
        return [(t,) for t in transitions] if self.parted_by_rule(place) else [tuple(ts) for ts in by_end.values()]

    def parted_by_rule(self, place: int) -> bool:
        """Whether all branches of a decision lead to the same state, so that it is the rules that tell them apart."""
        return len({t.destinations for t in self.groups[place].transitions}) == 1

    def labels(self, place: int) -> list[str]:
        """What each branch is called: where it leads to, or the rule by which it is taken."""
        states, branches = self.scenario.trial.protocol.states, self.branches(place)
        ends = [" or ".join(states[d].label for d in branch[0].destinations) or "stays" for branch in branches]
        if not self.parted_by_rule(place):
            return told_apart(ends, [str(k + 1) for k in range(len(ends))])
        rules = [b[0].rule.words if b[0].rule is not None else "otherwise" for b in branches]
        return told_apart(
            [self.scenario.spoken.words(words) for words in rules], [str(k + 1) for k in range(len(rules))]
        )

    def taken(self, place: int, value: float | Floats) -> Integers:
        """The branch of each subject of one decision at this value (one for all, or one each); -1 for none."""
        subjects, group = self.decided[place], self.groups[place]
        summaries = self.scenario.trial.protocol.reader.summaries
        read: list[Any] = [None] * (len(summaries) + 1)
        for number, column in zip(group.reads, subjects.read, strict=False):
            read[number] = column
        read[len(summaries)] = value
        result = np.full(len(subjects.subject), _NO_BRANCH, dtype=np.int64)
        branch_of = {t.number: k for k, branch in enumerate(self.branches(place)) for t in branch}
        for transition, rule in self._rules[place]:
            with np.errstate(all="ignore"):
                held = np.broadcast_to(True if rule is None else np.asarray(rule(read), dtype=np.bool_), result.shape)
            result = np.where((result == _NO_BRANCH) & held, branch_of[transition], result)
        return result

    @cached_property
    def _rules(self) -> list[list[tuple[int, Any]]]:
        """Of each decision the transitions in turn, and their rules over what was read and the parameter."""
        summaries = self.scenario.trial.protocol.reader.summaries
        constants = {n: k.value for n, k in self.scenario.named.items() if n != self.parameter}
        slots = {s.name: k for k, s in enumerate(summaries)} | {self.parameter: len(summaries)}
        return [
            [
                (t.number, None if t.rule is None else compiled(parse(t.rule.words), constants, slots))
                for t in g.transitions
            ]
            for g in self.groups
        ]

    def shares(self, place: int, value: float) -> list[BranchShare]:
        """How many take each branch of one decision at this value."""
        taken, trial = self.taken(place, value), self.decided[place].replicate
        number = np.bincount(trial, minlength=self.replicates).astype(np.float64)
        return [
            _share(np.bincount(trial[taken == k], minlength=self.replicates), number)
            for k in range(len(self.branches(place)))
        ]

    def turns(self, place: int, rows: Integers) -> list[float | None]:
        """For these subjects the value at which they take another branch (the first from below); None where at none."""
        ends = self.values
        taken = np.array([self.taken(place, float(v))[rows] for v in ends])
        found: list[float | None] = []
        for k, row in enumerate(rows.tolist()):
            change = np.flatnonzero(taken[1:, k] != taken[:-1, k])
            found.append(
                None
                if len(change) == 0
                else self._between(place, row, float(ends[change[0]]), float(ends[change[0] + 1]))
            )
        return found

    def _between(self, place: int, row: int, low: float, high: float) -> float:
        below = self.taken(place, low)[row]
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            if self.taken(place, middle)[row] == below:
                low = middle
            else:
                high = middle
        return high

    @property
    def entangled(self) -> bool:
        """Whether who comes to a decision, or what it reads, may itself depend on the parameter."""
        protocol = self.scenario.trial.protocol
        here = {d.state for d in self.decided}
        groups = [g for state in protocol.states for g in state.groups if _reads(g, self.parameter)]
        after = [d for g in groups for t in g.transitions for d in t.destinations]
        return bool(here & set(reachable(protocol.successors, after))) or _elsewhere(self.scenario, self.parameter)


def _reads(group: Group, parameter: str) -> bool:
    return any(t.rule is not None and parameter in names_in(parse(t.rule.words)) for t in group.transitions)


def _elsewhere(scenario: Scenario, parameter: str) -> bool:
    """Whether something else than a rule is made of the parameter: a dose, a time, what is set."""
    return any(
        not (p.startswith("protocol.transitions") and p.endswith("when")) for p in places_of(scenario, parameter)
    )


def _share(counts: Any, number: Floats) -> BranchShare:
    total = float(number.sum())
    if total == 0.0:
        return BranchShare(float("nan"), float("nan"))
    value = float(counts.sum()) / total
    trials = len(number)
    if trials < 2:
        return BranchShare(value, float("nan"))
    spread = float(((counts - value * number) ** 2).sum()) * trials / (trials - 1)
    return BranchShare(value, float(np.sqrt(spread)) / total)


def branch_curve(result: Result, parameter: str | None = None) -> BranchCurve:
    """The branches at every value of a parameter (the first that decides anything), from the records of a run.

    Counted among the trials whose records are kept. Raises UsageError where no such parameter decides, or no subject
    came to its decisions.
    """
    known = decided_by(result.scenario)
    name = next(iter(known), "") if parameter is None else parameter
    if name not in known:
        why = unknown("parameter of a decision", name, known) if known else "no decision compares with a parameter"
        raise UsageError(f"{result.scenario.name}: {why}")
    records = result.shown
    moves, subjects = records["moves"], records["subjects"]
    decided = []
    for state in known[name]:
        group = result.scenario.trial.protocol.states[state].at_end
        assert group is not None
        rows = np.flatnonzero(
            np.isin(moves["transition"], [t.number for t in group.transitions]) & (moves["from_state"] == state)
        )
        of = records.subject_rows("moves")[rows]
        read = tuple(moves[f"value_{k}"][rows] for k in range(len(group.reads)))
        decided.append(
            DecidedSubjects(state, subjects["replicate"][of] - records.first_replicate, subjects["subject"][of], read)
        )
    if not any(len(d.subject) for d in decided):
        raise UsageError(f"{result.scenario.name}: no subject came to a decision that compares with '{name}'")
    return BranchCurve(result.scenario, name, result.seed, records.replicates, tuple(decided))


def rows_of_trial(subjects: DecidedSubjects, replicate: int, most: int, also: int | None = None) -> Integers:
    """The first so many decisions of one trial, one for each subject, and that of one more."""
    mine = np.flatnonzero(subjects.replicate == replicate)
    _, first = np.unique(subjects.subject[mine], return_index=True)
    rows: Sequence[int] = mine[np.sort(first)].tolist()
    kept = [row for k, row in enumerate(rows) if k < most or subjects.subject[row] == also]
    return np.array(kept, dtype=np.int64)
