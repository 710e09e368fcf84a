"""protocolsim embed."""

from __future__ import annotations

from pathlib import Path

import click

from protocolsim.cli.base import assignments, new_file, of_scenario, progress
from protocolsim.errors import UsageError


@click.command()
@of_scenario
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Write into this new file, such as story.html."
)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value; repeatable.")
@click.option(
    "--replicates", type=int, help="How many trials to simulate.  [default: the scenario's, fewer where they take long]"
)
@click.option("--seed", type=int, help="Random seed.  [default: the scenario's]")
@click.option("--quiet", is_flag=True, help="Print nothing but refusals.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def embed(
    scenario: str,
    out: Path,
    overwrite: bool,
    settings: tuple[str, ...],
    replicates: int | None,
    seed: int | None,
    quiet: bool,
    allow_plugins: bool,
) -> None:
    """Write the story of SCENARIO as one HTML file, for a course page. It needs no server and no network.

    The file has the opening and every step of the scenario's `story:`, its numbers, curves and lanes computed
    beforehand.
    """
    from protocolsim.api.simulate import embed as embedded
    from protocolsim.scenario.load import load
    from protocolsim.study.arguments import replicates_and_seed
    from protocolsim.study.story_runs import story_replicates

    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {out}: end it in .html")
    with new_file(out, overwrite=overwrite) as write:
        loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
        number = story_replicates(loaded) if replicates is None else replicates
        number, chosen = replicates_and_seed(loaded, number, seed)
        with progress(number * (1 + len(loaded.beside)), shown=not quiet) as tell:
            write(embedded(loaded, replicates=number, seed=chosen, progress=tell))


COMMAND = embed
