"""protocolsim run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import Asked, durable, parallel, progress, studies, study_in, workers_for
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.study.folder import StudyFolder
    from protocolsim.study.result import Result


@click.command()
@click.argument("scenario")
@studies
@parallel
@durable
def run(scenario: str, asked: Asked) -> None:
    """Simulate SCENARIO beside what was published. A shipped one by name, or a file."""
    from protocolsim.study.beside import companions
    from protocolsim.study.run import run as run_study
    from protocolsim.study.run import run_manifest

    loaded = asked.load(scenario)
    if asked.out is not None or asked.shown:
        # Here and not in the report, so that nothing is simulated in vain.
        companions(loaded)
    with study_in(asked, run_manifest(loaded, **asked.study)) as folder:
        with (
            workers_for(asked.workers, asked.cluster) as those,
            progress(asked.replicates or loaded.replicates, shown=asked.shown) as tell,
        ):
            result = run_study(loaded, **asked.study, workers=those, folder=folder, progress=tell)
        if folder is not None:
            _write(result, folder)
    if asked.as_json:
        say(json.dumps(result.summary(), indent=2))
    elif asked.shown:
        _show(result, asked.out)


def _write(result: Result, folder: StudyFolder) -> None:
    from protocolsim.report.page import page
    from protocolsim.study.run import with_tables
    from protocolsim.study.store import write_tables

    with folder.results() as place:
        if with_tables(result.scenario):
            write_tables(result, place, folder.tables(), folder.earlier)
        else:
            write_tables(result, place)
        (place / "report.html").write_text(page(result), encoding="utf-8")


def _show(result: Result, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.terminal import print_summary

    print_summary(result, Console())
    if out is not None:
        say(f"written to {out}: report.html, summary.json, tables as parquet and CSV, scenario.yaml, provenance.json")


COMMAND = run
