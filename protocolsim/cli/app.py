"""protocolsim app."""

from __future__ import annotations

import importlib.util

import click

from protocolsim.cli import seek_garbage
from protocolsim.errors import UsageError
from protocolsim.text.shell import install
from protocolsim.text.terminal import say


@click.command()
@click.argument("scenario", default="ms_daclizumab")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes any free port.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Whom to listen for: only this machine (127.0.0.1, ::1), or 0.0.0.0 or :: to let others on the network in.",
)
@click.option(
    "--allow-host",
    "allowed",
    metavar="NAME[:PORT]",
    multiple=True,
    help="Another name by which browsers reach the page, as behind a reverse proxy or a tunnel: trial.example.org, "
    "localhost:9000. Requests by any other name, and from pages of any other, are refused. Can be repeated.",
)
@click.option(
    "--token",
    envvar="PROTOCOLSIM_TOKEN",
    show_envvar=True,
    metavar="TEXT",
    help="What the address must end in to open the page, instead of one made anew at each start. Better given in the "
    "environment: others on this machine can read a command line.",
)
@click.option(
    "--public", is_flag=True, help="No token: whoever reaches the address may open the page and read SCENARIO."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Processes that simulate, for all visitors together: one for each processor, but at most 4, unless said.",
)
@click.option(
    "--allow-plugins",
    is_flag=True,
    help="Load code that a scenario names (your.module:COMPONENT), also one that a visitor writes on the page: whoever "
    "can open the page can then have any module of this environment loaded. Not with --public.",
)
def app(
    scenario: str,
    port: int,
    host: str,
    allowed: tuple[str, ...],
    token: str | None,
    public: bool,
    workers: int | None,
    allow_plugins: bool,
) -> None:
    """Explore SCENARIO on a page in the browser. Move its rule, and watch the trial change.

    The printed address opens it. It ends in a token, which the browser keeps as a cookie and takes out of the
    address, so that no other user and no other web site can open the page.
    """
    if importlib.util.find_spec("shiny") is None:
        raise UsageError(f"the page needs more packages: {install('app')}")
    from protocolsim.app.opening import opening
    from protocolsim.app.server.admission import allowed_name, fixed_token, new_token
    from protocolsim.app.server.serve import serve

    seek_garbage()
    if public and token is not None:
        raise UsageError("--public opens the page without a token, --token asks for one: say which")
    if public and allow_plugins:
        raise UsageError("--allow-plugins lets visitors load code by its name, and --public lets anybody in: say which")
    names = tuple(allowed_name(name) for name in allowed)
    key = None if public else new_token() if token is None else fixed_token(token)
    serve(
        opening(scenario, allow_plugins=allow_plugins),
        host=host,
        port=port,
        token=key,
        allowed=names,
        workers=workers,
        ready=lambda address: say(f"{address}   (Ctrl-C ends it)"),
    )


COMMAND = app
