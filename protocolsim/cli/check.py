"""protocolsim check."""

from __future__ import annotations

import json
import sys

import click

from protocolsim.cli.base import assignments, known
from protocolsim.text.terminal import say


@click.command()
@click.argument("scenario", callback=known)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Check it with another value; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print all findings and every path, as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing; the exit status tells.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def check(scenario: str, settings: tuple[str, ...], as_json: bool, quiet: bool, allow_plugins: bool) -> None:
    """Prove what SCENARIO's rules do for every patient. List every path through it.

    Exit status: 0 without faults (warnings and notes may stand), 2 with faults.
    """
    from protocolsim.scenario.check import check as check_scenario

    checked = check_scenario(scenario, set=assignments(settings), allow_plugins=allow_plugins)
    if as_json:
        say(json.dumps(checked.as_dict(), indent=2))
    elif not quiet:
        from rich.console import Console

        from protocolsim.report.protocol.check_console import print_checked

        print_checked(checked, Console())
    if checked.count("fault"):
        sys.exit(2)


COMMAND = check
