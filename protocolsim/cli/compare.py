"""protocolsim compare."""

from __future__ import annotations

import json

import click

from protocolsim.cli.base import progress
from protocolsim.text.terminal import say


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--replicates", type=int, help="How many trials of each.  [default: those of A]")
@click.option("--seed", type=int, help="Random seed of both.  [default: that of A]")
@click.option("--engine", default="auto", show_default=True, help="batch (fast), des (reference), or auto.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenarios name (your.module:COMPONENT).")
def compare(
    a: str, b: str, replicates: int | None, seed: int | None, engine: str, as_json: bool, allow_plugins: bool
) -> None:
    """Compare two scenarios. What differs in the files, and in the results with common random numbers."""
    from protocolsim.scenario.load import load
    from protocolsim.study.compare import compare as compared

    one, other = (load(name, allow_plugins=allow_plugins) for name in (a, b))
    with progress(2 * (replicates or one.replicates), shown=not as_json) as tell:
        found = compared(one, other, replicates=replicates, seed=seed, engine=engine, progress=tell)
    if as_json:
        say(json.dumps(found.summary(), indent=2))
        return
    from rich.console import Console

    from protocolsim.report.comparison.console import print_comparison

    print_comparison(found, Console())


COMMAND = compare
