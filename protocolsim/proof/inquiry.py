"""What the examinations of a protocol share: its patients, dead transitions, questions that were not answered."""

from __future__ import annotations

from protocolsim.proof.base import Case
from protocolsim.proof.questions import DecisionQuestion, Patients
from protocolsim.proof.symbolic.logic import SolverAnswer
from protocolsim.proof.text import quoted
from protocolsim.protocol.states import State, Transition


class Inquiry:
    """An examination under way.

    case        what is examined
    patients    every patient that its protocol could meet, with the parameters as they are
    dead        the numbers of transitions that no patient takes
    given_up    questions that the budget did not suffice for, in words
    """

    def __init__(self, case: Case) -> None:
        self.case, self.protocol = case, case.protocol
        self.patients = Patients(case)
        self.dead: set[int] = set()
        self.given_up: list[str] = []
        self._free: Patients | None = None
        self._freely: dict[tuple[int, str], DecisionQuestion] = {}

    def freely(self, decision: DecisionQuestion) -> DecisionQuestion:
        """The same decision with parameters that may be anything in their ranges."""
        if self._free is None:
            self._free = Patients(self.case, self.patients.logic.budget, free=True)
        key = decision.state.number, decision.group.trigger
        if key not in self._freely:
            self._freely[key] = DecisionQuestion(self._free, decision.state, decision.group)
        return self._freely[key]

    def give_up(self, state: State, t: Transition, what: str, answer: SolverAnswer) -> None:
        """Record a question about a transition that could not be decided within the budget."""
        self.given_up.append(f"{what} ({quoted(t)} from '{state.name}'; no answer {answer.budget})")
