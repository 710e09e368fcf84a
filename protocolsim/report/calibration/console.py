"""A calibration in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.report.calibration.summary import (
    PREDICTED_MEANS,
    SD_RATIO_MEANS,
    parameter_row,
    predicted_row,
    sentences,
)
from protocolsim.report.style.console import Column, Screen
from protocolsim.study.calibration.calibrate import Calibration

if TYPE_CHECKING:
    from rich.console import Console


def print_calibration(calibration: Calibration, console: Console) -> None:
    """Print the posterior, what it predicts, and what both are worth."""
    screen = Screen(console)
    put = screen.put
    put(
        f"{calibration.scenario.title}: calibrated to {calibration.targets.title or calibration.targets.source}", "bold"
    )
    _fitted(screen, calibration)
    put("")
    _beside(screen, calibration)
    put("")
    for line in sentences(calibration):
        put(line)
    put("")
    put(f"{SD_RATIO_MEANS} {PREDICTED_MEANS}", "dim")
    for line in calibration.warnings:
        put(f"Warning: {line}", "bold yellow")
    for line in calibration.targets.notes:
        put(f"Caveat: {line}")
    put("")
    facts = calibration.provenance
    put(f"seed {facts['seed']}, protocolsim {facts['protocolsim']}, {facts['run time']}", "dim")


def _fitted(screen: Screen, calibration: Calibration) -> None:
    """One row per parameter."""
    numbers = (Column(heading) for heading in ("Prior", "Median", "5-95 %", "SD ratio"))
    ends = (Column("Verdict", words=True), Column("Own"), Column("Percentile", short="Pctl."))
    keys = ("short", "prior", "median", "range", "sd_ratio", "verdict", "own", "own_percentile")
    rows = [[row[key] for key in keys] for row in map(parameter_row, calibration.parameters)]
    screen.table([Column("Parameter", words=True), *numbers, *ends], rows, expand=True)


def _beside(screen: Screen, calibration: Calibration) -> None:
    """One row per published result."""
    columns = (
        *(Column("Published result", words=True), Column("Published", words=True), Column("Predicted, 5-95 %")),
        *(Column("Percentile", short="Pctl."), Column("Use", words=True)),
    )
    keys = ("label", "published", "range", "percentile", "use")
    screen.table(
        columns, [[row[key] for key in keys] for row in map(predicted_row, calibration.predicted)], expand=True
    )
