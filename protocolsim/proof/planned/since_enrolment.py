"""When planned visits can take place, in time since enrolment.

An over-approximation, as `planned` is: no visit of any patient takes place outside of what is said here. It holds where
subjects do not wait for each other, which makes visits late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from protocolsim.proof.planned.reachable import Reachable
from protocolsim.protocol.states import Protocol, State

_NO_END = float("inf")

Span = tuple[float, float]
"""From when to when, both included, in minutes since enrolment; below 0 before it."""


class SinceEnrolment:
    """The spans of time in which the reachable visits of a protocol can take place."""

    def __init__(self, protocol: Protocol, reachable: Reachable) -> None:
        self.protocol, self.reachable = protocol, reachable
        self.latest = self._latest()

    def of(self, state: State, offset: int) -> Iterator[Span]:
        """When a visit planned so long after the start of a state can take place."""
        number = state.number
        if number in self.protocol.before_enrolment:
            yield -_NO_END, 0.0
        if number in self.latest:
            last = self.latest[number] + offset
            # A stay `until` a time is over by then, unless it begins later.
            last = last if state.until is None else min(last, _left(state, self.latest[number]))
            yield float(self.reachable.earliest[number] + offset), last

    def _latest(self) -> Mapping[int, float]:
        """By state, when one who is enrolled enters it at the latest; never for certain where a loop feeds it."""
        latest = {n: 0.0 for n in self.reachable.earliest if self.protocol.states[n].enrolled}
        for turn in count():
            later: dict[int, float] = {}
            for number, entered in latest.items():
                left = _left(self.protocol.states[number], entered)
                for to in {to for t in self.reachable.ways[number] for to in t.possible}:
                    if left > max(latest.get(to, -1.0), later.get(to, -1.0)):
                        # Only what a loop feeds grows for so many turns.
                        later[to] = left if turn < len(self.protocol.states) else _NO_END
            if not later:
                break
            latest |= later
        return latest


def _left(state: State, entered: float) -> float:
    """When a state that was entered then is left at the latest."""
    length = float(state.longest or 0)
    return entered + length if state.until is None else max(entered, length)
