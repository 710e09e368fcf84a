"""protocolsim looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import assignments, new_file
from protocolsim.errors import UsageError

if TYPE_CHECKING:
    from protocolsim.report.looks.story import LooksStory

_ENDINGS = (".html", ".png", ".svg", ".txt", ".json")


@click.command()
@click.argument("scenario")
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

    form = _form(html, as_json, out)
    if overwrite and out is None:
        raise UsageError("--overwrite says nothing without -o")
    with new_file(out, overwrite=overwrite) as write:
        loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
        story = tell(loaded, replicate, seed=seed, engine=engine)
        if form == "terminal":
            from rich.console import Console

            from protocolsim.report.looks.console import print_looks

            print_looks(story, Console())
        elif form in (".png", ".svg"):
            write(_picture(story, form))
        else:
            write(_text(story, form))


def _form(html: bool, as_json: bool, out: Path | None) -> str:
    """What to make: by option, by the file's name, or for the terminal."""
    if html and as_json:
        raise UsageError("--html and --json: one of them")
    if html or as_json:
        return ".html" if html else ".json"
    if out is None:
        return "terminal"
    if out.suffix.lower() not in _ENDINGS:
        raise UsageError(f"-o {out}: end it in {', '.join(_ENDINGS)}")
    return out.suffix.lower()


def _text(story: LooksStory, form: str) -> str:
    if form == ".html":
        from protocolsim.report.looks.page import looks_page

        return looks_page(story)
    return json.dumps(story.summary(), indent=2) + "\n" if form == ".json" else story.text


def _picture(story: LooksStory, form: str) -> bytes:
    import tempfile

    from protocolsim.report.looks.one_trial import calendar_swimmers
    from protocolsim.report.style.figures import save

    with tempfile.TemporaryDirectory() as folder:
        return save(calendar_swimmers(story.of), Path(folder) / f"figure{form}").read_bytes()


COMMAND = looks
