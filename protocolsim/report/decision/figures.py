"""Figures over a threshold: the share that passes, the rule's ROC, what follows, and the cost at which price.

Everything is a step function of the threshold: it moves only where a subject's measured value lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from protocolsim.errors import UsageError
from protocolsim.report.decision import captions
from protocolsim.report.decision.captions import MarkedThreshold
from protocolsim.report.decision.series import Drawn
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import (
    BLUE,
    INK,
    MULBERRY,
    OLIVE,
    ORANGE,
    RED,
    SEPARATOR,
    SKY,
    finish,
    legend,
    reading,
)
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.utility import worth_of

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

SHARES = {"share_sent": INK, "sensitivity": MULBERRY, "specificity": OLIVE}
FOLLOWING = {"expected_count": INK, "expected_stop": MULBERRY, "expected_dose": OLIVE}
# Weights of the loss to look at, as multiples of the scenario's own.
STOP_MULTIPLES, DOSE_MULTIPLES = (0.0, 1.0, 3.0), (0.0, 0.5, 1.0, 2.0, 5.0)
# Room for the words beside a point of the ROC curve, as shares of its plot.
_LABEL = (0.13, 0.045)
DOSE_TINTS = (SKY, BLUE, INK, ORANGE, RED)
# What marks the scenario's own threshold has this name, so that a page can move it to another one.
OWN = "own"
_WIDE = 700


def curves(drawn: Drawn, compare: ThresholdCurve | None = None, threshold: float | None = None) -> alt.LayerChart:
    """Share that passes, sensitivity and specificity against the threshold; of `compare` the share, dashed.

    `threshold` is marked, the scenario's own where there is none. Raises UsageError where no subject reached the
    decision, or `compare` is about another parameter.
    """
    marked = MarkedThreshold(drawn, threshold)
    result: alt.LayerChart = finish(
        _shares(drawn, compare, 300, marked.threshold),
        f"Patients who pass, by {drawn.name}",
        captions.of_curves(marked, compare),
        f"Step curves against {drawn.axis}. At {marked.named}: {marked.listed(captions.SHARES)}.",
    )
    return result


def measures(drawn: Drawn, compare: ThresholdCurve | None = None) -> Any:
    """All measures of the rule over one axis, an altair chart: who passes and how rightly, and what follows.

    What follows is left out where the scenario says nothing of what the decision is worth. Raises UsageError as
    `curves`.
    """
    import altair as alt

    marked = MarkedThreshold(drawn)
    panels = [_shares(drawn, compare, 250)]
    told = captions.of_curves(marked, compare)
    if "expected_count" in drawn.curve.endpoints:
        panels += _following(drawn, compare, wide=_WIDE, high=110)
        told = captions.of_measures(marked, compare)
    chart: Any = panels[0]
    if len(panels) > 1:
        chart = alt.vconcat(*panels, spacing=16).resolve_scale(color="independent", y="independent")
    listed = marked.listed((*captions.SHARES, *captions.FOLLOWING))
    return finish(
        chart,
        f"The rule, by {drawn.name}",
        told,
        f"Step curves against {drawn.axis}. At the scenario's own {marked.said}: {listed}.",
    )


def _shares(drawn: Drawn, compare: ThresholdCurve | None, high: int, threshold: float | None = None) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    if len(drawn.curve.measured) == 0:
        raise UsageError("no subject reached the decision, so there is nothing to draw")
    _share_axis(drawn, compare)
    known = [n for n in SHARES if n in drawn.curve.endpoints]
    names = [n for n in known if drawn.of(n)["value"].notna().any()]
    frame = pd.concat([drawn.of(n) for n in names])
    labels = [drawn.curve.endpoints[n].label for n in names]
    scale = alt.Scale(domain=labels, range=[SHARES[n] for n in names])
    colour = alt.Color("label:N", title=None, scale=scale, legend=legend(labels))
    layers = _stepped(drawn, frame, colour, "share of those concerned", alt.Scale(domain=[0, 1]), "%")
    layers[-1] = _marking(drawn, drawn.x(), drawn.curve.own if threshold is None else threshold)
    if compare is not None:
        layers.insert(-1, _dashed(drawn, compare, "share_sent", SHARES["share_sent"]))
    layers.insert(-1, _read(drawn, names, _WIDE))
    return alt.LayerChart(layer=layers).properties(width=_WIDE, height=high)


def _dashed(drawn: Drawn, compare: ThresholdCurve, name: str, tint: str) -> alt.Chart:
    """One estimate of another curve."""
    import altair as alt

    other = compare.frame(drawn.thresholds, (name,)).assign(at=[drawn.shown(t) for t in drawn.thresholds])
    line = alt.Chart(other).mark_line(interpolate=drawn.interpolate, strokeDash=[6, 4], color=tint, strokeWidth=2)
    dashed: alt.Chart = line.encode(x=drawn.x(), y=alt.Y("value:Q"))
    return dashed


def roc(drawn: Drawn) -> alt.LayerChart:
    """Sensitivity against 1 - specificity, a dot for each threshold. Raises UsageError without a true response."""
    import altair as alt
    import pandas as pd

    drawn.priced()
    frame = roc_frame(drawn)
    if len(frame) == 0:
        raise UsageError("no subject, or every one, truly responds, so there is no ROC curve")
    x = alt.X(
        "false_positive:Q",
        title="1 - specificity: others who pass",
        scale=_whole(),
        axis=alt.Axis(format="%", tickCount=5),
    )
    y = alt.Y(
        "sensitivity:Q",
        title="sensitivity: true responders who pass",
        scale=_whole(),
        axis=alt.Axis(format="%", tickCount=5),
    )
    base = alt.Chart(frame).encode(x=x, y=y)
    chance = pd.DataFrame({"false_positive": [0.0, 1.0], "sensitivity": [0.0, 1.0]})
    worded = alt.Chart(frame[frame["text"] != ""]).encode(x=x, y=y)
    own = alt.Chart(frame[frame["own"]]).encode(x=x, y=y)
    chart = alt.LayerChart(
        layer=[
            alt.Chart(chance).mark_line(color=INK, strokeDash=[3, 4], strokeWidth=1).encode(x=x, y=y),
            base.mark_line(color=BLUE, strokeWidth=1.2, opacity=0.7).encode(order="threshold:Q"),
            base.mark_circle(color=BLUE, size=22, opacity=1).encode(description="tip:N"),
            worded.mark_circle(color=BLUE, size=75, opacity=1).encode(description="tip:N"),
            own.mark_point(shape="diamond", size=150, filled=True, color=MULBERRY, opacity=1).properties(name=OWN),
            worded.mark_text(align="left", dx=10, dy=11, color=INK, fontSize=11).encode(text="text:N"),
        ]
    ).properties(width=400, height=400)
    marked = MarkedThreshold(drawn)
    result: alt.LayerChart = finish(
        chart,
        "How well the rule tells true responders from others",
        captions.of_roc(marked),
        f"ROC curve of the rule: {marked.operating_point}.",
    )
    return result


def roc_frame(drawn: Drawn) -> pd.DataFrame:
    """threshold, at, sensitivity, false_positive (shares), own, and the text beside some of the points."""
    rename = drawn.of("sensitivity")[["threshold", "at", "value"]].rename(columns={"value": "sensitivity"})
    rename["false_positive"] = 1.0 - drawn.of("specificity")["value"].to_numpy()
    rename["own"] = rename["threshold"] == drawn.curve.own
    named = {*drawn.quarters.tolist(), drawn.curve.own}
    rename["text"] = _apart(rename, [drawn.said(t) if t in named else "" for t in rename["threshold"]])
    rename["tip"] = [
        f"{drawn.said(t)}: {numbers.percent(right)} of true responders pass, {numbers.percent(wrong)} of the others"
        for t, right, wrong in zip(rename["threshold"], rename["sensitivity"], rename["false_positive"], strict=True)
    ]
    return rename.dropna().reset_index(drop=True)


def _apart(points: pd.DataFrame, words: list[str]) -> list[str]:
    """The words beside points, without those that would lie on others; the scenario's own comes first."""
    kept: list[str] = [""] * len(words)
    places: list[tuple[float, float]] = []
    across, up, own = (points[k].tolist() for k in ("false_positive", "sensitivity", "own"))
    for k in sorted(range(len(words)), key=lambda k: not own[k]):
        near = any(abs(across[k] - x) < _LABEL[0] and abs(up[k] - y) < _LABEL[1] for x, y in places)
        if words[k] and not near:
            kept[k] = words[k]
            places.append((across[k], up[k]))
    return kept


