"""The folder of a calibration: the posterior's draws, summary, targets and page."""

from __future__ import annotations

from pathlib import Path

from protocolsim.report.calibration.page import calibration_page
from protocolsim.study.calibration.calibrate import Calibration
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.results_folder import write_facts


def write_calibration(found: Calibration, folder: Path) -> None:
    """The posterior's draws as parquet and CSV, summary, provenance, scenario, targets and page."""
    write_frame(found.draws, folder, "posterior")
    write_facts(folder, found.summary(), found.scenario, found.provenance)
    (folder / "targets.yaml").write_text(found.targets.text, encoding="utf-8")
    (folder / "report.html").write_text(calibration_page(found), encoding="utf-8")
