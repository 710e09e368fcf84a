"""Who is a true responder, in one sentence, and what the rule is worth where that is drawn elsewhere, as a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocolsim.names import readable
from protocolsim.report.style import numbers as style_numbers
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.cuts import BY_CUT, by_cut
from protocolsim.study.estimation.estimate import nan_as_none

HEADINGS = ("true\nresponders\n%", "sensi-\ntivity\n%", "speci-\nficity\n%", "pred.\npos.\n%", "pred.\nneg.\n%")
MEANS = (
    "The cut that makes a true responder is a choice, and predictive values go with it: the same patients and the "
    "same rule at the scenario's own threshold, at other cuts (* the scenario's own; ± max: the largest Monte Carlo "
    "standard error in the column)."
)


def definition(curve: ThresholdCurve) -> str:
    """The sentence that says who is a true responder; '' where the scenario does not say."""
    decision = curve.decision
    if decision is None:
        return ""
    said = f"A true responder is a patient whose {decision.meaning} ({decision.trait}) is below {_at(decision.cut)}"
    if curve.trait is None or len(curve.trait) == 0:
        return f"{said}."
    share = float((curve.trait < decision.cut).mean())
    return f"{said}: {style_numbers.percent(share)} of those who reach the decision. Only the model knows it."


def rows(curve: ThresholdCurve) -> list[tuple[str, list[str]]]:
    """A cut and its cells, one for each of `HEADINGS`; none where the scenario names no true response."""
    frame = by_cut(curve)
    decision = curve.decision
    if decision is None or len(frame) == 0:
        return []
    cells = frame[list(BY_CUT)].to_numpy(dtype=np.float64).tolist()
    result = [
        (f"{'* ' if cut == decision.cut else ''}{_at(cut)}", [_cell(value) for value in row])
        for cut, row in zip(frame["cut"].to_numpy(dtype=np.float64).tolist(), cells, strict=True)
    ]
    return [*result, ("± max", [_cell(float(frame[f"{name}_mcse"].max())) for name in BY_CUT])]


def heading(curve: ThresholdCurve) -> str:
    """Of the column of cuts."""
    return "" if curve.decision is None else f"{readable(curve.decision.trait.removeprefix('truth_'))} below"


def as_json(curve: ThresholdCurve) -> dict[str, Any]:
    """Who is a true responder, and the same table as plain values; None for undefined."""
    decision = curve.decision
    assert decision is not None
    table = [{str(k): nan_as_none(float(v)) for k, v in row.items()} for row in by_cut(curve).to_dict("records")]
    return {
        "trait": decision.trait,
        "meaning": decision.meaning,
        "below": decision.cut,
        "sentence": definition(curve),
        "cuts": table,
    }


def _at(cut: float) -> str:
    return f"{cut:.4g}"


def _cell(value: float) -> str:
    number = style_numbers.scaled(value, "%")
    return "-" if np.isnan(number) else f"{number:.1f}"
