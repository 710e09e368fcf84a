"""Reachability of planned activities, under the engines' order of events (engine/base.py).

An over-approximation: each rule may be true or false; only time, the transition graph and unconditional transitions
count. An activity left out never takes place for any patient; one left in does if the rules let some patient reach it.

- The earliest time after enrolment at which a state can be entered bounds the length of a stay `until` a time.
- A stay whose length is computed may be as short or as long as its variables allow.
- At the end of a state only listed activities are done, not repeated ones.
- An unconditional transition after an assessment is taken at once: that day's dose and all later visits lapse.
- A no-show, or a queue, may make the patient miss the assessment and stay for the next visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from protocolsim.protocol.states import Protocol, State, Transition, Visit, reachable

Planned = Mapping[int, tuple[Visit, ...]]
"""By state, the reachable visits with their reachable activities; unreachable states are left out."""


@dataclass(frozen=True)
class Reachable:
    """What can take place of a protocol, and in which order.

    visits      by state, the reachable visits with their reachable activities
    ways        by state, the transitions that some patient may take
    earliest    by state, the least time since enrolment at which one who is enrolled enters it
    """

    visits: Planned
    ways: Mapping[int, tuple[Transition, ...]]
    earliest: Mapping[int, int]


def planned(protocol: Protocol, events: Mapping[int, frozenset[int]], *, may_miss: bool) -> Planned:
    """The reachable activities. `events`: those that can occur, by state; `may_miss`: planned visits may be missed."""
    return reached(protocol, events, may_miss=may_miss).visits


def reached(protocol: Protocol, events: Mapping[int, frozenset[int]], *, may_miss: bool) -> Reachable:
    """The reachable activities, the ways between states, and when each is entered at the earliest."""
    return _Walk(protocol, events, may_miss=may_miss).walk()


class _Walk:
    """Shortest-path search from the first state, by time since enrolment; before enrolment no time passes."""

    def __init__(self, protocol: Protocol, events: Mapping[int, frozenset[int]], *, may_miss: bool) -> None:
        self.protocol, self.events, self.may_miss = protocol, events, may_miss
        self.successors = protocol.successors

    def walk(self) -> Reachable:
        """Everything that is reachable."""
        result: dict[int, tuple[Visit, ...]] = {}
        ways: dict[int, tuple[Transition, ...]] = {}
        earliest: dict[int, int] = {}
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
            # Enrolment can only shorten the stay: a state with `until` cannot be entered before enrolment.
            result.setdefault(number, visits)
            if enrolled:
                earliest.setdefault(number, minute)
            out = self._ways(state, visits, minute, left=left)
            ways[number] = (*ways.get(number, ()), *(t for t, _ in out))
            for transition, after in out:
                for to in transition.possible:
                    begins = not enrolled and self.protocol.states[to].enrolled
                    then = minute + after if enrolled else 0
                    heappush(open_, (0 if begins else then, to, enrolled or begins))
        return Reachable(result, ways, earliest)

    def _stay(self, state: State, minute: int) -> tuple[tuple[Visit, ...], bool]:
        """The reachable visits of a state entered at its earliest time; whether it is always left before its end."""
        length = state.longest if state.until is None else max(0, (state.longest or 0) - minute)
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
        """Whether this assessment is always made at this visit and followed by an unconditional transition."""
        group = state.tried_after(assessment, offset)
        if group is None or not group.certain or self.may_miss:
            return False
        if offset > 0:
            return True
        # On entry an assessment already made at this minute is not repeated, and transitions after it not tried.
        return not any(
            assessment in visit.assessments
            for other in self.protocol.states
            if state.number in reachable(self.successors, self.successors[other.number])
            for visit in other.visits
        )

    def _ways(
        self, state: State, visits: tuple[Visit, ...], minute: int, *, left: bool
    ) -> list[tuple[Transition, int]]:
        """The transitions that can be taken, each with its least time after entry."""
        ways: list[tuple[Transition, int]] = []
        if state.final:
            return ways
        if state.at_end is not None and not left:
            length = (state.shortest or 0) - (0 if state.until is None else minute)
            ways += [(t, max(0, length)) for t in self._tried(state.at_end.transitions)]
        first: dict[str, int] = {}
        for visit in visits:
            for assessment in visit.assessments:
                group = state.tried_after(assessment, visit.offset)
                if group is not None and first.setdefault(group.trigger, visit.offset) == visit.offset:
                    ways += [(t, visit.offset) for t in self._tried(group.transitions)]
        for event, group in state.upon.items():
            if event in self.events.get(state.number, frozenset()):
                ways += [(t, 0) for t in self._tried(group.transitions)]
        return ways

    @staticmethod
    def _tried(transitions: tuple[Transition, ...]) -> list[Transition]:
        """Those up to the first unconditional one."""
        certain = next((k for k, t in enumerate(transitions) if t.rule is None), len(transitions))
        return list(transitions[: certain + 1])


def moments(planned_: Planned, state: State, *, assessment: int | None = None, drug: int | None = None) -> list[int]:
    """The minutes of a state at which an assessment, or a dose of a drug, is reachable."""
    return [
        visit.offset
        for visit in planned_.get(state.number, ())
        if assessment in visit.assessments or any(d.drug == drug for d in visit.doses)
    ]
