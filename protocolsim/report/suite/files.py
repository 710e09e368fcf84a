"""The validation suite in a folder: its rows as a table, the summary, and a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from protocolsim.report.style.sections_page import PageSection, plain_page
from protocolsim.report.suite import summary as said
from protocolsim.study.storage import ours
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.suite.suite import Suite
from protocolsim.study.suite.totals import summary
from protocolsim.text.html import words


def write_suite(suite: Suite, folder: Path) -> None:
    """Rows as parquet and CSV, summary, provenance, and the page."""
    import pandas as pd

    whole = summary(suite)
    write_frame(pd.DataFrame(whole["rows"]), folder, "validation")
    (folder / ours.SUMMARY).write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    (folder / ours.PROVENANCE).write_text(json.dumps(suite.provenance, indent=2) + "\n", encoding="utf-8")
    (folder / ours.REPORT).write_text(suite_page(suite), encoding="utf-8")


def suite_page(suite: Suite) -> str:
    """The page as text; it loads nothing from anywhere."""
    whole = summary(suite)
    sections = [
        PageSection("What it comes to", _table(said.TOTAL_HEADINGS, said.total_cells(whole)), wide=True),
        PageSection("Results", _table(said.HEADINGS, map(said.cells, whole["rows"])), " ".join(said.MEANS), wide=True),
        PageSection("Provenance", _table(("", ""), suite.provenance.items()), wide=True),
    ]
    return plain_page("Published results against simulated trials", suite.plan.source, said.sentences(whole), sections)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{words(h)}</th>" for h in headings)
    body = "".join(f"<tr>{''.join(f'<td>{words(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
