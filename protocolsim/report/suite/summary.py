"""The table of the validation suite in words: cells, totals and sentences, made from the plain values of its summary.

Terminal, page and documentation all say it this way, and the last from a file, so that nothing here needs a simulation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from protocolsim.report.style.numbers import plain, published_as, scaled, span

Row = Mapping[str, Any]

HEADINGS = (
    "Published result",
    "Published",
    "Simulated",
    "At fixed parameters",
    "5-95 %",
    "Width",
    "Percentile",
    "Verdict",
    "Score",
    "Naive",
    "Chosen without it",
    "Role",
)
WORDS = ("Published result", "Published", "Verdict", "Chosen without it", "Role")
TOTAL_HEADINGS = ("Role", "Data", "Inside", "Share", "Score", "Naive score", "Mean width", "Inside without it")

RANGE_MEANS = (
    "5-95 %: where 90 % of single simulated trials fall, and simulated is their median: at fixed parameters their "
    "sampling range, with parameters drawn the prediction range, which holds both. Width: of a share or a fall in "
    "points, of a quantity above zero the factor between the ends. Verdict: whether the published value lies inside. A "
    "wide range holds much, so its width stands beside the verdict."
)
SCORE_MEANS = (
    "Score: the interval score of the range (Gneiting and Raftery 2007), its width plus 20 times how far outside the "
    "published value lies; lower is better. Shares and falls in points, other quantities in hundredths of their "
    "natural logarithm; a quantity that has neither scale, or a range that reaches zero, has no score. Naive: the same "
    "of who knows no model, only what other trials published of that kind of endpoint."
)
WITHOUT_MEANS = (
    "Chosen without it: the range that the other published results, not this one, leave for it; its verdict there."
)
ROLE_MEANS = (
    "Role: checked, no parameter was chosen with it; not independent, the parameters come from data that include it; "
    "fitted, a parameter was chosen to match it, so that lying inside tests nothing."
)
TOO_MANY = (
    "More lie inside than should: each parameter is drawn as if the others said nothing of it, which makes ranges "
    "wider than what is known, and most ranges were written beside these results."
)
MEANS = (RANGE_MEANS, SCORE_MEANS, WITHOUT_MEANS, ROLE_MEANS)


def title_of(row: Row) -> str:
    """What the row is called: the endpoint's label, and the scenario."""
    return f"{row['label']} ({row['scenario']})"


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table, as `HEADINGS` has it."""
    unit = row["unit"]
    return (
        title_of(row),
        published_as(row["published_as"], row["published"], unit, row["mark"]),
        _value(row["median"], unit),
        _at_fixed(row),
        span_of(row["lo"], row["hi"], unit),
        width(row),
        "" if row["percentile"] is None else f"{row['percentile']:.0f}",
        row["verdict"],
        _score(row["score"]),
        _score(row["naive_score"]),
        without_it(row),
        row["role"],
    )


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "undefined"
    return f"{scaled(value, unit):.0f} %" if unit == "%" else plain(value)


def span_of(lo: float | None, hi: float | None, unit: str) -> str:
    """A range in a cell: shares in whole per cent, all else without its unit."""
    if lo is None or hi is None:
        return "undefined"
    return span(lo, hi, "%" if unit == "%" else "")


def _at_fixed(row: Row) -> str:
    """The range at fixed parameters, where the other one has them drawn."""
    return "" if row["fixed_verdict"] is None else span_of(row["fixed_lo"], row["fixed_hi"], row["unit"])


def width(row: Row) -> str:
    """How wide the range is, on the scale on which rows can be compared."""
    if row["width_on_scale"] is None:
        return ""
    if row["scale"] == "points":
        return f"{row['width_on_scale']:.0f} points"
    return f"{math.exp(row['width_on_scale'] / 100.0):.2g}-fold"


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.0f}"


def without_it(row: Row) -> str:
    """What the other rows say of it, and whether it lies there."""
    if row["without_it_lo"] is None:
        return ""
    told = "inside" if row["without_it_inside"] else "outside"
    return f"{span_of(row['without_it_lo'], row['without_it_hi'], row['unit'])}: {told}"


def total_cells(summary: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A line for each role and one for all, as `TOTAL_HEADINGS` has it."""
    for name, t in summary["totals"].items():
        yield (
            name,
            str(t["data"]),
            str(t["inside"]),
            f"{100.0 * t['coverage']:.0f} %" if t["data"] else "",
            _score(t["score"]),
            _score(t["naive"]),
            _score(t["width"]),
            f"{t['inside_without_it']} of {t['predicted']}" if t["predicted"] else "",
        )


def sentences(summary: Mapping[str, Any]) -> list[str]:
    """What the totals say, in words."""
    t = summary["totals"]["all"]
    nominal = f"{100.0 * summary['nominal_coverage']:.0f} %"
    said = [
        f"{t['inside']} of {t['data']} published data lie inside a range that should hold {nominal} of them "
        f"({100.0 * t['inside'] / t['data']:.0f} %)."
        if t["data"]
        else "No published result has a range."
    ]
    if t["data"] and summary["parameters"] != "fixed" and t["inside"] / t["data"] > summary["nominal_coverage"]:
        said.append(TOO_MANY)
    for role in ("checked", "not independent", "fitted"):
        if role in summary["totals"]:
            of = summary["totals"][role]
            said.append(f"{role[0].upper()}{role[1:]}: {of['inside']} of {of['data']}.")
    if t["score"] is not None and t["naive"] is not None:
        better = "better" if t["score"] < t["naive"] else "worse"
        said.append(
            f"Over the {t['scored']} data that both can say something of, the mean interval score is {t['score']:.0f}, "
            f"that of the naive reference {t['naive']:.0f}: the model is {better} than knowing only other trials."
        )
    return said


def misses(rows: Sequence[Row]) -> list[Row]:
    """The rows that lie outside."""
    return [row for row in rows if row["verdict"] == "outside"]
