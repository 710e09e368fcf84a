"""The events that a stop of the trial sends to its subjects: those that a transition of the protocol waits for."""

from __future__ import annotations

from protocolsim.scenario.file.interim_schema import InterimPart
from protocolsim.scenario.file.schema import ScenarioPart

_BEGINS = "stopped for "


def stop_event(reason: str) -> str:
    """The event of a stop for this reason."""
    return f"{_BEGINS}{reason}"


def is_stop(event: str) -> bool:
    """Whether an event is, or would be, that of a stop."""
    return event.startswith(_BEGINS)


def possible_stops(part: InterimPart | None) -> tuple[str, ...]:
    """The event of every reason that a rule stops for, in file order."""
    reasons = [] if part is None else [r.stop for r in part.rules if r.stop is not None]
    return tuple(dict.fromkeys(stop_event(r) for r in reasons))


def awaited_stops(part: ScenarioPart) -> tuple[str, ...]:
    """Those of them that a transition waits for: only these are events of the trial."""
    awaited = {t.upon for t in part.protocol.transitions}
    return tuple(event for event in possible_stops(part.interim) if event in awaited)