def what_follows(drawn: Drawn, compare: ThresholdCurve | None = None) -> alt.HConcatChart:
    """Expected count and dose over the horizon against the threshold, and the probability of a stop where it moves.

    What follows in `compare` is dashed. Raises UsageError where no subject reached the decision, or `compare` is about
    another parameter.
    """
    import altair as alt

    panels = _following(drawn, compare, wide=None, high=230)
    chart = alt.hconcat(*panels, spacing=28).resolve_scale(color="independent")
    marked = MarkedThreshold(drawn)
    follows: alt.HConcatChart = finish(
        chart,
        "What follows the decision",
        captions.of_what_follows(marked, compare),
        f"Step curves of what follows the decision against {drawn.axis}. At the scenario's own threshold: "
        f"{marked.listed(captions.FOLLOWING)}.",
    )
    return follows


def _following(drawn: Drawn, compare: ThresholdCurve | None, *, wide: int | None, high: int) -> list[alt.LayerChart]:
    """A panel for each number that follows; `wide` None: as wide as all have room beside each other."""
    import altair as alt

    drawn.priced()
    _share_axis(drawn, compare)
    names = [n for n in FOLLOWING if not (n == "expected_stop" and drawn.constant(n))]
    width = _WIDE // len(names) - 30 if wide is None else wide
    panels = []
    for name in names:
        frame = drawn.of(name)
        unit, label = frame["unit"].iloc[0], frame["label"].iloc[0]
        scale = alt.Scale(domain=[label], range=[FOLLOWING[name]])
        colour = alt.Color("label:N", scale=scale, legend=None)
        layers = _stepped(drawn, frame, colour, unit if unit != "%" else None, alt.Scale(zero=True), unit)
        if compare is not None:
            layers.insert(-1, _dashed(drawn, compare, name, FOLLOWING[name]))
        layers.insert(-1, _read(drawn, [name], width))
        heading = {"text": label, "anchor": "start", "fontSize": 12, "color": INK}
        panels.append(alt.LayerChart(layer=layers).properties(width=width, height=high, title=heading))
    return panels


