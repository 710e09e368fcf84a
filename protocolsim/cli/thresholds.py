"""protocolsim thresholds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import Asked, parallel, progress, studies, study_in, workers_for
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.scenario.scenario import Scenario
    from protocolsim.study.storage.study_folder import StudyFolder


@click.command()
@click.argument("scenario")
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
def thresholds(scenario: str, parameter: str | None, streams: int, asked: Asked) -> None:
    """Show every threshold of a decision rule. From one simulation of both branches."""
    from protocolsim.study.arguments import whole_number
    from protocolsim.study.decision.regret import MOST_STREAMS
    from protocolsim.study.decision.threshold_rule import ThresholdRule, threshold_rule
    from protocolsim.study.run import run_manifest

    if asked.draws(loaded := asked.load(scenario)) is not None:
        raise UsageError(
            f"--parameters {asked.parameters}: thresholds replays the same patients under every threshold, with fixed "
            "parameters; compare or sweep two thresholds with --parameters instead"
        )
    rule = threshold_rule(loaded, parameter)
    if streams != 0:
        whole_number("--random-streams (0 for none)", streams, 2, MOST_STREAMS)
    work = _curve(streams) if isinstance(rule, ThresholdRule) else _swept(parameter, rule, asked.quiet)
    manifest = run_manifest(loaded, **asked.study, kind="thresholds")
    with study_in(asked, loaded, manifest, None) as folder, workers_for(asked.workers, asked.cluster) as those:
        summary, show = work(loaded, parameter, {**asked.study, "workers": those}, folder, asked.shown)
    if asked.as_json:
        say(json.dumps(summary, indent=2))
    elif asked.shown:
        show()
        if asked.out is not None:
            written = "report.html, the curve as parquet and CSV, summary.json, scenario.yaml, figures"
            say(f"written to {asked.out}: {written}")


Work = Callable[..., tuple[dict[str, Any], Callable[[], None]]]


def _curve(streams: int) -> Work:
    """The curve over a threshold: its summary, and how to show it. Regret is found with so many random streams."""

    def work(
        loaded: Scenario, parameter: str | None, asked: dict[str, Any], folder: StudyFolder | None, watched: bool
    ) -> tuple[dict[str, Any], Callable[[], None]]:
        import time

        from rich.console import Console

        from protocolsim.report.decision.console import print_thresholds
        from protocolsim.report.decision.files import write_thresholds
        from protocolsim.report.decision.summary import CurveSummary
        from protocolsim.study.decision.regret import TRIALS, regret
        from protocolsim.study.decision.thresholds import decision_of
        from protocolsim.study.decision.thresholds import thresholds as curve_of
        from protocolsim.study.engines import chosen_engine

        started = time.perf_counter()
        trials = asked["replicates"] or loaded.replicates
        with progress(trials + streams * min(trials, TRIALS), shown=watched) as tell:
            curve = curve_of(loaded, parameter, **asked, progress=tell)
            result = None
            if streams and decision_of(loaded, curve.rule) is not None and len(curve.measured):
                result = regret(curve, streams=streams, engine=asked["engine"], workers=asked["workers"], progress=tell)
        told = CurveSummary(curve, chosen_engine(loaded, asked["engine"]), time.perf_counter() - started, result)
        if folder is not None:
            with folder.results() as place:
                write_thresholds(told, place)
        return told.summary(), lambda: print_thresholds(told, Console())

    return work


def _swept(parameter: str | None, why: str, quiet: bool) -> Work:
    """A sweep over a parameter's range, where it is more than a threshold; `why` it is."""

    def work(
        loaded: Scenario, _: str | None, asked: dict[str, Any], folder: StudyFolder | None, watched: bool
    ) -> tuple[dict[str, Any], Callable[[], None]]:
        from rich.console import Console

        from protocolsim.report.decision.series import over_range
        from protocolsim.report.decision.summary import sweep_json
        from protocolsim.report.sweep.console import print_sweep
        from protocolsim.report.sweep.page import write_report
        from protocolsim.study.sweep.sweep import carry_out, plan, write_sweep

        name = str(parameter)
        points = over_range(loaded, name)
        if points is None:
            raise UsageError(f"{why}; and it has no range to sweep over")
        workers = asked.pop("workers")
        planned = plan(loaded, {name: points}, **asked)
        if not quiet:
            say(f"{why}; so its range is swept in {len(planned.points)} points instead", err=True)
        with progress(planned.trials, shown=watched) as tell:
            swept = carry_out(planned, tell, workers=workers)
        summary = sweep_json(swept)
        if folder is not None:
            with folder.results() as place:
                write_sweep(swept, place)
                write_report(swept, place)
        return summary, lambda: print_sweep(swept, Console())

    return work


COMMAND = thresholds
