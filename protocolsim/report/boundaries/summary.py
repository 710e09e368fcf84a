"""Sentences and rows that the figure, the page and the terminal share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.report.style import numbers
from protocolsim.study.boundaries.boundaries import Boundaries
from protocolsim.study.boundaries.matrix import design_of, sizes_known
from protocolsim.study.boundaries.sets import error_of, success_boundary

if TYPE_CHECKING:
    import pandas as pd

BOTH_PASSES = (
    "Every boundary was tried on the same trials, simulated once with the effect and once without, so that differences "
    "between rows are those of the boundaries. Numbers with few decimals are simulated: each has a Monte Carlo error."
)
HELD, ABOVE, NOT_KNOWN = "type I error held", "type I error above", "type I error not known"
_TWICE = 2.0


@dataclass(frozen=True)
class ShownColumn:
    """A column of the tables: its heading, the column of the frame, and the unit of its cells."""

    heading: str
    column: str
    unit: str

    @property
    def error(self) -> str:
        """The column of its Monte Carlo errors."""
        return f"{self.column}_mcse"


_COLUMNS = (
    ShownColumn("Type I error", "type_i_error", "%"),
    ShownColumn("Power", "power", "%"),
    ShownColumn("Expected size", "expected_enrolled", "patients"),
    ShownColumn("Without effect", "expected_enrolled_null", "patients"),
    ShownColumn("Weeks to decision", "expected_weeks_to_decision", "weeks"),
)


def shown(result: Boundaries) -> list[ShownColumn]:
    """The columns that have numbers."""
    frame = result.frame
    return [c for c in _COLUMNS if c.column in frame and not frame[c.column].isna().all()]


def level(result: Boundaries) -> float | None:
    """The type I error that is to be held: the one that was asked for, or that the boundary on success spends."""
    if result.calibrated is not None:
        return result.calibrated.target
    design = design_of(result.scenario)
    upper = success_boundary(design)
    return None if upper is None else error_of(design, upper)


def verdicts(result: Boundaries) -> list[str]:
    """Of each set of boundaries, whether the simulated type I error is above the level by more than two errors."""
    frame, most = result.frame, level(result)
    if "type_i_error" not in frame or most is None:
        return [NOT_KNOWN] * len(frame)
    above = frame["type_i_error"] - _TWICE * frame["type_i_error_mcse"].fillna(0.0) > most
    return [ABOVE if one else HELD for one in above]


def label(family: str, futility: str) -> str:
    """A set of boundaries in a few words."""
    return f"{family}; futility {futility}" if futility else family


def rows(result: Boundaries, most: int) -> list[tuple[bool, str, list[str]]]:
    """(chosen, what it is, cells) of the design's own boundaries and of at most so many others.

    Of the others those come first that hold the type I error, then those with no less power than the design's own, then
    by expected size and power.
    """
    frame = result.frame.assign(verdict=verdicts(result))
    first, others = frame.iloc[:1], frame.iloc[1:]
    if result.calibrated is not None:
        first, others = frame.iloc[[0, -1]], frame.iloc[1:-1]
    order = _order(others, float(frame["power"].iloc[0]) if "power" in frame else float("nan"))
    chosen = [*first.index, *order[:most]]
    made = []
    for k in chosen:
        row = frame.loc[k]
        cells = [_cell(row, column) for column in shown(result)]
        made.append((bool(row["chosen"]), label(row["family"], row["futility"]), cells))
    return made


def _order(others: pd.DataFrame, power: float) -> list[int]:
    if "power" not in others:
        return list(others.index)
    ranked = others.assign(
        above=others["verdict"] == ABOVE,
        weaker=others["power"] < power - 1e-12,
        size=others["expected_enrolled"].fillna(0.0),
        less=-others["power"],
    )
    return list(ranked.sort_values(["above", "weaker", "size", "less"], kind="stable").index)


def _cell(row: pd.Series[Any], column: ShownColumn) -> str:
    value, error = float(row[column.column]), float(row.get(column.error, np.nan))
    said = numbers.with_error(numbers.scaled(value, column.unit), numbers.scaled(error, column.unit))
    return numbers.UNDEFINED if np.isnan(value) else f"{said} %" if column.unit == "%" else said


def sentences(result: Boundaries) -> list[str]:
    """What the numbers say, in words."""
    said = [_own(result), _better(result), _calibrated(result)]
    if not result.without:
        said.append("The scenario does not say how the trial is without an effect, so that no type I error is known.")
    if not sizes_known(result.scenario):
        said.append(
            "How many are enrolled after a stop depends on more than its date here: a run with the boundary says."
        )
    return [one for one in said if one]


def _own(result: Boundaries) -> str:
    row = result.frame.iloc[0]
    units = {"patients": " patients"}
    parts = [f"{c.heading[0].lower()}{c.heading[1:]} {_cell(row, c)}{units.get(c.unit, '')}" for c in shown(result)]
    without = f" Without an effect: {result.without}." if result.without else ""
    return f"The design's own boundaries: {', '.join(parts)}.{without}"


def _better(result: Boundaries) -> str:
    """Whether another set is smaller on average, at no less power, and holds the type I error."""
    frame = result.frame.assign(verdict=verdicts(result))
    if not {"power", "expected_enrolled"} <= set(frame) or frame["expected_enrolled"].isna().all():
        return ""
    own = frame.iloc[0]
    better = frame[
        (frame["verdict"] != ABOVE) & (frame["power"] >= own["power"] - 1e-12)
        & (frame["expected_enrolled"] < own["expected_enrolled"] - 1e-9)
    ]  # fmt: skip
    if better.empty:
        return "None of the boundaries tried has as much power on fewer patients."
    best = better.loc[better["expected_enrolled"].idxmin()]
    return (
        f"Of the {len(frame)} sets tried {len(better)} have at least its power on fewer patients; fewest has "
        f"{label(best['family'], best['futility'])}: {best['expected_enrolled']:.1f} patients, power "
        f"{100.0 * best['power']:.1f} %."
    )


def _calibrated(result: Boundaries) -> str:
    found = result.calibrated
    if found is None:
        return ""
    values = ", ".join("none" if np.isnan(v) else f"{v:.6f}" for v in found.values)
    how = " (stops for futility ignored)" if found.ignoring else ""
    return (
        f"'{found.boundary}' times {found.factor:.4f} has a simulated type I error of "
        f"{numbers.with_error(100.0 * found.error, 100.0 * found.mcse)} %{how}, for a target of "
        f"{100.0 * found.target:g} %: values: [{values}]. The ± is the Monte Carlo error, smaller with more replicates."
    )
