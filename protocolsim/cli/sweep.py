"""protocolsim sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import (
    Asked,
    assignments,
    durable,
    of_scenario,
    parallel,
    progress,
    studies,
    study_in,
    with_parameters,
    workers_for,
)
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.study.sweep.sweep import Sweep


@click.command()
@of_scenario
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="NAME=LOW:HIGH:STEP",
    help="Vary a value of the scenario, in steps or over a list (NAME=1,2,5); repeatable, for a full grid.",
)
@studies
@parallel
@durable
@with_parameters
def sweep(scenario: str, varied: tuple[str, ...], asked: Asked) -> None:
    """Simulate SCENARIO at every point of a grid. Common random numbers at each point."""
    from protocolsim.study.sweep.sweep import carry_out, plan, write_sweep

    vary, set_ = _ranges(varied), assignments(asked.settings)
    planned = plan(
        scenario, vary, **asked.study, set=set_, parameters=asked.parameters, allow_plugins=asked.allow_plugins
    )
    with study_in(asked, planned.scenario, planned.manifest) as folder:
        with (
            workers_for(asked.workers, asked.cluster) as those,
            progress(planned.trials, shown=asked.shown) as tell,
        ):
            result = carry_out(planned, tell, workers=those, folder=folder)
        if folder is not None:
            from protocolsim.report.sweep.page import write_report

            with folder.results() as place:
                write_sweep(result, place)
                write_report(result, place)
    if asked.as_json:
        say(json.dumps(result.summary(), indent=2))
    elif asked.shown:
        _show_sweep(result, asked.out)


def _ranges(varied: tuple[str, ...]) -> dict[str, str]:
    """What each --vary says, by name."""
    from protocolsim.study.sweep.grid_values import FORM

    ranges: dict[str, str] = {}
    for text in varied:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not (name and equals and values):
            raise UsageError(f"--vary {text}: expected {FORM}, such as response_threshold=25%:95%:5%")
        if name in ranges:
            raise UsageError(f"--vary {name}: it is varied twice")
        ranges[name] = values
    return ranges


def _show_sweep(result: Sweep, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.sweep.console import print_sweep

    print_sweep(result, Console())
    if out is not None:
        say(f"written to {out}: report.html, sweep as parquet, CSV and figure, summary.json, scenario.yaml")


COMMAND = sweep
