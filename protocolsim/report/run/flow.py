"""The way of the patients through the states: columns of states, and ribbons as wide as the share that moves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.arrays import Integers, Mask
from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.errors import UsageError
from protocolsim.records import leaving
from protocolsim.report.run.arms import arms_of
from protocolsim.report.run.figure_data import finals, state_labels
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import INK, colours, finish
from protocolsim.study.result import Result

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

MOST_COLUMNS = 6
# The name of the ribbons, by which a page finds those that one patient is in.
RIBBON, BOX = "ribbon", "box"
_MOST_BESIDE, _GAP_OF_ARMS = 7, 26  # columns of all arms that have room side by side; pixels between two arms
_MOST_PATHS = 600
_POINTS = 24  # of one ribbon's edge
_TOP, _SETTLED = 1.02, 4  # the upper end of the plot in shares; rounds in which its lower end is found
_GAP = 0.05  # between the states of one column, as a share of all subjects
_BAR = 0.03  # the width of a state, in columns
_WIDTH, _LINE, _LETTER = 760, 13.5, 6.0  # pixels: the figure, the height of a line of words, the width of a letter


def flows(result: Result, among: Mask | None = None) -> pd.DataFrame:
    """One row per step, state before and state after: `number` of enrolled subjects who made that move.

    Step 1 leads from the state in which they were enrolled to the next, and so on. Who ends makes no further
    step. What comes after the last column is left out. `among`: of these subjects only, one entry for each. Raises
    UsageError where nobody was enrolled.
    """
    import pandas as pd

    moved = _moves(result, among)
    frame = pd.DataFrame({"step": moved.step, "source": moved.source, "target": moved.target})
    size = frame.groupby(["step", "source", "target"], sort=True).size()
    return size.rename("number").reset_index()


def nodes(result: Result, among: Mask | None = None) -> pd.DataFrame:
    """One row per column and state: `number` of enrolled subjects who were there after that many moves."""
    import pandas as pd

    moved = _moves(result, among)
    places = np.concatenate([np.zeros(len(moved.start), dtype=np.int64), moved.step])
    frame = pd.DataFrame({"step": places, "state": np.concatenate([moved.start, moved.target])})
    return frame.groupby(["step", "state"], sort=True).size().rename("number").reset_index()


@dataclass(frozen=True)
class _MovesAfterEnrolment:
    """Of enrolled subjects: each move after enrolment with its number, states and row; the state of enrolment."""

    step: Integers
    source: Integers
    target: Integers
    row: Integers
    start: Integers


def _moves(result: Result, among: Mask | None = None) -> _MovesAfterEnrolment:
    records = result.shown
    subjects, moves = records["subjects"], records["moves"]
    enrolled = subjects["enrolled"] if among is None else subjects["enrolled"] & among
    if not enrolled.any():
        raise UsageError("nobody was enrolled in any replicate, so there is nobody to follow through the states")
    rows = rows_of(records, "moves")
    mine = enrolled[rows] & leaving(records)
    early = mine & (moves["minute"] <= subjects["enrolled_minute"][rows])
    start = records.first_states().copy()
    # Assigned in the order of the moves: the last one up to enrolment stays.
    start[rows[early]] = moves["to_state"][early]
    late = np.flatnonzero(mine & ~early)
    of = rows[late]
    first = np.searchsorted(of, of)
    step = np.arange(len(of)) - first + 1
    keep = step < MOST_COLUMNS
    taken = late[keep]
    return _MovesAfterEnrolment(
        step[keep].astype(np.int64),
        moves["from_state"][taken].astype(np.int64),
        moves["to_state"][taken].astype(np.int64),
        of[keep].astype(np.int64),
        start[enrolled].astype(np.int64),
    )


@dataclass(frozen=True)
class _Panel:
    """The patients of one arm, or all of them: what it is called, its moves and states, and where they stand."""

    label: str
    among: Mask | None
    between: pd.DataFrame
    standing: pd.DataFrame
    ground: _Ground


def _panels(result: Result) -> list[_Panel]:
    """All patients, or of a trial with arms those of each. Raises UsageError where nobody was enrolled or moved."""
    arms, labels = arms_of(result), state_labels(result)
    parts = [("", None)] if arms is None else [(label, arms.of == k) for k, label in enumerate(arms.labels)]
    made = [(label, among, flows(result, among), nodes(result, among)) for label, among in parts]
    made = [part for part in made if len(part[2])]
    if not made:
        raise UsageError("nobody moved after enrolment, so there is no way through the states to draw")
    # Side by side where their words have room, else one under the other.
    columns = max(int(standing["step"].max()) + 1 for _, _, _, standing in made)
    wide = _WIDTH if columns * len(made) > _MOST_BESIDE else _WIDTH // len(made) - _GAP_OF_ARMS * (len(made) > 1)
    return [_Panel(label, among, b, s, _Ground(s, labels, wide)) for label, among, b, s in made]


def flow(result: Result) -> Any:
    """Who went where after enrolment, over all replicates, as an altair chart; arms are held against each other.

    Raises UsageError where nobody was enrolled or moved.
    """
    import altair as alt

    panels = _panels(result)
    labels, charts = state_labels(result), [_chart(result, panel) for panel in panels]
    side_by_side = panels[0].ground.wide < _WIDTH
    chart: Any = charts[0]
    if len(charts) > 1:
        joined = alt.hconcat(*charts, spacing=_GAP_OF_ARMS) if side_by_side else alt.vconcat(*charts, spacing=24)
        chart = joined.resolve_scale(color="independent", x="independent", y="independent")
    told = "; ".join(f"{f'{p.label}: ' if p.label else ''}{_firsts(p, labels)}" for p in panels)
    later = any(p.ground.last == MOST_COLUMNS - 1 for p in panels)
    more = " Later moves are left out." if later else ""
    total = sum(p.ground.total for p in panels)
    arms = " Each arm is a picture of its own, whose heights are shares of that arm." if len(panels) > 1 else ""
    return finish(
        chart,
        "The way through the states",
        f"All {total:,} enrolled patients of {numbers.count(result.shown.replicates, 'simulated trial')}, from the "
        "state they were enrolled in. Each column is one move further, not a moment in time; heights are shares of all "
        f"enrolled, and a bar that sends out no ribbon is where patients ended.{arms}{more} Look at which ribbons are "
        f"thick. First move: {told}.",
        f"Ribbons between states, move by move. First move: {told}.",
    )


def _firsts(panel: _Panel, labels: list[str]) -> str:
    """The first moves in words, the commonest first."""
    firsts = panel.between[panel.between["step"] == 1].sort_values("number", ascending=False)
    largest: list[list[int]] = firsts[["source", "target", "number"]].to_numpy().tolist()
    total = panel.ground.total
    return "; ".join(
        f"{labels[source]} to {labels[target]} {numbers.percent(number / total)}" for source, target, number in largest
    )


def _chart(result: Result, panel: _Panel) -> alt.LayerChart:
    import altair as alt

    between, standing, ground, labels = panel.between, panel.standing, panel.ground, state_labels(result)
    boxes, height, total = ground.boxes, ground.height, ground.total
    ribbons = _ribbons(between, boxes, labels, total)
    shown = [s for k, s in enumerate(labels) if k in set(standing["state"])]
    x_scale, y_scale = (alt.Scale(domain=list(ends), nice=False) for ends in (ground.across, ground.up))
    x = alt.X("x:Q", axis=None, scale=x_scale)
    colour = alt.Color("label:N", scale=colours(labels, shown, finals(result.scenario)), legend=None)

    def y(name: str) -> alt.Y:
        return alt.Y(f"{name}:Q", axis=None, scale=y_scale)

    layers: list[Any] = [
        alt.Chart(ribbons)
        .mark_area(opacity=0.38, line=False)
        .encode(x=x, y=y("low"), y2="high:Q", color=colour, detail="ribbon:N")
        .properties(name=RIBBON),
        alt.Chart(boxes)
        .mark_rect(opacity=1)
        .encode(x=x, x2="x2:Q", y=y("low"), y2="high:Q", color=colour)
        .properties(name=BOX),
        alt.Chart(boxes)
        .mark_text(align="left", baseline="middle", dx=5, fontSize=11, lineHeight=13, color=INK, lineBreak="\n")
        .encode(x=alt.X("x2:Q", axis=None, scale=x_scale), y=y("label_at"), text="text:N"),
    ]
    chart: alt.LayerChart = alt.LayerChart(layer=layers).properties(width=ground.wide, height=height)
    if panel.label:
        heading = {"text": panel.label, "anchor": "start", "fontSize": 12, "color": INK, "limit": ground.wide}
        chart = chart.properties(title=heading)
    return chart


class _Ground:
    """Where everything stands: the boxes, and the ends of both axes, in columns across and shares of subjects up."""

    def __init__(self, standing: pd.DataFrame, labels: list[str], wide: int) -> None:
        self.wide = wide
        self.total = int(standing.loc[standing["step"] == 0, "number"].sum())
        self.last = int(standing["step"].max())
        self.height = max(260, 85 * int(standing.groupby("step").size().max()))
        letters = max(10, int(0.9 * wide / (self.last + 0.8) / _LETTER))
        low = 0.0
        # Words that are pushed down make the plot deeper, and a line of them a larger share of it.
        for _ in range(_SETTLED):
            self.boxes = _boxes(standing, labels, self.total, letters, _LINE / self.height * (_TOP - low))
            bottom = self.boxes["label_at"] - self.boxes["lines"] * _LINE / self.height * (_TOP - low) / 2
            low = min(float(self.boxes["low"].min()), float(bottom.min())) - 0.02
        # Labels stand to the right of their bars, those of the last column too.
        self.across, self.up = (-_BAR, self.last + 0.8), (low, _TOP)

    def share(self, x: float, y: float) -> tuple[float, float]:
        """A point as shares of the plot, from its left and from its top."""
        across, up = self.across, self.up
        return round((x - across[0]) / (across[1] - across[0]), 4), round((up[1] - y) / (up[1] - up[0]), 4)


def paths(result: Result, replicate: int) -> dict[str, Any]:
    """The way of each enrolled patient of one replicate through the figure, by which a page links it with others.

    `ribbons`: each one, in the order in which they are drawn, in words. `patients`, by number: `ribbons`, those that
    the patient is in, `panel`, the place of the patient's arm, and `points`, where the path enters and leaves each, as
    shares of the plot from the left and from the top. At most 600 patients; empty where the figure has nothing to draw.
    """
    try:
        panels = _panels(result)
    except UsageError:
        return {"ribbons": [], "patients": {}}
    subjects, labels = result.shown["subjects"], state_labels(result)
    told: list[str] = []
    patients: dict[str, Any] = {}
    for number, panel in enumerate(panels):
        ground, moved = panel.ground, _moves(result, panel.among)
        edges = list(_edges(panel.between, ground.boxes, ground.total))
        place = {(e.step, e.source, e.target): k for k, e in enumerate(edges)}
        wanted = subjects["enrolled"] & (subjects["replicate"] == replicate)
        rows = np.flatnonzero(wanted if panel.among is None else wanted & panel.among)
        for row in rows[:_MOST_PATHS].tolist():
            mine = np.flatnonzero(moved.row == row)
            steps = zip(*(column[mine].tolist() for column in (moved.step, moved.source, moved.target)), strict=True)
            taken = [place[step] for step in steps]
            points = []
            for edge in (edges[k] for k in taken):
                points.append(ground.share(edge.step - 1, edge.start - edge.wide / 2))
                points.append(ground.share(edge.step - _BAR, edge.end - edge.wide / 2))
            ribbons = [len(told) + k for k in taken]
            patients[str(subjects["subject"][row])] = {"ribbons": ribbons, "points": points, "panel": number}
        arm = f"{panel.label}: " if panel.label else ""
        told += [f"{arm}{labels[e.source]} to {labels[e.target]}: {numbers.percent(e.wide)} of patients" for e in edges]
    return {"ribbons": told, "patients": patients}


def _boxes(standing: pd.DataFrame, labels: list[str], total: int, letters: int, line: float) -> pd.DataFrame:
    """Where each state of each column is drawn, downwards from 1, with its words; a line of them is `line` high."""
    boxes = standing.assign(label=[labels[k] for k in standing["state"]], share=standing["number"] / total)
    words = [
        [*textwrap.wrap(label, letters), numbers.percent(share)]
        for label, share in zip(boxes["label"], boxes["share"], strict=True)
    ]
    boxes["text"], boxes["lines"] = ["\n".join(w) for w in words], [len(w) for w in words]
    low, label_at = [], []
    for _, column in boxes.groupby("step", sort=True):
        edge, floor = 1.0, np.inf
        for share, lines in zip(column["share"], column["lines"], strict=True):
            low.append(edge - share)
            # Small states lie close together; their words are pushed apart, downwards.
            at = min(edge - share / 2, floor - lines * line / 2)
            label_at.append(at)
            edge, floor = edge - share - _GAP, at - (lines / 2 + 0.25) * line
    boxes = boxes.assign(low=low, label_at=label_at)
    boxes["high"] = boxes["low"] + boxes["share"]
    boxes["x"], boxes["x2"] = boxes["step"] - _BAR, boxes["step"] + 0.0
    return boxes


@dataclass(frozen=True)
class _Edge:
    """One ribbon: between which states, how wide, and the height of its upper edge where it starts and ends."""

    step: int
    source: int
    target: int
    wide: float
    start: float
    end: float


def _edges(between: pd.DataFrame, boxes: pd.DataFrame, total: int) -> Iterator[_Edge]:
    """Every ribbon, from the right of one bar to the left of the next, stacked downwards in the order of the states."""
    places = zip(*(boxes[k].tolist() for k in ("step", "state", "high")), strict=True)
    top: dict[tuple[int, int], float] = {(step, state): high for step, state, high in places}
    leaving, arriving = dict(top), dict(top)
    rows: list[list[int]] = between[["step", "source", "target", "number"]].to_numpy().tolist()
    for step, source, target, number in rows:
        wide = number / total
        yield _Edge(step, source, target, wide, leaving[step - 1, source], arriving[step, target])
        leaving[step - 1, source] -= wide
        arriving[step, target] -= wide


def _ribbons(between: pd.DataFrame, boxes: pd.DataFrame, labels: list[str], total: int) -> pd.DataFrame:
    """The edges of every ribbon as it is drawn; it has the source's colour."""
    import pandas as pd

    parts = []
    along = np.linspace(0.0, 1.0, _POINTS)
    bent = along * along * (3.0 - 2.0 * along)
    for place, edge in enumerate(_edges(between, boxes, total)):
        high = edge.start + (edge.end - edge.start) * bent
        x = edge.step - 1 + along * (1.0 - _BAR)
        row = {"ribbon": place, "x": x, "low": high - edge.wide, "high": high, "label": labels[edge.source]}
        parts.append(pd.DataFrame(row))
    return pd.concat(parts, ignore_index=True)
