"""protocolsim new."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from protocolsim.cli.base import new_file
from protocolsim.errors import UsageError
from protocolsim.text.shell import command
from protocolsim.text.terminal import say, visible

_ENDING = ".yaml"


@click.command()
@click.argument("name")
def new(name: str) -> None:
    """Write a commented scenario to start from. NAME.yaml runs as it is."""
    stem = name.removesuffix(_ENDING)
    if not Path(stem).name.strip():
        raise UsageError(f"'{name}' cannot name a scenario; say something like my_trial")
    # The name stands in comments of the file, which end with their line.
    if visible(name) != name or any(sign in name for sign in "\n\t"):
        raise UsageError(f"{name!r} cannot name a scenario: it has line breaks, controls or signs that are no text")
    target = Path(f"{stem}{_ENDING}")
    # A word that begins with a dash would be read as an option.
    path = f"./{target}" if str(target).startswith("-") else str(target)
    with new_file(target) as write:
        text = resources.files("protocolsim.scenario").joinpath("new.yaml").read_text(encoding="utf-8")
        write("".join(f"{_completed(line, path)}\n" for line in text.splitlines()))
    say(f"written to {target}; try: {command('run', path)}")


def _completed(line: str, path: str) -> str:
    """A line of the file to start from; a command that it suggests names the new file."""
    before, marked, after = line.partition("protocolsim ")
    verb, named, rest = after.partition(" FILE")
    return f"{before}{command(verb, path)}{rest}" if marked and named else line


COMMAND = new
