"""How the courses ended, arm beside arm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.errors import UsageError
from protocolsim.report.run.arms import arms_of
from protocolsim.report.run.figure_data import ending
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import INK, finish, legend
from protocolsim.study.result import Result

if TYPE_CHECKING:
    import pandas as pd


def outcomes_by_arm(result: Result) -> Any:
    """The share of each arm's enrolled patients who ended in each way, over all replicates, as an altair chart.

    Raises UsageError where the trial has no arms.
    """
    import altair as alt

    frame = outcome_frame(result)
    arms = arms_of(result)
    assert arms is not None
    ends = list(dict.fromkeys(frame["ended"]))
    scale = alt.Scale(domain=list(arms.labels), range=list(arms.tints))
    colour = alt.Color("arm:N", title=None, scale=scale, sort=list(arms.labels), legend=legend(arms.labels))
    whole = alt.Scale(domain=[0, max(1e-9, float(frame["share"].max()) * 1.15)], nice=False)
    words = alt.Axis(labelLimit=300, ticks=False, domain=False, labelPadding=10)
    base = alt.Chart(frame).encode(
        y=alt.Y("ended:N", title=None, sort=ends, axis=words, scale=alt.Scale(paddingInner=0.3)),
        yOffset=alt.YOffset("arm:N", sort=list(arms.labels)),
        x=alt.X("share:Q", title="enrolled patients of the arm", scale=whole, axis=alt.Axis(format="%", tickCount=6)),
    )
    bars = base.mark_bar(opacity=1).encode(color=colour, description="tip:N")
    said = base.mark_text(align="left", dx=5, color=INK, fontSize=11).encode(text="text:N")
    told = "; ".join(frame["tip"])
    chart = alt.LayerChart(layer=[bars, said]).properties(width=520, height={"step": 17})
    return finish(
        chart,
        "How courses ended, arm beside arm",
        f"All enrolled patients of {numbers.count(result.shown.replicates, 'simulated trial')}, by the arm they were "
        f"randomised to, whatever they got later. Look at which bars of one outcome differ. {told}.",
        f"Bars: the share of each arm that ended in each way. {told}.",
    )


def outcome_frame(result: Result) -> pd.DataFrame:
    """One row per outcome and arm: ended, arm, number, share, text, tip. Raises UsageError without arms."""
    import pandas as pd

    arms = arms_of(result)
    if arms is None:
        raise UsageError("this trial has no arms to hold against each other")
    final = result.shown["subjects"]["final_state"]
    words = {int(code): ending(result, int(code)) for code in np.unique(final[arms.of >= 0])}
    rows = []
    for said in dict.fromkeys(words.values()):
        codes = [code for code, text in words.items() if text == said]
        for k, arm in enumerate(arms.labels):
            mine = arms.of == k
            number, all_ = int((mine & np.isin(final, codes)).sum()), int(mine.sum())
            share = number / all_ if all_ else float("nan")
            percent = f"{numbers.plain(100 * share)} %"
            rows.append((said, arm, number, share, percent, f"{arm}: {said} {percent}"))
    return pd.DataFrame(rows, columns=["ended", "arm", "number", "share", "text", "tip"])
