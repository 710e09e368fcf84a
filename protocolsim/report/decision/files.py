"""The folder of a threshold curve: tables, summary, figures and page."""

from __future__ import annotations

from pathlib import Path

from protocolsim.report.decision import measure_table
from protocolsim.report.decision.page import charts, threshold_page
from protocolsim.report.decision.summary import CurveSummary
from protocolsim.report.style.figures import Drawing, save
from protocolsim.study.decision.cuts import by_cut
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.results_folder import write_facts


def write_thresholds(summary: CurveSummary, folder: Path) -> None:
    """The curve as parquet and CSV, summary, provenance, scenario, figures and page."""
    frame = summary.drawn.frame.drop(columns="at")
    write_frame(frame, folder, "curve")
    if summary.regret is not None:
        write_frame(summary.regretted, folder, "regret")
    if summary.curve.decision is not None and len(summary.curve.measured):
        write_frame(by_cut(summary.curve), folder, "cuts")
    if len(summary.curve.definitions) > 1 and len(summary.curve.measured):
        along = measure_table.whole(summary.curve, summary.drawn.thresholds)
        write_frame(along, folder, "definitions")
    write_facts(folder, summary.summary(), summary.result.scenario, summary.provenance, summary.result.asked)
    drawn = {name: Drawing(chart) for name, chart in charts(summary).items()}
    for name, chart in drawn.items():
        for form in ("png", "svg", "html"):
            save(chart, folder / f"{name}.{form}")
    (folder / "report.html").write_text(threshold_page(summary, drawn), encoding="utf-8")
