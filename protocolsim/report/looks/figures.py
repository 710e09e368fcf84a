"""The figures of looks over many trials: statistics against boundaries, and when trials end for what reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from protocolsim.errors import UsageError, unknown
from protocolsim.interim.design import Design
from protocolsim.records import Records
from protocolsim.report.looks.frames import (
    boundary_frame,
    bounded,
    counts,
    endings_frame,
    endings_of,
    fan_frame,
    fractions,
    one_trial_frame,
)
from protocolsim.report.looks.wording import is_share, spoken, valued
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import BLUE, BROWN, GREEN, GREY, INK, ORANGE, PURPLE, RED, SKY, finish, legend
from protocolsim.scenario.build.values.spoken import at_head
from protocolsim.study.result import Result
from protocolsim.study.trial_looks import TrialLooks

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_CLAIMS, _GIVES_UP = (GREEN, SKY), (RED, ORANGE)
_OTHERS = (PURPLE, BROWN)
_OWN = BLUE
_WIDTH, _HEIGHT = 620, 340
_TICKS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def tints(design: Design) -> dict[str, str]:
    """A colour for each way a trial may end: greens for claims of an effect, reds for giving up, grey for neither."""
    free = {"claims": list(_CLAIMS), "gives up": list(_GIVES_UP), "other": list(_OTHERS)}
    words = endings_of(design)
    result = {}
    for reason, said in zip(design.conclusions, words, strict=False):
        kind = "claims" if reason in design.success else "gives up" if reason in design.futility else "other"
        colours = free[kind] or free["other"] or [GREY]
        result[said] = colours.pop(0) if len(colours) > 1 else colours[0]
    return result | {words[-1]: GREY}


def boundaries(result: Result, statistic: str | None = None) -> alt.LayerChart:
    """A statistic of every trial at its looks, against the information, with the boundaries it is compared with.

    `statistic`: the first that a boundary is compared with unless given. Raises UsageError where there is none.
    """
    design = _design(result)
    return _boundaries(design, result.shown, _chosen(design, statistic), None, result.replicates)


def boundaries_of_one(many: Records | None, trial: TrialLooks, statistic: str | None = None) -> alt.LayerChart:
    """The same with one trial marked: its looks as held, and dashed what would have come had it gone on.

    many: records with the looks of many trials, to draw behind it; None for this one alone.
    """
    design = trial.design
    simulated = 1 if many is None else trial.scenario.replicates
    records = trial.final if many is None else many
    return _boundaries(design, records, _chosen(design, statistic), trial, simulated)


def _design(result: Result) -> Design:
    if result.scenario.interim is None:
        raise UsageError(f"{result.scenario.name}: no looks at the accumulating data are declared (`interim:`)")
    return result.scenario.interim


def _chosen(design: Design, statistic: str | None) -> str:
    offered = tuple(bounded(design))
    if not offered:
        raise UsageError("no rule of the looks compares a statistic with a boundary or a number: there is none to draw")
    if statistic is not None and statistic not in offered:
        raise UsageError(unknown("statistic with a boundary", statistic, offered))
    return statistic or offered[0]


def _boundaries(
    design: Design, records: Records, statistic: str, trial: TrialLooks | None, simulated: int
) -> alt.LayerChart:
    """`records` are of the first trials of those that were simulated."""
    import altair as alt

    fan = fan_frame(design, records, statistic)
    bounds = boundary_frame(design, fractions(design, records), statistic, counts(design, records))
    own = None if trial is None else one_trial_frame(trial, statistic)
    if len(fan) == 0 and (own is None or len(own) == 0):
        raise UsageError(f"'{statistic}' is undefined at every look, so there is nothing to draw")
    y = _y(design, statistic)
    layers = [*_fan_layers(design, fan, y), *_bound_layers(bounds), *([] if own is None else _own_layers(own))]
    number = fan["trial"].nunique()
    chart: alt.LayerChart = alt.LayerChart(layer=layers).properties(width=_WIDTH, height=_HEIGHT)
    names = [spoken(name) for name in bounds["boundary"].unique()]
    of = f"the first {number:,} of {simulated:,} trials" if number < simulated else "the trials"
    thin = (
        f"A thin line is one of {of}, from look to look; it stops where the trial ended, and its colour says how. "
        if trial is None or simulated > 1
        else ""
    )
    marked = "" if trial is None else _marked(trial, own)
    finished: alt.LayerChart = finish(
        chart,
        f"{at_head(spoken(statistic))} at each look, and the boundaries it is compared with",
        f"{_meant(design, statistic)}{thin}Thick lines are the bounds ({', '.join(names)}), a dot at each look that "
        f"has one. {marked}"
        "Look at how early lines cross a boundary, and how far beyond it they are then.",
        f"{at_head(spoken(statistic))} over the fraction of the information at {len(design.looks)} looks, "
        "with boundaries. " + _bounds_said(design, statistic, bounds),
    )
    return finished


def _meant(design: Design, statistic: str) -> str:
    """What a statistic is, in a sentence; "" for one that is computed of others."""
    meaning = next((type(s).meaning for s in design.statistics if s.name == statistic), "")
    return f"{at_head(spoken(statistic))}: {meaning}. " if meaning else ""


def _marked(trial: TrialLooks, own: pd.DataFrame | None) -> str:
    dashed = own is not None and own["as_if"].any()
    goes = "; dashed is what would have come had it gone on" if dashed else ""
    return f"The blue line is trial {trial.replicate}{goes}. "


def _bounds_said(design: Design, statistic: str, bounds: pd.DataFrame) -> str:
    said = [
        f"{spoken(str(name))}: "
        + ", ".join(
            f"{_bound(design, statistic, v)} at {look}" for v, look in zip(rows["value"], rows["look"], strict=True)
        )
        for name, rows in bounds.groupby("boundary", sort=False)
    ]
    return "; ".join(said) + "."


def _legend(shown: Sequence[str]) -> alt.Legend | None:
    """As in all figures, with room for a browser's wider letters."""
    return legend(shown, columnPadding=24) if shown else None


