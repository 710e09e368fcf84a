"""One patient's story as one figure: states, everything observed, doses and concentrations on one line of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.records import MADE
from protocolsim.report.protocol import text
from protocolsim.report.style.figures import FAINT, GREY, INK, ORANGE, RED, colours, finish, legend
from protocolsim.scenario.build.values.spoken import at_head
from protocolsim.study.decision.replay import Given, Happened, SeenVariable, Tried
from protocolsim.units import MINUTES_PER_WEEK

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

    from protocolsim.report.patient.story import Trace

_WIDTH, _HEIGHT, _BAND = 720, 64, 20


def trace_figure(trace: Trace) -> alt.VConcatChart:
    """The states the patient was in, with events; below them a panel for each variable, dose and concentration."""
    import altair as alt

    whole = trace.life
    spans = _spans(trace)
    states = _labels(trace)
    moments = [n.minute for n in whole.steps] + [whole.ended, 0]
    low, high = ((m - trace.since) / MINUTES_PER_WEEK for m in (min(moments), max(moments)))
    room = 0.02 * (high - low) or 1.0
    shown = [s for s in states if s in set(spans["state"][spans["until"] > spans["week"]])]
    named = [s for s in shown if s in _seen_states(trace, spans, high - low)]
    scale = alt.Scale(domain=[low - room, high + room], nice=False)
    x = alt.X("week:Q", title=None, scale=scale, axis=alt.Axis(labels=False, ticks=False, grid=False, domain=False))
    colour = alt.Color(
        "state:N",
        title=None,
        scale=colours(states, shown, [s.final for s in whole.scenario.trial.protocol.states]),
        legend=legend(named, values=named),
    )
    panels: list[Any] = [_band(trace, spans, x, colour)]
    moves = spans.iloc[1:]
    panels += [_seen(trace, k, moves, x, colour) for k in _variables(trace)]
    panels += [_given(trace, drug, moves, x) for drug in dict.fromkeys(n.drug for n in _of(trace, Given))]
    panels += [
        _curve(trace, drug, moves, x) for drug, points in whole.curves.items() if any(c > 0.0 for _, c in points)
    ]
    since = "enrolment" if whole.enrolled >= 0 else "the first visit"
    axis = alt.Axis(grid=False, tickCount=12)
    last = alt.X("week:Q", title=f"weeks since {since}", scale=scale, axis=axis)
    panels.append(alt.Chart(spans).mark_rule(opacity=0).encode(x=last).properties(width=_WIDTH, height=1))
    drugs = any(c > 0.0 for points in whole.curves.values() for _, c in points)
    measured = " Concentrations are simulated and never measured here." if drugs else ""
    hidden = " Orange: the truth behind each number, which no clinic knows." if trace.truth else ""
    ended = states[int(whole.records["subjects"]["final_state"][whole.row])]
    figure: alt.VConcatChart = finish(
        alt.vconcat(*panels, spacing=9),
        trace.heading.split(":")[0],
        "Every panel is on the same line of time; thin vertical lines are changes of state. Dots: what was observed, "
        f"in the colour of the state.{hidden}{measured} {trace.end}",
        f"Panels over time for one patient: states, what was observed, doses{', concentrations' if drugs else ''}; "
        f"ends in {ended}.",
    )
    return figure


def _of(trace: Trace, kind: type) -> list[Any]:
    return [n for n in trace.life.steps if isinstance(n, kind)]


def _labels(trace: Trace) -> list[str]:
    return [s.label for s in trace.life.scenario.trial.protocol.states]


def _week(trace: Trace, minute: int) -> float:
    return (minute - trace.since) / MINUTES_PER_WEEK


def _spans(trace: Trace) -> pd.DataFrame:
    """One row for each stay: from `week` to `until`, in `state`."""
    import pandas as pd

    labels = _labels(trace)
    starts = [(0, 0)] + [(n.minute, n.to.number) for n in _of(trace, Tried) if n.to is not None]
    ends = [m for m, _ in starts[1:]] + [trace.life.ended]
    return pd.DataFrame(
        [
            {"week": _week(trace, m), "until": _week(trace, end), "state": labels[s]}
            for (m, s), end in zip(starts, ends, strict=True)
        ]
    )


def _seen_states(trace: Trace, spans: pd.DataFrame, weeks: float) -> set[str]:
    """The states that can be seen: those that are long enough for the band, or colour a dot."""
    labels = _labels(trace)
    long = spans["state"][spans["until"] - spans["week"] > weeks / _WIDTH]
    return {*long, *(labels[n.state] for n in _of(trace, SeenVariable) if n.status == MADE)}


def _titled(chart: Any, title: str, height: int = _HEIGHT) -> Any:
    heading = {"text": title, "anchor": "start", "fontSize": 11, "fontWeight": "normal", "color": INK, "offset": 3}
    heading["frame"] = "group"
    return chart.properties(width=_WIDTH, height=height, title=heading)


def _band(trace: Trace, spans: pd.DataFrame, x: Any, colour: Any) -> Any:
    """The states as a band, with events as crosses on it."""
    import altair as alt
    import pandas as pd

    labels = trace.life.scenario.trial.labels
    layers = [alt.Chart(spans).mark_bar(height=_BAND - 4, opacity=1).encode(x=x, x2="until:Q", color=colour)]
    events = [{"week": _week(trace, n.minute), "event": labels.events[n.event]} for n in _of(trace, Happened)]
    title = "States"
    if events:
        frame = pd.DataFrame(events)
        layers.append(
            alt.Chart(frame).mark_point(shape="cross", angle=45, size=70, color=RED, filled=True, opacity=1).encode(x=x)
        )
        title = f"States; a cross: {text.listed(list(dict.fromkeys(frame['event'])), 'or')}"
    return _titled(alt.layer(*layers), title, _BAND)


def _variables(trace: Trace) -> list[int]:
    """The variables seen, the one to follow first."""
    follow = trace.life.scenario.follow
    names = trace.life.scenario.trial.labels.variables
    variables = list(dict.fromkeys(n.variable for n in _of(trace, SeenVariable) if n.status == MADE))
    return sorted(variables, key=lambda k: names[k] != follow)


def _changes(moves: pd.DataFrame, x: Any) -> Any:
    import altair as alt

    return alt.Chart(moves).mark_rule(color=FAINT, strokeWidth=1.2).encode(x=x)


def _y(name: str, values: list[float]) -> Any:
    import altair as alt

    low, high = min(0.0, *values), max(values)
    high = high if high > low else low + 1.0
    scale = alt.Scale(domain=[low, high + 0.08 * (high - low or 1.0)], nice=False)
    return alt.Y(f"{name}:Q", title=None, scale=scale, axis=alt.Axis(tickCount=3, minExtent=36))


def _seen(trace: Trace, variable: int, moves: pd.DataFrame, x: Any, colour: Any) -> Any:
    """One variable: what was observed, what was missed at the foot, and the truth if asked for."""
    import altair as alt
    import pandas as pd

    scenario, states = trace.life.scenario, _labels(trace)
    seen = [n for n in _of(trace, SeenVariable) if n.variable == variable]
    frame = pd.DataFrame(
        {
            "week": [_week(trace, n.minute) for n in seen],
            "value": [n.value for n in seen],
            "truth": [n.truth for n in seen],
            "state": [states[n.state] for n in seen],
        }
    )
    made = frame[[n.status == MADE for n in seen]]
    missed = frame[[n.status != MADE for n in seen]]
    values = made["value"].tolist() + (made["truth"].tolist() if trace.truth else [])
    y = _y("value", [v for v in values if v == v])
    layers = [_changes(moves, x), alt.Chart(made).mark_line(color=GREY, strokeWidth=1).encode(x=x, y=y)]
    if trace.truth:
        layers.append(
            alt.Chart(made).mark_line(color=ORANGE, strokeWidth=1.5).encode(x=x, y=alt.Y("truth:Q", title=None))
        )
    layers.append(alt.Chart(made).mark_circle(size=34, opacity=1).encode(x=x, y=y, color=colour))
    if len(missed):
        cross = alt.Chart(missed).mark_point(shape="cross", angle=45, size=30, color=RED, filled=True, opacity=1)
        layers.append(cross.encode(x=x, y=alt.datum(0.0)))
    name = scenario.trial.labels.variables[variable]
    meaning = next(v.meaning for m in scenario.trial.assessments for v in m.assessment.variables if v.name == name)
    said = at_head(scenario.spoken.variable(name))
    return _titled(
        alt.layer(*layers), meaning if meaning.casefold().startswith(said.casefold()) else f"{said}: {meaning}"
    )


def _given(trace: Trace, drug: int, moves: pd.DataFrame, x: Any) -> Any:
    """The doses of one drug as bars."""
    import altair as alt
    import pandas as pd

    given = [n for n in _of(trace, Given) if n.drug == drug and n.status == MADE]
    frame = pd.DataFrame({"week": [_week(trace, n.minute) for n in given], "dose": [n.dose for n in given]})
    labels = trace.life.scenario.trial.labels
    name, unit = trace.life.scenario.spoken.drug(labels.drugs[drug]), labels.dose_units[drug]
    # Rules and not bars, which would make their own room at the ends of the line of time.
    y = _y("dose", frame["dose"].tolist() or [1.0])
    bars = alt.Chart(frame).mark_rule(color=INK, strokeWidth=2.5).encode(x=x, y=y, y2=alt.datum(0.0))
    return _titled(alt.layer(_changes(moves, x), bars), f"{name}: doses" + (f", {unit}" if unit else ""), _HEIGHT // 2)


def _curve(trace: Trace, drug: int, moves: pd.DataFrame, x: Any) -> Any:
    """The concentration of one drug."""
    import altair as alt
    import pandas as pd

    points = np.array(trace.life.curves[drug], dtype=np.float64)
    frame = pd.DataFrame(
        {
            "week": (points[:, 0] - trace.since) / MINUTES_PER_WEEK,
            "value": points[:, 1],
            "order": np.arange(len(points)),
        }
    )
    name = trace.life.scenario.spoken.drug(trace.life.scenario.trial.labels.drugs[drug])
    line = alt.Chart(frame).mark_line(color=INK, strokeWidth=1.2).encode(
        x=x, y=_y("value", frame["value"].tolist()), order="order:Q"
    )  # fmt: skip
    return _titled(alt.layer(_changes(moves, x), line), f"{name}: concentration, mg/L (hidden)")
