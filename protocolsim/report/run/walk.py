"""Patients who walk through the state chart week by week: where the boxes stand, and who is where when.

What moves is drawn by the page's script; here is all that it needs, as plain lists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.errors import UsageError
from protocolsim.records import leaving
from protocolsim.report.patient.story import trace
from protocolsim.report.protocol.chart_svg import walked
from protocolsim.report.protocol.state_chart import state_chart
from protocolsim.report.run.figure_data import finals, patient_frame, patients, state_labels
from protocolsim.report.style.figures import state_colours
from protocolsim.study.result import Result
from protocolsim.units import MINUTES_PER_WEEK


def ground(result: Result) -> dict[str, Any]:
    """The chart to walk on, with the states that enrolled patients of this run pass through.

    `svg`; `rooms`, of each state left, top, width and height of the room in its box; `states`, their words.
    """
    chart, passed = state_chart(result.scenario), _passed(result)
    boxes = [dataclasses.replace(b, lines=()) for b in chart.boxes if b.kind == "many" or b.state in passed]
    keys = {box.key for box in boxes}
    arrows = [dataclasses.replace(a, words="") for a in chart.arrows if {a.source, a.target} <= keys]
    leading = {a.source for a in arrows}
    kept = tuple(box for box in boxes if box.kind != "many" or box.key in leading)
    bare = dataclasses.replace(chart, boxes=kept, arrows=tuple(arrows), told="")
    svg, rooms = walked(bare, state_colours(finals(result.scenario)))
    return {"svg": svg, "rooms": rooms, "states": state_labels(result)}


def _passed(result: Result) -> set[int]:
    """The states in which an enrolled patient of any trial has been."""
    records = result.shown
    enrolled = records["subjects"]["enrolled"]
    moved = records["moves"]["to_state"][enrolled[rows_of(records, "moves")] & leaving(records)]
    return set(records.first_states()[enrolled].tolist()) | set(moved.tolist())


def walk(result: Result, replicate: int, subjects: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Who is where when, of the enrolled patients of one replicate (at most 24), or of these subjects among them.

    For each patient: `number`; `moves`, [week, state] in order; `scans`, [week, value or None where it was missed];
    `decisions`, [week, words]; `end`, how the course ended. Weeks count from enrolment. Raises UsageError where nobody
    is enrolled.
    """
    chosen, _ = patients(result.shown, replicate)
    if subjects is not None:
        rows = np.flatnonzero(result.shown["subjects"]["replicate"] == replicate)
        numbers = result.shown["subjects"]["subject"][rows]
        chosen = rows[np.isin(numbers, list(subjects)) & result.shown["subjects"]["enrolled"][rows]].astype(np.int64)
    scans = _scans(result, chosen)
    return [_one(result, int(row), replicate, scans.get(int(row), [])) for row in chosen]


def _one(result: Result, row: int, replicate: int, scans: list[list[float | None]]) -> dict[str, Any]:
    records = result.shown
    subjects, moves = records["subjects"], records["moves"]
    mine = np.flatnonzero((rows_of(records, "moves") == row) & leaving(records))
    enrolled = int(subjects["enrolled_minute"][row])
    steps = [(0, int(records.first_states()[row]))]
    steps += list(zip(moves["minute"][mine].tolist(), moves["to_state"][mine].tolist(), strict=True))
    number, final = int(subjects["subject"][row]), int(subjects["final_state"][row])
    return {
        "number": number,
        "moves": [[_week(minute, enrolled), state] for minute, state in steps],
        "scans": scans,
        "decisions": _decisions(result, number, replicate, enrolled),
        "end": records.labels.outcomes[final] or state_labels(result)[final],
    }


def _week(minute: int, enrolled: int) -> float:
    return round((minute - enrolled) / MINUTES_PER_WEEK, 3)


def _scans(result: Result, chosen: Integers) -> dict[int, list[list[float | None]]]:
    """The variable to follow, by row; none where the scenario names none, or it was never seen."""
    try:
        frame, _ = patient_frame(result, chosen)
    except UsageError:
        return {}
    seen = frame[frame["kind"].isin(["seen", "missed"]) & frame["dose"].isna()].sort_values("week")
    found: dict[int, list[list[float | None]]] = {}
    for row, week, value in seen[["row", "week", "value"]].itertuples(index=False):
        scan = [round(float(week), 3), None if np.isnan(value) else float(f"{value:.4g}")]
        found.setdefault(int(row), []).append(scan)
    return found


def _decisions(result: Result, subject: int, replicate: int, enrolled: int) -> list[list[Any]]:
    """What was decided by a rule, with the numbers that it read."""
    # A story is about a replicate that the scenario has.
    scenario = dataclasses.replace(result.scenario, replicates=max(replicate + 1, result.scenario.replicates))
    told = trace(scenario, subject, replicate=replicate, seed=result.seed)
    rules = [line for line in told.lines if line.kind == "decision" and ": " in line.text]
    return [[_week(line.minute, enrolled), line.text] for line in rules]
