"""The decision that a trial takes for each patient, in one sentence: the rule, and whom it sent where."""

from __future__ import annotations

from collections import Counter

import numpy as np

from protocolsim.errors import UsageError
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.style import numbers
from protocolsim.study.decision.threshold_rule import ThresholdRule, threshold_rule
from protocolsim.study.result import Result


def sentence(result: Result) -> str:
    """The decision at a threshold and how many took which way; '' where there is no such rule, or nobody reached it.

    Counted among the trials that a report draws from: all of them, or of a long run the first.
    """
    rule = _rule(result)
    if rule is None:
        return ""
    scenario = result.scenario
    protocol = scenario.trial.protocol
    group = [t.number for t in protocol.group_of(rule.transition).transitions if not t.internal]
    moves = result.shown["moves"]
    decided = np.isin(moves["transition"], group) & (moves["from_state"] == rule.transition.source)
    went = Counter(moves["to_state"][decided].tolist())
    number = sum(went.values())
    if number == 0 or rule.transition.rule is None:
        return ""
    state = protocol.states[rule.transition.source].label
    shares = [f"{numbers.part_of(n, number)} to '{protocol.states[to].label}'" for to, n in went.most_common()]
    trials = numbers.count(result.shown_replicates, "trial")
    first = "" if result.shown_replicates == result.replicates else "first "
    patients = "the one patient" if number == 1 else f"the {number:,} patients"
    return (
        f"The decision, after '{state}': {protocol_text.rule(rule.transition.rule.words, scenario)}? Of {patients} "
        f"who came to it in the {first}{trials}, {protocol_text.listed(shares)}."
    )


def _rule(result: Result) -> ThresholdRule | None:
    """The only rule with a threshold, where a scenario has one."""
    try:
        found = threshold_rule(result.scenario)
    except UsageError:
        return None
    return found if isinstance(found, ThresholdRule) else None
