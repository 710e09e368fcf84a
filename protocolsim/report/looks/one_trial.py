"""The figures of one trial's looks: its patients in calendar time with the cut-off, and its enrolment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocolsim.errors import UsageError
from protocolsim.report.looks.frames import decided_at, enrolment_frame, lanes, lanes_frame, marks_frame
from protocolsim.report.looks.wording import spoken, week
from protocolsim.report.run.figure_data import finals, labels_of_states
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import BLUE, FAINT, INK, colours, finish, legend
from protocolsim.study.trial_looks import TrialLooks
from protocolsim.units import MINUTES_PER_WEEK

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _TALL = 720, 420
_LANE = (3.0, 14.0)  # pixels, the least and the most
_PALE = 0.28
_APART = 60  # pixels between the words of two looks


def calendar_swimmers(trial: TrialLooks) -> alt.LayerChart:
    """A lane for each enrolled patient over the trial's calendar, in order of enrolment, cut at one look's cut-off.

    That of the look that ended the trial, or of its last. Raises UsageError where no patient was enrolled.
    """
    import altair as alt

    decided = decided_at(trial)
    frame = lanes_frame(trial, decided.cutoff)
    if len(frame) == 0:
        raise UsageError(f"trial {trial.replicate} has nobody enrolled, so there is nobody to draw")
    chosen, _ = lanes(trial.full)
    number, enrolled = len(chosen), int(trial.full["subjects"]["enrolled"].sum())
    size = min(max(_TALL / number, _LANE[0]), _LANE[1])
    words = labels_of_states(trial.scenario, trial.full.labels.states)
    shown = [w for w in words if (frame["state"] == w).any()]
    last = float(frame["end"].max())
    x = alt.X("start:Q", title="week of the trial", scale=alt.Scale(domain=[0, last], nice=False),
              axis=alt.Axis(grid=False))  # fmt: skip
    y = alt.Y("lane:O", title="patients, in order of enrolment", axis=alt.Axis(labels=False, ticks=False, domain=False))
    colour = alt.Color("state:N", title=None, scale=colours(words, shown, finals(trial.scenario)), legend=legend(shown))
    strength = alt.Opacity("known:N", scale=alt.Scale(domain=[True, False], range=[1.0, _PALE]), legend=None)
    lanes_ = alt.Chart(frame).mark_bar(height=max(2.0, 0.8 * size)).encode(
        x=x, x2="end:Q", y=y, color=colour, opacity=strength
    )  # fmt: skip
    height = max(_LANE[1] * 4, size * number)
    chart: alt.LayerChart = alt.LayerChart(
        layer=[lanes_, *_look_lines(marks_frame(trial.as_if), decided.cutoff, last)]
    ).properties(width=_WIDTH, height=height)
    which = f"all {number}" if number == enrolled else f"{number} of {enrolled:,} (every {-(-enrolled // number)}th)"
    at = f"{spoken(decided.name)} ({week(decided.cutoff)})"
    finished: alt.LayerChart = finish(
        chart,
        "One trial in its calendar: what was known at the cut-off, and what was not",
        f"Trial {trial.replicate}, {which} patients enrolled, a lane each, by enrolment, coloured by state. "
        f"Left of the thick line, the cut-off of {at}, is what had happened by then; right of it, pale, what would "
        "have come had the trial gone on, which only a simulation can draw. Thin lines are the other looks. Look at "
        "how many lanes cross the thick line: they are what was under way.",
        f"Lanes of {numbers.count(number, 'patient')} over {last:.0f} weeks of the trial's calendar, cut at {at}.",
    )
    return finished


def _look_lines(marks: pd.DataFrame, cutoff: int, last: float) -> list[Any]:
    """The looks as vertical lines with their names above, the cut-off thick; names in two rows where they are near."""
    import altair as alt

    marks = marks.assign(cut=marks["week"] == cutoff / MINUTES_PER_WEEK, row=_rows(marks["week"].tolist(), last))
    x = alt.X("week:Q")
    lines = [
        alt.Chart(marks[~marks["cut"]]).mark_rule(color=INK, strokeWidth=1, opacity=0.7).encode(x=x),
        alt.Chart(marks[marks["cut"]]).mark_rule(color=INK, strokeWidth=3, opacity=1).encode(x=x),
    ]
    for row in sorted(set(marks["row"])):
        words = alt.Chart(marks[marks["row"] == row])
        lines.append(
            words.mark_text(color=INK, fontSize=11, dy=-8 - 13 * row, baseline="bottom").encode(
                x=x, y=alt.value(0), text="look:N"
            )
        )
    return lines


def _rows(weeks: list[float], last: float) -> list[int]:
    """The row of each name, so that names in one row keep apart."""
    ends: list[float] = []
    rows = []
    for at in weeks:
        x = at / last * _WIDTH if last else 0.0
        row = next((k for k, end in enumerate(ends) if x - end >= _APART), len(ends))
        ends[row : row + 1] = [x]
        rows.append(row)
    return rows


def enrolment(trial: TrialLooks) -> alt.LayerChart:
    """How many had been enrolled over the trial's calendar, as it was and had it gone on, with its looks."""
    import altair as alt

    frame = enrolment_frame(trial)
    last = max(float(frame["week"].max()), *(m for m in marks_frame(trial.as_if)["week"]))
    x = alt.X("week:Q", title="week of the trial", scale=alt.Scale(domain=[0, last], nice=False),
              axis=alt.Axis(grid=False))  # fmt: skip
    y = alt.Y("number:Q", title="enrolled", axis=alt.Axis(gridColor=FAINT))
    base = alt.Chart(frame).encode(x=x, y=y)
    decided = decided_at(trial)
    layers = [
        base.transform_filter(alt.datum.trial == "had it gone on").mark_line(
            interpolate="step-after", color=BLUE, strokeDash=[4, 4], strokeWidth=1.5, opacity=0.7
        ),
        base.transform_filter(alt.datum.trial == "as it was").mark_line(
            interpolate="step-after", color=BLUE, strokeWidth=2.5
        ),
        *_look_lines(marks_frame(trial.as_if), decided.cutoff, last),
    ]
    was, full = (int(r["subjects"]["enrolled"].sum()) for r in (trial.final, trial.full))
    chart: alt.LayerChart = finish(
        alt.LayerChart(layer=layers).properties(width=_WIDTH, height=150),
        "Enrolment, and the looks",
        f"The solid line is enrolment as it was, to {was}; dashed, where it parts from it, had the trial gone on, to "
        f"{full}. The thick vertical line is the cut-off of {spoken(decided.name)}, thin ones are the other looks. "
        "Look at how many are enrolled between a look's cut-off and the end of enrolment.",
        f"Enrolled over calendar weeks: {was} as it was, {full} had the trial gone on.",
    )
    return chart
