"""Definitions of what a rule measures, as a table at the scenario's own threshold and as their whole curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.report.style import numbers as style_numbers
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.estimation.estimate import nan_as_none

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("share_sent", "sensitivity", "specificity", "expected_loss")
HEADINGS = ("pass\n%", "sensi-\ntivity\n%", "speci-\nficity\n%", "loss", "ROC\narea\n%")


def numbers(curve: ThresholdCurve) -> dict[str, dict[str, tuple[float, float]]]:
    """By definition: each estimate that is shown, and the area under the ROC, with their Monte Carlo errors."""
    result = {}
    for name in curve.definitions:
        mine = curve.by(name)
        at = mine.frame(np.array([curve.own])).set_index("estimate")
        values, errors = at["value"].to_dict(), at["mcse"].to_dict()
        shown = {n: (float(values[n]), float(errors[n])) for n in _SHOWN if n in values}
        result[name] = {**shown, "area": mine.area()} if len(shown) > 1 else shown
    return result


def headings(curve: ThresholdCurve) -> list[str]:
    """Of the columns of `rows`, each in as many lines as it takes."""
    return list(HEADINGS[: len(next(iter(numbers(curve).values())))])


def rows(curve: ThresholdCurve) -> list[tuple[str, list[str]]]:
    """A label and its cells for each definition; none where only the rule's own is declared."""
    if len(curve.definitions) == 1 or len(curve.measured) == 0:
        return []
    result, estimates = [], numbers(curve)
    units = {n: "%" if n == "area" else curve.endpoints[n].unit for n in estimates[curve.definition]}
    for name, shown in estimates.items():
        label = ("* " if name == curve.definition else "") + curve.definitions[name]
        result.append((label, [_cell(shown[n][0], units[n]) for n in shown]))
    worst = [max(shown[n][1] for shown in estimates.values()) for n in units]
    return [*result, ("± max", [_cell(e, unit) for e, unit in zip(worst, units.values(), strict=True)])]


def _cell(value: float, unit: str) -> str:
    number = style_numbers.scaled(value, unit)
    return "-" if np.isnan(number) else f"{number:.{1 if unit == '%' else 2}f}"


def as_json(curve: ThresholdCurve) -> dict[str, Any]:
    """The same as plain values; None for undefined."""
    return {
        name: {
            "label": curve.definitions[name],
            **{n: {"value": nan_as_none(value), "mcse": nan_as_none(error)} for n, (value, error) in shown.items()},
        }
        for name, shown in numbers(curve).items()
    }


def whole(curve: ThresholdCurve, thresholds: NDArray[np.float64]) -> pd.DataFrame:
    """The frame of every definition's curve, the definition in the first column."""
    import pandas as pd

    parts = []
    for name in curve.definitions:
        part = curve.by(name).frame(thresholds)
        part.insert(0, "definition", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
