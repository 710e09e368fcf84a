"""protocolsim list."""

from __future__ import annotations

import click

from protocolsim.errors import ProtocolsimError
from protocolsim.plugins import GROUPS, plugins


@click.command(name="list")
@click.option("--all", "everything", is_flag=True, help="The scenarios of the validation suite too.")
def list_(everything: bool) -> None:
    """List the scenarios that come with protocolsim, and all that installed packages add to it."""
    from rich.console import Console

    from protocolsim.report.style.console import Screen
    from protocolsim.scenario.file.library import names, validation

    screen = Screen(Console())
    screen.listed([(name, _about(name)) for name in names()])
    if everything:
        screen.put()
        screen.put("The validation suite, of published results (protocolsim validate --all):", "bold")
        screen.listed([(name, _about(name)) for name in validation()])
    added = [plugin for room in GROUPS if room != "scenario" for plugin in plugins(room).values()]
    if added:
        screen.put()
        screen.put("From installed packages:", "bold")
        screen.listed([(p.name, [f"{p.room}, {' and '.join(p.packages)}"]) for p in added])


def _about(name: str) -> list[str]:
    """The title and the question of a scenario; of one that an installed package holds, or what is wrong with it."""
    from protocolsim.scenario.file.extends import load_document

    installed = plugins("scenario").get(name)
    try:
        data = load_document(name).data
    except ProtocolsimError as error:
        if installed is None:
            raise
        return [str(error)]
    package = [] if installed is None else [f"({' and '.join(installed.packages)})"]
    return [" ".join([str(data.get("title", name)), *package]), *([data["question"]] if data.get("question") else [])]


COMMAND = list_
