"""One trial as a swimmer plot: a lane for each patient, coloured by state, with what was counted on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from protocolsim.arrays import Integers
from protocolsim.endpoint.subjects.rows import stays
from protocolsim.errors import UsageError
from protocolsim.records import Records
from protocolsim.report.run.arms import arms_of
from protocolsim.report.run.figure_data import ending, finals, patient_frame, patients, state_labels, which_patients
from protocolsim.report.style import numbers as style_numbers
from protocolsim.report.style.figures import INK, RED, colours, finish, legend
from protocolsim.study.result import Result
from protocolsim.units import MINUTES_PER_WEEK

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


# On a lane the page's own ink would vanish in the dark.
_DISC, _WORD = "#ffffff", "#111111"
_DIGIT = 5.6  # pixels: a digit in a disc
_COUNTED, _MEASURED, _LEAST = 300.0, 110.0, 44.0  # square pixels: the largest disc with a number, without, where many
_LANE, _ROW, _WIDTH, _ASIDE = 15, 24, 760, 110  # pixels; the last beside each arm, for the words at its right
# The name of the marks that stand for a whole lane, which opens its patient on a page.
LANE = "lane"


def swimmers(result: Result, replicate: int = 0) -> Any:
    """A lane for each enrolled patient of one replicate, at most 24 of them, over weeks since enrolment.

    An altair chart; arms stand side by side. Raises UsageError where the scenario follows no variable, or the replicate
    has nobody enrolled.
    """
    if result.scenario.follow is None:
        raise UsageError("this scenario names no variable to follow (follow:), so there is nothing to draw on a lane")
    chosen, enrolled = patients(result.shown, replicate)
    marks, step = patient_frame(result, chosen)
    numbers = dict(zip(chosen.tolist(), result.shown["subjects"]["subject"][chosen].tolist(), strict=True))
    marks = marks.assign(patient=[str(numbers[row]) for row in marks["row"]])
    lanes = lane_frame(result, chosen)
    lanes, marks = _told(result, lanes, marks)
    ends = lanes.groupby("patient", sort=False).last()["ended"].value_counts()
    told = "; ".join(f"{number} {words}" for words, number in ends.items())
    variable = result.scenario.spoken.follow
    which = which_patients(len(chosen), enrolled, result.shown)
    value: Any = finish(
        _panels(result, chosen, lanes, marks, step),
        f"One simulated trial, patient by patient: {variable}",
        f"Trial {replicate}, {which}, a lane each. A lane's colour is the state the patient was "
        "in. Discs are assessments, larger for larger values; a red cross is one that was missed. At the right is how "
        "each course ended. Look at how a patient's discs change along a lane, "
        f"and whether they change where the colour does. Here: {told}.",
        f"Lanes for {len(chosen)} patients of one simulated trial over weeks since enrolment, coloured by state, with "
        f"{variable} at each assessment. How they ended: {told}.",
    )
    return value


def _panels(result: Result, chosen: Integers, lanes: pd.DataFrame, marks: pd.DataFrame, step: float) -> Any:
    """All lanes, or those of each arm beside those of the others, over the same weeks."""
    import altair as alt

    arms = arms_of(result)
    if arms is None:
        layers = _Lanes(result, lanes, marks, step, _WIDTH).layers(lanes, marks, keyed=True)
        return alt.LayerChart(layer=layers).properties(width=_WIDTH, height=_ROW * len(chosen))
    wide = _WIDTH // len(arms.labels) - _ASIDE
    drawn, panels = _Lanes(result, lanes, marks, step, wide), list[Any]()
    numbers = result.shown["subjects"]["subject"]
    for k, label in enumerate(arms.labels):
        mine = {str(numbers[row]) for row in chosen.tolist() if arms.of[row] == k}
        if not mine:
            continue
        layers = drawn.layers(lanes[lanes["patient"].isin(mine)], marks[marks["patient"].isin(mine)], keyed=not panels)
        heading = {"text": label, "anchor": "start", "fontSize": 12, "color": INK, "limit": wide + _ASIDE // 2}
        panels.append(alt.LayerChart(layer=layers).properties(width=wide, height=_ROW * len(mine), title=heading))
    return alt.hconcat(*panels, spacing=18).resolve_scale(y="independent", color="shared", size="shared")


def lane_frame(result: Result, chosen: Integers) -> pd.DataFrame:
    """One row per patient and stay in a state: `patient`, `state`, `start` and `end` in weeks since enrolment, `ended`.

    `ended` is how the patient's course ended, in words. In order of time within each patient; stays of no length are
    left out.
    """
    import pandas as pd

    records: Records = result.shown
    subjects, labels = records["subjects"], state_labels(result)
    frame: list[tuple[str, str, float, float, str]] = []
    for row, mine in stays(records, chosen.tolist()):
        enrolled = int(subjects["enrolled_minute"][row])
        patient, ended = str(subjects["subject"][row]), ending(result, int(subjects["final_state"][row]))
        frame += [
            (patient, labels[state], (start - enrolled) / MINUTES_PER_WEEK, (end - enrolled) / MINUTES_PER_WEEK, ended)
            for state, start, end in mine
            if end > start
        ]
    return pd.DataFrame(frame, columns=["patient", "state", "start", "end", "ended"])


class _Lanes:
    """Draws lanes; what is the same in all panels is that of all patients."""

    def __init__(self, result: Result, lanes: pd.DataFrame, marks: pd.DataFrame, step: float, wide: int) -> None:
        import altair as alt

        self.wide = wide
        states = state_labels(result)
        shown = [s for s in states if s in set(lanes["state"])]
        # Room for half a disc at either end, so that none lies on a patient's number.
        low, high = float(lanes["start"].min()), float(lanes["end"].max())
        room = 12.0 * (high - low) / wide
        named = [s for s in shown if s in set(lanes["state"][lanes["end"] - lanes["start"] > (high - low) / wide])]
        self.scale = alt.Scale(domain=[low - room, high + room], nice=False)
        seen = marks[marks["kind"] == "seen"]
        # Numbers fit into their discs where they are counts.
        whole = step == 0.0 and bool((seen["value"].dropna() >= 0).all()) and _whole(seen)
        apart = _apart(seen) * wide / (high - low)
        self.counts = whole and bool(seen["value"].max() < 100) and apart > 2 * _DIGIT
        # Discs of neighbours touch at most, so that the lane is seen between them.
        self.largest = min(_COUNTED if self.counts else _MEASURED, max(_LEAST, math.pi / 4 * (0.85 * apart) ** 2))
        self.size = alt.Size("value:Q", legend=None, scale=_disc_sizes(seen, self.largest, counts=self.counts))
        self.colour = alt.Color(
            "state:N",
            title=None,
            scale=colours(states, shown, finals(result.scenario)),
            legend=legend(named, values=named),
        )

    @property
    def aside(self) -> float:
        """How far beside the end of a lane its words stand: behind a disc that lies there."""
        return max(8.0, 2.0 + math.sqrt(self.largest / math.pi))

    def apart(self, counted: pd.DataFrame) -> list[bool]:
        """Which numbers have room in their lane beside the last one that had; rows stand in order of time."""
        low, high = self.scale["domain"]
        kept, ends = list[bool](), dict[str, float]()
        for patient, week, said in zip(counted["patient"], counted["week"], counted["text"], strict=True):
            middle, half = self.wide * (week - low) / (high - low), _DIGIT * len(said) / 2
            fits = middle - half >= ends.get(patient, -math.inf)
            kept.append(fits)
            if fits:
                ends[patient] = middle + half
        return kept

    def layers(self, lanes: pd.DataFrame, marks: pd.DataFrame, *, keyed: bool) -> list[Any]:
        """The layers of one panel; `keyed`: with a title on the axis of patients."""
        return _layers(self, lanes, marks, "patient" if keyed else "")


def _layers(drawn: _Lanes, lanes: pd.DataFrame, marks: pd.DataFrame, title: str) -> list[Any]:
    import altair as alt

    order = list(dict.fromkeys(lanes["patient"]))
    scale, size, colour, counts = drawn.scale, drawn.size, drawn.colour, drawn.counts
    axis = alt.Axis(grid=False, tickCount=8)
    y = alt.Y("patient:N", title=title, sort=order, axis=alt.Axis(ticks=False, domain=False))

    def x(name: str) -> alt.X:
        return alt.X(f"{name}:Q", title="weeks since enrolment", scale=scale, axis=axis)

    seen, missed = marks[marks["kind"] == "seen"], marks[marks["kind"] == "missed"]
    missed = missed[missed["dose"].isna()]
    last = lanes.groupby("patient", sort=False, as_index=False).last()
    whole = last.assign(start=scale["domain"][0], end=scale["domain"][1], tip=_lane_words(last))
    layers = [
        alt.Chart(whole)
        .mark_bar(height=_ROW, opacity=0)
        .encode(x=x("start"), x2="end:Q", y=y, description="tip:N")
        .properties(name=LANE),
        alt.Chart(lanes)
        .mark_bar(height=_LANE, opacity=1)
        .encode(x=x("start"), x2="end:Q", y=y, color=colour, description="tip:N"),
        alt.Chart(seen)
        .mark_circle(color=_DISC, stroke=_WORD, strokeWidth=0.5, opacity=1)
        .encode(x=x("week"), y=y, size=size, description="tip:N"),
        alt.Chart(missed)
        .mark_point(shape="cross", angle=45, size=50, color=RED, filled=True, opacity=1)
        .encode(x=x("week"), y=y, description="tip:N"),
        alt.Chart(last)
        .mark_text(align="left", dx=drawn.aside, color=INK, fontSize=11)
        .encode(x=x("end"), y=y, text="ended:N"),
    ]
    if counts:
        counted = seen[seen["value"] > 0].assign(
            text=[style_numbers.plain(v) for v in seen.loc[seen["value"] > 0, "value"]]
        )
        counted = counted[drawn.apart(counted)]
        words = alt.Chart(counted).mark_text(color=_WORD, fontSize=9).encode(x=x("week"), y=y, text="text:N")
        layers.insert(3, words)
    return layers


def _apart(seen: pd.DataFrame) -> float:
    """How many weeks there usually are from one assessment of a patient to the next."""
    gaps = seen.sort_values("week", kind="stable").groupby("patient")["week"].diff()
    gaps = gaps[gaps > 0.0]
    return float(gaps.median()) if len(gaps) else math.inf


def _disc_sizes(seen: pd.DataFrame, largest: float, *, counts: bool) -> alt.Scale:
    import altair as alt

    low, top = float(seen["value"].min()), float(seen["value"].max())
    if counts:
        return alt.Scale(domain=[0, 1, max(top, 2)], range=[14, min(130, largest), largest])
    return alt.Scale(domain=[low, max(top, low + 1e-9)], range=[10, largest])


def _lane_words(last: pd.DataFrame) -> list[str]:
    return [f"Patient {p}: {ended}" for p, ended in zip(last["patient"], last["ended"], strict=True)]


def _told(result: Result, lanes: pd.DataFrame, marks: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with what each mark says under the pointer (`tip`)."""
    plain = style_numbers.plain
    stays = [
        f"Patient {p}: {state}, weeks {plain(round(start, 1))} to {plain(round(end, 1))}"
        for p, state, start, end in lanes[["patient", "state", "start", "end"]].itertuples(index=False)
    ]
    variable = result.scenario.spoken.follow
    seen = [
        f"Patient {p}, week {plain(round(week, 1))}: {variable} "
        + ("missed" if kind == "missed" else plain(float(f"{value:.4g}")))
        for p, week, kind, value in marks[["patient", "week", "kind", "value"]].itertuples(index=False)
    ]
    return lanes.assign(tip=stays), marks.assign(tip=seen)


def _whole(seen: pd.DataFrame) -> bool:
    values = seen["value"].dropna()
    return bool((values == values.round()).all())
