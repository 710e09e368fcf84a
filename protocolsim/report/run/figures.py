"""The figures: what happened to each patient, where all of them were, and how near the published trial is.

Each function returns an altair chart with its title; `caption(chart)` and `alternative(chart)` are its words for
readers who see it and for those who do not. `save` writes PNG, SVG or a self-contained HTML page without a network.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.errors import UsageError
from protocolsim.names import told_apart
from protocolsim.report.run.figure_data import (
    MOST_PATIENTS,
    finals,
    occupancy,
    patient_frame,
    patients,
    state_labels,
    which_patients,
)  # fmt: skip
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import (
    FAINT,
    GREY,
    INK,
    RED,
    ROLE_TINTS,
    alternative,
    caption,
    colours,
    finish,
    legend,
    save,
    svg,
)
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result
from protocolsim.study.validation import exact_interval, inside, published_rows

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

__all__ = [
    "alternative",
    "caption",
    "patients_over_time",
    "save",
    "simulated_against_published",
    "svg",
    "through_states",
]

_SIMULATED = "one simulated trial, 5-95 %, and median"
_LANES = ("simulated", "published")
_FEW = 12  # patients, of whom four stand beside each other


def patients_over_time(result: Result, replicate: int = 0, *, at_most: int = MOST_PATIENTS) -> alt.FacetChart:
    """The followed variable of each enrolled patient of one replicate, at most so many, by week since enrolment.

    Of few patients fewer stand beside each other, so that letters are larger on a screen that the figure fills.
    Raises UsageError where the scenario follows no variable, or the replicate has nobody enrolled.
    """
    import altair as alt

    if result.scenario.follow is None:
        raise UsageError("this scenario names no variable to follow, so there is nothing to draw for each patient")
    chosen, enrolled = patients(result.shown, replicate, at_most)
    frame, step = patient_frame(result, chosen)
    panels = list(dict.fromkeys(frame["panel"]))
    header = alt.Header(
        title=None, labelFontSize=11, labelAnchor="start", labelColor=INK, labelExpr="split(datum.value, '\\n')"
    )
    facet = alt.Facet("panel:N", sort=panels, header=header)
    chart = _patient_layers(result, frame).facet(facet=facet, columns=5 if at_most > _FEW else 4, spacing=14)
    number = len(panels)
    every = f" Values are means over {numbers.plain(step)} weeks, as there are too many to draw." if step else ""
    which = which_patients(number, enrolled, result.shown)
    value: alt.FacetChart = finish(
        chart,
        f"Each patient of one simulated trial: {_variable(result)}",
        f"Trial {replicate}, {which}; each panel is one of them, with how they ended. Dots are "
        f"assessments, coloured by the state they were made in. Ticks at the foot are doses, longer for larger ones; a "
        f"red cross is a missed assessment. Look at how much a patient's own dots scatter.{every}",
        f"Small panels for {number} patients of one simulated trial: {_variable(result)} by week since enrolment, "
        "coloured by state, with doses and missed assessments marked.",
    )
    return value


def _patient_layers(result: Result, frame: pd.DataFrame) -> alt.LayerChart:
    """One patient's panel: the curve, and two lanes under it, for missed assessments and for doses."""
    import altair as alt

    floor, top = min(0.0, float(frame["value"].min())), float(frame["value"].max())
    room = max(top - floor, 1.0)
    bottom = floor - 0.36 * room
    scale = alt.Scale(domain=[bottom, top + 0.08 * room], nice=False, zero=False)
    # Vega thins out given values unless their number is asked for too.
    ticks = _ticks(floor, top)
    y = alt.Y("value:Q", title=None, scale=scale, axis=alt.Axis(values=ticks, tickCount=len(ticks) + 1))
    x = alt.X("week:Q", title="weeks since enrolment", axis=alt.Axis(grid=False, tickCount=5))
    states = state_labels(result)
    shown = [s for s in states if s in set(frame["state"])]
    colour = alt.Color(
        "state:N", title=None, scale=colours(states, shown, finals(result.scenario)), legend=legend(shown)
    )
    largest = float(frame["dose"].max()) if frame["dose"].notna().any() else 1.0
    size = alt.Size("dose:Q", legend=None, scale=alt.Scale(domain=[0, largest], range=[0, 11]))
    dose_lane, missed_lane = alt.YDatum(bottom + 0.09 * room), alt.YDatum(bottom + 0.28 * room)

    def only(kind: str) -> alt.Chart:
        return alt.Chart(frame).transform_filter(alt.datum.kind == kind)

    layers = (
        only("enrolment").mark_rule(color=FAINT, strokeWidth=1.5).encode(x=x),
        only("seen").mark_line(color=GREY, strokeWidth=1, opacity=0.8).encode(x=x, y=y),
        only("seen").mark_circle(size=26, opacity=1).encode(x=x, y=y, color=colour),
        only("missed")
        .mark_point(shape="cross", angle=45, size=30, color=RED, filled=True, opacity=1)
        .encode(x=x, y=missed_lane),
        only("dose").mark_tick(color=INK, thickness=1.5, orient="vertical").encode(x=x, y=dose_lane, size=size),
    )
    panel: alt.LayerChart = alt.LayerChart(data=frame, layer=list(layers))
    return panel.properties(width=136, height=84)


