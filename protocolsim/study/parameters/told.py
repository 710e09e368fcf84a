"""What a study says of its draws: in its manifest, its JSON, and a table with one row for each trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Reported
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.estimation.estimate import Estimate, nan_as_none
from protocolsim.study.parameters.draws import TOGETHER, ParameterDraws
from protocolsim.study.parameters.shares import VarianceShares, first_to_learn
from protocolsim.study.parameters.uncertain import uncertain_in

if TYPE_CHECKING:
    import pandas as pd

PARAMETER, VALUE = "parameter.", "value."
"""What columns that users name begin with, so that no name can meet ours."""


def planned_draws(draws: ParameterDraws | None) -> dict[str, Any]:
    """What a manifest says of the draws; nothing where parameters are fixed."""
    if draws is None:
        return {}
    # Not "parameters": a scenario's own stand beside it under that name.
    return {"--parameters": draws.origin if draws.joint is None else f"posterior {draws.joint.checksum[:16]}"}


def draws_frame(
    draws: ParameterDraws, reported: Mapping[str, Reported], sums: Mapping[str, Floats], replicates: int
) -> pd.DataFrame:
    """One row for each trial: its number, its draw, the value of each parameter, and what it would have reported."""
    import pandas as pd

    of_trials = range(replicates)
    table = np.repeat(draws.table(draws.of(of_trials)), TOGETHER, axis=0)[:replicates]
    columns: dict[str, Any] = {"replicate": np.arange(replicates), "draw": np.arange(replicates) // TOGETHER}
    columns |= {f"{PARAMETER}{p.key}": table[:, k] for k, p in enumerate(draws.parameters)}
    columns |= {f"{VALUE}{n}": e.value(e.completed(sums[n])) for n, e in reported.items() if not e.over_trials}
    return pd.DataFrame(columns)


def parameters_as_json(
    draws: ParameterDraws, scenario: Scenario, shares: Mapping[str, VarianceShares]
) -> dict[str, Any]:
    """Which parameters are drawn, from what, which are held and why, and which it would help most to know."""
    drawn = {
        p.key: {"value": p.value, "low": p.low, "high": p.high, "unit": p.unit, "mark": p.mark,
                "scale": "log" if p.log else "linear"}
        for p in draws.parameters
    }  # fmt: skip
    _, held = uncertain_in(scenario)
    return {
        "drawn_from": draws.origin,
        "source": None if draws.joint is None else draws.joint.source,
        "trials_of_each_draw": TOGETHER,
        "drawn": drawn,
        "held": held if draws.joint is None else {},
        "learn_next": [{"parameter": k, "mean_first_order": v} for k, v in first_to_learn([*shares.values()])[:5]],
    }


def prediction_as_json(estimate: Estimate) -> dict[str, Any]:
    """The prediction range of an estimate, parameters included; None for undefined."""
    named = ("value", "mcse", "lo", "hi", "median")
    return {
        **{name: nan_as_none(getattr(estimate, name)) for name in named},
        "n_undefined": estimate.n_undefined,
        "percentile": estimate.percentile,
    }
