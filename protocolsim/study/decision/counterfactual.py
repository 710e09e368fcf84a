"""Counterfactual branches: one subject had a decision gone otherwise, with common random numbers.

The subject is simulated again in a trial that differs in the one group of rules tried at that decision. How one subject
fares on both branches at once is a matter of the model, which no trial can show: it is with common random numbers, not
identified.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.engine.base import Trial
from protocolsim.errors import SimulationError
from protocolsim.protocol.evaluation import constantly
from protocolsim.protocol.states import Group, Rule, State, Transition, reachable
from protocolsim.protocol.summaries import Reader, Summary
from protocolsim.records import MADE, Records
from protocolsim.scenario.scenario import Definition
from protocolsim.study.engines import AUTO

if TYPE_CHECKING:
    # It plays subjects with the des engine, which forcing a decision does not need.
    from protocolsim.study.decision.replay import Life, Tried

NOT_IDENTIFIED = "with common random numbers, not identified"


@dataclass(frozen=True)
class After:
    """What followed a decision: the states entered (with their minutes), where it ended, and sums from there on.

    By number: `observed` is (how many, mean) of each variable's observations after the decision, `doses` mg/kg of each
    drug, `events` how many of each.
    """

    moves: tuple[tuple[int, int], ...]
    final: int
    ended: int
    observed: Mapping[int, tuple[int, float]]
    doses: Mapping[int, float]
    events: Mapping[int, int]


@dataclass(frozen=True)
class CounterfactualBranch:
    """A decision, the transition taken instead (None: the subject had stayed), and what followed on either branch."""

    tried: Tried
    instead: Transition | None
    happened: After
    otherwise: After


def why_not(trial: Trial, tried: Tried) -> str | None:
    """Why this decision has no counterfactual branch of one subject alone; None where it has."""
    if trial.limited:
        return "patients wait for each other here, so that another branch for one of them changes the days of others"
    if not tried.state.on_study:
        return "it decides which subjects are enrolled"
    after = reachable(trial.protocol.successors, [tried.state.number])
    if any(t.randomise is not None and t.source in after for t in trial.protocol.transitions):
        return "patients are randomised after it, in an order that depends on it"
    return None


def counterfactual_branches(whole: Life, tried: Tried, engine: str = AUTO) -> list[CounterfactualBranch]:
    """Every branch that this decision could have taken instead; none where `why_not` says so.

    Of a decision that was taken: each other state its rules lead to, and staying where only a rule let the subject go.
    Of one in which no rule held, or that only set variables, there is nothing to tell here: another moment would do as
    well. Nor is there of one that comes again and would have gone otherwise the first time: what followed then is no
    branch of this decision.
    """
    trial = whole.scenario.trial
    if tried.taken is None or tried.to is None or why_not(trial, tried) is not None:
        return []
    if tried.group.trigger.startswith("upon") or tried.taken.internal:
        return []
    branches: dict[int | None, Transition | None] = {}
    for transition in tried.group.transitions:
        if transition.to not in (None, tried.to.number):
            branches.setdefault(transition.to, transition)
    if tried.group.trigger.startswith("after") and tried.taken.rule is not None:
        branches[None] = None
    from protocolsim.study.decision.replay import replicate_of

    happened = _after(whole.records, whole.row, tried.minute)
    result = []
    for instead in branches.values():
        changed = with_decision(trial, tried.group, instead)
        try:
            records = replicate_of(whole.scenario, whole.seed, whole.replicate, engine, whole.subject, changed)
        except SimulationError:
            continue  # a subject for whom this is decided each time would never leave a loop
        row = int(np.flatnonzero(records["subjects"]["subject"] == whole.subject)[0])
        if _before(records, row, tried.minute) != _before(whole.records, whole.row, tried.minute):
            continue  # it was decided before, too, and had gone otherwise then
        result.append(CounterfactualBranch(tried, instead, happened, _after(records, row, tried.minute)))
    return result


def with_decision(trial: Trial, group: Group, transition: Transition | None) -> Trial:
    """The trial in which every subject who tries these rules takes this transition, or stays (None)."""
    taken = None if transition is None else transition.number
    return with_rules(trial, group, {t.number: t.number == taken for t in group.transitions})


def with_rules(trial: Trial, group: Group, holds: Mapping[int, bool], further: Further | None = None) -> Trial:
    """The trial in which the rules of some of a group's transitions, by number, always hold or never do.

    All else stays as it is: what the rules read is recorded as before. Where `further` definitions are wanted, the
    charts keep what these need, and the decision records it too.
    """

    def decided(t: Transition) -> Transition:
        if t.number not in holds:
            return t
        words = "" if t.rule is None else t.rule.words
        return dataclasses.replace(t, rule=Rule(words, partial(constantly, holds[t.number])))

    reads = group.reads if further is None else further.reads_with(group.reads)
    moved = dataclasses.replace(group, transitions=tuple(decided(t) for t in group.transitions), reads=reads)
    source = group.transitions[0].source

    def swapped(g: Group) -> Group:
        return moved if g is group else g

    def state_of(s: State) -> State:
        if s.number != source:
            return s
        return dataclasses.replace(
            s,
            at_end=None if s.at_end is None else swapped(s.at_end),
            after={k: swapped(g) for k, g in s.after.items()},
            upon={k: swapped(g) for k, g in s.upon.items()},
            at_visit={k: swapped(g) for k, g in s.at_visit.items()},
        )

    numbers = {t.number: t for t in moved.transitions}
    protocol = dataclasses.replace(
        trial.protocol,
        states=tuple(state_of(s) for s in trial.protocol.states),
        transitions=tuple(numbers.get(t.number, t) for t in trial.protocol.transitions),
        reader=trial.protocol.reader if further is None else Reader(further.summaries),
    )
    labels = dataclasses.replace(trial.labels, reasons=protocol.most_read, explain=protocol.explain)
    return dataclasses.replace(trial, protocol=protocol, labels=labels)


@dataclass(frozen=True)
class Further:
    """Definitions to be recorded at a decision besides the rule's own, over these summaries."""

    summaries: Sequence[Summary]
    definitions: Mapping[str, Definition]

    def reads_with(self, reads: Sequence[int]) -> tuple[int, ...]:
        """What is to be recorded: what the rules read, and what the definitions do, in the order of definition."""
        return tuple(sorted({*reads, *(k for d in self.definitions.values() for k in d.reads)}))


