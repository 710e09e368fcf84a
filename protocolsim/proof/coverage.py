"""Exhaustiveness: whether some rule holds for every patient at the end of a state without an unconditional exit."""

from __future__ import annotations

from protocolsim.proof.base import Case
from protocolsim.proof.questions import DecisionQuestion, Patients
from protocolsim.proof.symbolic.budget import Budget, TooHigh
from protocolsim.proof.symbolic.logic import SolverAnswer
from protocolsim.proof.text import patient_with
from protocolsim.protocol.states import State


def without_a_way(decision: DecisionQuestion) -> SolverAnswer:
    """A counterexample to exhaustiveness: a patient for whom none of the rules holds."""
    none_holds = [decision.logic.no(rule) for rule in decision.rules.values()]
    return decision.can(*none_holds, show=decision.read_by(*decision.group.transitions))


def gap_of(case: Case, state: State, budget: Budget) -> str | None:
    """Counterexample (in parentheses) for a non-exhaustive exit, or None if proven exhaustive."""
    assert state.at_end is not None
    try:
        decision = DecisionQuestion(Patients(case, budget), state, state.at_end)
    except TooHigh as high:
        return f" (whether its rules cover every patient could not be proven: {high})"
    answer = without_a_way(decision)
    if answer.verdict == "no":
        return None
    if answer.verdict == "given up":
        return f" (whether its rules cover every patient could not be proven {answer.budget})"
    names = decision.read_by(*state.at_end.transitions)
    return f" ({patient_with(case, decision.numbers(answer, decision.leaves(names)))})"
