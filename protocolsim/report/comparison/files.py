"""A comparison of two scenarios in a folder: tables, summary, both scenarios, and a page."""

from __future__ import annotations

from pathlib import Path

from protocolsim.errors import UsageError
from protocolsim.report.comparison.console import DRAWN, PAIRED, drawn, headings, results, written
from protocolsim.report.comparison.figures import differences
from protocolsim.report.style.figures import caption, inline
from protocolsim.report.style.sections_page import PageSection, plain_page, table
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.study.compare import Comparison
from protocolsim.study.storage.csv_files import write_frame
from protocolsim.study.storage.ours import COMPARED, REPORT
from protocolsim.study.storage.results_folder import with_attached, write_facts


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Endpoints as parquet and CSV, summary, provenance, both scenarios (`scenario.yaml` is the first), the page."""
    write_frame(comparison.frame, folder, "comparison")
    write_facts(folder, comparison.summary(), comparison.a, comparison.provenance, comparison.asked)
    (folder / COMPARED).write_text(as_yaml(with_attached(comparison.b.document, folder)), encoding="utf-8")
    (folder / REPORT).write_text(comparison_page(comparison), encoding="utf-8")


def comparison_page(comparison: Comparison) -> str:
    """The page as text; it loads nothing from anywhere."""
    matters = [d for d in comparison.differences if d.matters]
    files = [(d.path, written(d.a), written(d.b)) for d in matters]
    sections = [
        PageSection(
            "What differs in the files", table(("In the file", "A", "B"), files), _words_only(comparison), wide=True
        ),
        *_figure(comparison),
        PageSection("Results", table(headings(comparison), results(comparison)), _alone(comparison), wide=True),
        PageSection("Provenance", table(("", ""), comparison.provenance.items()), wide=True),
    ]
    told = [PAIRED, *([DRAWN] if drawn(comparison) else [])]
    return plain_page(
        "Two scenarios side by side",
        f"A: {comparison.a.title}; B: {comparison.b.title}",
        told,
        sections,
    )


def _words_only(comparison: Comparison) -> str:
    paths = [d.path for d in comparison.differences if not d.matters]
    return f"Differs in words only: {', '.join(paths)}." if paths else ""


def _alone(comparison: Comparison) -> str:
    """Which endpoints only one of the two has."""
    told = [
        f"Only {one} has, or has of that kind: {', '.join(names)}."
        for one, names in (("A", comparison.only_a), ("B", comparison.only_b))
        if names
    ]
    return " ".join(told)


def _figure(comparison: Comparison) -> list[PageSection]:
    try:
        chart = differences(comparison)
    except UsageError:
        return []  # they have no share in common: the table says it all
    return [PageSection("Differences", f"<figure>{inline(chart, 'differences')}</figure>", caption(chart), wide=True)]
