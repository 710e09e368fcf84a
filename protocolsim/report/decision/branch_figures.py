"""Who takes which branch of a decision, over a number that its rules compare with; arms side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocolsim.report.decision.series import DrawnNumber
from protocolsim.report.run.figure_data import finals
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import (
    INK,
    MULBERRY,
    OLIVE,
    SEPARATOR,
    finish,
    legend,
    reading,
    state_colours,
)
from protocolsim.study.decision.branch_curve import BranchCurve, BranchShare

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_WIDTH, _HEIGHT = 730, 300
# Where branches lead to one and the same state they have no colour of it.
_ALIKE = (INK, MULBERRY, OLIVE, "#6f7782", "#b4bac2")
# What marks the value that is set, by which a page moves it.
OWN = "own"


class DrawnBranches(DrawnNumber):
    """A curve of branches as it is drawn over its number."""

    def __init__(self, curve: BranchCurve) -> None:
        super().__init__(curve.scenario, curve.parameter)
        self.curve = curve

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value, in the unit."""
        return self.shown(float(self.curve.values[0])), self.shown(float(self.curve.values[-1]))

    def side(self, place: int) -> str:
        """The decision in words: the state at whose end it is taken."""
        return self.curve.scenario.trial.protocol.states[self.curve.decided[place].state].label

    def at(self, place: int, value: float) -> list[tuple[str, BranchShare]]:
        """Every branch of one decision with its share at a value."""
        return list(zip(self.curve.labels(place), self.curve.shares(place, value), strict=True))

    def sentence(self, value: float) -> str:
        """Who goes where at a value, in words."""
        told = []
        for place in range(len(self.curve.decided)):
            word = "by" if self.curve.parted_by_rule(place) else "to"
            shares = ", ".join(f"{percent(share)} {word} '{label}'" for label, share in self.at(place, value))
            told.append(f"after '{self.side(place)}' {shares}" if len(self.curve.decided) > 1 else shares)
        return "; ".join(told)


def percent(share: BranchShare) -> str:
    """A share as it is printed, with its error."""
    return (
        f"{numbers.with_error(100 * share.value, 100 * share.mcse)} %"
        if share.value == share.value
        else numbers.UNDEFINED
    )


def branches(drawn: DrawnBranches) -> Any:
    """The share of those decided on who take each branch against the number; a panel for each decision."""
    import altair as alt

    curve = drawn.curve
    places = range(len(curve.decided))
    wide = _WIDTH // len(curve.decided) - 40 * (len(curve.decided) > 1)
    panels = [_panel(drawn, place, wide) for place in places]
    chart = panels[0] if len(panels) == 1 else alt.hconcat(*panels, spacing=34).resolve_scale(color="independent")
    return finish(
        chart,
        f"Who goes where, by {drawn.name}",
        caption(drawn, curve.own),
        f"Lines: the share that takes each branch against {drawn.axis}. At the scenario's own {drawn.said(curve.own)}: "
        f"{drawn.sentence(curve.own)}.",
    )


def caption(drawn: DrawnBranches, value: float) -> str:
    """What stands under it, for whatever value is set."""
    curve = drawn.curve
    number = sum(len(d.subject) for d in curve.decided)
    own = f"the scenario's own, {drawn.said(curve.own)}"
    named = (
        own
        if value == curve.own
        else f"the value set here, {drawn.said(value)} (the scenario's own is {drawn.said(curve.own)})"
    )
    reach = numbers.count(number, "decision")
    as_reached = (
        f" Each decision is taken as it was reached at {drawn.said(curve.own)}: what another value would have changed "
        "before is not in it."
        if curve.entangled
        else ""
    )
    return (
        f"All {reach} of {numbers.count(curve.replicates, 'simulated trial')}, decided anew at every value from what "
        "the rule read of each patient; bands are two Monte Carlo standard errors wide on either side. The vertical "
        f"line is {named}. At it: {drawn.sentence(value)}.{as_reached} Look at where a line is steep: there the number "
        "decides."
    )


def frame(drawn: DrawnBranches, place: int) -> pd.DataFrame:
    """One row for each value and branch: at (in the unit), branch, value, lower, upper (shares)."""
    import pandas as pd

    rows = []
    for value in drawn.curve.values.tolist():
        for label, share in drawn.at(place, value):
            error = 0.0 if share.mcse != share.mcse else 2 * share.mcse
            low, high = max(0.0, share.value - error), min(1.0, share.value + error)
            rows.append((drawn.shown(value), label, share.value, low, high))
    return pd.DataFrame(rows, columns=["at", "branch", "value", "lower", "upper"])


def _panel(drawn: DrawnBranches, place: int, wide: int) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    data, labels = frame(drawn, place), drawn.curve.labels(place)
    scale = alt.Scale(domain=labels, range=_tints(drawn, place))
    key = legend(labels, labelLimit=wide)
    key.columns = max(1, min(key.columns, wide // 280))
    colour = alt.Color("branch:N", title=None, scale=scale, legend=key, sort=labels)
    across = drawn.x()
    whole = alt.Scale(domain=[0, 1])
    lower, value = (
        alt.Y(f"{k}:Q", title="share of those decided on", scale=whole, axis=alt.Axis(format="%"))
        for k in ("lower", "value")
    )
    tips = pd.DataFrame(
        {
            "at": data["at"].unique(),
            "tip": [
                f"{drawn.said(v)}: "
                + SEPARATOR.join(f"{label} {percent(share)}" for label, share in drawn.at(place, v))
                for v in drawn.curve.values.tolist()
            ],
        }
    )
    own = alt.Chart(pd.DataFrame({"at": [drawn.shown(drawn.curve.own)]}))
    layers = [
        alt.Chart(data)
        .mark_area(opacity=0.25, line=False, clip=True, interpolate="step-after")
        .encode(x=across, y=lower, y2="upper:Q", color=colour),
        alt.Chart(data).mark_line(strokeWidth=2.2, interpolate="step-after").encode(x=across, y=value, color=colour),
        reading(tips, across, wide),
        own.mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.3).encode(x=across).properties(name=OWN),
    ]
    chart = alt.LayerChart(layer=layers).properties(width=wide, height=_HEIGHT)
    if len(drawn.curve.decided) > 1:
        chart = chart.properties(
            title={"text": drawn.side(place), "anchor": "start", "fontSize": 12, "color": INK, "limit": wide}
        )
    result: alt.LayerChart = chart
    return result


def _tints(drawn: DrawnBranches, place: int) -> list[str]:
    """The colours of the states that the branches lead to, as in every figure."""
    ends = [branch[0].destinations for branch in drawn.curve.branches(place)]
    if drawn.curve.parted_by_rule(place):
        return [_ALIKE[k % len(_ALIKE)] for k in range(len(ends))]
    tints = state_colours(finals(drawn.curve.scenario))
    return [tints[end[0]] if end else INK for end in ends]
