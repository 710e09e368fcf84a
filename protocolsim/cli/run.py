"""protocolsim run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import Asked, durable, parallel, progress, studies, study_in, with_csv, workers_for
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.study.result import Result
    from protocolsim.study.storage.study_folder import StudyFolder


@click.command()
@click.argument("scenario")
@studies
@parallel
@durable
@with_csv
@click.option("--explain", is_flag=True, help="Print all numbers, what each column means, and the caveats.")
def run(scenario: str, csv: bool, explain: bool, asked: Asked) -> None:
    """Simulate SCENARIO beside what was published. A shipped one by name, or a file."""
    from protocolsim.study.arguments import replicates_and_seed
    from protocolsim.study.companions import companions, trials_beside
    from protocolsim.study.run import run as run_study
    from protocolsim.study.run import run_manifest

    if csv and asked.out is None:
        raise UsageError("--csv says nothing without --out")
    loaded = asked.load(scenario)
    reported = asked.out is not None or asked.shown
    # Here and not in the report, so that nothing is simulated in vain.
    others = companions(loaded) if reported else {}
    # To spell a scenario out takes a tenth of a short run, and only a folder needs it.
    manifest = None if asked.out is None else run_manifest(loaded, **asked.study, companions=others)
    replicates, _ = replicates_and_seed(loaded, asked.replicates, asked.seed)
    total = replicates + (trials_beside(loaded, replicates) if reported else 0)
    with study_in(asked, loaded, manifest) as folder:
        with workers_for(asked.workers, asked.cluster) as those, progress(total, shown=asked.shown) as tell:
            result = run_study(loaded, **asked.study, workers=those, folder=folder, companions=others, progress=tell)
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
        say(f"written to {out}: report.html, summary.json, {tables}, scenario.yaml, provenance.json")


COMMAND = run
