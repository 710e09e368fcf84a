"""protocolsim validate."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import assignments, progress, refuse_lone_overwrite, studies
from protocolsim.errors import UsageError

if TYPE_CHECKING:
    from protocolsim.study.result import Result


@click.command()
@click.argument("scenario")
@studies
def validate(
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
    """Set published results among simulated trials. One by one: inside the 5-95 % range or not.

    The exit status is 0 also where some lie outside: that is an answer.
    """
    from protocolsim.report.page import page
    from protocolsim.scenario.settings import load
    from protocolsim.study.run import run as run_study
    from protocolsim.study.store import folder_for_results
    from protocolsim.study.validation import as_json as plain
    from protocolsim.study.validation import comparisons

    refuse_lone_overwrite(overwrite, out)
    loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
    if not any(e.published is not None for e in loaded.endpoints.values()):
        raise UsageError(f"{scenario}: it has no published results to be held against (`published:`)")
    with ExitStack() as open_:
        folder = None if out is None else open_.enter_context(folder_for_results(out, overwrite=overwrite))
        with progress(replicates or loaded.replicates, shown=not (quiet or as_json)) as tell:
            result = run_study(loaded, replicates=replicates, seed=seed, engine=engine, progress=tell)
        rows = {row.estimate.name: plain(row) for row in comparisons(result.estimates.values())}
        summary = {key: value for key, value in result.summary().items() if key != "estimates"} | {"rows": rows}
        if folder is not None:
            from protocolsim.study.store import write_validation

            write_validation(folder, summary, result)
            (folder / "report.html").write_text(page(result), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    elif not quiet:
        _show(result, out)


def _show(result: Result, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.terminal import print_validation

    print_validation(result, Console())
    if out is not None:
        click.echo(f"written to {out}: report.html, validation.csv, summary.json, scenario.yaml, provenance.json")


COMMAND = validate
