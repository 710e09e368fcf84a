"""What a rule is worth where "true responder" is drawn elsewhere: predictive values over several cuts of the trait.

A predictive value depends on how many are true responders, and that is a matter of the cut. The cut of a scenario is
one choice; half and twice of it are others, and a conclusion that needs the one is a conclusion about the cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.study.decision.curve import Measure, ThresholdCurve
from protocolsim.study.estimation.estimate import estimate

if TYPE_CHECKING:
    import pandas as pd

_TIMES = (0.25, 0.5, 1.0, 2.0, 4.0)
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
BY_CUT = (
    "share_true",
    "sensitivity",
    "specificity",
    "predictive_value_positive",
    "predictive_value_negative",
)


def cuts_of(curve: ThresholdCurve) -> Floats:
    """The scenario's own cut and, where it is above 0, a quarter, half, twice and four times of it.

    Of a trait that may be negative: the 10th, 25th, 50th, 75th and 90th percentile of those who reach the decision.
    """
    decision, trait = curve.decision, curve.trait
    if decision is None or trait is None or len(trait) == 0:
        return np.empty(0)
    if decision.cut > 0.0 and float(np.nanmin(trait)) >= 0.0:
        return decision.cut * np.array(_TIMES)
    spread = np.quantile(trait[~np.isnan(trait)], _QUANTILES)
    return np.unique(np.append(spread, decision.cut))


def by_cut(curve: ThresholdCurve, threshold: float | None = None) -> pd.DataFrame:
    """One row per cut: the share of true responders and what the rule is worth, with errors, at one threshold.

    Columns: `cut`, and each of `BY_CUT` (0 to 1, nan where the denominator is empty) with its Monte Carlo standard
    error, `..._mcse`. `threshold` is in internal units; the scenario's own unless given.
    """
    import pandas as pd

    sent = curve.rule.holds(curve.measured, curve.own if threshold is None else threshold)
    rows = []
    for cut in cuts_of(curve).tolist():
        assert curve.trait is not None
        true = curve.trait < cut
        parts = (
            (true, np.ones_like(true)), (true & sent, true), (~true & ~sent, ~true), (true & sent, sent),
            (~true & ~sent, ~sent),
        )  # fmt: skip
        row = {"cut": cut}
        for name, (above, below) in zip(BY_CUT, parts, strict=True):
            measure = Measure(name=name, label=name)
            columns = np.column_stack([above, below]).astype(np.float64)
            found = estimate(measure, measure.added(columns, curve.replicate, curve.replicates))
            row |= {name: found.value, f"{name}_mcse": found.mcse}
        rows.append(row)
    return pd.DataFrame(rows, columns=["cut", *(c for n in BY_CUT for c in (n, f"{n}_mcse"))])
