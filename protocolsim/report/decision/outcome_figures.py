"""Outcomes of the subjects who reach a decision, by branch: a stacked bar chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.errors import UsageError
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import PALETTE, finish, legend
from protocolsim.study.decision.potential_outcomes import PotentialOutcomes

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd


def outcomes_by_branch(potential_outcomes: PotentialOutcomes) -> alt.Chart:
    """The share of the subjects who end in each outcome, a bar for each branch.

    Shares of each branch are identified, as those of two arms are; which subject changes its outcome is not, and is
    not drawn. Raises UsageError where no subject reached the decision.
    """
    import altair as alt

    frame = outcome_frame(potential_outcomes)
    if len(frame) == 0:
        raise UsageError("no subject reached the decision, so that there is nothing to draw")
    outcomes = list(dict.fromkeys(frame["outcome"]))
    colour = alt.Color(
        "outcome:N", sort=outcomes, legend=legend(outcomes),
        scale=alt.Scale(domain=outcomes, range=[PALETTE[k % len(PALETTE)] for k in range(len(outcomes))]),
    )  # fmt: skip
    x = alt.X("share:Q", title="share of those who reach the decision", stack="zero", axis=alt.Axis(format=".0%"))
    bars = (
        alt.Chart(frame)
        .mark_bar()
        .encode(x=x, y=alt.Y("branch:N", title=None, sort=list(potential_outcomes.branches)), color=colour)
    )
    subjects = numbers.count(len(potential_outcomes.measured), "subject")
    chart: alt.Chart = finish(
        bars.properties(width=460, height={"step": 40}),
        "Outcomes on either branch of the decision",
        f"{subjects} who reach the decision, each simulated on both branches with the same random numbers. Look at how "
        "the shares differ. Which single subject would change its outcome is not identified.",
        f"Two stacked bars, one for each branch of the decision, with the outcomes of {subjects}.",
    )
    return chart


def outcome_frame(potential_outcomes: PotentialOutcomes) -> pd.DataFrame:
    """branch, outcome and share (0 to 1) of the subjects on that branch; outcomes in the order of their names."""
    shares = potential_outcomes.frame.groupby("branch", sort=False)["outcome"].value_counts(normalize=True, sort=False)
    return shares.rename("share").reset_index().sort_values(["branch", "outcome"], ignore_index=True)
