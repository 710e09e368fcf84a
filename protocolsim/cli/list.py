"""protocolsim list."""

from __future__ import annotations

import click


@click.command(name="list")
def list_() -> None:
    """List the scenarios that come with protocolsim."""
    from protocolsim.scenario.inherit import load_document
    from protocolsim.scenario.shipped import names

    width = max(map(len, names()))
    for name in names():
        data = load_document(name).data
        click.echo(f"{name:<{width}}  {data['title']}")
        if data.get("question"):
            click.echo(f"{'':<{width}}  {data['question']}")


COMMAND = list_
