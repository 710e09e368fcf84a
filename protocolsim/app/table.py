"""Estimates in a table: what the command line prints, with the exact value on each cell for whoever wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from htmltools import Tag, tags

from protocolsim.report.style import numbers
from protocolsim.study.estimation.estimate import Estimate


@dataclass(frozen=True)
class Row:
    """One estimate as set up, and the same in another design."""

    mine: Estimate
    other: Estimate | None = None


def estimates_table(rows: Sequence[Row], columns: Sequence[str], *, spread: bool = False) -> Tag:
    """Label, one column of values for each design, the range of single trials (`spread`), and the published value."""
    published = any(row.mine.published is not None for row in rows)
    heads = [
        "",
        *columns,
        *(["sampling range at fixed parameters, 5-95 %"] if spread else []),
        *(["published"] if published else []),
    ]
    body = []
    for row in rows:
        shown = [tags.th(row.mine.label, scope="row", title=f"{row.mine.counting}; among {row.mine.among}")]
        shown += [tags.td(said, data_exact=value, data_column=str(k)) for k, (said, value) in enumerate(cells(row))]
        if spread:
            shown.append(tags.td(numbers.one_trial(row.other or row.mine)))
        if published:
            shown.append(tags.td(numbers.published(row.mine)))
        body.append(tags.tr(*shown, data_estimate=row.mine.name))
    head = tags.thead(tags.tr(*[tags.th(h, scope="col") if h else tags.td() for h in heads]))
    return tags.div(tags.table(head, tags.tbody(*body), class_="estimates"), class_="scroll")


def cells(row: Row) -> list[tuple[str, str]]:
    """What stands in each column of values, and the exact value."""
    return [(numbers.simulated(e), repr(float(e.value))) for e in (row.mine, row.other) if e is not None]