def through_states(result: Result) -> alt.Chart:
    """The share of enrolled patients in each state by week since enrolment, over all replicates.

    Raises UsageError where nobody was enrolled.
    """
    import altair as alt

    frame = occupancy(result)
    states = state_labels(result)
    shown = [s for s in states if s in set(frame["state"])]
    last = float(frame["week"].max())
    axis = alt.Axis(grid=False, values=_week_ticks(last))
    weeks, whole = alt.Scale(domain=[0, last], nice=False), alt.Scale(domain=[0, 1])
    chart = (
        alt.Chart(frame)
        .mark_area(interpolate="step-after", opacity=1, line=False)
        .encode(
            x=alt.X("week:Q", title="weeks since enrolment", axis=axis, scale=weeks),
            y=alt.Y("share:Q", title="enrolled patients", stack="zero", scale=whole, axis=alt.Axis(format="%")),
            color=alt.Color(
                "state:N",
                title=None,
                scale=colours(states, shown, finals(result.scenario)),
                sort=shown,
                legend=legend(shown),
            ),
            order=alt.Order("order:Q", sort="ascending"),
        )
        .properties(width=760, height=280)
    )
    number = int(result.shown["subjects"]["enrolled"].sum())
    end = {s: float(frame.loc[(frame["week"] == last) & (frame["state"] == s), "share"].sum()) for s in shown}
    told = "; ".join(f"{s} {numbers.percent(share)}" for s, share in end.items() if share > 0)
    value: alt.Chart = finish(
        chart,
        "Where the patients are, week by week",
        f"All {number:,} enrolled patients of {numbers.count(result.shown.replicates, 'simulated trial')}. The height "
        "of a colour is the share in that state; who has finished or left stays in the state they ended in. Look at "
        f"when a colour opens and how wide it stays. At the end: {told}.",
        f"Stacked areas: share of enrolled patients in each state by week since enrolment. At the end: {told}.",
    )
    return value


def simulated_against_published(result: Result) -> alt.VConcatChart:
    """Where single simulated trials fall, and where the published trial does, for each published endpoint.

    Raises UsageError where no endpoint has a published value.
    """
    import altair as alt

    compared = [row.estimate for row in published_rows(result) if inside(row.estimate) is not None]
    if not compared:
        raise UsageError("no endpoint of this scenario has a published value to draw beside the simulated one")
    labels = _unique_labels(compared)
    units = list(dict.fromkeys(e.unit for e in compared))
    charts = [_comparison(unit, [e for e in compared if e.unit == unit], labels, compared) for unit in units]
    told = "; ".join(
        f"{e.label}: published {numbers.published(e)}, one simulated trial {numbers.one_trial(e)}" for e in compared
    )
    exact = any(exact_interval(e.published) is not None for e in compared)
    line = " The thin line through it is the exact 95 % confidence interval of a published count." if exact else ""
    published: alt.VConcatChart = finish(
        alt.vconcat(*charts, spacing=18).resolve_scale(color="shared"),
        "The published trial among simulated ones",
        "Grey bars hold 90 % of single simulated trials, with the median marked; the diamond is what the real trial "
        f"reported.{line} A diamond within the span of its bar means that the model could have produced such a "
        "trial; for a fitted result it was made to.",
        f"Ranges of simulated trials beside published values. {told}.",
    )
    return published


def _unique_labels(estimates: Sequence[Estimate]) -> dict[str, str]:
    names = [e.name for e in estimates]
    labels = told_apart([e.label for e in estimates], names)
    return {name: "\n".join(textwrap.wrap(label, 40)) for name, label in zip(names, labels, strict=True)}


