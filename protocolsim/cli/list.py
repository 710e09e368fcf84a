"""protocolsim list."""

from __future__ import annotations

import click


@click.command(name="list")
def list_() -> None:
    """List the scenarios that come with protocolsim."""
    from rich.console import Console

    from protocolsim.report.style.console import Screen
    from protocolsim.scenario.file.extends import load_document
    from protocolsim.scenario.file.library import names

    found = {name: load_document(name).data for name in names()}
    said = [
        (name, [data["title"], *([data["question"]] if data.get("question") else [])]) for name, data in found.items()
    ]
    Screen(Console()).listed(said)


COMMAND = list_
