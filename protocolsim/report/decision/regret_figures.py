"""Regret, drawn: what each threshold loses against the better branch for each subject, and at which price."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocolsim.report.decision.figures import DOSE_MULTIPLES, DOSE_TINTS, multiples, other_branch
from protocolsim.report.decision.series import Drawn
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import BLUE, INK, legend
from protocolsim.report.style.figures import finish as finished
from protocolsim.study.decision.regret import Regret

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


def regret(drawn: Drawn, result: Regret) -> alt.HConcatChart:
    """Regret against the threshold: at the scenario's prices with its uncertainty, and at other prices of dose."""
    import altair as alt

    across = drawn.x()
    own, priced = own_frame(drawn, result), priced_frame(drawn, result)
    here = alt.Chart(_table({"at": [drawn.shown(drawn.curve.own)]})).mark_rule(color=INK, strokeDash=[5, 4])
    prices = list(dict.fromkeys(priced["price"]))
    key = legend(prices)
    key.title, key.titleAnchor, key.columns = "price of a unit of dose", "start", len(prices)
    colour = alt.Color("price:N", sort=prices, scale=alt.Scale(domain=prices, range=list(DOSE_TINTS)), legend=key)
    left, right = (
        {"text": words, "anchor": "start", "fontSize": 12, "color": INK}
        for words in ("at the scenario's prices", "at other prices of a unit of dose")
    )
    regretted = alt.Y("regret:Q", title="regret, in counts", scale=alt.Scale(zero=True))
    band = alt.Chart(own).mark_area(opacity=0.3, color=BLUE, interpolate=drawn.interpolate, line=False)
    line = alt.Chart(own).mark_line(color=BLUE, interpolate=drawn.interpolate, strokeWidth=2)
    lines = alt.Chart(priced).mark_line(interpolate=drawn.interpolate, strokeWidth=1.8)
    lowest = alt.Chart(priced[priced["lowest"]]).mark_point(shape="triangle-up", size=90, filled=True, opacity=1)
    panels = [
        alt.LayerChart(
            layer=[
                band.encode(x=across, y=alt.Y("lower:Q", title="regret, in counts"), y2="upper:Q"),
                line.encode(x=across, y=regretted),
                here.encode(x=across),
            ]
        ).properties(width=320, height=260, title=left),
        alt.LayerChart(
            layer=[
                lines.encode(x=across, y=alt.Y("regret:Q", title=None), color=colour),
                lowest.encode(x=across, y=alt.Y("regret:Q", title=None), color=colour),
                here.encode(x=across),
            ]
        ).properties(width=320, height=260, title=right),
    ]
    findings = " ".join(says(drawn, result))
    chart: alt.HConcatChart = finished(
        alt.hconcat(*panels, spacing=24),
        "What each threshold loses against the better branch for each patient",
        f"{method(result)} The band holds what few random streams leave open and two Monte Carlo standard "
        "errors; triangles mark "
        f"the smallest regret at each price, the dashed line the scenario's own threshold. {findings}",
        f"Regret against {drawn.axis}. {findings}",
    )
    return chart


def own_frame(drawn: Drawn, result: Regret) -> pd.DataFrame:
    """threshold, at, regret, lower, upper at the scenario's prices."""
    frame = result.frame(drawn.thresholds)
    wide = frame.pivot(index="threshold", columns="estimate", values=["value", "mcse"])
    value, error = wide["value"], wide["mcse"].fillna(0.0)
    lower = (value["regret_at_least"] - 2 * error["regret_at_least"]).clip(lower=0.0)
    columns = {"threshold": drawn.thresholds, "at": [drawn.shown(t) for t in drawn.thresholds],
               "regret": value["regret"], "lower": lower, "upper": value["regret"] + 2 * error["regret"]}  # fmt: skip
    return _table({name: np.asarray(column) for name, column in columns.items()})


def priced_frame(drawn: Drawn, frame: Regret) -> pd.DataFrame:
    """threshold, at, dose_weight, price (in words), regret, lowest, at the scenario's price of a stop."""
    import pandas as pd

    stop, dose = frame.weights()
    parts = []
    for weight in multiples(dose, DOSE_MULTIPLES):
        values = frame.values(drawn.thresholds, stop, weight)
        equal = np.flatnonzero(values <= values.min() + 1e-9)
        best = equal[np.argmin(np.abs(drawn.thresholds[equal] - drawn.curve.own))]
        part = _table({"threshold": drawn.thresholds, "at": [drawn.shown(t) for t in drawn.thresholds]})
        part["dose_weight"] = weight
        part["price"] = numbers.plain(weight) + (" (the scenario's)" if weight == dose else "")
        part["regret"], part["lowest"] = values, np.arange(len(values)) == best
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def method(result: Regret) -> str:
    """How regret was found."""
    share = 100.0 * float(result.known.mean()) if len(result.known) else 0.0
    return (
        f"Each patient of the first {numbers.count(result.replicates, 'trial')} was simulated again on both branches "
        f"under {result.streams} other random streams, with the same traits; {share:.1f} % of them came to the "
        "decision in enough of these. The better branch has the smaller loss averaged over the random streams, and "
        "regret is the loss above it."
    )


def says(drawn: Drawn, result: Regret) -> list[str]:
    """What the numbers say, in words."""
    if not result.known.any():
        return ["No patient came to the decision often enough to say what was the better branch."]
    own = result.frame(np.array([drawn.curve.own])).set_index("estimate")
    value, error = own["value"], own["mcse"].fillna(0.0)
    values = result.values(drawn.thresholds)
    best = float(drawn.thresholds[int(np.argmin(values))])
    passing, free = numbers.percent(result.better_off()), 100.0 * result.better_off(0.0, 0.0)
    branch = other_branch(drawn.curve) or "the other branch"
    pair = (numbers.with_error(float(value[n]), float(error[n])) for n in ("regret_at_least", "regret"))
    ends = list(dict.fromkeys(pair))
    bracket = f"between {ends[0]} and {ends[1]}" if len(ends) > 1 else ends[0]
    lowest = result.frame(np.array([best])).set_index("estimate")
    least = numbers.with_error(float(lowest["value"]["regret"]), float(lowest["mcse"]["regret"]))
    sent = numbers.with_error(100.0 * value["share_better"], 100.0 * error["share_better"])
    lost = (
        f"At the scenario's own {drawn.said(drawn.curve.own)} the rule loses {bracket} a patient against the "
        f"better branch for each; the least regret, {least}, is at {drawn.said(best)}."
    )
    better = (
        f"Of the patients, {passing} are better off passing at these prices, and the rule sends "
        f"{sent} % the better branch."
    )
    trivial = (
        f"so that '{branch}' is trivially best for nearly all patients"
        if free < 5.0
        else f"the others do better on '{branch}'"
    )
    return [lost, better, f"Without a price on dose and harm {free:.1f} % are better off passing, {trivial}."]


def _table(columns: dict[str, object]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns)
