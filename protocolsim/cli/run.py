"""protocolsim run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import (
    Asked,
    durable,
    of_scenario,
    parallel,
    progress,
    studies,
    study_in,
    with_csv,
    with_parameters,
    workers_for,
)
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.study.result import Result
    from protocolsim.study.storage.study_folder import StudyFolder


@click.command()
@of_scenario
@studies
@parallel
@durable
@with_parameters
@with_csv
@click.option(
    "--no-companions",
    is_flag=True,
    help="Simulate this scenario alone: none of those beside it, no trials without an effect for levels of tests.",
)
@click.option("--explain", is_flag=True, help="Print all numbers, what each column means, and the caveats.")
def run(scenario: str, csv: bool, no_companions: bool, explain: bool, asked: Asked) -> None:
    """Simulate SCENARIO beside what was published. A shipped one by name, or a file.

    With --parameters plausible as many trials again are simulated, each two with other values of the parameters that
    are not known: the range of single trials then says how far the next real trial may differ.
    """
    from protocolsim.study.arguments import replicates_and_seed
    from protocolsim.study.companions import companion_replicates, companions
    from protocolsim.study.levels import NO_NULL_TRIALS, null_trials, with_levels
    from protocolsim.study.run import run as run_study
    from protocolsim.study.run import run_manifest

    if csv and asked.out is None:
        raise UsageError("--csv says nothing without --out")
    loaded = asked.load(scenario)
    reported = (asked.out is not None or asked.shown) and not no_companions
    # Here and not in the report, so that nothing is simulated in vain.
    nulls = null_trials(loaded) if (reported or asked.as_json) and not no_companions else NO_NULL_TRIALS
    others = {**(companions(loaded) if reported else {}), **nulls.trials}
    draws = asked.draws(loaded)
    # To spell a scenario out takes a tenth of a short run, and only a folder needs it.
    manifest = None if asked.out is None else run_manifest(loaded, **asked.study, companions=others, draws=draws)
    replicates, _ = replicates_and_seed(loaded, asked.replicates, asked.seed)
    total = replicates * (1 if draws is None else 2) + len(others) * companion_replicates(replicates)
    whole: dict[str, Any] = {"companions": others, "draws": draws}
    with study_in(asked, loaded, manifest) as folder:
        with workers_for(asked.workers, asked.cluster) as those, progress(total, shown=asked.shown) as tell:
            result = run_study(loaded, **asked.study, **whole, workers=those, folder=folder, progress=tell)
            result = with_levels(result, nulls)
        if folder is not None:
            _write(result, folder, csv)
    if asked.as_json:
        say(json.dumps(result.summary(), indent=2))
    elif asked.shown:
        _show(result, asked.out, csv, explain=explain)


def _write(result: Result, folder: StudyFolder, csv: bool) -> None:
    from protocolsim.report.run.page import page
    from protocolsim.study.storage.results_folder import write_run

    with folder.results() as place:
        write_run(result, place, folder, csv=csv)
        (place / "report.html").write_text(page(result), encoding="utf-8")


def _show(result: Result, out: Path | None, csv: bool, *, explain: bool) -> None:
    from rich.console import Console

    from protocolsim.report.run.console import print_summary

    print_summary(result, Console(), explain=explain)
    if out is not None:
        tables = "tables as parquet and CSV" if csv else "tables as parquet"
        tables += "" if result.drawn is None else ", draws as parquet and CSV"
        say(f"written to {out}: report.html, summary.json, {tables}, scenario.yaml, provenance.json")


COMMAND = run
