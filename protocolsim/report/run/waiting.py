"""How long patients wait for what they share: the delay of the assessments that a limited resource serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.errors import UsageError
from protocolsim.records import MADE
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import BLUE, GREY, INK, ORANGE, finish, legend
from protocolsim.study.result import Result
from protocolsim.units import MINUTES_PER_DAY

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

ON_TIME, NOT_MADE = "on its day", "not made"
MOST_DAYS = 28
_TINTS = (BLUE, ORANGE, GREY)


def delays(result: Result) -> pd.DataFrame:
    """The share of planned assessments by whole days of delay, of those that wait for a resource and of the enrolled.

    Columns: `days` ("on its day", "1", ..., "not made"), `share` (0 to 1). Raises UsageError where patients wait for no
    assessment, or none was planned.
    """
    import pandas as pd

    records = result.shown
    served = {name for resource in result.scenario.trial.cohort.capacity for name in resource.serves}
    codes = [k for k, name in enumerate(records.labels.assessments) if name in served]
    if not codes:
        raise UsageError("no assessment of this scenario waits for a resource (cohort.capacity)")
    table, rows = records["observations"], rows_of(records, "observations")
    mine = np.isin(table["assessment"], codes) & records["subjects"]["enrolled"][rows]
    # One assessment has a row for each variable that it shows.
    visits = np.column_stack([rows, table["assessment"], table["planned_minute"]])[mine]
    _, first = np.unique(visits, axis=0, return_index=True)
    if len(first) == 0:
        raise UsageError("no assessment that waits for a resource was planned")
    made = (table["status"] == MADE)[mine][first]
    late = (table["minute"] - table["planned_minute"])[mine][first]
    days = np.minimum(late[made] // MINUTES_PER_DAY, MOST_DAYS)
    return pd.DataFrame(
        [
            (ON_TIME if day == 0 else str(day), float(np.count_nonzero(days == day)) / len(first))
            for day in range(int(days.max(initial=0)) + 1)
        ]
        + [(NOT_MADE, float(np.count_nonzero(~made)) / len(first))],
        columns=["days", "share"],
    )


def waiting(results: Sequence[tuple[str, Result]]) -> alt.LayerChart:
    """The delay of planned assessments of one scenario or several, each with what it is called: a bar for each day.

    Raises UsageError as `delays` does.
    """
    import altair as alt
    import pandas as pd

    frames = [delays(result).assign(trial=title) for title, result in results]
    frame = pd.concat(frames, ignore_index=True)
    titles = [title for title, _ in results]
    days = max((list(f["days"][:-1]) for f in frames), key=len)
    tints = alt.Scale(domain=titles, range=list(_TINTS[: len(titles)]))
    bars = alt.Chart(frame).encode(
        x=alt.X("days:N", sort=[*days, NOT_MADE], title="days after the planned day", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("trial:N", sort=titles),
        y=alt.Y("share:Q", title="share of those planned", axis=alt.Axis(format=".0%")),
    )
    drawn = bars.mark_bar(opacity=1).encode(
        color=alt.Color("trial:N", title=None, scale=tints, legend=legend(titles) if len(titles) > 1 else None)
    )
    words = bars.transform_calculate(said="format(datum.share, '.0%')").transform_filter("datum.share >= 0.005")
    layered: alt.LayerChart = alt.LayerChart(
        layer=[drawn, words.mark_text(dy=-7, color=INK, fontSize=11).encode(text="said:N")]
    ).properties(width=620, height=260)
    said = "; ".join(f"{title}: {_told(f['share'].to_numpy())}" for title, f in zip(titles, frames, strict=True))
    finished: alt.LayerChart = finish(
        layered,
        "How long patients wait",
        "The share of all planned assessments that are made on their day, so many days later, or not at all, over the "
        "simulated trials. Look at how many are late beside how many are lost.",
        f"A bar for each day of delay. {said}.",
    )
    return finished


def _told(shares: Floats) -> str:
    late, lost = float(shares[1:-1].sum()), float(shares[-1])
    return f"{numbers.plain(100 * late)} % late, {numbers.plain(100 * lost)} % not made"
