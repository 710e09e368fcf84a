"""protocolsim thresholds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import Asked, durable, of_scenario, parallel, progress, studies, study_in, workers_for
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.scenario.scenario import Scenario


@click.command()
@of_scenario
@click.option(
    "--rule", "parameter", metavar="NAME", help="The parameter that is the threshold.  [default: the only one]"
)
@click.option(
    "--random-streams",
    "streams",
    type=int,
    default=20,
    show_default=True,
    help="Simulate patients with so many other random streams to say what the rule loses against the better "
    "branch; 0: do not.",
)
@studies
@click.option("--parameters", default="fixed", hidden=True)  # refused with a sentence
@parallel
@durable
def thresholds(scenario: str, parameter: str | None, streams: int, asked: Asked) -> None:
    """Show every threshold of a decision rule. From one simulation of both branches."""
    from protocolsim.study.decision.threshold_rule import ThresholdRule, threshold_rule

    if asked.draws(loaded := asked.load(scenario)) is not None:
        raise UsageError(
            f"--parameters {asked.parameters}: thresholds replays the same patients under every threshold, with fixed "
            "parameters; compare or sweep two thresholds with --parameters instead"
        )
    rule = threshold_rule(loaded, parameter)
    if isinstance(rule, ThresholdRule):
        summary, show, written = _curve(loaded, rule.parameter, streams, asked)
    else:
        summary, show, written = _swept(loaded, str(parameter), rule, asked)
    if asked.as_json:
        say(json.dumps(summary, indent=2))
    elif asked.shown:
        show()
        if asked.out is not None:
            say(f"written to {asked.out}: report.html, {written}, summary.json, scenario.yaml, figures")


Shown = tuple[dict[str, Any], Callable[[], None], str]
"""The summary of what was found, how to show it, and which tables a folder has of it."""


def _curve(scenario: Scenario, parameter: str, streams: int, asked: Asked) -> Shown:
    """The curve over a threshold, and its regret over so many random streams."""
    import time

    from rich.console import Console

    from protocolsim.report.decision.console import print_thresholds
    from protocolsim.report.decision.files import write_thresholds
    from protocolsim.report.decision.summary import CurveSummary
    from protocolsim.study.decision.decision_study import carry_out_decision, decision_plan

    started = time.perf_counter()
    planned = decision_plan(scenario, parameter, **asked.study, streams=streams)
    with study_in(asked, scenario, planned.manifest) as folder:
        with workers_for(asked.workers, asked.cluster) as those, progress(planned.trials, shown=asked.shown) as tell:
            curve, regret = carry_out_decision(planned, tell, workers=those, folder=folder)
        told = CurveSummary(curve, planned.branches.engine, time.perf_counter() - started, regret)
        if folder is not None:
            with folder.results() as place:
                write_thresholds(told, place)
    return told.summary(), lambda: print_thresholds(told, Console()), "the curve as parquet and CSV"


def _swept(scenario: Scenario, parameter: str, why: str, asked: Asked) -> Shown:
    """A sweep over a parameter's range, where it is more than a threshold; `why` it is."""
    from rich.console import Console

    from protocolsim.report.decision.series import over_range
    from protocolsim.report.decision.summary import sweep_json
    from protocolsim.report.sweep.console import print_sweep
    from protocolsim.report.sweep.page import write_report
    from protocolsim.study.sweep.sweep import carry_out, plan, write_sweep

    points = over_range(scenario, parameter)
    if points is None:
        raise UsageError(f"{why}; and it has no range to sweep over")
    planned = plan(scenario, {parameter: points}, **asked.study)
    if not asked.quiet:
        say(f"{why}; so its range is swept in {len(planned.points)} points instead", err=True)
    with study_in(asked, scenario, replace(planned.manifest, kind="thresholds")) as folder:
        with workers_for(asked.workers, asked.cluster) as those, progress(planned.trials, shown=asked.shown) as tell:
            swept = carry_out(planned, tell, workers=those, folder=folder)
        if folder is not None:
            with folder.results() as place:
                write_sweep(swept, place)
                write_report(swept, place)
    return sweep_json(swept), lambda: print_sweep(swept, Console()), "the sweep as parquet and CSV"


COMMAND = thresholds
