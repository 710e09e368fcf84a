"""A scenario's parts in the words of its file, for readers."""

from __future__ import annotations

from protocolsim.protocol.states import Protocol, State
from protocolsim.scenario.file.schema import Regimen, ScenarioPart, Schedule, StatePart, TransitionPart
from protocolsim.scenario.scenario import StateRow


def state_rows(part: ScenarioPart, protocol: Protocol) -> tuple[StateRow, ...]:
    """Every state, with every way out of it, in file order."""
    listed = part.protocol.transitions
    rows = []
    for state in protocol.states:
        items = sorted({t.item for t in protocol.transitions if t.source == state.number})
        ways_out = tuple(_way(listed[item]) for item in items)
        rows.append(_state_row(state, part.protocol.states[state.name], ways_out))
    return tuple(rows)


def _state_row(built: State, state: StatePart, ways_out: tuple[str, ...]) -> StateRow:
    treatment = [
        f"{drug} {given.dose}, {_when(given)}" if isinstance(given, Regimen) else f"{drug}, {given}"
        for drug, given in state.treatment.items()
    ]
    lasts = str(state.lasts or "")
    return StateRow(
        built.name,
        built.label,
        state.final or "",
        f"until {state.until} from enrolment" if state.until is not None else lasts,
        "; ".join(treatment),
        "; ".join(f"{a}, {_when(s)}" for a, s in state.assessments.items()),
        ways_out,
    )


def _when(schedule: Schedule) -> str:
    if schedule.every is not None:
        times = f", {schedule.times} times" if schedule.times is not None else ""
        through = ", through the end" if schedule.through is not None else ""
        return f"every {schedule.every}{times}{through}"
    key = "weeks" if schedule.weeks is not None else "days"
    return f"{key} " + ", ".join(str(v) for v in getattr(schedule, key) or ())


def _way(t: TransitionPart) -> str:
    when = f"when {t.when}" if t.when is not None else "otherwise" if t.otherwise else "always"
    at = f" at {t.at}" if t.at is not None else ""
    trigger = f"after {t.after}{at}, " if t.after else f"upon {t.upon}" if t.upon else "at the end, "
    stays = t.to is None and t.randomise is None and t.choose is None
    to = t.to if t.to is not None else f"randomised by {t.randomise}"
    if t.choose is not None:
        to = "chosen by chance: " + ", ".join(f"{state} {chance}" for state, chance in t.choose.items())
    sets = ", ".join(f"{name} = {text}" for name, text in t.set_.items())
    way = "stays" if stays else f"-> {to}"
    said = f"{trigger}{when if not (t.upon and when == 'always') else ''} {way}{f', set {sets}' if sets else ''}"
    return said.replace("  ", " ")
