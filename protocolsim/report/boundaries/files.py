"""The folder of boundaries: table, summary, figure and page."""

from __future__ import annotations

from pathlib import Path

from protocolsim.report.boundaries.page import boundaries_page, charts
from protocolsim.report.style.figures import Drawing, save
from protocolsim.study.boundaries.boundaries import Boundaries
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.results_folder import write_facts


def write_boundaries(result: Boundaries, folder: Path) -> None:
    """The table as parquet and CSV, summary, provenance, scenario, figure and page."""
    write_frame(result.frame, folder, "boundaries")
    write_facts(folder, result.summary(), result.scenario, result.provenance, result.asked)
    drawn = {name: Drawing(chart) for name, chart in charts(result).items()}
    for name, chart in drawn.items():
        for form in ("png", "svg", "html"):
            save(chart, folder / f"{name}.{form}")
    (folder / "report.html").write_text(boundaries_page(result, drawn), encoding="utf-8")
