"""protocolsim looks."""

from __future__ import annotations

import click

from protocolsim.cli.base import AskedStory, ShownAs, of_scenario, stories


@click.command()
@of_scenario
@click.option(
    "--replicate",
    type=int,
    help="Of which simulated trial, counted from 0.  [default: the first that was stopped early, or else 0]",
)
@stories
def looks(scenario: str, replicate: int | None, asked: AskedStory) -> None:
    """Tell one trial's looks. When each was held, what it knew and decided, and what would have come."""
    from protocolsim.report.looks.story import looks as tell

    asked.tell(scenario, lambda loaded: tell(loaded, replicate, seed=asked.seed, engine=asked.engine), _shown)


def _shown() -> ShownAs:
    from protocolsim.report.looks.console import print_looks
    from protocolsim.report.looks.one_trial import calendar_swimmers
    from protocolsim.report.looks.page import looks_page

    return ShownAs(print_looks, looks_page, lambda story: calendar_swimmers(story.of))


COMMAND = looks
