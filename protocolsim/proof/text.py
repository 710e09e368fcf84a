"""Formatting of findings: transitions, counterexamples, numbers and times as text."""

from __future__ import annotations

from collections.abc import Mapping

from protocolsim.proof.base import Case
from protocolsim.protocol.states import END, Group, Protocol, Transition
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK, TIME, Dimension, in_reading_unit

_LONG = 80  # a longer rule is cut short: its line says the rest


def quoted(t: Transition) -> str:
    """A transition as its line says it."""
    if t.rule is not None:
        words = " ".join(t.rule.words.split())
        return f"'{words}'" if len(words) <= _LONG else f"'{words[: _LONG - 4]} ...'"
    if t.otherwise:
        return "the 'otherwise'"
    return "the way at the end" if t.trigger == END else f"the way {t.trigger}"


def moment(group: Group) -> str:
    """When transitions are tried together: 'at the end', 'after' an assessment, 'upon' an event."""
    return "at the end" if group.trigger == END else group.trigger


def destination(protocol: Protocol, t: Transition) -> str:
    """Where a transition leads."""
    if t.internal:
        return f"'{protocol.states[t.source].name}' still"
    return " or ".join(f"'{protocol.states[d].name}'" for d in t.destinations)


def patient_with(case: Case, numbers: Mapping[str, float | None]) -> str:
    """A counterexample: 'a patient with baseline = 0 and no current value'."""
    dimensions = {s.name: s.dimension for s in case.protocol.reader.summaries}
    dimensions |= {name: s.dimension for name, s in case.settings.items()}
    units = case.protocol.reader.units
    parts = [
        f"{name} undefined" if value is None else f"{name} = {shown(value, dimensions[name], units)}"
        for name, value in numbers.items()
    ]
    if not parts:
        return "a patient"
    return "a patient with " + (parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1])


def shown(value: float, dimension: Dimension, units: Mapping[Dimension, str]) -> str:
    """A number in a unit that a reader knows."""
    if dimension == TIME:
        return weeks(value)
    value, unit = in_reading_unit(value, dimension, units)
    return f"{value:.6g} {unit}".rstrip()


def weeks(minutes: float) -> str:
    """A time in weeks, or in days where that is rounder."""
    if minutes % MINUTES_PER_WEEK == 0 or minutes % MINUTES_PER_DAY:
        whole = minutes / MINUTES_PER_WEEK
        return f"{whole:.4g} week" + ("" if whole == 1 else "s")
    days = minutes / MINUTES_PER_DAY
    return f"{days:.4g} day" + ("" if days == 1 else "s")
