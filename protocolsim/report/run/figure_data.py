"""What the figures are drawn from: plain tables made of records."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.errors import UsageError
from protocolsim.names import told_apart
from protocolsim.records import MADE, Records
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.result import Result
from protocolsim.units import MINUTES_PER_WEEK

if TYPE_CHECKING:
    import pandas as pd

MOST_PATIENTS = 24
MOST_POINTS = 20_000
MOST_WEEKS = 300
_PANEL_LETTERS = 24


def patients(records: Records, replicate: int, at_most: int = MOST_PATIENTS) -> tuple[NDArray[np.int64], int]:
    """The rows of the enrolled subjects of one replicate, at most so many, and how many there are.

    Of a trial with arms they are as many of each arm as of the others, in the order of their numbers.
    """
    subjects = records["subjects"]
    rows = np.flatnonzero(subjects["enrolled"] & (subjects["replicate"] == replicate)).astype(np.int64)
    if len(rows) == 0:
        last = records.first_replicate + records.replicates - 1
        there = f"replicates are {records.first_replicate} to {last}"
        raise UsageError(f"trial {replicate} has nobody enrolled; {there}")
    column = allocation(records)
    if column is None or len(rows) <= at_most:
        return rows[:at_most], len(rows)
    arm = subjects[column][rows]
    arms = np.unique(arm)
    most = at_most // len(arms)
    return np.sort(np.concatenate([rows[arm == one][:most] for one in arms])), len(rows)


def allocation(records: Records) -> str | None:
    """The column of the first randomisation that every enrolled subject went through; None where there is none."""
    subjects, enrolled = records["subjects"], records["subjects"]["enrolled"]
    names = records.labels.randomisations
    return next((n for n in names if enrolled.any() and (subjects[n][enrolled] >= 0).all()), None)


def which_patients(shown: int, enrolled: int, records: Records) -> str:
    """Which patients a figure shows: 'all 15 enrolled patients', 'the first 12 enrolled patients of each of 2 arms'."""
    if shown == enrolled:
        return f"all {shown} enrolled patients"
    column = allocation(records)
    if column is None:
        return f"the first {shown} of {enrolled:,} enrolled patients"
    arms = len(np.unique(records["subjects"][column][records["subjects"]["enrolled"]]))
    return f"the first {shown // arms} enrolled patients of each of {arms} arms, of {enrolled:,}"


def patient_frame(result: Result, chosen: NDArray[np.int64]) -> tuple[pd.DataFrame, float]:
    """One row per mark to draw; also the width in weeks of the means that stand for too many values, or 0."""
    import pandas as pd

    records, labels = result.shown, result.shown.labels
    subjects = records["subjects"]
    if result.scenario.follow not in labels.variables:
        raise UsageError(f"the variable to follow, '{result.scenario.follow}', is not assessed in this protocol")
    states = np.array(state_labels(result), dtype=object)
    parts = []
    for table, kind in (("observations", "seen"), ("doses", "dose")):
        columns = records[table]
        rows = rows_of(records, table)
        keep = np.isin(rows, chosen)
        if kind == "seen":
            keep &= columns["variable"] == labels.variables.index(str(result.scenario.follow))
        else:
            keep &= (columns["status"] == MADE) & (columns["dose"] > 0)
        made = columns["status"][keep] == MADE
        part = pd.DataFrame({"row": rows[keep], "kind": np.where(made, kind, "missed")})
        part["week"] = (columns["minute"][keep] - subjects["enrolled_minute"][rows[keep]]) / MINUTES_PER_WEEK
        part["state"] = states[columns["state"][keep]]
        part["value"] = columns["value"][keep] if kind == "seen" else np.nan
        part["dose"] = columns["dose"][keep] if kind == "dose" else np.nan
        parts.append(part)
    frame, step = _thinned(pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True))
    if frame["value"].notna().sum() == 0:
        raise UsageError(
            f"'{result.scenario.follow}' was never observed in this replicate, so there is nothing to draw"
        )
    start = pd.DataFrame({"row": chosen, "kind": "enrolment", "week": 0.0, "state": ""})
    frame = pd.concat([start.assign(value=np.nan, dose=np.nan), frame], ignore_index=True)
    ended = [ending(result, int(code)) for code in subjects["final_state"][chosen]]
    panels = {
        of: "\n".join(textwrap.wrap(f"{number}: {end}", _PANEL_LETTERS))
        for of, number, end in zip(chosen, subjects["subject"][chosen], ended, strict=True)
    }
    frame["panel"] = [panels[of] for of in frame["row"]]
    return frame, step


def ending(result: Result, final: int) -> str:
    """How a subject ended: the outcome of their final state, or that state where it has none."""
    return result.shown.labels.outcomes[final] or state_labels(result)[final]


def _thinned(frame: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """The frame itself, or means per patient, kind and state over as many weeks as bring it under the limit."""
    if len(frame) <= MOST_POINTS:
        return frame, 0.0
    step, thin = 1.0, frame
    while len(thin) > MOST_POINTS:
        step *= 2.0
        bins = frame.assign(bin=np.floor(frame["week"] / step))
        groups = bins.groupby(["row", "kind", "state", "bin"], sort=True, as_index=False)
        thin = groups[["week", "value", "dose"]].mean()
    return thin.drop(columns="bin"), step


def occupancy(result: Result) -> pd.DataFrame:
    """Share of enrolled subjects in each state at each week since enrolment, from their moves."""
    import pandas as pd

    records = result.shown
    subjects, moves = records["subjects"], records["moves"]
    enrolled = subjects["enrolled"]
    number = int(enrolled.sum())
    if number == 0:
        raise UsageError("nobody was enrolled in any replicate, so there is nobody to follow through the states")
    rows = rows_of(records, "moves")
    keep = enrolled[rows]
    rows, old, new = rows[keep], moves["from_state"][keep], moves["to_state"][keep]
    since = moves["minute"][keep] - subjects["enrolled_minute"][rows]
    ends = subjects["end_minute"][enrolled] - subjects["enrolled_minute"][enrolled]
    weeks = max(1, int(np.ceil(ends.max() / MINUTES_PER_WEEK)))
    step = int(np.ceil(weeks / MOST_WEEKS))
    # A little beyond the last move, so that those who end last are seen in the state they end in.
    slots = int(np.ceil(weeks / step)) + 1 + max(2, weeks // (25 * step))
    # A move counts from the first grid point at or after it; all before enrolment count at week 0.
    slot = np.clip(np.ceil(since / (MINUTES_PER_WEEK * step)), 0, slots - 1).astype(np.int64)
    there = np.zeros((slots, len(records.labels.states)))
    np.add.at(there, (slot, new), 1.0)
    np.add.at(there, (slot, old), -1.0)
    np.add.at(there[0], records.first_states()[enrolled], 1.0)
    share = np.cumsum(there, axis=0) / number
    used = np.flatnonzero(share.max(axis=0) > 0)
    states = state_labels(result)
    return pd.DataFrame(
        [
            {"week": k * step, "state": states[code], "share": float(share[k, code]), "order": place}
            for place, code in enumerate(used)
            for k in range(slots)
        ]
    )


def state_labels(result: Result) -> list[str]:
    """Every state in the words of the scenario, in code order; equal words get their names beside them."""
    return labels_of_states(result.scenario, result.shown.labels.states)


def finals(scenario: Scenario) -> list[bool]:
    """Of every state, in code order, whether it ends a course."""
    return [s.final for s in scenario.trial.protocol.states]


def labels_of_states(scenario: Scenario, names: Sequence[str]) -> list[str]:
    """The same of a scenario: the words for states of these names."""
    said = {s.name: s.label or s.name for s in scenario.design}
    return told_apart([said.get(name, name) for name in names], names)
