"""Planned visits by name: `at: week 4` in summaries and transitions, against what the states plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from protocolsim.protocol.summaries import AtVisit
from protocolsim.protocol.variables import Computed
from protocolsim.scenario.build.protocol.variables import ComputedNumbers
from protocolsim.scenario.build.protocol.visits import VisitsBuilder
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import ProtocolPart, StatePart, TransitionPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK, NONE, duration

_SHOWN = 8  # planned times that are named where another was asked for
_FORM = re.compile(r"\s*(?:(?P<unit>week|day)\s+)?(?P<time>.+?)(?P<since>\s+since\s+enrolment)?\s*", re.DOTALL)


@dataclass(frozen=True)
class Timetable:
    """How long a state lasts and what is assessed in it: (minute, assessment, whether also at its very end).

    `sound`: whether all of it could be read.
    """

    lasts: int | Computed | None
    until: int | Computed | None
    measured: Sequence[tuple[int, int, bool]]
    sound: bool

    def planned(self, assessments: Iterable[int]) -> set[int]:
        """The minutes from the start of the state at which one of these assessments is planned."""
        longest = self.longest
        return {
            offset
            for offset, assessment, closing in self.measured
            if assessment in assessments and (longest is None or offset < longest or (offset == longest and closing))
        }

    @property
    def longest(self) -> int | None:
        """The longest that the state can last, from its start or from enrolment."""
        return at_most(self.lasts if self.until is None else self.until)


def at_most(length: int | Computed | None) -> int | None:
    """The most that a length can come to."""
    return int(length.high) if isinstance(length, Computed) else length


def moment(offset: int, *, in_days: bool = False) -> str:
    """A planned visit in words: 'week 4', 'day 3' (`in_days`: 'day 28' as well), '36 hours'."""
    for unit, length in (("week", MINUTES_PER_WEEK), ("day", MINUTES_PER_DAY)):
        if offset % length == 0 and not (in_days and unit == "week"):
            return f"{unit} {offset // length}"
    return duration(offset)


class PlannedVisits:
    """The timetables of a protocol's states, each read once, and the visits that summaries and transitions name."""

    def __init__(self, part: ProtocolPart, q: Expressions, visits: VisitsBuilder, computed: ComputedNumbers) -> None:
        """`computed` reads durations, with the summaries known by then."""
        self.part, self.q, self._visits, self._computed = part, q, visits, computed
        self._tables: dict[str, Timetable] = {}

    def of(self, name: str, part: StatePart) -> Timetable:
        """A state's timetable; its faults are reported when it is first asked for."""
        if name not in self._tables:
            self._tables[name] = self._read(("protocol", "states", name), part)
        return self._tables[name]

    def _read(self, address: Address, part: StatePart) -> Timetable:
        with self.q.faults.watch() as here:
            minutes = self._computed.minutes
            lasts = None if part.lasts is None else minutes((*address, "lasts"), part.lasts, "duration")
            until = None if part.until is None else minutes((*address, "until"), part.until, "time since enrolment")
            if part.lasts is not None and part.until is not None:
                self.q.faults.append(address, "a state says 'lasts' or 'until', not both", at_key=True)
            measured = self._visits.assessments(address, part, at_most(lasts if until is None else until))
        return Timetable(lasts, until, measured, here.ok)

    def read(self, address: Address, text: str | float) -> AtVisit | None:
        """What `week 4`, `day 28`, `8 weeks`, `week 4 since enrolment` mean; None, with a fault, for others."""
        match = _FORM.fullmatch(str(text))
        if match is None:
            self.q.faults.append(address, "expected a planned visit, such as week 4")
            return None
        if match["unit"] is None:
            offset = self.q.minutes(address, match["time"], what="a planned visit, such as week 4")
        else:
            length = MINUTES_PER_WEEK if match["unit"] == "week" else MINUTES_PER_DAY
            number = self.q.number(address, match["time"], NONE, least=0.0, most=520000.0 / 7, what="a planned visit")
            offset = None if number is None else self.q.whole_minutes(address, str(text), number * length)
        return None if offset is None else AtVisit(offset, match["since"] is not None)

    def of_summary(
        self, address: Address, at: AtVisit, assessments: Sequence[int], during: Sequence[str] | None
    ) -> tuple[str, ...] | None:
        """The states whose visit a summary means, () for any; None, with a fault, where none of them plans it.

        `assessments`: those that show its variable; `during`: the states that the summary names, None for none.
        """
        asked = {n: p for n, p in self.part.states.items() if during is None or n in during}
        tables = {name: self.of(name, part) for name, part in asked.items() if part.final is None}
        if not all(t.sound for t in tables.values()):
            self.q.faults.unsound()
            return None
        planned = {name: table.planned(assessments) for name, table in tables.items()}
        if at.since_enrolment:
            # When a state is entered depends on the patient: only what nobody could ever meet is a fault.
            if not any(planned.values()):
                self.q.faults.append(address, f"no such observation is planned{_where(during)}")
                return None
            return tuple(during or ())
        chosen = [name for name, offsets in planned.items() if at.offset in offsets]
        without = [name for name in (during or ()) if name not in chosen]
        if without or not chosen:
            offsets = set().union(*(planned[n] for n in without if n in planned)) if without else set[int]()
            self.q.faults.append(address, _not_planned(at, _where(without or None), offsets))
            return None
        return tuple(chosen)

    def after(
        self, parts: Sequence[TransitionPart], sources: Mapping[int, Sequence[str]], codes: Sequence[str]
    ) -> dict[tuple[str, str], dict[int, int]]:
        """By (state, assessment): the offset of each item's named visit. `sources`: the states that each item leaves.

        Faults where none of an item's sources plans its visit.
        """
        found: dict[tuple[str, str], dict[int, int]] = {}
        for item, part in enumerate(parts):
            if part.at is None or part.after is None or part.after not in codes:
                continue
            address: Address = ("protocol", "transitions", item, "at")
            at = self.read(address, part.at)
            if at is None:
                continue
            if at.since_enrolment:
                self.q.faults.append(
                    address, "a transition's visit is counted from the start of the state that it leaves"
                )
                continue
            tables = {s: self.of(s, self.part.states[s]) for s in sources.get(item, ())}
            if not all(t.sound for t in tables.values()):
                self.q.faults.unsound()
                continue
            planned = {s: t.planned([codes.index(part.after)]) for s, t in tables.items()}
            chosen = [s for s, offsets in planned.items() if at.offset in offsets]
            if not chosen and planned:
                self.q.faults.append(address, _not_planned(at, _where(list(planned)), set().union(*planned.values())))
            for state in chosen:
                found.setdefault((state, part.after), {})[item] = at.offset
        return found


