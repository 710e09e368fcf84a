"""protocolsim describe."""

from __future__ import annotations

import json
from pathlib import Path

import click

from protocolsim.cli.base import assignments, new_file, of_scenario
from protocolsim.errors import UsageError


@click.command()
@of_scenario
@click.option("--json", "as_json", is_flag=True, help="The synopsis as JSON.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write into this new file: .md or .html.")
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value; repeatable.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def describe(
    scenario: str, as_json: bool, out: Path | None, overwrite: bool, settings: tuple[str, ...], allow_plugins: bool
) -> None:
    """Describe SCENARIO in English. The synopsis of its protocol, written from the file."""
    from protocolsim.report.protocol.synopsis import describe as of
    from protocolsim.report.protocol.synopsis import print_synopsis
    from protocolsim.scenario.load import load

    if out is not None and (as_json or out.suffix.lower() not in (".md", ".html")):
        raise UsageError(f"-o {out}: end it in .md or .html, without --json")
    if overwrite and out is None:
        raise UsageError("--overwrite says nothing without -o")
    with new_file(out, overwrite=overwrite) as write:
        result = of(load(scenario, set=assignments(settings), allow_plugins=allow_plugins))
        if as_json:
            write(json.dumps(result.summary(), indent=2) + "\n")
        elif out is not None:
            write(result.page() if out.suffix.lower() == ".html" else result.text)
        else:
            from rich.console import Console

            print_synopsis(result, Console())


COMMAND = describe