def loss(drawn: Drawn) -> alt.HConcatChart:
    """Expected loss against the threshold for a range of prices; the cheapest threshold of each line is marked."""
    import altair as alt

    frame = loss_frame(drawn)
    stop, _ = drawn.weights()
    lines = list(dict.fromkeys(frame["price"]))
    scale = alt.Scale(domain=lines, range=_tints(len(lines)))
    key = legend(lines)
    key.title, key.titleAnchor, key.columns = "price of a unit of dose", "start", len(lines)
    colour = alt.Color("price:N", scale=scale, sort=lines, legend=key)
    across = drawn.x()
    levels = alt.Scale(zero=False, domain=_spread(frame["loss"]))
    y = alt.Y("loss:Q", title="expected loss, in counts", scale=levels)
    panels = []
    for weight, group in frame.groupby("stop_weight", sort=True):
        mine = " (the scenario's)" if weight == stop else ""
        words = f"price of a stop: {numbers.plain(float(str(weight)))}{mine}"
        heading = {"text": words, "anchor": "start", "fontSize": 12, "color": INK}
        lowest = alt.Chart(group[group["lowest"]])
        layers = [
            alt.Chart(group)
            .mark_line(interpolate=drawn.interpolate, strokeWidth=1.8)
            .encode(x=across, y=y, color=colour),
            lowest.mark_point(shape="triangle-up", size=90, filled=True, opacity=1).encode(x=across, y=y, color=colour),
            read_at(drawn, _prices(group), 214),
            _marking(drawn, across, drawn.curve.own),
        ]
        panels.append(alt.LayerChart(layer=layers).properties(width=214, height=260, title=heading))
    chart = alt.hconcat(*panels, spacing=20).resolve_scale(color="shared", x="shared", y="shared")
    minimum = cheapest_says(drawn)
    result: alt.HConcatChart = finish(
        chart,
        "Which threshold costs least depends on the prices",
        captions.of_loss(MarkedThreshold(drawn), minimum, f"{free_says(drawn)} {stop_says(drawn)}".strip()),
        f"Expected loss against {drawn.axis} for several prices: {minimum}. {free_says(drawn)}",
    )
    return result


