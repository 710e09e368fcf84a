"""protocolsim new."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from protocolsim.cli.base import new_file
from protocolsim.errors import UsageError

_ENDING = ".yaml"


@click.command()
@click.argument("name")
def new(name: str) -> None:
    """Write a commented scenario to start from. NAME.yaml runs as it is."""
    stem = name.removesuffix(_ENDING)
    if not Path(stem).name.strip():
        raise UsageError(f"'{name}' cannot name a scenario; say something like my_trial")
    target = Path(f"{stem}{_ENDING}")
    with new_file(target) as write:
        text = resources.files("protocolsim.scenario").joinpath("new.yaml").read_text(encoding="utf-8")
        write(text.replace("FILE", str(target)))
    click.echo(f"written to {target}; try: protocolsim run {target}")


COMMAND = new
