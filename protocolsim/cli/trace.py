"""protocolsim trace."""

from __future__ import annotations

from functools import partial

import click

from protocolsim.cli.base import AskedStory, ShownAs, of_scenario, stories


@click.command()
@of_scenario
@click.option(
    "--subject",
    type=int,
    help="Which patient, counted from 0 in the order of screening.  [default: the first who is enrolled]",
)
@click.option("--replicate", type=int, default=0, show_default=True, help="Of which simulated trial, counted from 0.")
@click.option("--truth", is_flag=True, help="Tell what no clinic could know, too.")
@stories
def trace(scenario: str, subject: int | None, replicate: int, truth: bool, asked: AskedStory) -> None:
    """Tell one patient's story. Every visit and decision with its numbers, and the other branch."""
    from protocolsim.report.patient.story import trace as tell

    patient = partial(tell, subject=subject, replicate=replicate, seed=asked.seed, engine=asked.engine, truth=truth)
    asked.tell(scenario, patient, _shown)


def _shown() -> ShownAs:
    from protocolsim.report.patient.console import print_trace
    from protocolsim.report.patient.figures import trace_figure
    from protocolsim.report.patient.page import trace_page

    return ShownAs(print_trace, trace_page, trace_figure)


COMMAND = trace
