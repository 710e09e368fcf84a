"""protocolsim looks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import assignments, new_file, of_scenario, story_form, story_written

if TYPE_CHECKING:
    from protocolsim.report.looks.story import LooksStory


@click.command()
@of_scenario
@click.option(
    "--replicate",
    type=int,
    help="Of which simulated trial, counted from 0.  [default: the first that was stopped early, or else 0]",
)
@click.option("--html", is_flag=True, help="A page with the figures and the story.")
@click.option("--json", "as_json", is_flag=True, help="The story and its numbers as JSON.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Write into this new file: .html, .png, .svg (the trial in its calendar), .txt, .json.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value; repeatable.")
@click.option("--seed", type=int, help="Random seed.  [default: the scenario's]")
@click.option("--engine", default="auto", show_default=True, help="batch (fast), des (reference), or auto.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def looks(
    scenario: str,
    replicate: int | None,
    html: bool,
    as_json: bool,
    out: Path | None,
    overwrite: bool,
    settings: tuple[str, ...],
    seed: int | None,
    engine: str,
    allow_plugins: bool,
) -> None:
    """Tell one trial's looks. When each was held, what it knew and decided, and what would have come."""
    from protocolsim.report.looks.story import looks as tell
    from protocolsim.scenario.load import load

    form = story_form(html=html, as_json=as_json, out=out, overwrite=overwrite)
    with new_file(out, overwrite=overwrite) as write:
        loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
        story = tell(loaded, replicate, seed=seed, engine=engine)
        if form == "terminal":
            from rich.console import Console

            from protocolsim.report.looks.console import print_looks

            print_looks(story, Console())
        else:
            write(story_written(story, form, partial(_page, story), partial(_figure, story)))


def _page(story: LooksStory) -> str:
    from protocolsim.report.looks.page import looks_page

    return looks_page(story)


def _figure(story: LooksStory) -> Any:
    from protocolsim.report.looks.one_trial import calendar_swimmers

    return calendar_swimmers(story.of)


COMMAND = looks
