"""Two designs with common random numbers: what differs between them, drawn with its paired error."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from protocolsim.errors import UsageError
from protocolsim.report.comparison.console import difference
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import BLUE, INK, finish
from protocolsim.study.compare import Comparison, Pair

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_LETTERS = 44


def differences(comparison: Comparison) -> alt.LayerChart:
    """B minus A of every share, in percentage points, with two paired standard errors on either side.

    Raises UsageError where both have no share in common.
    """
    import altair as alt

    frame = difference_frame(comparison)
    if len(frame) == 0:
        raise UsageError("the two have no share (in %) in common, so that nothing can be drawn on one axis")
    order = list(dict.fromkeys(frame["label"]))
    words = alt.Axis(labelExpr="split(datum.value, '\\n')", labelLimit=340, ticks=False, domain=False, labelPadding=10)
    y = alt.Y("label:N", title=None, sort=order, axis=words)
    x = alt.X("difference:Q", title="B minus A, percentage points", scale=alt.Scale(zero=True))
    base = alt.Chart(frame)
    layers: alt.LayerChart = alt.LayerChart(
        layer=[
            alt.Chart(frame.head(1)).mark_rule(color=INK, strokeDash=[3, 4]).encode(x=alt.XDatum(0)),
            base.mark_rule(color=BLUE, strokeWidth=2.5).encode(x=alt.X("lower:Q"), x2="upper:Q", y=y),
            base.mark_circle(color=BLUE, size=70, opacity=1).encode(x=x, y=y),
        ]
    )
    largest = max(_shares(comparison), key=lambda p: abs(p.difference))
    told = f"{largest.a.label}, {difference(largest)}"
    chart: alt.LayerChart = finish(
        layers.properties(width=460, height={"step": 30}),
        "What differs with common random numbers",
        f"B minus A over {numbers.count(comparison.replicates, 'simulated trial')} of each. Lines are two paired Monte "
        "Carlo standard errors on either side; what stays off the dashed line differs by more than chance of the "
        f"simulation. Look at what is bought, and what it costs. Largest: {told}.",
        f"Differences of {len(frame)} shares between two designs. Largest: {told}.",
    )
    return chart


def difference_frame(comparison: Comparison) -> pd.DataFrame:
    """name, label, difference, lower and upper (percentage points) of every share that is defined in both."""
    import pandas as pd

    rows = []
    for pair in _shares(comparison):
        value, error = (numbers.scaled(v, "%") for v in (pair.difference, pair.mcse))
        error = 0.0 if error != error else error
        label = "\n".join(textwrap.wrap(pair.a.label, _LETTERS))
        rows.append((pair.name, label, value, value - 2 * error, value + 2 * error))
    return pd.DataFrame(rows, columns=["name", "label", "difference", "lower", "upper"])


def _shares(comparison: Comparison) -> list[Pair]:
    return [p for p in comparison.pairs if p.a.unit == "%" and p.difference == p.difference]
