"""The folder of a calibration: the posterior's draws, summary, targets and page."""

from __future__ import annotations

from pathlib import Path

from protocolsim.report.calibration.page import calibration_page
from protocolsim.study.calibration.calibrate import Calibration
from protocolsim.study.parameters.posterior_file import POSTERIOR
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.results_folder import write_facts


def write_calibration(calibration: Calibration, folder: Path) -> None:
    """The posterior's draws as parquet and CSV, and as --parameters reads them; summary, scenario, targets, page."""
    write_frame(calibration.draws, folder, "posterior")
    write_facts(folder, calibration.summary(), calibration.scenario, calibration.provenance)
    (folder / POSTERIOR).write_text(calibration.posterior_json, encoding="utf-8")
    (folder / "targets.yaml").write_text(calibration.targets.text, encoding="utf-8")
    (folder / "report.html").write_text(calibration_page(calibration), encoding="utf-8")