def _before(records: Records, row: int, minute: int) -> list[tuple[int, int]]:
    """The moves of one subject before a minute: when, and by which transition."""
    moves = records["moves"]
    mine = (rows_of(records, "moves") == row) & (moves["minute"] < minute)
    return list(zip(moves["minute"][mine].tolist(), moves["transition"][mine].tolist(), strict=True))


def _after(records: Records, row: int, minute: int) -> After:
    """What the records say of one subject from the decision on; what is observed at that very minute came before it."""

    def mine(table: str, *, at_once: bool) -> Mapping[str, np.ndarray]:
        columns = records[table]
        keep = rows_of(records, table) == row
        keep &= columns["minute"] >= minute if at_once else columns["minute"] > minute
        return {name: values[keep] for name, values in columns.items()}

    moves, doses = mine("moves", at_once=True), mine("doses", at_once=True)
    into = ~np.isin(moves["transition"], list(records.labels.internal))
    seen, events = mine("observations", at_once=False), mine("events", at_once=False)
    observed = {}
    for variable in np.unique(seen["variable"]):
        values = seen["value"][(seen["variable"] == variable) & (seen["status"] == MADE)]
        if len(values):
            observed[int(variable)] = (len(values), float(values.sum()) / len(values))
    subjects = records["subjects"]
    return After(
        tuple(zip(moves["minute"][into].tolist(), moves["to_state"][into].tolist(), strict=True)),
        int(subjects["final_state"][row]),
        int(subjects["end_minute"][row]),
        observed,
        {int(d): float(doses["dose"][doses["drug"] == d].sum()) for d in np.unique(doses["drug"])},
        {int(e): int((events["event"] == e).sum()) for e in np.unique(events["event"])},
    )
