"""The figure of a sweep: every estimate against what was varied, curves over one parameter or heat maps over two."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from protocolsim.errors import UsageError
from protocolsim.names import readable
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import GREY, INK, PURPLE, RED, ROLE_TINTS, across_scale, finish, legend
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.sweep.grid_values import Axis
from protocolsim.study.sweep.sweep import Sweep

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_BAND = "one simulated trial, 5-95 %"
_CURVE = "all simulated trials, ± Monte Carlo standard error"
_OWN = "the scenario's own value"
_TINTS = {_BAND: GREY, _CURVE: INK, _OWN: PURPLE, **{f"published, {role}": tint for role, tint in ROLE_TINTS.items()}}
_COLUMNS = 3
_LABELLED = 8  # cells a side up to which a heat map has its numbers written in


def ordered(sweep: Sweep) -> list[str]:
    """The names of the estimates, those with a published value first."""
    estimates = sweep.own.estimates
    return sorted(estimates, key=lambda name: estimates[name].published is None)


def drawable(sweep: Sweep) -> bool:
    """Whether there is a figure for this sweep: of one or two parameters."""
    return len(sweep.axes) in (1, 2)


def sweep_figure(sweep: Sweep) -> alt.ConcatChart:
    """Small multiples, one for each estimate. Raises UsageError for a sweep of more than two parameters."""
    if not drawable(sweep):
        raise UsageError(f"a sweep of {len(sweep.axes)} parameters cannot be drawn; vary one or two")
    return _curves(sweep) if len(sweep.axes) == 1 else _maps(sweep)


def _curves(sweep: Sweep) -> alt.ConcatChart:
    import altair as alt

    frame, names, (varied,) = _scaled(sweep), ordered(sweep), sweep.axes
    roles = sorted({f"published, {e.role}" for e in sweep.own.estimates.values() if e.role is not None})
    shown = [_BAND, _CURVE, *roles, *([_OWN] if _own_within(sweep) else [])]
    scale = alt.Scale(domain=shown, range=[_TINTS[s] for s in shown])
    colour = alt.Color("series:N", title=None, scale=scale, legend=legend(shown))
    panels = [_panel(sweep, frame[frame["estimate"] == name], name, colour) for name in names]
    chart = alt.concat(*panels, columns=_COLUMNS, spacing=22).resolve_scale(color="shared")
    number = numbers.count(sweep.own.replicates, "simulated trial")
    drawn: alt.ConcatChart = finish(
        chart,
        f"Every estimate against {_axis_title(sweep, varied)}",
        f"{number} at each of {numbers.count(len(sweep.outcomes), 'point')}, with common random numbers "
        "throughout. The line "
        "is the value of all trials together, its whiskers the Monte Carlo standard error; the band holds 90 % of "
        "single trials. A published value is a horizontal line, the scenario's own value of the parameter a vertical "
        "one. Look at where the line leaves the published value, and whether it does so by more than the band is wide.",
        f"Small line charts for {numbers.count(len(names), 'estimate')} by {_axis_title(sweep, varied)}. "
        + "; ".join(_in_words(sweep, name) for name in names[:_COLUMNS])
        + ".",
    )
    return drawn


def _panel(sweep: Sweep, frame: pd.DataFrame, name: str, colour: alt.Color) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    (varied,), estimate = sweep.axes, sweep.own.estimates[name]
    ends = [min(varied.values), max(varied.values)]
    across = across_scale(ends, log=varied.log)
    x = alt.X("at:Q", title=_axis_title(sweep, varied), scale=across, axis=alt.Axis(grid=False, tickCount=5))
    y = alt.Y("value:Q", title=estimate.unit, scale=alt.Scale(zero=estimate.unit == "%"), axis=alt.Axis(tickCount=4))
    lower, upper = y.copy(), "upper:Q"
    lower.shorthand = "lower:Q"
    data = frame.dropna(subset=["value"]).assign(series=_CURVE)
    data = data.assign(lower=data["value"] - data["mcse"], upper=data["value"] + data["mcse"])
    single = frame.dropna(subset=["lo"]).assign(series=_BAND).rename(columns={"lo": "lower", "hi": "upper"})
    layers: list[alt.Chart] = [
        alt.Chart(single).mark_area(opacity=0.35).encode(x=x, y=lower, y2=upper, color=colour),
        alt.Chart(data).mark_line(strokeWidth=1.5).encode(x=x, y=y, color=colour),
        alt.Chart(data).mark_rule(strokeWidth=1.5).encode(x=x, y=lower, y2=upper, color=colour),
        alt.Chart(data).mark_circle(size=16, opacity=1).encode(x=x, y=y, color=colour),
    ]
    if estimate.published is not None:
        at = numbers.scaled(float(estimate.published.value), estimate.unit)
        line = alt.Chart(pd.DataFrame({"value": [at], "series": [f"published, {estimate.role}"]}))
        layers.append(line.mark_rule(strokeWidth=1.8, strokeDash=[6, 3]).encode(y=y, color=colour))
    if _own_within(sweep):
        own = alt.Chart(pd.DataFrame({"at": [varied.own], "series": [_OWN]}))
        layers.append(own.mark_rule(strokeWidth=1.2, strokeDash=[2, 3]).encode(x=x, color=colour))
    chart: alt.LayerChart = alt.LayerChart(layer=layers)
    return chart.properties(width=212, height=130, title=_heading(sweep, name))


def _maps(sweep: Sweep) -> alt.ConcatChart:
    import altair as alt

    frame, names, (first, second) = _scaled(sweep), ordered(sweep), sweep.axes
    panels = [_map(sweep, frame[frame["estimate"] == name], name) for name in names]
    chart = alt.concat(*panels, columns=_COLUMNS, spacing=26).resolve_scale(color="independent")
    number = numbers.count(sweep.own.replicates, "simulated trial")
    pair = f"{_axis_title(sweep, first)} and {_axis_title(sweep, second)}"
    drawn: alt.ConcatChart = finish(
        chart,
        f"Every estimate by {pair}",
        f"{number} at each of {numbers.count(len(sweep.outcomes), 'point')}, with common random numbers "
        "throughout. The colour "
        "is the value of all trials together, and each map has its own scale; published values stand above the maps. "
        "A red frame is the scenario itself, where it lies on the grid. Look at which way the colour changes.",
        f"Heat maps for {numbers.count(len(names), 'estimate')} by {pair}.",
    )
    return drawn


def _map(sweep: Sweep, frame: pd.DataFrame, name: str) -> alt.LayerChart:
    import altair as alt

    first, second = sweep.axes
    data = frame.dropna(subset=["value"])
    axis = alt.Axis(labelAngle=0, labelOverlap=True)
    x = alt.X("at:O", title=_axis_title(sweep, first), sort=sorted(first.values), axis=axis)
    y = alt.Y(
        "up:O", title=_axis_title(sweep, second), sort=sorted(second.values, reverse=True),
        axis=alt.Axis(labelOverlap=True),
    )  # fmt: skip
    unit = sweep.own.estimates[name].unit
    colour = _shade(data, unit)
    cells = alt.Chart(data)
    layers = [cells.mark_rect().encode(x=x, y=y, color=colour)]
    if max(len(first.values), len(second.values)) <= _LABELLED and len(data) > 0:
        middle = (float(data["value"].min()) + float(data["value"].max())) / 2
        # The darkest half of viridis needs light letters.
        ink = alt.condition(alt.datum.value < middle, alt.value("white"), alt.value("black"))
        written = data.assign(text=[numbers.plain(v) for v in data["value"]])
        layers.append(alt.Chart(written).mark_text(fontSize=9).encode(x=x, y=y, text="text:N", color=ink))
    own = data[(data["at"] == first.own) & (data["up"] == second.own)]
    if len(own) > 0:
        frame_only = alt.Chart(own).mark_rect(filled=False, stroke=RED, strokeWidth=2.5)
        layers.append(frame_only.encode(x=x, y=y))
    chart: alt.LayerChart = alt.LayerChart(layer=layers)
    return chart.properties(width=190, height=150, title=_heading(sweep, name, _everywhere(data, unit)))


def _shade(data: pd.DataFrame, unit: str) -> alt.Color:
    """The colours of one map; where all cells are alike, or undefined, there is no scale to explain."""
    import altair as alt

    low, high = float(data["value"].min()), float(data["value"].max())
    if not low < high:
        around = [low - 1.0, low + 1.0] if len(data) > 0 else [0.0, 1.0]
        return alt.Color("value:Q", scale=alt.Scale(scheme="viridis", domain=around), legend=None)
    key = alt.Legend(title=unit, orient="right", gradientLength=110, gradientThickness=10)
    return alt.Color("value:Q", scale=alt.Scale(scheme="viridis", domain=[low, high]), legend=key)


def _everywhere(data: pd.DataFrame, unit: str) -> str:
    """What a map without a scale of colours says instead."""
    if len(data) == 0:
        return "undefined everywhere"
    low, high = float(data["value"].min()), float(data["value"].max())
    return "" if low < high else f"{numbers.plain(low)} {unit} everywhere"


def _scaled(sweep: Sweep) -> pd.DataFrame:
    """What is drawn, shares in per cent: `at` (and `up`) are the parameters' numbers."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for outcome in sweep.outcomes:
        where = dict(zip(("at", "up"), outcome.values, strict=False))
        for name, e in outcome.estimates.items():
            range_: Mapping[str, float] = {k: getattr(e, k) for k in ("value", "mcse", "lo", "hi")}
            rows.append({**where, "estimate": name, **{k: numbers.scaled(v, e.unit) for k, v in range_.items()}})
    frame = pd.DataFrame(rows)
    # Without an error there are no whiskers; the value is drawn all the same.
    return frame.fillna({"mcse": 0.0})