def _prices(group: pd.DataFrame) -> list[str]:
    """The loss at each threshold in turn, by price."""
    return [
        SEPARATOR.join(f"loss {numbers.plain(v)} at price {p}" for v, p in zip(at["loss"], at["price"], strict=True))
        for _, at in group.groupby("threshold", sort=True)
    ]


def loss_frame(drawn: Drawn) -> pd.DataFrame:
    """threshold, at, stop_weight, dose_weight, price (the latter in words), loss, lowest."""
    import pandas as pd

    stop, dose = drawn.weights()
    drawn.priced()
    rows = []
    for of_stop in multiples(stop, STOP_MULTIPLES):
        for of_dose in multiples(dose, DOSE_MULTIPLES):
            frame, best = drawn.loss(of_stop, of_dose), drawn.cheapest(of_stop, of_dose)
            price = f"{numbers.plain(of_dose)}{' (the scenario' + chr(39) + 's)' if of_dose == dose else ''}"
            for place, (threshold, value) in enumerate(zip(drawn.thresholds.tolist(), frame.tolist(), strict=True)):
                rows.append((threshold, drawn.shown(threshold), of_stop, of_dose, price, value, place == best))
    columns = ["threshold", "at", "stop_weight", "dose_weight", "price", "loss", "lowest"]
    return pd.DataFrame(rows, columns=columns)


def cheapest_says(drawn: Drawn) -> str:
    """Where the loss is smallest at the scenario's own prices."""
    best = drawn.cheapest(*drawn.weights())
    return f"at the scenario's prices the loss is smallest at {drawn.said(drawn.thresholds[best])}"


def free_says(drawn: Drawn) -> str:
    """Where the count alone is smallest, and that this is trivial where all are on one branch."""
    best = drawn.cheapest(0.0, 0.0)
    at = drawn.said(drawn.thresholds[best])
    sent = float(drawn.curve.rule.holds(drawn.curve.measured, float(drawn.thresholds[best])).mean())
    if not drawn.at_an_end(best):
        return f"Without a price on dose and harm the loss is smallest at {at}, inside the range."
    passing = (
        "no patient passes"
        if sent == 0.0
        else "every patient passes"
        if sent == 1.0
        else f"{numbers.percent(sent)} pass"
    )
    branch = other_branch(drawn.curve) if sent == 0.0 else ""
    return (
        f"Without a price on dose and harm the smallest loss lies at an end of the range, {at}, where {passing}"
        f"{f' and all go to {chr(39)}{branch}{chr(39)}' if branch else ''}: that is trivially best, and says nothing "
        "about the rule."
    )


def stop_says(drawn: Drawn) -> str:
    """That the price of a stop decides nothing, where it is counted at the same hazard on every branch; else ''."""
    curve = drawn.curve
    decision = next((d for d in curve.scenario.decisions.values() if d.threshold == curve.parameter), None)
    if decision is None or not drawn.constant("expected_stop"):
        return ""
    group = curve.scenario.trial.protocol.group_of(curve.rule.transition)
    stopping = worth_of(curve.scenario, decision).stopping
    if len({float(stopping[d]) for t in group.transitions for d in t.destinations}) > 1:
        return ""  # no subject, or every one, passes at every threshold
    return (
        "A stop is counted at the hazard with which a branch begins, over the whole horizon, and that hazard is the "
        "same on all branches here: its price cannot favour a threshold."
    )


