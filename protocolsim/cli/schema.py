"""protocolsim schema."""

from __future__ import annotations

import click

from protocolsim.text.terminal import say


@click.command()
def schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    from protocolsim.scenario.json_schema import schema_text

    say(schema_text(), nl=False)


COMMAND = schema
