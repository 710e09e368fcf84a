"""Potential outcomes: the same subjects with the same draws, sent down either branch at a decision.

How one patient fares on both branches at once is a matter of the model: no trial can show it, and anything about the
two branches of one subject together is with common random numbers, not identified.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats, Integers
from protocolsim.endpoint.subjects.population import populations
from protocolsim.endpoint.subjects.rows import per_subject, rows_of, seen
from protocolsim.errors import UsageError, unknown
from protocolsim.protocol.states import Group, Protocol
from protocolsim.records import TABLES, Records, concatenate, leaving
from protocolsim.scenario.measures import BRANCH, FOLLOWING, POTENTIAL_OUTCOME_COLUMNS
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed, whole_number
from protocolsim.study.decision.counterfactual import NOT_IDENTIFIED
from protocolsim.study.decision.threshold_rule import ThresholdRule, defined, forced
from protocolsim.study.decision.thresholds import Reached, decision_of, simulate_branches, the_rule
from protocolsim.study.decision.utility import worth_of
from protocolsim.study.engines import AUTO, chosen_engine

if TYPE_CHECKING:
    import pandas as pd

PASSES, REFUSED = "passes", "does not pass"
# One subject's story, or those of a few hundred trials: both branches are kept in memory.
MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class PotentialOutcomes:
    """The records of the subjects who reached a decision, on both of its branches.

    They are `branches["passes"]` and `branches["does not pass"]`. `measured` is what the rule compared
    for each of them, in the order of the tables of subjects.
    """

    scenario: Scenario
    rule: ThresholdRule
    seed: int
    branches: Mapping[str, Records]
    measured: Floats
    note: str = NOT_IDENTIFIED

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row for each subject and branch: `went` marks the branch taken at the scenario's own threshold.

        Columns: replicate, subject, branch, measured, went, entered (the state the branch leads to), outcome, end_day;
        where the scenario says what the decision costs, what follows it up to the horizon (`*_after`: the count seen,
        its hidden mean, the dose given, the probability of a stop); and every endpoint of a trial of this subject alone
        (`column_of`).
        `frame.attrs["note"]` says what cannot be learnt from two rows of one subject.
        """
        import pandas as pd

        sent = self.rule.holds(self.measured, self.scenario.named[self.rule.parameter].value)
        parts = []
        for branch, records in self.branches.items():
            subjects = records.frame("subjects")
            here = Reached.of(self.branches[PASSES], self.rule)
            went = sent == (branch == PASSES)
            entered, outcome = self._entered(records, here.minute), subjects["outcome"].astype(str)
            key = (subjects["replicate"], subjects["subject"], branch)
            columns = (*key, self.measured, went, entered, outcome, subjects["end_day"])
            part = pd.DataFrame(dict(zip(POTENTIAL_OUTCOME_COLUMNS, columns, strict=True)))
            parts.append(pd.concat([part, pd.DataFrame(self._followed(records, here)), self._own(records)], axis=1))
        frame = pd.concat(parts).sort_values(["replicate", "subject", "went"], ascending=[True, True, False])
        frame = frame.reset_index(drop=True)
        frame.attrs["note"] = self.note
        return frame

    @cached_property
    def joint(self) -> pd.DataFrame:
        """The difference between the branches of each subject, passing minus not passing.

        Every column but the keys of the subject says in its name that it is not identified.
        """
        frame = self.frame
        numbers = [c for c in frame.select_dtypes("number").columns if c not in ("replicate", "subject", "measured")]
        one, other = (
            frame[frame[BRANCH] == branch].set_index(["replicate", "subject"])[numbers] for branch in self.branches
        )
        joint = (one - other).rename(columns={c: f"{c} ({NOT_IDENTIFIED})" for c in numbers}).reset_index()
        joint.attrs["note"] = self.note
        return joint

    def table(self, name: str) -> pd.DataFrame:
        """A table of both branches, such as "observations", with the branch in the first column.

        Raises UsageError for an unknown name.
        """
        import pandas as pd

        parts = []
        for branch, records in self.branches.items():
            if name not in records.names:
                raise UsageError(unknown("table", name, records.names))
            part = records.frame(name).copy()
            part.insert(0, BRANCH, branch)
            parts.append(part)
        table = pd.concat(parts, ignore_index=True)
        table.attrs["note"] = self.note
        return table

    def _entered(self, records: Records, minute: Integers) -> list[str]:
        moves, rows = records["moves"], rows_of(records, "moves")
        source = moves["from_state"] == self.rule.transition.source
        here = np.flatnonzero((moves["minute"] == minute[rows]) & source & leaving(records))
        to = np.zeros(len(minute), dtype=np.int64)
        to[rows[here]] = moves["to_state"][here]
        return [records.labels.states[k] for k in to]

    def _followed(self, records: Records, here: Reached) -> dict[str, Floats]:
        decision = decision_of(self.scenario, self.rule)
        if decision is None:
            return {}
        worth = worth_of(self.scenario, decision)
        watched = seen(records, decision.count)
        since = watched.minute - here.minute[watched.row]
        inside = (since > 0) & (since <= decision.horizon)
        hidden, known = worth.expected_count(records, here.decided, here.minute)
        columns = (
            per_subject(records, watched.row[inside], watched.value[inside]),
            np.where(known, hidden, np.nan),
            worth.dose(records, here.decided, here.minute),
            np.where(known, worth.expected_dose(records, here.decided, here.minute), np.nan),
            worth.expected_stop(records, here.decided, here.minute),
        )
        return dict(zip(FOLLOWING, columns, strict=True))

    def _own(self, records: Records) -> pd.DataFrame:
        """What each subject adds to the endpoints: the value of a trial of this subject alone."""
        import pandas as pd

        known = populations(records, self.scenario.populations)
        number = len(self.measured)
        result = {}
        for name, endpoint in self.scenario.endpoints.items():
            own = endpoint.contributions(records, known)
            alone = endpoint.added(own, np.arange(number), number)
            result[column_of(name)] = endpoint.value(alone)
        return pd.DataFrame(result)


