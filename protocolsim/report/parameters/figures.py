"""Whose the variance of single trials is, as bars: each parameter that matters, the other parameters, and patients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocolsim.errors import UsageError
from protocolsim.report.parameters import summary
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import FAINT, GREY, PALETTE, finish, legend
from protocolsim.study.parameters.shares import VarianceShares, first_to_learn
from protocolsim.study.result import Result

if TYPE_CHECKING:
    import altair as alt

_NAMED = 5
OTHERS, TRIAL, PATIENTS = "other parameters, and several together", "the trial as a whole", "patients"
REST = "trial and patients"
_TINTS = {OTHERS: "#c9b458", TRIAL: GREY, PATIENTS: FAINT, REST: FAINT}


def variance_shares(result: Result) -> alt.Chart:
    """Stacked bars, one for each endpoint, as wide as all of its variance.

    Raises UsageError where no parameters are drawn, or too few trials tell.
    """
    import altair as alt
    import pandas as pd

    if result.drawn is None:
        raise UsageError(
            "no parameters are drawn in this run, so that nothing is to be shared (parameters='plausible')"
        )
    told = [(e.label, result.shares[e.name]) for e in summary.shown(result)]
    if not told:
        raise UsageError("too few trials tell whose their variance is; run more replicates")
    named = [key for key, _ in first_to_learn([shares for _, shares in told])[:_NAMED]]
    frame = pd.DataFrame([bar for label, shares in told for bar in _bars(label, shares, named)])
    series = [s for s in (*named, OTHERS, TRIAL, PATIENTS, REST) if s in set(frame["whose"])]
    tints = {**dict(zip(named, PALETTE, strict=False)), **_TINTS}
    scale = alt.Scale(domain=series, range=[tints[s] for s in series])
    labels = [label for label, _ in told]
    chart = (
        alt.Chart(frame)
        .mark_bar(height=13, opacity=1)
        .encode(
            x=alt.X("share:Q", title="of the variance of single trials", stack="zero", axis=alt.Axis(format="%"),
                    scale=alt.Scale(domain=[0, 1], clamp=True)),
            y=alt.Y("endpoint:N", title=None, sort=labels, axis=alt.Axis(labelLimit=340, ticks=False, domain=False)),
            color=alt.Color("whose:N", title=None, scale=scale, sort=series, legend=legend(series)),
            order=alt.Order("order:Q", sort="ascending"),
        )
        .properties(width=480, height={"step": 22})
    )  # fmt: skip
    said = "; ".join(f"{label}: parameters {summary.portion(shares.parameters)}" for label, shares in told)
    drawn: alt.Chart = finish(
        chart,
        "What makes single trials differ",
        "Each bar is the variance of single trials of one endpoint with parameters drawn. Coloured by name: what would "
        "go on average if that parameter alone were known (its first-order index); pale is what different patients "
        f"make. Look for the colour that is widest where it matters to you. {summary.learn_next(result)}",
        f"Stacked bars of variance by endpoint: {said}.",
    )
    return drawn


def _bars(label: str, shares: VarianceShares, named: list[str]) -> list[dict[str, Any]]:
    """The pieces of one bar, from the left; together they are 1, and estimates below 0 are none."""
    own = {one.key: max(0.0, one.portion.share) for one in shares.first_order if one.key in named}
    all_parameters = min(1.0, max(0.0, shares.parameters.share))
    total = sum(own.values())
    if total > all_parameters > 0.0:  # each has its own error, and together they have room for no more
        own = {key: share * all_parameters / total for key, share in own.items()}
    elif total > all_parameters:
        own = {}
    pieces = [(key, own[key]) for key in named if own.get(key, 0.0) > 0.0]
    pieces.append((OTHERS, max(0.0, all_parameters - sum(share for _, share in pieces))))
    rest = 1.0 - all_parameters
    if shares.trial is None:
        pieces.append((REST, rest))
    else:
        of_trial = min(rest, max(0.0, shares.trial.share))
        pieces += [(TRIAL, of_trial), (PATIENTS, rest - of_trial)]
    return [
        {"endpoint": label, "whose": whose, "share": share, "order": k, "told": f"{numbers.plain(100 * share)} %"}
        for k, (whose, share) in enumerate(pieces)
        if share > 0.0
    ]
