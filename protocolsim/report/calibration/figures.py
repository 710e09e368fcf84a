"""Figures of a calibration: each posterior beside its prior, and what it predicts beside what was published."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.report.style import numbers
from protocolsim.report.style.figures import BLUE, FAINT, GREY, INK, ORANGE, PURPLE, finish, legend
from protocolsim.study.calibration.calibrate import Calibration, Fitted, Predicted

if TYPE_CHECKING:
    import altair as alt

_BINS = 12
_PRIOR, _OWN = "before: the prior", "the scenario's own value"
_SAID, _NOT = "after: identified", "after: not identified"
_DRAWN = "trials at draws from the posterior, 5-95 %, and median"
_FITTED, _BESIDE = "published, fitted to", "published, not fitted to"
_PANEL = 330


def posteriors(calibration: Calibration) -> alt.ConcatChart:
    """The posterior of each parameter as a histogram, over its prior."""
    import altair as alt

    panels = [_panel(calibration, p, k) for k, p in enumerate(calibration.parameters)]
    chart = alt.concat(*panels, columns=2, spacing=26).resolve_scale(color="shared")
    lost = calibration.not_identified
    told = "; ".join(_in_words(p) for p in calibration.parameters)
    drawn: alt.ConcatChart = finish(
        chart,
        "What the targets say of each parameter",
        f"Bars: the posterior, in {_BINS} classes of equal prior probability. Dashes: the prior. Bars as flat as the "
        "prior mean that the targets say nothing of that parameter. The line is the scenario's own value. "
        f"Not identified: {', '.join(lost) if lost else 'none of them'}.",
        f"A histogram of the posterior of each parameter. {told}.",
    )
    return drawn


def _in_words(p: Fitted) -> str:
    return f"{p.free.name}: {numbers.plain(p.low)} to {numbers.plain(p.high)} {p.free.unit}".rstrip()


def _panel(calibration: Calibration, p: Fitted, k: int) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    ends = np.linspace(0.0, 1.0, _BINS + 1)
    share, _ = np.histogram(calibration.posterior.positions[:, k], bins=ends, weights=calibration.posterior.weights)
    edges = [p.free.at(float(u)) for u in ends]
    series = _SAID if p.identified else _NOT
    shown = [s for s in (_PRIOR, _SAID, _NOT, _OWN) if s in (_PRIOR, _OWN) or s in _series(calibration)]
    tints = {_PRIOR: GREY, _SAID: BLUE, _NOT: ORANGE, _OWN: PURPLE}
    colour = alt.Color(
        "series:N", title=None, legend=legend(shown), scale=alt.Scale(domain=shown, range=[tints[s] for s in shown])
    )
    bars = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "share": share * 100.0, "foot": 0.0, "series": series})
    prior = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "share": 100.0 / _BINS, "series": _PRIOR})
    scale = alt.Scale(type="log" if p.free.log else "linear", domain=[p.free.low, p.free.high], nice=False)
    title = f"{p.free.name}{f' ({p.free.unit})' if p.free.unit else ''}"
    x = alt.X("from:Q", title=title, scale=scale, axis=alt.Axis(grid=False, tickCount=6, format=".4~g"))
    y = alt.Y("share:Q", title="% of the posterior")
    layers = [
        alt.Chart(bars)
        .mark_bar(opacity=0.85, stroke="white", strokeWidth=0.5)
        .encode(x=x, x2="to:Q", y=y, y2="foot:Q", color=colour),
        alt.Chart(prior).mark_rule(strokeWidth=2.5, strokeDash=[5, 3]).encode(x=x, x2="to:Q", y=y, color=colour),
    ]
    if p.own_percentile is not None:
        own = pd.DataFrame({"from": [p.free.value], "series": [_OWN]})
        layers.append(alt.Chart(own).mark_rule(strokeWidth=2).encode(x=x, color=colour))
    panel: alt.LayerChart = alt.LayerChart(layer=layers).properties(width=_PANEL, height=150)
    return panel


def _series(calibration: Calibration) -> set[str]:
    return {_SAID if p.identified else _NOT for p in calibration.parameters}


def predicted(calibration: Calibration) -> alt.VConcatChart:
    """Trials at draws from the posterior beside what was published, one row for each result, by unit."""
    import altair as alt

    units = list(dict.fromkeys(p.unit for p in calibration.predicted))
    charts = [_rows(unit, [p for p in calibration.predicted if p.unit == unit], calibration) for unit in units]
    told = "; ".join(
        f"{p.label}: published {p.text}, predicted {numbers.span(p.lo, p.hi, p.unit)}" for p in calibration.predicted
    )
    drawn: alt.VConcatChart = finish(
        alt.vconcat(*charts, spacing=18).resolve_scale(color="shared"),
        "What the posterior predicts, beside what was published",
        "Grey bars hold 90 % of fresh simulated trials whose parameters were drawn from the posterior; the diamond is "
        "what was published. A target inside its bar was made to be there; one outside means that the model cannot "
        "have it together with the others.",
        f"Ranges of trials at draws from the posterior beside published values. {told}.",
    )
    return drawn


def _rows(unit: str, group: list[Predicted], calibration: Calibration) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    labels = {p.endpoint: "\n".join(textwrap.wrap(p.label, 40)) for p in group}
    kinds = [_FITTED if p.target is not None else _BESIDE for p in calibration.predicted]
    shown = [_DRAWN, *(k for k in (_FITTED, _BESIDE) if k in kinds)]
    tints = {_DRAWN: GREY, _FITTED: ORANGE, _BESIDE: BLUE}
    colour = alt.Color(
        "series:N", title=None, legend=legend(shown), scale=alt.Scale(domain=shown, range=[tints[s] for s in shown])
    )
    frame = pd.DataFrame(
        {
            "label": labels[p.endpoint],
            **{key: numbers.scaled(getattr(p, key), unit) for key in ("lo", "median", "hi", "value")},
            "kind": _FITTED if p.target is not None else _BESIDE,
            "drawn": _DRAWN,
        }
        for p in group
    )
    words = alt.Axis(labelExpr="split(datum.value, '\\n')", labelLimit=340, ticks=False, domain=False, labelPadding=10)
    y = alt.Y("label:N", title=None, sort=list(labels.values()), axis=words)
    top = (
        max(100.0, float(frame[["hi", "value"]].max().max()))
        if unit == "%"
        else float(frame[["hi", "value"]].max().max())
    )
    low = min(0.0, float(frame[["lo", "value"]].min().min()))
    scale = alt.Scale(domain=[low, top], nice=False)
    base = alt.Chart(frame)

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", title=unit, scale=scale, axis=alt.Axis(gridColor=FAINT))

    bars = base.mark_bar(height=10).encode(x=x("lo"), x2="hi:Q", y=y, color=colour.copy(deep=True))
    bars.encoding.color.shorthand = "drawn:N"
    medians = base.mark_tick(color=INK, thickness=2, size=16).encode(x=x("median"), y=y)
    marks = base.mark_point(shape="diamond", size=110, filled=True, opacity=1).encode(x=x("value"), y=y, color=colour)
    marks.encoding.color.shorthand = "kind:N"
    layers: alt.LayerChart = alt.LayerChart(layer=[bars, medians, marks]).properties(width=520, height={"step": 30})
    return layers
