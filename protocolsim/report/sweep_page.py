"""A sweep for readers: a table by point in the terminal, and one self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocolsim.report import phrases
from protocolsim.report.look import FAINT, INK, alternative, caption, save, svg
from protocolsim.report.sweep_figures import drawable, ordered, sweep_figure
from protocolsim.study.sweep import Outcome, Sweep
from protocolsim.units import in_words

if TYPE_CHECKING:
    from markupsafe import Markup
    from rich.console import Console

FIGURES = ("sweep.png", "sweep.svg", "sweep.html")
DIFFERENCE_MEANS = (
    "Difference: from the scenario's own value. Every point was simulated under the same luck, so the error of a "
    "difference is paired, and smaller than the errors of the two values would suggest."
)
_MOST_LINES = 60
_COLUMN = 17
_TEMPLATE, _STYLED = "sweep.html.j2", "page.html.j2"


def write_report(found: Sweep, folder: Path) -> None:
    """Write report.html and, of one or two parameters, the figure as PNG, SVG and self-contained HTML."""
    chart = sweep_figure(found) if drawable(found) else None
    (folder / "report.html").write_text(_page(found, chart), encoding="utf-8")
    if chart is not None:
        for name in FIGURES:
            save(chart, folder / name)


# Terminal ------------------------------------------------------------------------------------------------------------


def print_sweep(found: Sweep, console: Console) -> None:
    """Print the main estimates by point, as many as fit the width, those with a published value first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    encoding = console.encoding or "ascii"
    own, names = found.own, ordered(found)
    shown = names[: max(1, (console.width - _COLUMN * len(found.axes)) // _COLUMN)]
    wide = encoding.lower().startswith("utf")
    table = Table(box=box.SIMPLE_HEAD if wide else box.ASCII2, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for axis in found.axes:
        table.add_column(Text(_fit(axis.name.replace("_", " "), encoding)), justify="right", overflow="fold")
    for name in shown:
        table.add_column(Text(_fit(own.estimates[name].label, encoding)), justify="right", overflow="fold")

    def line(cells: Sequence[str]) -> None:
        table.add_row(*(Text(_fit(cell, encoding)) for cell in cells))

    for outcome in found.outcomes[:_MOST_LINES]:
        line([*map(str, outcome.settings), *(phrases.simulated(outcome.estimates[n]) for n in shown)])
    table.add_section()
    blank = [""] * (len(found.axes) - 1)
    line(["unvaried", *blank, *(phrases.simulated(own.estimates[n]) for n in shown)])
    if any(own.estimates[n].published is not None for n in shown):
        line(["published", *blank, *(phrases.published(own.estimates[n]) for n in shown)])
    console.print(Text(_fit(own.title, encoding)), style="bold", highlight=False)
    console.print(table)
    hidden = [f"{len(names) - len(shown)} more estimates"] if len(names) > len(shown) else []
    hidden += [f"{len(found.outcomes) - _MOST_LINES:,} more points"] if len(found.outcomes) > _MOST_LINES else []
    ran = (
        f"seed {own.seed}, {phrases.count(own.replicates, 'replicate')} at each of "
        f"{phrases.count(len(found.outcomes), 'point')}, {own.engine} engine, protocolsim {own.version}, "
        f"{own.provenance['run time']}"
    )
    for note in [*([f"Not shown: {' and '.join(hidden)}; they are in --json and --out."] if hidden else []), ran]:
        console.print(Text(_fit(note, encoding)), style="dim", highlight=False)


def _fit(text: str, encoding: str) -> str:
    """The text without signs that this terminal cannot show."""
    if encoding.lower().startswith("utf"):
        return text
    return text.replace("±", "+-").encode(encoding, "replace").decode(encoding)


# Page ----------------------------------------------------------------------------------------------------------------


def sweep_page(found: Sweep) -> str:
    """The page as text; it loads nothing from anywhere, and looks like the page of a run."""
    return _page(found, sweep_figure(found) if drawable(found) else None)


def _page(found: Sweep, chart: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    names = ordered(found)
    return environment.get_template(_TEMPLATE).render(
        sweep=found,
        result=found.own,
        style=_style(here),
        told=_told(found),
        tables=[_table(found, name) for name in names],
        range_means=phrases.RANGE_MEANS,
        difference_means=DIFFERENCE_MEANS,
        figure=None if chart is None else {"svg": _inline(chart), "caption": caption(chart)},
        title="" if chart is None else chart.title["text"],
        provenance=found.provenance,
    )


def _style(here: Path) -> Markup:
    """The style of the page of a run, so that there is one look and one place to change it."""
    from markupsafe import Markup

    text = (here / _STYLED).read_text(encoding="utf-8")
    return Markup(text[text.index("<style>") : text.index("</style>") + len("</style>")])  # noqa: S704 - our own file


def _told(found: Sweep) -> str:
    varied = "; ".join(
        f"{a.name} from {a.settings[0]} to {a.settings[-1]}, {phrases.count(len(a.values), 'value')}"
        for a in found.axes
    )
    own = "; ".join(f"{a.name} {in_words(a.own, a.unit)}" for a in found.axes if a.own is not None)
    return (
        f"Varied: {varied}. {phrases.count(found.own.replicates, 'trial')} at each of "
        f"{phrases.count(len(found.outcomes), 'point')}, with the same luck throughout."
        + (f" The scenario's own: {own}." if own else "")
    )


def _table(found: Sweep, name: str) -> dict[str, Any]:
    """One estimate at every point."""
    one = found.own.estimates[name]
    return {
        "label": one.label,
        "counting": one.counting,
        "published": phrases.published(one),
        "own": phrases.simulated(one),
        "rows": [_row(outcome, name) for outcome in found.outcomes],
    }


def _row(outcome: Outcome, name: str) -> dict[str, Any]:
    there = outcome.estimates[name]
    return {
        "settings": outcome.settings,
        "value": phrases.simulated(there),
        "range": phrases.one_trial(there),
        "difference": phrases.difference(*outcome.differences[name], there.unit),
    }


def _inline(chart: Any) -> Markup:
    """The figure's SVG in the page's own ink, with words for who cannot see it; the only one, so its ids are free."""
    from markupsafe import Markup, escape

    text = re.sub(r"^<\?xml[^>]*\?>\s*", "", svg(chart))
    text = re.sub(r' (role|aria-[a-z]+)="[^"]*"', "", text)
    text = text.replace(INK, "var(--ink)").replace(FAINT, "var(--line)")
    label = str(escape(alternative(chart)))
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704 - made here
