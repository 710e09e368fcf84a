"""A calibration in a terminal, as a page, and in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocolsim.report.calibration.figures import posteriors, predicted
from protocolsim.report.style import numbers as style_numbers
from protocolsim.report.style.console import Column, Screen
from protocolsim.report.style.figures import caption, inline
from protocolsim.report.style.stylesheet import style
from protocolsim.study.calibration.abc_posterior import COVERAGE_BOUNDS, INTERVALS, MOST_SD_RATIO
from protocolsim.study.calibration.calibrate import Calibration, Fitted, Predicted
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.results_folder import write_facts
from protocolsim.text.html import rendered

if TYPE_CHECKING:
    from rich.console import Console

_TEMPLATE = Path(__file__).with_name("page.html.j2")

SD_RATIO_MEANS = (
    f"SD ratio: the posterior's standard deviation over the prior's, on the prior's scale; above "
    f"{MOST_SD_RATIO:g} the targets say next to nothing of that parameter (not identified): its range is assumed."
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
    points, trials = style_numbers.count(plan.points, "point"), style_numbers.count(plan.trials, "trial")
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
    percent = f" ({style_numbers.scaled(p.value, '%'):.0f} %)" if p.unit == "%" and "%" not in p.text else ""
    return {
        "label": p.label,
        "published": f"{p.text}{percent} [{p.mark}]",
        "error": p.target.error if p.target is not None else "one simulated trial",
        "use": "target" if p.target is not None else "not used",
        "range": style_numbers.span(p.lo, p.hi, p.unit),
        "percentile": "" if p.percentile is None else f"{p.percentile:.0f}",
        "source": p.target.source if p.target is not None else "",
        "note": p.target.note if p.target is not None else "",
    }


# Terminal ------------------------------------------------------------------------------------------------------------


def print_calibration(found: Calibration, console: Console) -> None:
    """Print the posterior, what it predicts, and what both are worth."""
    screen = Screen(console)
    put = screen.put
    put(f"{found.scenario.title}: calibrated to {found.targets.title or found.targets.source}", "bold")
    _fitted(screen, found)
    put("")
    _beside(screen, found)
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


def _fitted(screen: Screen, found: Calibration) -> None:
    """One row per parameter."""
    numbers = (Column(heading) for heading in ("Prior", "Median", "5-95 %", "SD ratio"))
    ends = (Column("Verdict", words=True), Column("Own"), Column("Percentile", short="Pctl."))
    keys = ("short", "prior", "median", "range", "sd_ratio", "verdict", "own", "own_percentile")
    rows = [[row[key] for key in keys] for row in map(_parameter, found.parameters)]
    screen.table([Column("Parameter", words=True), *numbers, *ends], rows, expand=True)


def _beside(screen: Screen, found: Calibration) -> None:
    """One row per published result."""
    columns = (
        *(Column("Published result", words=True), Column("Published", words=True), Column("Predicted, 5-95 %")),
        *(Column("Percentile", short="Pctl."), Column("Use", words=True)),
    )
    keys = ("label", "published", "range", "percentile", "use")
    screen.table(columns, [[row[key] for key in keys] for row in map(_predicted, found.predicted)], expand=True)


# Folder and page -----------------------------------------------------------------------------------------------------


def write_calibration(found: Calibration, folder: Path) -> None:
    """The posterior's draws as parquet and CSV, summary, provenance, scenario, targets and page."""
    write_frame(found.draws, folder, "posterior")
    write_facts(folder, found.summary(), found.scenario, found.provenance)
    (folder / "targets.yaml").write_text(found.targets.text, encoding="utf-8")
    (folder / "report.html").write_text(calibration_page(found), encoding="utf-8")


def calibration_page(found: Calibration) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    names = [p.free.name for p in found.parameters]
    return rendered(
        _TEMPLATE,
        found=found,
        style=style(),
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
        "svg": inline(chart, name),
    }
