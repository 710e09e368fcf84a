"""Counterexamples: the numbers of a patient, and the parameters with which one could exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocolsim.proof.questions import DecisionQuestion
from protocolsim.proof.symbolic.logic import SolverAnswer, Truth, exact
from protocolsim.proof.text import patient_with

Numbers = dict[str, float | None]


@dataclass(frozen=True)
class Elsewhere:
    """A patient who could exist with other parameters: which ones, as numbers and in words."""

    answer: SolverAnswer
    changed: Numbers
    words: str


def example(decision: DecisionQuestion, answer: SolverAnswer, names: Sequence[str]) -> tuple[Numbers, str]:
    """The numbers that these names come down to, and the patient who has them, in words."""
    numbers = dict(decision.numbers(answer, decision.leaves(names)))
    return numbers, patient_with(decision.patients.case, numbers)


def with_other_settings(free: DecisionQuestion, claims: Sequence[Truth], show: Sequence[str]) -> Elsewhere | None:
    """Whether the claims can be true with other parameters within their ranges: if it does, with one alone."""
    case, settings = free.patients.case, free.patients.values.settings
    movable = [n for n, s in case.settings.items() if s.node is None and s.domain.least > -float("inf")]
    if not movable or free.can(*claims).verdict != "yes":
        return None
    same = {n: free.logic.compare("==", settings[n].numerator, exact(case.settings[n].value)) for n in movable}
    for moved in [*([n] for n in movable), movable]:
        answer = free.can(*claims, *(same[n] for n in movable if n not in moved), show=(*show, *moved))
        if answer.verdict == "yes":
            changed = dict(free.numbers(answer, moved))
            words = patient_with(case, changed).removeprefix("a patient ")
            return Elsewhere(answer, changed, f"{words} (within its range)" if len(moved) == 1 else words)
    return None
