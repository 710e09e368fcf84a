"""protocolsim validate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import Asked, durable, parallel, progress, studies, study_in, with_parameters, workers_for
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.study.result import Result
    from protocolsim.study.suite.suite import Suite


@click.command()
@click.argument("scenario", required=False)
@click.option("--all", "everything", is_flag=True, help="Every published result of the validation suite, in one table.")
@click.option(
    "--suite",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="With --all: the scenarios of this folder in place of those that come with protocolsim.",
)
@studies
@parallel
@durable
@with_parameters
def validate(scenario: str | None, everything: bool, suite: Path | None, asked: Asked) -> None:
    """Set published results among simulated trials. One by one: inside the 5-95 % range or not.

    A published count n/N is set among trials that count exactly N. Without --replicates as many trials are simulated
    as the ends of the ranges need: 2,000, or of large cohorts as many as have 100,000 patients. With --parameters
    plausible the range is that of trials with the uncertain parameters drawn, and stands beside the one without.

    --all takes no SCENARIO and runs the validation suite: all that is published of the trials that come with
    protocolsim, with coverage, interval scores and a naive reference.

    The exit status is 0 also where some lie outside: that is an answer.
    """
    if everything:
        _refuse_beside_all(scenario, asked)
        _validate_all(suite, asked)
        return
    if suite is not None:
        raise UsageError("--suite says nothing without --all")
    if scenario is None:
        raise UsageError(
            "validate: name a scenario (`protocolsim list` shows them) or a file, or say --all for the validation suite"
        )
    _validate_one(scenario, asked)


def _validate_one(scenario: str, asked: Asked) -> None:
    from protocolsim.report.run.page import page
    from protocolsim.study.companions import companions, trials_beside
    from protocolsim.study.run import run as run_study
    from protocolsim.study.run import run_manifest
    from protocolsim.study.validation import as_json as plain
    from protocolsim.study.validation import published_rows, validation_plan

    loaded = asked.load(scenario)
    others = companions(loaded) if asked.out is not None else {}  # the page shows them
    if asked.out is not None:
        _ = loaded.companion_files  # read before anything is simulated: one that is gone costs nothing then
    plan = validation_plan(loaded, where=scenario, **asked.study)
    study = {**asked.study, "replicates": plan.replicates}
    draws = asked.draws(loaded)
    whole: dict[str, Any] = {"companions": others, "published_size": plan.published_size, "draws": draws}
    manifest = run_manifest(loaded, **study, kind="validate", **whole)
    total = manifest.replicates * (1 if plan.published_size.enlarged is None else 2) * (1 if draws is None else 2)
    total += trials_beside(loaded, manifest.replicates) if others else 0
    with study_in(asked, loaded, manifest) as folder:
        with workers_for(asked.workers, asked.cluster) as those, progress(total, shown=asked.shown) as tell:
            result = run_study(loaded, **study, **whole, workers=those, folder=folder, tables=False, progress=tell)
        rows = {row.estimate.name: plain(row) for row in published_rows(result)}
        summary = {key: value for key, value in result.summary().items() if key != "estimates"} | {"rows": rows}
        if folder is not None:
            from protocolsim.study.storage.results_folder import write_validation

            with folder.results() as place:
                write_validation(place, summary, result)
                (place / "report.html").write_text(page(result), encoding="utf-8")
    if asked.as_json:
        say(json.dumps(summary, indent=2))
    elif asked.shown:
        _show(result, asked.out)


def _refuse_beside_all(scenario: str | None, asked: Asked) -> None:
    """Raises UsageError for what --all does not go with."""
    if scenario is not None:
        raise UsageError(f"--all runs every scenario of the suite: leave out '{scenario}', or leave out --all")
    if asked.settings:
        raise UsageError(
            "--set changes a value of one scenario, and --all runs many: name a scenario in place of --all"
        )


def _validate_all(suite: Path | None, asked: Asked) -> None:
    from protocolsim.report.suite.files import write_suite
    from protocolsim.study.suite.suite import run_suite, suite_plan
    from protocolsim.study.suite.totals import summary

    plan = suite_plan(suite, **asked.study, parameters=asked.parameters, allow_plugins=asked.allow_plugins)
    with study_in(asked, None, plan.manifest) as folder:
        with workers_for(asked.workers, asked.cluster) as those, progress(plan.trials, shown=asked.shown) as tell:
            result = run_suite(plan, workers=those, folder=folder, progress=tell)
        if folder is not None:
            with folder.results() as place:
                write_suite(result, place)
    if asked.as_json:
        say(json.dumps(summary(result), indent=2))
    elif asked.shown:
        _show_suite(result, asked.out)


def _show_suite(result: Suite, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.suite.console import print_suite

    print_suite(result, Console())
    if out is not None:
        say(f"written to {out}: report.html, validation.csv, summary.json, provenance.json")


def _show(result: Result, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.run.console import print_validation

    print_validation(result, Console())
    if out is not None:
        say(f"written to {out}: report.html, validation.csv, summary.json, scenario.yaml, provenance.json")


COMMAND = validate
