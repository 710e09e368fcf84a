"""Definitions of what a rule measures, side by side: the share that passes and the discrimination of responders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.errors import UsageError
from protocolsim.report.decision import captions
from protocolsim.report.decision.captions import MarkedThreshold
from protocolsim.report.decision.figures import OWN, read_at
from protocolsim.report.decision.series import Drawn
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import INK, PALETTE, SEPARATOR, finish

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

PANELS = {
    "share_sent": "share that passes",
    "sensitivity": "true responders who pass",
    "specificity": "others who do not pass",
}
_LINES, _LONG = len(PALETTE), 60


def definitions(drawn: Drawn) -> alt.HConcatChart:
    """Share that passes, sensitivity and specificity against the threshold, a line for each definition of the measure.

    Raises UsageError where the scenario declares no other definition.
    """
    import altair as alt

    frame = definitions_frame(drawn)
    colour = _colour(frame, columns=2)
    across = drawn.x()
    own = alt.Chart(_table([{"at": drawn.shown(drawn.curve.own)}])).mark_rule(color=INK, strokeDash=[5, 4])
    panels = []
    for name, heading in PANELS.items():
        if name not in drawn.curve.endpoints:
            continue
        y = alt.Y(f"{name}:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
        title = {"text": heading, "anchor": "start", "fontSize": 12, "color": INK}
        layers = [
            # The rule's own lies on top, since others may have nearly the same line.
            alt.Chart(rows)
            .mark_line(interpolate=drawn.interpolate, strokeWidth=width)
            .encode(x=across, y=y, color=colour)
            for rows, width in ((frame[~frame["rules"]], 1.6), (frame[frame["rules"]], 2.6))
        ]
        # The line lies on top, where a hand can take hold of it.
        layers.append(read_at(drawn, _by_definition(frame, name), 214))
        layers.append(own.encode(x=across).properties(name=OWN))
        panels.append(alt.LayerChart(layer=layers).properties(width=214, height=240, title=title))
    chart = alt.hconcat(*panels, spacing=20).resolve_scale(color="shared", x="shared")
    estimates = "; ".join(said(drawn))
    result: alt.HConcatChart = finish(
        chart,
        "What the rule measures matters as much as its threshold",
        captions.of_definitions(MarkedThreshold(drawn), estimates),
        f"Step curves by definition of the measure against {drawn.axis}. At the scenario's own threshold: {estimates}.",
    )
    return result


def definitions_roc(drawn: Drawn) -> alt.LayerChart:
    """ROC of each definition. Raises UsageError without other definitions, or without a true response."""
    import altair as alt

    drawn.priced()
    frame = definitions_frame(drawn).dropna(subset=["sensitivity", "specificity"])
    if len(frame) == 0:
        raise UsageError("no subject, or every one, truly responds, so there is no ROC curve")
    frame["false_positive"] = 1.0 - frame["specificity"]
    whole, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%", tickCount=5)
    x = alt.X("false_positive:Q", title="1 - specificity: others who pass", scale=whole, axis=axis)
    y = alt.Y("sensitivity:Q", title="sensitivity: true responders who pass", scale=whole, axis=axis)
    chance = alt.Chart(_table([{"false_positive": v, "sensitivity": v} for v in (0.0, 1.0)]))
    own = alt.Chart(frame[frame["own"]])
    colour = _colour(frame, columns=1)
    chart = alt.LayerChart(
        layer=[
            chance.mark_line(color=INK, strokeDash=[3, 4], strokeWidth=1).encode(x=x, y=y),
            *(
                alt.Chart(rows).mark_line(strokeWidth=width).encode(x=x, y=y, color=colour, order="threshold:Q")
                for rows, width in ((frame[~frame["rules"]], 1.6), (frame[frame["rules"]], 2.6))
            ),
            own.mark_point(shape="diamond", size=130, filled=True, opacity=1).encode(x=x, y=y, color=colour),
        ]
    ).properties(width=400, height=400)
    areas = {name: drawn.curve.by(name).area() for name in drawn.curve.definitions}
    labels = drawn.curve.definitions
    listed = "; ".join(f"{labels[n]} {100 * a:.1f} ± {100 * e:.1f} %" for n, (a, e) in areas.items())
    roc: alt.LayerChart = finish(
        chart,
        "How well each definition tells true responders from others",
        f"Diamonds are the scenario's own threshold, {drawn.said(drawn.curve.own)}. The area under a curve is how "
        f"often a true responder measures better than a patient who is none, ties counting half: {listed}. A line that "
        "lies above another knows more at every threshold; a diamond that only moves along a line knows the same.",
        f"ROC curves by definition of the measure. Areas: {listed}.",
    )
    return roc


def definitions_frame(drawn: Drawn) -> pd.DataFrame:
    """definition, label, threshold, at, own, rules (the rule's own), and the estimates of `PANELS`.

    Raises UsageError where the scenario declares no other definition, or no subject reached the decision.
    """
    import pandas as pd

    curve = drawn.curve
    if len(curve.definitions) == 1:
        raise UsageError("the scenario declares no other measure (decisions: ... measures:), so none can be compared")
    if len(curve.measured) == 0:
        raise UsageError("no subject reached the decision, so there is nothing to draw")
    parts = []
    for name, label in curve.definitions.items():
        part = pd.DataFrame({"threshold": drawn.thresholds, "at": [drawn.shown(t) for t in drawn.thresholds]})
        part.insert(0, "definition", name)
        part.insert(
            1, "label", label + (" (the rule's own)" if name == curve.definition and label != "the rule's own" else "")
        )
        part["own"], part["rules"] = part["threshold"] == curve.own, name == curve.definition
        measured = curve.by(name)
        for panel in PANELS:
            if panel in curve.endpoints:
                part[panel] = measured.values(panel, drawn.thresholds)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _by_definition(frame: pd.DataFrame, name: str) -> list[str]:
    return [
        SEPARATOR.join(f"{label} {numbers.percent(value)}" for label, value in zip(at["label"], at[name], strict=True))
        for _, at in frame.groupby("threshold", sort=True)
    ]


def said(drawn: Drawn, threshold: float | None = None) -> list[str]:
    """The share that passes at a threshold, by definition; without one at the scenario's own."""
    result = []
    for name, label in drawn.curve.definitions.items():
        at = drawn.curve.by(name).at(drawn.curve.own if threshold is None else threshold, ("share_sent",))["share_sent"]
        error = "" if np.isnan(at.mcse) else f" ± {100 * at.mcse:.1f}"
        result.append(f"{label} {100 * at.value:.1f}{error} % pass")
    return result


def _colour(frame: pd.DataFrame, columns: int) -> Any:
    import altair as alt

    labels = list(dict.fromkeys(frame["label"]))
    scale = alt.Scale(domain=labels, range=[PALETTE[k % _LINES] for k in range(len(labels))])
    key = alt.Legend(
        orient="bottom", direction="vertical", columns=columns, symbolType="stroke", symbolStrokeWidth=3, offset=14,
        labelLimit=420,
    )  # fmt: skip
    return alt.Color("label:N", title=None, scale=scale, sort=labels, legend=key)


def _table(rows: list[dict[str, float]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)
