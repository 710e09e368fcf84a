"""protocolsim trace."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import assignments, new_file, of_scenario, story_form, story_written

if TYPE_CHECKING:
    from protocolsim.report.patient.story import Trace


@click.command()
@of_scenario
@click.option(
    "--subject",
    type=int,
    help="Which patient, counted from 0 in the order of screening.  [default: the first who is enrolled]",
)
@click.option("--replicate", type=int, default=0, show_default=True, help="Of which simulated trial, counted from 0.")
@click.option("--truth", is_flag=True, help="Tell what no clinic could know, too.")
@click.option("--html", is_flag=True, help="A page with the figure and the story.")
@click.option("--json", "as_json", is_flag=True, help="The story as JSON.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Write into this new file: .html, .png, .svg, .txt, .json."
)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value; repeatable.")
@click.option("--seed", type=int, help="Random seed.  [default: the scenario's]")
@click.option("--engine", default="auto", show_default=True, help="batch (fast), des (reference), or auto.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def trace(
    scenario: str,
    subject: int | None,
    replicate: int,
    truth: bool,
    html: bool,
    as_json: bool,
    out: Path | None,
    overwrite: bool,
    settings: tuple[str, ...],
    seed: int | None,
    engine: str,
    allow_plugins: bool,
) -> None:
    """Tell one patient's story. Every visit and decision with its numbers, and the other branch."""
    from protocolsim.report.patient.story import trace as tell
    from protocolsim.scenario.load import load

    form = story_form(html=html, as_json=as_json, out=out, overwrite=overwrite)
    with new_file(out, overwrite=overwrite) as write:
        loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
        story = tell(loaded, subject, replicate=replicate, seed=seed, engine=engine, truth=truth)
        if form == "terminal":
            from rich.console import Console

            from protocolsim.report.patient.console import print_trace

            print_trace(story, Console())
        else:
            write(story_written(story, form, partial(_page, story), partial(_figure, story)))


def _page(story: Trace) -> str:
    from protocolsim.report.patient.page import trace_page

    return trace_page(story)


def _figure(story: Trace) -> Any:
    from protocolsim.report.patient.figures import trace_figure

    return trace_figure(story)


COMMAND = trace
