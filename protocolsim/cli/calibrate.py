"""protocolsim calibrate."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import assignments, parallel, progress, refuse_lone_overwrite, workers_for
from protocolsim.errors import UsageError

if TYPE_CHECKING:
    from protocolsim.executor.base import Executor
    from protocolsim.scenario.targets import Targets
    from protocolsim.study.calibrate import Calibration
    from protocolsim.study.reference import TablePlan


@click.command()
@click.argument("scenario")
@click.option("--to", "targets", metavar="TARGETS", help="What to fit to: a file, or the name of shipped targets.")
@click.option("--points", type=int, default=1024, show_default=True, help="How many points of the prior to simulate.")
@click.option("--trials", type=int, default=64, show_default=True, help="How many trials at each of them.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value of the scenario.")
@click.option("--seed", type=int, help="The key of all luck.  [default: the scenario's]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the posterior and a report into this folder.")
@click.option("--resume", is_flag=True, help="Go on with what --out holds of an earlier, perhaps interrupted, call.")
@click.option("--overwrite", is_flag=True, help="Begin anew in --out, without what is there.")
@click.option("--json", "as_json", is_flag=True, help="Print only the results, as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but refusals.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:YourClass).")
@parallel
def calibrate(
    scenario: str,
    targets: str | None,
    points: int,
    trials: int,
    settings: tuple[str, ...],
    seed: int | None,
    out: Path | None,
    resume: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    allow_plugins: bool,
    workers: str,
    cluster: str | None,
) -> None:
    """Fit parameters of SCENARIO to published results. A posterior, what it predicts, and what is not identified.

    Without --to the targets shipped under the scenario's name are used. With --out every finished piece of work is
    kept: an interrupted calibration goes on with --resume.
    """
    from protocolsim.scenario.settings import load
    from protocolsim.scenario.targets import load_targets
    from protocolsim.study.calibrate import calibration_plan

    refuse_lone_overwrite(overwrite, out)
    if resume and (out is None or overwrite):
        raise UsageError("--resume goes on with what a folder holds: it needs --out, and no --overwrite")
    loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
    read = load_targets(targets if targets is not None else _shipped(loaded.name), loaded)
    plan = calibration_plan(loaded, read, points=points, trials=trials, seed=seed)
    keep = None if out is None else _begin(out, plan, resume=resume, overwrite=overwrite)
    with workers_for(workers, cluster) as those:
        found = _carry_out(read, plan, out, keep, those, watched=not (quiet or as_json))
    if out is not None:
        _finish(found, out)
    if as_json:
        click.echo(json.dumps(found.summary(), indent=2))
    elif not quiet:
        _show(found, out)


def _shipped(name: str) -> str:
    """The shipped targets of a scenario."""
    from protocolsim.scenario.shipped import targets

    if name not in targets():
        raise UsageError(f"--to: no targets are shipped for '{name}'; name a file (shipped: {', '.join(targets())})")
    return name


def _begin(out: Path, plan: TablePlan, *, resume: bool, overwrite: bool) -> Path:
    """The folder for the pieces of work. Raises UsageError where `out` holds something else."""
    from protocolsim.report.calibration_page import RESULTS
    from protocolsim.study.reference import FOLDER, kept_in

    try:
        held = sorted(p.name for p in out.iterdir()) if out.exists() else []
        others = [name for name in held if name not in (FOLDER, *RESULTS)]
        if others or (held and FOLDER not in held):
            raise UsageError(f"--out {out}: it holds other files ('{(others or held)[0]}'); name a new folder")
        if held and not (resume or overwrite):
            raise UsageError(f"--out {out}: it holds an earlier calibration; add --resume to go on, or --overwrite")
        if overwrite:
            for name in held:
                shutil.rmtree(out / name) if name == FOLDER else (out / name).unlink()
        return kept_in(out, plan, resume=resume)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot write there: {error.strerror or error}") from None


def _carry_out(
    targets: Targets, plan: TablePlan, out: Path | None, keep: Path | None, workers: Executor, *, watched: bool
) -> Calibration:
    from protocolsim.executor.base import in_order
    from protocolsim.study.calibrate import calibrate as fit
    from protocolsim.study.calibrate import trials_of

    try:
        with progress(trials_of(plan), shown=watched) as tell:
            return fit(targets, plan, keep=keep, progress=tell, run=in_order(workers))
    except KeyboardInterrupt as error:
        if keep is not None:
            error.args = (f"what was simulated so far is in {out}: add --resume to go on",)
        raise


def _finish(found: Calibration, out: Path) -> None:
    """Put the results beside the reference table, each file whole or not at all."""
    from protocolsim.report.calibration_page import write_calibration

    try:
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=out) as folder:
            write_calibration(found, Path(folder))
            for path in sorted(Path(folder).iterdir()):
                path.replace(out / path.name)
    except OSError as error:
        raise UsageError(f"--out {out}: writing failed: {error.strerror or error}") from None


def _show(found: Calibration, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.calibration_page import print_calibration

    print_calibration(found, Console())
    if out is not None:
        click.echo(
            f"written to {out}: report.html, posterior as parquet and CSV, summary.json, the reference table, "
            "scenario.yaml, targets.yaml, provenance.json"
        )


COMMAND = calibrate
