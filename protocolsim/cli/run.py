"""protocolsim run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import assignments, durable, parallel, progress, studies, study_in, workers_for

if TYPE_CHECKING:
    from protocolsim.scenario.scenario import Scenario
    from protocolsim.study.folder import StudyFolder
    from protocolsim.study.result import Result


@click.command()
@click.argument("scenario")
@studies
@parallel
@durable
def run(
    scenario: str,
    settings: tuple[str, ...],
    replicates: int | None,
    seed: int | None,
    engine: str,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    allow_plugins: bool,
    workers: str,
    cluster: str | None,
    resume: bool,
) -> None:
    """Simulate SCENARIO beside what was published. A shipped one by name, or a file."""
    from protocolsim.scenario.settings import load
    from protocolsim.study.beside import companions
    from protocolsim.study.run import run_manifest

    loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
    if out is not None or not (as_json or quiet):
        # Here and not in the report, so that nothing is simulated in vain.
        companions(loaded)
    asked: dict[str, Any] = {"replicates": replicates, "seed": seed, "engine": engine}
    with study_in(out, run_manifest(loaded, **asked), overwrite=overwrite, resume=resume) as folder:
        with workers_for(workers, cluster) as those:
            result = _simulate(loaded, {**asked, "workers": those, "folder": folder}, quiet=quiet or as_json)
        if folder is not None:
            _write(result, folder)
    if as_json:
        click.echo(json.dumps(result.summary(), indent=2))
    elif not quiet:
        _show(result, out)


def _simulate(scenario: Scenario, asked: dict[str, Any], *, quiet: bool) -> Result:
    from protocolsim.study.run import run as run_study

    with progress(asked["replicates"] or scenario.replicates, shown=not quiet) as tell:
        return run_study(scenario, **asked, progress=tell)


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
        click.echo(
            f"written to {out}: report.html, summary.json, tables as parquet and CSV, scenario.yaml, provenance.json"
        )


COMMAND = run