def _variable(result: Result) -> str:
    return result.scenario.spoken.follow


def _ticks(low: float, high: float) -> list[float]:
    """About four round numbers between two."""
    wide = max(high - low, 1e-9) / 3
    size = 10.0 ** np.floor(np.log10(wide))
    step = size * next(m for m in (1, 2, 5, 10) if m * size >= wide * 0.999)
    return [float(t) for t in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def _week_ticks(last: float) -> list[int]:
    """At most a dozen marks, a round number of four weeks apart."""
    step = next((s for s in (4, 8, 12, 24, 52, 104) if last / s <= 12), 4 * int(np.ceil(last / 48)))
    return list(range(0, int(last) + 1, step))


def _comparison(
    unit: str, group: Sequence[Estimate], labels: Mapping[str, str], compared: Sequence[Estimate]
) -> alt.LayerChart:
    """The endpoints of one unit, on one axis: two lanes each."""
    import altair as alt
    import pandas as pd

    ranges, points = _marks(unit, group, labels)
    roles = sorted({f"published, {e.role}" for e in compared})
    tints = {_SIMULATED: GREY, **{f"published, {role}": tint for role, tint in ROLE_TINTS.items()}}
    series = alt.Scale(domain=[_SIMULATED, *roles], range=[tints[s] for s in (_SIMULATED, *roles)])
    colour = alt.Color("series:N", title=None, legend=legend([_SIMULATED, *roles]), scale=series)
    words = alt.Axis(labelExpr="split(datum.value, '\\n')", labelLimit=340, ticks=False, domain=False, labelPadding=10)
    bands = alt.Scale(paddingInner=0.45)
    y = alt.Y("label:N", title=None, sort=[labels[e.name] for e in group], scale=bands, axis=words)
    offset = alt.YOffset("lane:N", sort=list(_LANES), scale=alt.Scale(paddingOuter=0.1))
    scale = _domain(unit, [*(r[k] for r in ranges for k in ("lo", "hi")), *(p["at"] for p in points)])
    x, at = alt.X("lo:Q", title=unit, scale=scale), alt.X("at:Q", title=unit, scale=scale)
    intervals, marks = alt.Chart(pd.DataFrame(ranges)), alt.Chart(pd.DataFrame(points))
    simulated, published = alt.datum.lane == _LANES[0], alt.datum.lane == _LANES[1]
    bars = intervals.transform_filter(simulated).mark_bar(height=9, opacity=1)
    lines = intervals.transform_filter(published).mark_rule(strokeWidth=1.6)
    medians = marks.transform_filter(simulated).mark_tick(color=INK, thickness=2, size=15)
    diamonds = marks.transform_filter(published).mark_point(shape="diamond", size=110, filled=True, opacity=1)
    layers: alt.LayerChart = alt.LayerChart(
        layer=[
            bars.encode(x=x, x2="hi:Q", y=y, yOffset=offset, color=colour),
            lines.encode(x=x, x2="hi:Q", y=y, yOffset=offset, color=colour),
            medians.encode(x=at, y=y, yOffset=offset),
            diamonds.encode(x=at, y=y, yOffset=offset, color=colour),
        ]
    )
    return layers.properties(width=520, height={"step": 15})


def _marks(
    unit: str, group: Sequence[Estimate], labels: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The ranges and the points to draw, as printed (shares in per cent)."""
    ranges, points = [], []
    for marks in group:
        said = marks.published
        if said is None:
            continue
        lo, hi, median, value = (numbers.scaled(v, unit) for v in (marks.lo, marks.hi, marks.median, said.value))
        ours = {"label": labels[marks.name], "lane": _LANES[0], "series": _SIMULATED}
        theirs = {"label": labels[marks.name], "lane": _LANES[1], "series": f"published, {said.role}"}
        ranges.append({**ours, "lo": lo, "hi": hi})
        points += [{**ours, "at": median}, {**theirs, "at": value}]
        exact = exact_interval(said)
        if exact is not None:
            ranges.append({**theirs, "lo": numbers.scaled(exact[0], unit), "hi": numbers.scaled(exact[1], unit)})
    return ranges, points


def _domain(unit: str, values: Sequence[float]) -> alt.Scale:
    """From zero, or below; for shares up to 100 %."""
    import altair as alt

    low, high = min(0.0, *values), max(values)
    if unit == "%" and high <= 100:
        return alt.Scale(domain=[low, 100], nice=False)
    return alt.Scale(domain=[low, high + 0.05 * (high - low)])
