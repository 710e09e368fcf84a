"""protocolsim app."""

from __future__ import annotations

import importlib.util

import click

from protocolsim.errors import UsageError
from protocolsim.text.shell import install
from protocolsim.text.terminal import say


@click.command()
@click.argument("scenario", default="ms_daclizumab")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes any free port.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Whom to listen for; 0.0.0.0 lets others on the network in."
)
def app(scenario: str, port: int, host: str) -> None:
    """Explore SCENARIO on a page in the browser. Move its rule, and watch the trial change."""
    if importlib.util.find_spec("shiny") is None:
        raise UsageError(f"the page needs more packages: {install('app')}")
    from protocolsim.app.opening import opening
    from protocolsim.app.serve import serve

    serve(
        opening(scenario),
        host=host,
        port=port,
        ready=lambda address: say(f"{address}   (Ctrl-C ends it)"),
    )


COMMAND = app