def _heading(sweep: Sweep, name: str, note: str = "") -> dict[str, Any]:
    one = sweep.own.estimates[name]
    lines = textwrap.wrap(one.label, 34)
    published = f"published {numbers.published(one)}" if one.published is not None else ""
    told = "; ".join(filter(None, (published, note)))
    return {
        "text": lines, "anchor": "start", "fontSize": 12, "fontWeight": "bold", "color": INK,
        **({"subtitle": told, "subtitleColor": INK, "subtitleFontSize": 11} if told else {}),
    }  # fmt: skip


def axis_words(sweep: Sweep, varied: Axis) -> str:
    """What is varied, as readers are told it."""
    try:
        return sweep.own.scenario.settable(varied.name).called
    except UsageError:
        return readable(varied.name.rpartition(".")[2])


def _axis_title(sweep: Sweep, varied: Axis) -> str:
    said = axis_words(sweep, varied)
    return f"{said} ({varied.unit})" if varied.unit else said


def _own_within(sweep: Sweep) -> bool:
    (varied,) = sweep.axes
    return varied.own is not None and min(varied.values) <= varied.own <= max(varied.values)


def _in_words(sweep: Sweep, name: str) -> str:
    """From the first point to the last."""
    ends: Sequence[Estimate] = [sweep.outcomes[k].estimates[name] for k in (0, -1)]
    values = [f"{numbers.simulated(e)} at {sweep.outcomes[k].settings[0]}" for k, e in zip((0, -1), ends, strict=True)]
    return f"{ends[0].label}: {' and '.join(values)}"
