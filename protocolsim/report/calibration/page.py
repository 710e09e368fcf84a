"""A calibration as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocolsim.report.calibration.figures import posteriors, predicted
from protocolsim.report.calibration.summary import (
    PREDICTED_MEANS,
    SD_RATIO_MEANS,
    parameter_row,
    predicted_row,
    sentences,
)
from protocolsim.report.style.figures import caption, inline
from protocolsim.report.style.stylesheet import style
from protocolsim.study.calibration.calibrate import Calibration
from protocolsim.text.html import rendered

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def calibration_page(calibration: Calibration) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    names = [p.free.name for p in calibration.parameters]
    return rendered(
        _TEMPLATE,
        calibration=calibration,
        style=style(),
        sentences=sentences(calibration),
        parameters=[parameter_row(p) for p in calibration.parameters],
        predicted=[predicted_row(p) for p in calibration.predicted],
        names=names,
        correlations=[
            (n, [f"{v:.2f}" for v in row])
            for n, row in zip(names, calibration.posterior.correlation.tolist(), strict=True)
        ],
        sd_ratio_means=SD_RATIO_MEANS,
        predicted_means=PREDICTED_MEANS,
        figures=[
            _figure(chart, f"figure{k}") for k, chart in enumerate((posteriors(calibration), predicted(calibration)))
        ],
        provenance=calibration.provenance,
    )


def _figure(chart: Any, name: str) -> dict[str, Any]:
    return {
        "title": chart.title["text"],
        "caption": caption(chart),
        "svg": inline(chart, name),
    }
