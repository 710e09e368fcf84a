"""Every boundary drawn: expected sample size against power, with the design's own marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.errors import UsageError
from protocolsim.report.boundaries.summary import ABOVE, HELD, NOT_KNOWN, label, level, verdicts
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import BLUE, GREY, INK, ORANGE, finish, legend
from protocolsim.study.boundaries.boundaries import Boundaries

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_TINTS = {HELD: BLUE, ABOVE: ORANGE, NOT_KNOWN: GREY}
_OWN, _CALIBRATED = "the design's own", "calibrated"


def trade_off(result: Boundaries) -> alt.LayerChart:
    """Expected sample size against power, a point for each set of boundaries.

    Raises UsageError where no size or no power is known.
    """
    import altair as alt

    frame = points(result)
    shown = [v for v in _TINTS if v in set(frame["verdict"])]
    x = alt.X("size:Q", title="expected sample size (patients)", scale=alt.Scale(zero=False), axis=alt.Axis(grid=False))
    y = alt.Y("power:Q", title="power (%)", scale=alt.Scale(zero=False))
    scale = alt.Scale(domain=shown, range=[_TINTS[s] for s in shown])
    colour = alt.Color("verdict:N", title=None, legend=legend(shown), scale=scale)
    told = [alt.Tooltip(f"{name}:N") for name in ("set", "error")]
    told += [alt.Tooltip("power:Q", format=".1f"), alt.Tooltip("size:Q", format=".1f")]
    dots = alt.Chart(frame).mark_circle(size=36, opacity=0.65).encode(x=x, y=y, color=colour, tooltip=told)
    marked = frame[frame["mark"] != ""]
    rings = (
        alt.Chart(marked).mark_point(size=190, strokeWidth=2.2, filled=False, color=INK)
        .encode(x=x, y=y, tooltip=told,
                shape=alt.Shape("mark:N", legend=None, scale=alt.Scale(domain=[_OWN, _CALIBRATED],
                                                                       range=["circle", "diamond"])))
    )  # fmt: skip
    words = alt.Chart(marked).mark_text(align="left", dx=12, dy=-11, color=INK, fontSize=12)
    layers = [dots, rings, words.encode(x=x, y=y, text="mark:N")]
    most = level(result)
    error = "" if most is None else f" Held: the simulated type I error is not above {100.0 * most:g} % by two errors."
    own = frame.iloc[0]
    drawn: alt.LayerChart = finish(
        alt.LayerChart(layer=layers).properties(width=560, height=340),
        "What each boundary costs and saves",
        f"Each point is a set of boundaries, tried on the same {numbers.count(result.replicates, 'trial')}; the ringed "
        f"one is the design's own. Better is up and to the left.{error}",
        f"Expected sample size against power of {numbers.count(len(frame), 'set')} of boundaries. The design's own: "
        f"{own['size']:.1f} patients, power {own['power']:.1f} %.",
    )
    return drawn


def points(result: Boundaries) -> pd.DataFrame:
    """set, size, power (%), error, verdict, mark; the design's own first."""
    import pandas as pd

    frame = result.frame
    if not {"power", "expected_enrolled"} <= set(frame) or frame["expected_enrolled"].isna().all():
        raise UsageError(
            "no expected size, or no power, is known of these boundaries, so that there is nothing to draw"
        )
    errors = frame.get("type_i_error")
    marks = [_OWN, *([""] * (len(frame) - 1))]
    if result.calibrated is not None:
        marks[-1] = _CALIBRATED
    return pd.DataFrame(
        {
            "set": [label(str(f), str(g)) for f, g in zip(frame["family"], frame["futility"], strict=True)],
            "size": frame["expected_enrolled"],
            "power": 100.0 * frame["power"],
            "error": ["-"] * len(frame) if errors is None else [f"{100.0 * e:.2f} %" for e in errors],
            "verdict": verdicts(result),
            "mark": marks,
        }
    )
