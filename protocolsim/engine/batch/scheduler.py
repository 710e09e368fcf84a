"""The batch engine's event loop: a vectorised state machine, advancing many subjects through one state at a time.

Each state has a work list of subjects who have entered it. All subjects on a list pass through the state together (see
`stay.py`), and those who have left it are put on the lists of the states that they have left for.

Two decisions couple subjects and are therefore synchronisation points, resolved in order of subject number: enrolment
until the cohort is full, and the next position of a permuted block.
"""

from __future__ import annotations

import numpy as np

from protocolsim.arrays import Integers, Mask
from protocolsim.cohort.randomisation import allocations
from protocolsim.engine.base import Trial, never_ends
from protocolsim.engine.batch.buffers import Workspace
from protocolsim.engine.batch.columns import Columns, in_order, merged
from protocolsim.engine.batch.decisions import AwaitingAllocation, Decisions, move
from protocolsim.engine.batch.in_force import enter
from protocolsim.engine.batch.screening import Candidates, Screening, admit
from protocolsim.engine.batch.stay import JointStay
from protocolsim.engine.batch.tables import Part
from protocolsim.protocol.states import Randomisation, State, reachable


def simulated(trial: Trial, screening: Screening, first: Candidates, room: int, memory: Workspace) -> Part:
    """Simulate these candidates, and more of them while there is room and too few are enrolled.

    Returns the columns, and a mask of the subjects that are part of the trial.
    """
    columns = Columns(trial, screening.seed, room, memory)
    scheduler = Scheduler(columns, screening)
    scheduler.run(first)
    for row in np.flatnonzero(columns.endless & scheduler.kept).tolist():
        replicate, subject = columns.who[row].tolist()
        words = never_ends(replicate, subject, trial.protocol.states[columns.state[row]].name)
        screening.failed.setdefault(int(columns.replicate[row]), words)
    screening.give_up()
    return columns, scheduler.kept


class Scheduler:
    """The scheduler: columns of subjects, and work lists of those in a state, or pending enrolment or an allocation."""

    def __init__(self, columns: Columns, screening: Screening) -> None:
        self.columns, self.screening, self.protocol = columns, screening, columns.trial.protocol
        self.states = self.protocol.states
        self.entered: dict[int, list[Integers]] = {}
        self.awaiting_allocation: list[AwaitingAllocation] = []
        self.awaiting_enrolment: list[Integers] = []
        self.screening_over = False
        self.kept: Mask = np.zeros(columns.size, dtype=np.bool_)

    def run(self, first: Candidates) -> None:
        """Simulate all subjects to a final state; afterwards `kept` marks those that are part of the trial."""
        self._begin(first)
        while True:
            if self.entered:
                number = min(self.entered)
                self._stay(merged(self.entered.pop(number)), self.states[number])
            elif self.awaiting_allocation:
                self._allocate_next()
            elif not self.screening_over:
                more = self._more()
                if more is None:
                    self._enrol()
                else:
                    self._begin(more)
            else:
                return

    def _begin(self, candidates: Candidates) -> None:
        self._arrive(self.columns.begin(candidates), self.states[0])

    def _more(self) -> Candidates | None:
        """A further batch of candidates, if fewer subjects await enrolment than places are free and rows remain."""
        replicates = len(self.screening.replicates)
        candidates = sum(
            (np.bincount(self.columns.replicate[r], minlength=replicates) for r in self.awaiting_enrolment),
            np.zeros(replicates, int),
        )
        return self.screening.more(self.screening.wanted - candidates, self.columns.size - self.columns.begun)

    def _arrive(self, rows: Integers, state: State) -> None:
        """Let subjects enter a state and its work list; entry that enrols is deferred until screening ends."""
        columns = self.columns
        if columns.any_endless:
            # Drop subjects in an endless loop; the error is raised only if they are enrolled.
            rows = rows[~columns.endless[rows]]
        if state.enrolled and not self.screening_over:
            self.awaiting_enrolment.append(rows)
            return
        enter(columns, rows, state)
        if not state.final and len(rows):
            self.entered.setdefault(state.number, []).append(rows)

    def _stay(self, rows: Integers, state: State) -> None:
        """Simulate the stay of these subjects, and let them enter their next states, or await their allocation."""
        decisions = Decisions(self.columns, rows, state)
        JointStay(self.columns, state, decisions).simulate(rows)
        for number, gone in decisions.left_for.items():
            self._arrive(merged(gone) if len(gone) > 1 else gone[0], self.states[number])
        self.awaiting_allocation += decisions.to_allocate

    # Enrolment and allocation: the decisions that couple subjects -----------------------------------------------------

    def _enrol(self) -> None:
        """End screening: enrol subjects in order of subject number until the cohort is full."""
        self.screening_over = True
        columns, screening = self.columns, self.screening
        candidates = np.zeros(columns.size, dtype=np.bool_)
        for rows in self.awaiting_enrolment:
            candidates[rows] = True
        admit(candidates[: columns.begun], columns.replicate, screening.wanted, self.kept)
        rows = np.flatnonzero(candidates & self.kept)
        screening.enrolled += np.bincount(columns.replicate[rows], minlength=len(screening.enrolled))
        for number in np.flatnonzero(np.bincount(columns.state[rows])):
            self._arrive(rows[columns.state[rows] == number], self.states[number])

    def _allocate_next(self) -> None:
        """Process the pending randomisation that no other pending subject can still reach."""
        successors = self.protocol.successors
        waiting = {
            p.transition.randomise.number: p.transition.randomise
            for p in self.awaiting_allocation
            if p.transition.randomise
        }
        for randomisation in waiting.values():
            users = {t.source for t in self.protocol.transitions if t.randomise is randomisation}
            others = [o for o in waiting.values() if o is not randomisation]
            if not any(reachable(successors, o.arms) & users for o in others):
                break
        pending = [p for p in self.awaiting_allocation if p.transition.randomise is randomisation]
        self.awaiting_allocation = [p for p in self.awaiting_allocation if p.transition.randomise is not randomisation]
        self._allocate(randomisation, pending)

    def _allocate(self, randomisation: Randomisation, pending: list[AwaitingAllocation]) -> None:
        columns = self.columns
        rows, strata = np.concatenate([p.rows for p in pending]), np.concatenate([p.strata for p in pending])
        order = in_order(columns.who[rows])
        rows, strata = rows[order], strata[order]
        arms = np.empty(len(rows), dtype=np.int64)
        block = np.array(randomisation.block, dtype=np.int64)
        replicates = columns.who[rows, 0]
        places = self.screening.next_places(randomisation.number, replicates, strata)
        allocations(block, columns.seed, replicates, randomisation.number, strata, places, arms)
        columns.allocated[randomisation.number, rows] = arms
        for part in pending:
            mine = columns.allocated[randomisation.number, part.rows]
            for arm in randomisation.arms:
                going = mine == arm
                if going.any():
                    move(columns, part.rows[going], part.transition, self.states[arm], part.read[:, going])
        for arm in randomisation.arms:
            self._arrive(rows[arms == arm], self.states[arm])
