"""protocolsim explain."""

from __future__ import annotations

import click

from protocolsim.errors import UsageError
from protocolsim.text.terminal import say


@click.command()
@click.argument("term", nargs=-1)
def explain(term: tuple[str, ...]) -> None:
    """Say what TERM means: a key (cohort.size), a kind (share), a unit, a statistic or a word. Without it: topics."""
    from protocolsim.report.documentation.explain import index, topics

    say(_explained(" ".join(term)).rstrip() if term else topics(index()))


def _explained(word: str) -> str:
    """What a word means. The index holds what is shipped; what installed packages add is looked up where it may be."""
    from protocolsim.report.documentation.explain import explained, index

    try:
        return explained(word, index())
    except UsageError:
        from protocolsim.plugins import GROUPS, plugins

        if not any(plugins(room) for room in GROUPS):
            raise
    from protocolsim.report.documentation.reference import entries

    return explained(word, entries())


COMMAND = explain
