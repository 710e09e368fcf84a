"""A calibration in a terminal, as a page, and in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocolsim.report import phrases
from protocolsim.report.calibration_figures import posteriors, predicted
from protocolsim.report.look import alternative, caption, svg
from protocolsim.report.page import _inline
from protocolsim.report.sweep_page import _fit, _style
from protocolsim.study.calibrate import Calibration, Fitted, Predicted
from protocolsim.study.posterior import COVERAGE_BOUNDS, INTERVALS, NOT_IDENTIFIED
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.results import write_facts

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_NARROW = 96
_TEMPLATE = "calibration.html.j2"
"""What a finished calibration leaves beside its reference table."""

SD_RATIO_MEANS = (
    f"SD ratio: the posterior's standard deviation over the prior's, on the prior's scale; above "
    f"{NOT_IDENTIFIED:g} the targets say next to nothing of that parameter (not identified): its range is assumed."
)
PREDICTED_MEANS = (
    "Predicted, 5-95 %: where 90 % of fresh simulated trials fall whose parameters were drawn from the posterior."
)
_MANNERS = {
    "calibrated": "as they should",
    "over-dispersed": "more often than they should: the posterior is over-dispersed, wider than the data ask for",
    "over-confident": "less often than they should: the posterior is over-confident, and its intervals are too narrow",
}


def sentences(found: Calibration) -> list[str]:
    """What the numbers say, in words."""
    plan, lost = found.plan, found.not_identified
    points, trials = phrases.count(plan.points, "point"), phrases.count(plan.trials, "trial")
    kept = f"the {len(found.posterior.weights):,} trials nearest to the published one, from {found.posterior.points:,}"
    told = [f"{points} of the prior were simulated, {trials} at each; {kept} points, make the posterior."]
    if lost:
        told.append(
            f"Not identified by these targets: {', '.join(lost)}. What the posterior says of "
            f"{'it' if len(lost) == 1 else 'them'} is what the prior said before."
        )
    else:
        told.append("The targets say something of every parameter.")
    outside = [p for p in found.parameters if p.own_inside is False]
    compared = [p for p in found.parameters if p.own_inside is not None]
    if outside:
        told.append(
            "The scenario's own values lie outside the posterior's 5-95 % for "
            + ", ".join(p.free.name for p in outside)
            + "."
        )
    elif compared:
        told.append("The scenario's own values all lie inside the posterior's 5-95 %.")
    strong = _strong(found)
    if strong:
        told.append(f"Go together, so that only a combination is known well: {strong}.")
    held = ", ".join(
        f"{100 * s:.0f} % intervals held the truth in {100 * min(h):.0f} to {100 * max(h):.0f} % "
        f"(expected within {100 * COVERAGE_BOUNDS[s][0]:.0f} to {100 * COVERAGE_BOUNDS[s][1]:.0f} %)"
        for s, h in ((s, found.coverage.held[s]) for s in INTERVALS)
    )
    told.append(
        f"Whether to believe this: of {found.coverage.fits:,} simulated trials fitted as if they had been published, "
        f"{held}, over the parameters; {_MANNERS[found.coverage.believed]}."
    )
    return told


def _strong(found: Calibration) -> str:
    rows = found.posterior.correlation
    names = [p.free.name for p in found.parameters]
    pairs = [(names[i], names[j], float(rows[i, j])) for i in range(len(names)) for j in range(i)]
    return "; ".join(f"{a} and {b} (correlation {r:.2f})" for a, b, r in pairs if abs(r) >= 0.5)


def _parameter(p: Fitted) -> dict[str, str]:
    unit = p.free.unit
    own = "" if p.free.own is None else f"{p.free.own:.4g}"
    return {
        "name": p.free.name,
        "short": f"{p.free.name.rpartition('.')[2]}{f' ({unit})' if unit else ''}",
        "meaning": p.free.meaning,
        "unit": unit,
        "prior": f"{p.free.low:.3g} to {p.free.high:.3g}{', log' if p.free.log else ''}",
        "median": f"{p.median:.3g}",
        "range": f"{p.low:.3g} to {p.high:.3g}",
        "sd_ratio": f"{p.sd_ratio:.2f}",
        "verdict": "identified" if p.identified else "not identified",
        "own": own,
        "own_percentile": "" if p.own_percentile is None else f"{p.own_percentile:.0f}",
        "coverage": " / ".join(f"{100 * p.held[s]:.0f}" for s in INTERVALS),
    }


def _predicted(p: Predicted) -> dict[str, str]:
    percent = f" ({phrases.scaled(p.value, '%'):.0f} %)" if p.unit == "%" and "%" not in p.text else ""
    return {
        "label": p.label,
        "published": f"{p.text}{percent} [{p.mark}]",
        "error": p.target.error if p.target is not None else "one simulated trial",
        "use": "target" if p.target is not None else "not used",
        "range": phrases.span(p.lo, p.hi, p.unit),
        "percentile": "" if p.percentile is None else f"{p.percentile:.0f}",
        "source": p.target.source if p.target is not None else "",
        "note": p.target.note if p.target is not None else "",
    }


# Terminal ------------------------------------------------------------------------------------------------------------


def print_calibration(found: Calibration, console: Console) -> None:
    """Print the posterior, what it predicts, and what both are worth."""
    from rich.text import Text

    encoding = console.encoding or "ascii"

    def put(text: str, style: str = "") -> None:
        console.print(Text(_fit(text, encoding)), style=style, highlight=False)

    put(f"{found.scenario.title}: calibrated to {found.targets.title or found.targets.source}", "bold")
    columns = (
        ("Parameter", "short"),
        *((("Prior", "prior"), ("Median", "median")) if console.width >= _NARROW else ()),
        *(("5-95 %", "range"), ("SD ratio", "sd_ratio"), ("Verdict", "verdict"), ("Own", "own")),
        ("Pctl.", "own_percentile"),
    )
    console.print(_table(columns, [_parameter(p) for p in found.parameters], encoding))
    put("")
    beside = (
        *(("Published result", "label"), ("Published", "published"), ("Predicted, 5-95 %", "range")),
        *(("Pctl.", "percentile"), ("Use", "use")),
    )
    console.print(_table(beside, [_predicted(p) for p in found.predicted], encoding))
    put("")
    for line in sentences(found):
        put(line)
    put("")
    put(f"{SD_RATIO_MEANS} {PREDICTED_MEANS}", "dim")
    for line in found.warnings:
        put(f"Warning: {line}", "bold yellow")
    for line in found.targets.notes:
        put(f"Caveat: {line}")
    put("")
    facts = found.provenance
    put(f"seed {facts['seed']}, protocolsim {facts['protocolsim']}, {facts['run time']}", "dim")


def _table(columns: tuple[tuple[str, str], ...], rows: list[dict[str, str]], encoding: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    plain = box.SIMPLE_HEAD if encoding.lower().startswith("utf") else box.ASCII2
    table = Table(box=plain, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), expand=True)
    for number, (title, _) in enumerate(columns):
        if number == 0:
            table.add_column(title, ratio=1, min_width=20, overflow="fold")
        else:
            table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*(Text(_fit(row[key], encoding)) for _, key in columns))
    return table


# Folder and page -----------------------------------------------------------------------------------------------------


def write_calibration(found: Calibration, folder: Path) -> None:
    """The posterior's draws as parquet and CSV, summary, provenance, scenario, targets and page."""
    write_frame(found.draws, folder, "posterior")
    write_facts(folder, found.summary(), found.scenario, found.provenance)
    (folder / "targets.yaml").write_text(found.targets.text, encoding="utf-8")
    (folder / "report.html").write_text(calibration_page(found), encoding="utf-8")


def calibration_page(found: Calibration) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    names = [p.free.name for p in found.parameters]
    return environment.get_template(_TEMPLATE).render(
        found=found,
        style=_style(here),
        sentences=sentences(found),
        parameters=[_parameter(p) for p in found.parameters],
        predicted=[_predicted(p) for p in found.predicted],
        names=names,
        correlations=[
            (n, [f"{v:.2f}" for v in row]) for n, row in zip(names, found.posterior.correlation.tolist(), strict=True)
        ],
        sd_ratio_means=SD_RATIO_MEANS,
        predicted_means=PREDICTED_MEANS,
        figures=[_figure(chart, f"figure{k}") for k, chart in enumerate((posteriors(found), predicted(found)))],
        provenance=found.provenance,
    )


def _figure(chart: Any, name: str) -> dict[str, Any]:
    return {
        "title": chart.title["text"],
        "caption": caption(chart),
        "svg": _inline(svg(chart), name, alternative(chart)),
    }