def column_of(endpoint: str) -> str:
    """The column of an endpoint: its name, or `endpoint.NAME` beside a column of ours; names have no dots."""
    return f"endpoint.{endpoint}" if endpoint in (*POTENTIAL_OUTCOME_COLUMNS, *FOLLOWING) else endpoint


def potential_outcomes(
    scenario: Scenario,
    rule: str | None = None,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    replicate: int | None = None,
    subject: int | None = None,
    engine: str = AUTO,
    progress: Callable[[int], None] | None = None,
) -> PotentialOutcomes:
    """The subjects who reach a decision, simulated on both of its branches with the same draws.

    `rule` names the parameter that is its threshold, as for `thresholds`. `replicate` and `subject`: only the subjects
    of this trial, and only this one (trial 0 where none is given). Raises UsageError where the parameter is more than a
    threshold, where a subject asked for never reaches the decision, and beyond ten million rows.
    """
    outcomes = the_rule(scenario, rule)
    replicates, seed = replicates_and_seed(scenario, replicates, seed, many_points=True)
    trials = range(replicates)
    if replicate is not None or subject is not None:
        number = 0 if replicate is None else whole_number("replicate", replicate, 0, 2**31 - 2)
        trials = range(number, number + 1)
    if subject is not None:
        whole_number("subject", subject, 0, 2**31 - 1)
    parts: tuple[list[Records], list[Records]] = [], []
    measured, rows = [], 0
    definition, reads = outcomes.measured(scenario), scenario.trial.protocol.group_of(outcomes.transition).reads
    forced_trials = [forced(scenario.trial, outcomes.transition, taken) for taken in (True, False)]
    for taken, refused in simulate_branches(forced_trials, seed, trials, chosen_engine(scenario, engine), progress):
        here = Reached.of(taken, outcomes)
        wanted = here.decided if subject is None else here.decided & (taken["subjects"]["subject"] == subject)
        for side, records in zip(parts, (taken, refused), strict=True):
            side.append(_only(records, wanted))
        rows += sum(len(side[-1]["observations"]["minute"]) for side in parts)
        if rows > MOST_ROWS:
            raise UsageError(
                f"both branches have more than {MOST_ROWS:,} rows: ask for fewer replicates, or for one subject"
            )
        columns = [taken["moves"][f"value_{k}"][here.moves] for k in range(len(reads))]
        measured.append(defined(definition, reads, columns, len(here.rows))[wanted[here.rows]])
    joined = [concatenate(side) for side in parts]
    both = {
        branch: dataclasses.replace(
            records, labels=dataclasses.replace(records.labels, explain=_explains(scenario, outcomes, sent))
        )
        for branch, records, sent in zip((PASSES, REFUSED), joined, (True, False), strict=True)
    }
    if subject is not None and not len(both[PASSES]["subjects"]["subject"]):
        raise UsageError(
            f"subject {subject} of replicate {trials.start} does not reach the decision at the end of "
            f"'{scenario.trial.protocol.states[outcomes.transition.source].name}'"
        )
    return PotentialOutcomes(scenario, outcomes, seed, both, np.concatenate(measured))


def _explains(scenario: Scenario, rule: ThresholdRule, sent: bool) -> Callable[[int, Sequence[float]], tuple[str, str]]:
    """What led to each move: the rule's own words, unless the subject was sent against them."""
    protocol = scenario.trial.protocol
    decision = protocol.group_of(rule.transition), rule.measured(scenario), scenario.named[rule.parameter].value
    return partial(_explained, protocol, rule, decision, sent)


def _explained(
    protocol: Protocol, rule: ThresholdRule, decision: tuple[Group, Any, float], sent: bool, number: int,
    read: Sequence[float],
) -> tuple[str, str]:  # fmt: skip
    group, definition, own = decision
    trigger, said = protocol.explain(number, read)
    if number not in {t.number for t in group.transitions}:
        return trigger, said
    measured = defined(definition, group.reads, [np.array([v]) for v in read[: len(group.reads)]], 1)
    if bool(rule.holds(measured, own)[0]) == sent:
        return trigger, said
    words = rule.transition.rule.words if rule.transition.rule is not None else ""
    numbers = said.rpartition(" | ")[2]
    return trigger, f"sent against the rule ({words}) to see the other branch | {numbers}"


def _only(records: Records, wanted: NDArray[np.bool_]) -> Records:
    """The records of the wanted subjects (rows of `subjects`)."""
    tables = {}
    for table in TABLES:
        chosen = wanted if table == "subjects" else wanted[rows_of(records, table)]
        tables[table] = {name: column[chosen] for name, column in records[table].items()}
    return dataclasses.replace(records, tables=tables, derived={})