def _x() -> alt.X:
    import altair as alt

    return alt.X(
        "information:Q",
        title="information, of the planned maximum",
        axis=alt.Axis(format=".0%", grid=False, values=_TICKS),
        scale=alt.Scale(domain=[0, 1.12], nice=False),
    )


def _bound(design: Design, statistic: str, value: float) -> str:
    """A bound as a reader meets it: of a share, in per cent."""
    return valued(design, statistic, value) if is_share(design, statistic) else numbers.plain(value)


def _y(design: Design, statistic: str) -> alt.Y:
    import altair as alt

    axis = alt.Axis(grid=True, format=".0%") if is_share(design, statistic) else alt.Axis(grid=True)
    return alt.Y("value:Q", title=spoken(statistic), scale=alt.Scale(zero=False), axis=axis)


def _fan_layers(design: Design, fan: pd.DataFrame, y: alt.Y) -> list[Any]:
    import altair as alt

    colours = tints(design)
    shown = [words for words in colours if (fan["ending"] == words).any()]
    scale = alt.Scale(domain=shown, range=[colours[w] for w in shown])
    colour = alt.Color("ending:N", title=None, scale=scale, legend=_legend(shown))
    base = alt.Chart(fan).encode(x=_x(), y=y, color=colour)
    many = fan["trial"].nunique() > 30
    return [
        base.mark_line(strokeWidth=1, opacity=0.3 if many else 0.7).encode(detail="trial:N"),
        base.mark_circle(size=12, opacity=0.55 if many else 0.9),
    ]


def _bound_layers(bounds: pd.DataFrame) -> list[Any]:
    import altair as alt

    last = bounds.groupby("boundary", sort=False, as_index=False).last().assign(
        words=lambda f: [spoken(name) for name in f["boundary"]]
    )  # fmt: skip
    base = alt.Chart(bounds).encode(x=_x(), y="value:Q", detail="boundary:N")
    return [
        base.mark_line(color=INK, strokeWidth=2.2, opacity=1),
        base.mark_point(color=INK, filled=True, size=55, opacity=1),
        alt.Chart(last).mark_text(align="left", dx=9, color=INK, fontSize=12).encode(
            x=_x(), y="value:Q", text="words:N"
        ),
    ]  # fmt: skip


def _own_layers(own: pd.DataFrame) -> list[Any]:
    import altair as alt

    base = alt.Chart(own).encode(x=_x(), y="value:Q")
    held, later = alt.datum.as_if == False, alt.datum.as_if == True  # noqa: E712 - the figure's language
    return [
        base.transform_filter(later).mark_line(color=_OWN, strokeWidth=2, strokeDash=[5, 4], opacity=0.8),
        base.transform_filter(later).mark_point(color=_OWN, size=70, shape="diamond", opacity=0.9),
        base.transform_filter(held).mark_line(color=_OWN, strokeWidth=3, opacity=1),
        base.transform_filter(held).mark_point(color=_OWN, size=90, shape="diamond", filled=True, opacity=1),
    ]


def endings(result: Result) -> alt.Chart:
    """The share of trials that end at each look, by reason: a stacked bar for each look."""
    import altair as alt

    design = _design(result)
    frame = endings_frame(result)
    frame = frame[frame["share"] > 0]
    colours = tints(design)
    shown = [words for words in colours if (frame["ending"] == words).any()]
    scale = alt.Scale(domain=shown, range=[colours[w] for w in shown])
    looks = [spoken(look.name) for look in design.looks]
    bars = (
        alt.Chart(frame)
        .mark_bar(opacity=1)
        .encode(
            x=alt.X("before:Q", title="trials that end at the look", scale=alt.Scale(domain=[0, 1]),
                    axis=alt.Axis(format=".0%", values=_TICKS)),
            x2="after:Q",
            y=alt.Y("look:N", title=None, sort=looks, scale=alt.Scale(domain=looks),
                    axis=alt.Axis(ticks=False, domain=False, labelLimit=200, labelPadding=8)),
            color=alt.Color("ending:N", title=None, scale=scale, legend=_legend(shown)),
        )
        .properties(width=_WIDTH, height={"step": 30})
    )  # fmt: skip
    told = zip(frame["ending"], frame["look"], frame["share"], strict=True)
    said = "; ".join(f"{ending} at {look}: {numbers.plain(100 * share)} %" for ending, look, share in told)
    many = numbers.count(result.replicates, "simulated trial")
    chart: alt.Chart = finish(
        bars,
        "When trials end, and why",
        f"The share of {many} that end at each look, by reason; all bars together are all trials. Look at how much is "
        "decided early, and for which reason.",
        f"A bar for each of {len(looks)} looks. {said}.",
    )
    return chart
