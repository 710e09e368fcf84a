"""The validation suite in a folder: its rows as a table, the summary, and a page."""

from __future__ import annotations

import json
from pathlib import Path

from protocolsim.report.style.sections_page import PageSection, plain_page, table
from protocolsim.report.suite import summary as said
from protocolsim.study.storage import ours
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.suite.suite import Suite
from protocolsim.study.suite.totals import summary


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
        PageSection("What it comes to", table(said.TOTAL_HEADINGS, said.total_cells(whole)), wide=True),
        PageSection("Results", table(said.HEADINGS, map(said.cells, whole["rows"])), " ".join(said.MEANS), wide=True),
        PageSection("Provenance", table(("", ""), suite.provenance.items()), wide=True),
    ]
    return plain_page("Published results against simulated trials", suite.plan.source, said.sentences(whole), sections)
