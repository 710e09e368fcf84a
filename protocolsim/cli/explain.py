"""protocolsim explain."""

from __future__ import annotations

import click

from protocolsim.text.terminal import say


@click.command()
@click.argument("term", nargs=-1)
def explain(term: tuple[str, ...]) -> None:
    """Say what TERM means: a key (cohort.size), a kind (share), a unit, a statistic or a word. Without it: topics."""
    from protocolsim.report.documentation.explain import explained, index, topics

    entries = index()
    say(explained(" ".join(term), entries).rstrip() if term else topics(entries))


COMMAND = explain
