"""The schedule of assessments as protocols print it: visits as columns, activities as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocolsim.protocol.states import END, Protocol, State
from protocolsim.protocol.variables import Computed
from protocolsim.report.protocol import text
from protocolsim.report.style import console as style_console
from protocolsim.scenario.scenario import Scenario
from protocolsim.text.html import words
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

if TYPE_CHECKING:
    from rich.console import Console

MADE = "X"
TOLD = (
    "Weeks are counted from enrolment where a state can begin at one time only, and from the start of the state (with "
    "a plus sign) where that differs between patients. X: an assessment; a number: a dose in mg/kg."
)


@dataclass(frozen=True)
class Activity:
    """A row: an assessment or a drug, in words."""

    name: str
    meaning: str


@dataclass(frozen=True)
class StateColumn:
    """The visits of one state: when, and what is done, one tuple of marks for each activity."""

    state: State
    moments: tuple[str, ...]
    marks: tuple[tuple[str, ...], ...]
    throughout: tuple[str, ...]  # what is taken all the time, in words
    lasts: str


@dataclass(frozen=True)
class VisitTable:
    """Every state that is not final, with its visits. `unit` is what moments are counted in."""

    activities: tuple[Activity, ...]
    columns: tuple[StateColumn, ...]
    unit: str


def schedule(scenario: Scenario) -> VisitTable:
    """The schedule of a scenario's protocol, as it is executed where nobody leaves a state early.

    What never takes place is left out, and so is a state that nobody gets to.
    """
    trial = scenario.trial
    protocol, labels = trial.protocol, trial.labels
    planned = scenario.planned
    used = [s for s in protocol.states if not s.final and s.number in planned]
    measured = sorted({a for s in used for v in planned[s.number] for a in v.assessments})
    infused = sorted({d.drug for s in used for v in planned[s.number] for d in v.doses})
    activities = [
        *(
            Activity(scenario.spoken.assessment(labels.assessments[a]), trial.assessments[a].assessment.meaning)
            for a in measured
        ),
        *(Activity(scenario.spoken.drug(labels.drugs[d]), trial.drugs[d].component.meaning) for d in infused),
    ]
    begins = _begins(protocol)
    moments = [(begins[s.number] or 0) + v.offset for s in used for v in planned[s.number]]
    whole = all(m % MINUTES_PER_WEEK == 0 for m in moments)
    length = MINUTES_PER_WEEK if whole else MINUTES_PER_DAY
    columns = tuple(_column(scenario, s, begins[s.number], length, measured, infused) for s in used)
    return VisitTable(tuple(activities), columns, "week" if whole else "day")


def _column(
    scenario: Scenario, state: State, begins: int | None, length: int, measured: list[int], infused: list[int]
) -> StateColumn:
    sign, visits, drugs = "" if begins is not None else "+", scenario.planned[state.number], scenario.trial.drugs
    moments = tuple(sign + text.number(round(((begins or 0) + v.offset) / length, 2)) for v in visits)
    marks = [tuple(MADE if a in v.assessments else "" for v in visits) for a in measured]
    for drug in infused:
        given = ([text.dose_words(d, scenario) for d in v.doses if d.drug == drug] for v in visits)
        marks.append(tuple(doses[0].removesuffix(" mg/kg") if doses else "" for doses in given))
    steady = tuple(
        f"{scenario.spoken.drug(scenario.trial.labels.drugs[k])}, standard"
        for k, level in enumerate(state.levels)
        if not isinstance(level, Computed) and level > 0.0 and drugs[k].give is None
    )
    return StateColumn(state, moments, tuple(marks), steady, text.ends(scenario, state))


def _begins(protocol: Protocol) -> list[int | None]:
    """The minute at which each state begins, from enrolment; None where it may begin at several."""
    begins: list[set[int | None]] = [set() for _ in protocol.states]
    open_: list[tuple[int, int | None]] = [(0, 0)]
    while open_:
        state, minute = open_.pop()
        if minute in begins[state]:
            continue
        # A second time is one too many: from there on no time is certain.
        minute = minute if not begins[state] else None
        begins[state].add(minute)
        for t in protocol.transitions:
            if t.source == state:
                lasts = protocol.states[state].lasts
                then = None if minute is None or not isinstance(lasts, int) or t.trigger != END else minute + lasts
                open_ += [(to, then) for to in t.destinations]
    at = [next(iter(f)) if len(f) == 1 else None for f in begins]
    enrolled = [at[s.number] for s in protocol.states if s.enrolled]
    first = enrolled[0] if len(enrolled) == 1 else None
    if first is None:
        # Without one moment of enrolment only the states from it on have a common clock, and theirs is not known.
        return [None] * len(at)
    return [None if minute is None else minute - first for minute in at]


def schedule_html(html: VisitTable) -> str:
    """The schedule as one HTML table, states side by side."""
    shown = [c for c in html.columns if c.moments]
    head = "".join(
        f'<th scope="colgroup" colspan="{len(c.moments)}" class="group"><div>{words(c.state.label)}'
        f"<br><span>{words('; '.join(p for p in (c.lasts, *c.throughout) if p))}</span></div></th>"
        for c in shown
    )
    moments = "".join(
        f'<th scope="col"{" class=first" if k == 0 else ""}>{words(m)}</th>'
        for c in shown
        for k, m in enumerate(c.moments)
    )
    rows = []
    for number, activity in enumerate(html.activities):
        cells = "".join(
            f"<td{' class=first' if k == 0 else ''}>{words(mark)}</td>"
            for c in shown
            for k, mark in enumerate(c.marks[number])
        )
        title = words(activity.meaning)
        rows.append(f'<tr><th scope="row" title="{title}">{words(activity.name)}</th>{cells}</tr>')
    return (
        f'<table class="schedule"><thead><tr><td></td>{head}</tr><tr><th scope="row">{html.unit}</th>{moments}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def schedule_text(result: VisitTable) -> list[str]:
    """The schedule in words, one line for each state and activity."""
    lines = []
    for c in result.columns:
        lines.append(f"{c.state.label}" + (f" ({c.lasts})" if c.lasts else "") + ":")
        lines += [f"  {steady}, throughout" for steady in c.throughout]
        for activity, marks in zip(result.activities, c.marks, strict=True):
            done = [m for m, mark in zip(c.moments, marks, strict=True) if mark]
            if done:
                doses = [mark for mark in dict.fromkeys(marks) if mark not in ("", MADE)]
                plain = [f"{d} mg/kg" if d[-1:].isdigit() else d for d in doses]
                dose = f" {' or '.join(plain)}" if plain else ""
                lines.append(f"  {activity.name}{dose}: {result.unit}{'' if len(done) == 1 else 's'} {', '.join(done)}")
    return lines


def print_schedule(result: VisitTable, console: Console) -> None:
    """Print the schedule, a table for each state, broken where the terminal is too narrow for all of its visits."""
    told = style_console.Screen(console)
    for c in result.columns:
        about = "; ".join(p for p in (c.lasts, *(f"{t}, throughout" for t in c.throughout)) if p)
        told.put(f"{c.state.label}" + (f" ({about})" if about else ""), "bold")
        if not c.moments:
            told.put("no visits", "dim")
            continue
        done = [(a.name, *marks) for a, marks in zip(result.activities, c.marks, strict=True) if any(marks)]
        columns = [
            style_console.Column(result.unit, words=True),
            *(style_console.Column(moment) for moment in c.moments),
        ]
        told.table(columns, done, parted=True)
        told.put()
    told.put(TOLD, "dim")
