"""protocolsim run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.cli.base import assignments, progress, refuse_lone_overwrite, studies

if TYPE_CHECKING:
    from protocolsim.scenario.scenario import Scenario
    from protocolsim.study.result import Result


@click.command()
@click.argument("scenario")
@studies
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
) -> None:
    """Simulate SCENARIO (a shipped one by name, or a file) and show it beside what was published."""
    from protocolsim.scenario.settings import load
    from protocolsim.study.store import folder_for_results, write_tables

    refuse_lone_overwrite(overwrite, out)
    loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
    asked = {"replicates": replicates, "seed": seed, "engine": engine}
    if out is None:
        result = _simulate(loaded, asked, quiet=quiet or as_json)
    else:
        from protocolsim.report.page import page

        with folder_for_results(out, overwrite=overwrite) as folder:
            result = _simulate(loaded, asked, quiet=quiet or as_json)
            write_tables(result, folder)
            (folder / "report.html").write_text(page(result), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(result.summary(), indent=2))
    elif not quiet:
        _show(result, out)


def _simulate(scenario: Scenario, asked: dict[str, Any], *, quiet: bool) -> Result:
    from protocolsim.study.run import run as run_study

    with progress(asked["replicates"] or scenario.replicates, shown=not quiet) as tell:
        return run_study(scenario, **asked, progress=tell)


def _show(result: Result, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.terminal import print_summary

    print_summary(result, Console())
    if out is not None:
        click.echo(
            f"written to {out}: report.html, summary.json, tables as parquet and CSV, scenario.yaml, provenance.json"
        )


COMMAND = run