def _where(names: Sequence[str] | None) -> str:
    return " in " + ", ".join(f"'{n}'" for n in names) if names else ""


def _not_planned(at: AtVisit, where: str, offsets: set[int]) -> str:
    in_days = any(o % MINUTES_PER_WEEK for o in (at.offset, *offsets))
    said = f"no such visit is planned{where} at {moment(at.offset, in_days=in_days)}"
    if not offsets:
        return said
    shown = ", ".join(moment(o, in_days=in_days) for o in sorted(offsets)[:_SHOWN])
    return f"{said}; planned are {shown}" + (", ..." if len(offsets) > _SHOWN else "")


def triggers(trigger: str, item: int, named: Mapping[int, int] | None, planned: set[int]) -> tuple[str, ...]:
    """The triggers of one transition out of one state, one for each group of transitions that it is tried in.

    `trigger`: what it says; `named`: the visits that items after the same assessment in this state name, by item;
    `planned`: every visit with that assessment. One that names no visit is tried at each of theirs as well.
    """
    if not named:
        return (trigger,)
    if item in named:
        return (f"{trigger} at {moment(named[item])}",)
    others = (trigger,) if planned - set(named.values()) else ()
    return (*others, *(f"{trigger} at {moment(o)}" for o in sorted(set(named.values()))))
