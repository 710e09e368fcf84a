"""Which planned activities can take place at all, by the engines' own order of events (engine/base.py).

A rule may be true or false here; only time, the ways that there are and moves that everybody makes are looked at. What
is left out never takes place, whoever the patient is; what is left in does where the rules let anybody come to it.

- Nobody is later for less than nothing: the earliest moment after enrolment at which a state can be entered says how
  long a stay `until` a moment lasts at most.
- At the very end of a state only what was listed is done; of what repeats nothing.
- Whoever has been assessed goes at once where a transition after that assessment asks nothing: that day's dose and all
  later visits lapse.
- Who does not come, or has to wait, may miss the assessment, and so go on to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from protocolsim.protocol.states import Protocol, State, Transition, Visit, reachable

Planned = Mapping[int, tuple[Visit, ...]]
"""By state, the visits that can take place, with what can be done at them; a state that nobody gets to is left out."""


def planned(protocol: Protocol, events: Mapping[int, frozenset[int]], *, may_miss: bool) -> Planned:
    """What can take place. `events` that can happen, by state; `may_miss`: a planned visit may not be made."""
    return _Walk(protocol, events, may_miss=may_miss).walk()


class _Walk:
    """Everybody from the first state on, the earliest first. Time counts from enrolment; before it, it stands still."""

    def __init__(self, protocol: Protocol, events: Mapping[int, frozenset[int]], *, may_miss: bool) -> None:
        self.protocol, self.events, self.may_miss = protocol, events, may_miss
        self.successors = protocol.successors()

    def walk(self) -> Planned:
        """The visits that somebody can come to, by state."""
        result: dict[int, tuple[Visit, ...]] = {}
        open_: list[tuple[int, int, bool]] = []  # (minutes since enrolment, state, enrolled)
        seen: set[tuple[int, bool]] = set()
        heappush(open_, (0, 0, self.protocol.states[0].enrolled))
        while open_:
            minute, number, enrolled = heappop(open_)
            if (number, enrolled) in seen:
                continue
            seen.add((number, enrolled))
            state = self.protocol.states[number]
            visits, left = self._stay(state, minute)
            # Enrolled the stay can be shorter, never longer: who is not enrolled cannot be in a state with `until`.
            result.setdefault(number, visits)
            for transition, after in self._ways(state, visits, minute, left=left):
                for to in transition.destinations:
                    begins = not enrolled and self.protocol.states[to].enrolled
                    then = minute + after if enrolled else 0
                    heappush(open_, (0 if begins else then, to, enrolled or begins))
        return result

    def _stay(self, state: State, minute: int) -> tuple[tuple[Visit, ...], bool]:
        """What can be done in a state by those who enter it earliest; whether all are gone before its end."""
        length = state.lasts if state.until is None else max(0, state.until - minute)
        stay: list[Visit] = []
        for visit in state.visits:
            if length is None or visit.offset < length:
                here: Visit | None = visit
            else:
                here = visit.closing if visit.offset == length else None
            if here is None:
                continue
            gone = any(self._sends_away(state, here.offset, a) for a in here.assessments)
            doses = () if gone else here.doses
            if here.assessments or doses:
                stay.append(Visit(here.offset, here.assessments, doses, None))
            if gone:
                return tuple(stay), state.until is None
        return tuple(stay), False

    def _sends_away(self, state: State, offset: int, assessment: int) -> bool:
        """Whether everybody who comes to this assessment makes it and goes."""
        group = state.after.get(assessment)
        if group is None or not group.certain or self.may_miss:
            return False
        if offset > 0:
            return True
        # On entry it is not repeated, and so nothing tried after it, where it was made at the same minute before.
        return not any(
            assessment in visit.assessments
            for other in self.protocol.states
            if state.number in reachable(self.successors, self.successors[other.number])
            for visit in other.visits
        )

    def _ways(
        self, state: State, visits: tuple[Visit, ...], minute: int, *, left: bool
    ) -> list[tuple[Transition, int]]:
        """The transitions that can be taken, each with the least time that this takes."""
        ways: list[tuple[Transition, int]] = []
        if state.final:
            return ways
        if state.at_end is not None and not left:
            length = state.lasts if state.until is None else max(0, state.until - minute)
            ways += [(t, length or 0) for t in self._tried(state.at_end.transitions)]
        for assessment, group in state.after.items():
            at = [v.offset for v in visits if assessment in v.assessments]
            ways += [(t, min(at)) for t in self._tried(group.transitions) if at]
        for event, group in state.upon.items():
            if event in self.events.get(state.number, frozenset()):
                ways += [(t, 0) for t in self._tried(group.transitions)]
        return ways

    @staticmethod
    def _tried(transitions: tuple[Transition, ...]) -> list[Transition]:
        """Those up to the first that asks nothing."""
        certain = next((k for k, t in enumerate(transitions) if t.rule is None), len(transitions))
        return list(transitions[: certain + 1])


def moments(planned_: Planned, state: State, *, assessment: int | None = None, drug: int | None = None) -> list[int]:
    """The minutes of a state at which an assessment can be made, or a dose of a drug be given."""
    return [
        visit.offset
        for visit in planned_.get(state.number, ())
        if assessment in visit.assessments or any(d.drug == drug for d in visit.doses)
    ]
