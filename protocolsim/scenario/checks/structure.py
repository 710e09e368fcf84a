"""Faults of a protocol whose parts are all sound: its states, its limits, and what its trial brings about."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocolsim.cohort.cohort import Cohort
from protocolsim.engine.base import Trial
from protocolsim.proof.symbolic.budget import Budget
from protocolsim.protocol.checks import findings
from protocolsim.protocol.states import Protocol, State
from protocolsim.scenario.build.cast.cast import Cast
from protocolsim.scenario.build.proof_case import case_of
from protocolsim.scenario.build.protocol.choices import meeting
from protocolsim.scenario.build.protocol.transitions import ON_STUDY
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.checks.limits import beyond_limits, too_fine
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.reserved import DROPOUT
from protocolsim.scenario.scenario import DecisionWorth


def check_structure(
    protocol: Protocol, cast: Cast, words: Vocabulary, cohort: Cohort, trial: Callable[[], Trial], q: Expressions
) -> None:
    """Faults of states, transitions, schedules and choices, and of rules that nobody's numbers fit.

    `trial` builds the trial, where it is needed to know.
    """
    budget = Budget()

    def gap(state: State) -> str | None:
        if q.faults:
            return None  # the rules may be at fault themselves; this is looked at once they are not
        from protocolsim.proof.coverage import gap_of  # z3, which few scenarios need to be read

        return gap_of(case_of(trial(), q.parameters.named), state, budget)

    limits = (*beyond_limits(protocol, cohort, words), *too_fine(protocol, cast.components))
    for address, message in (*limits, *findings(protocol, dict(enumerate(words.shows)), words.variable_names, gap)):
        q.faults.append(address, message, at_key=True)
    for message in meeting(protocol.choices, cast.components):
        q.faults.append(("protocol", "transitions"), message, at_key=True)
    _check_dropout(protocol, cohort, words, trial, q.faults)


def _check_dropout(
    protocol: Protocol, cohort: Cohort, words: Vocabulary, trial: Callable[[], Trial], faults: Faults
) -> None:
    """Faults of states where subjects drop out and that have no transition for it."""
    code = words.events.index(DROPOUT)
    # In no time nothing happens, unless the end waits for visits.
    spent = [s for s in protocol.states if s.until is not None or s.longest != 0 or cohort.capacity]
    unmet = [s for s in spent if s.on_study and code not in s.upon]
    if cohort.dropout > 0.0:
        address: Address = ("cohort", "dropout")
    elif faults:
        return
    else:
        brings = {s.number for s in unmet for c in trial().causes if c.event == code and c.rates[s.number] > 0.0}
        address, unmet = ("protocol", "transitions"), [s for s in unmet if s.number in brings]
    if unmet:
        faults.append(
            address,
            f"no transition is taken upon dropout from '{unmet[0].name}': "
            f"add {{from: {ON_STUDY}, to: ..., upon: dropout}}",
            at_key=address != ("cohort", "dropout"),
        )


def stops_counted(decisions: Mapping[str, DecisionWorth], trial: Trial, faults: Faults) -> bool:
    """Whether the price of every decision's stop can be counted: the state has to set how often it comes."""
    for name, decision in decisions.items():
        if any(c.multiplier or c.baseline for c in trial.causes if trial.labels.events[c.event] == decision.stop):
            faults.append(
                ("decisions", name, "loss", "stop"),
                f"how often '{decision.stop}' comes is not set by the state alone, so that its price over the horizon "
                "cannot be counted; name an event whose rate is",
            )
    return not faults