def other_branch(curve: ThresholdCurve) -> str:
    """Where those who do not pass go, in the scenario's words; '' where that is not one state."""
    protocol = curve.scenario.trial.protocol
    others = {
        d
        for t in protocol.group_of(curve.rule.transition).transitions
        if t.number != curve.rule.transition.number
        for d in t.destinations
    }
    if len(others) != 1:
        return ""
    name = protocol.states[others.pop()].name
    return next((s.label or name for s in curve.scenario.design if s.name == name), name)


def _stepped(
    drawn: Drawn, frame: pd.DataFrame, colour: alt.Color, title: str | None, scale: alt.Scale, unit: str
) -> list[Any]:
    """Bands and lines of one or several estimates, and the scenario's own threshold."""
    import altair as alt

    across = drawn.x()
    axis = alt.Axis(format="%") if unit == "%" else alt.Axis()
    lower, value = (alt.Y(f"{k}:Q", title=title, scale=scale, axis=axis) for k in ("lower", "value"))
    data = frame.dropna(subset=["value"])
    band = alt.Chart(data).mark_area(opacity=0.25, interpolate=drawn.interpolate, line=False, clip=True)
    line = alt.Chart(data).mark_line(interpolate=drawn.interpolate, strokeWidth=2)
    return [
        band.encode(x=across, y=lower, y2="upper:Q", color=colour),
        line.encode(x=across, y=value, color=colour),
        # The value at the last threshold is a jump without a tread.
        alt.Chart(data[data["at"] == data["at"].max()])
        .mark_circle(size=45, opacity=1)
        .encode(x=across, y=value, color=colour),
        _marking(drawn, across, drawn.curve.own),
    ]


def _share_axis(drawn: Drawn, compare: ThresholdCurve | None) -> None:
    if compare is not None and compare.parameter != drawn.curve.parameter:
        raise UsageError(f"curves over '{drawn.curve.parameter}' and '{compare.parameter}' do not share an axis")


def _marking(drawn: Drawn, across: alt.X, threshold: float) -> alt.Chart:
    """The line at a threshold."""
    import altair as alt
    import pandas as pd

    own = pd.DataFrame({"at": [drawn.shown(threshold)]})
    line = alt.Chart(own).mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.3).encode(x=across)
    named: alt.Chart = line.properties(name=OWN)
    return named


def _read(drawn: Drawn, names: Sequence[str], width: int) -> alt.Chart:
    """What stands under the pointer: every estimate at the threshold there."""
    columns = [drawn.of(name) for name in names]
    words = [
        SEPARATOR.join(f"{c['label'].iloc[0]} {_shown(c['value'].iloc[k], c['unit'].iloc[0])}" for c in columns)
        for k in range(len(drawn.thresholds))
    ]
    return read_at(drawn, words, width)


def read_at(drawn: Drawn, words: Sequence[str], width: int) -> alt.Chart:
    """Strips over the thresholds, each with its words."""
    import pandas as pd

    shown = [drawn.shown(t) for t in drawn.thresholds.tolist()]
    tips = [f"{drawn.said(t)}: {said}" for t, said in zip(drawn.thresholds.tolist(), words, strict=True)]
    return reading(pd.DataFrame({"at": shown, "tip": tips}), drawn.x(), width)


def _shown(value: float, unit: str) -> str:
    return f"{numbers.plain(numbers.scaled(value, unit))} {unit}".rstrip()


def _whole() -> alt.Scale:
    import altair as alt

    return alt.Scale(domain=[0, 1])


def multiples(own: float, of: Sequence[float]) -> list[float]:
    """Multiples of a price to look at. A price of zero has no multiples: then 1 stands for it."""
    return sorted({m * (own if own > 0.0 else 1.0) for m in of} | {own})


def _tints(number: int) -> list[str]:
    return list(DOSE_TINTS[:number])


def _spread(values: pd.Series[float]) -> list[float]:
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low) or 1.0
    return [low - room, high + room]
