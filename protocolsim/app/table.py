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
    published = [numbers.published(row.mine) for row in rows]
    marks = numbers.marks_mean(*published)
    heads = [
        "",
        *columns,
        *(["sampling range at fixed parameters, 5-95 %"] if spread else []),
        *(["published"] if any(published) else []),
    ]
    body = []
    for row, as_published in zip(rows, published, strict=True):
        shown = [tags.th(row.mine.label, scope="row", title=f"{row.mine.counting}; among {row.mine.among}")]
        shown += [tags.td(said, data_exact=value, data_column=str(k)) for k, (said, value) in enumerate(cells(row))]
        if spread:
            shown.append(tags.td(numbers.one_trial(row.other or row.mine)))
        if any(published):
            shown.append(tags.td(as_published))
        body.append(tags.tr(*shown, data_estimate=row.mine.name))
    head = tags.thead(tags.tr(*[tags.th(h, scope="col") if h else tags.td() for h in heads]))
    table = tags.div(tags.table(head, tags.tbody(*body), class_="estimates"), class_="scroll")
    return tags.div(table, tags.p(marks, class_="note") if marks else None)


def cells(row: Row) -> list[tuple[str, str]]:
    """What stands in each column of values, and the exact value."""
    return [(numbers.simulated(e), repr(float(e.value))) for e in (row.mine, row.other) if e is not None]
