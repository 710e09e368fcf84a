"""protocolsim calibrate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import Asked, assignments, of_scenario, parallel, progress, study_in, workers_for
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.study.calibration.calibrate import Calibration


@click.command()
@of_scenario
@click.option("--to", "targets", metavar="TARGETS", help="What to fit to: a file, or the name of shipped targets.")
@click.option("--points", type=int, default=1024, show_default=True, help="How many points of the prior to simulate.")
@click.option("--trials", type=int, default=64, show_default=True, help="How many trials at each of them.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value of the scenario.")
@click.option("--seed", type=int, help="Random seed.  [default: the scenario's]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the posterior and a report into this folder.")
@click.option("--resume", is_flag=True, help="Go on with what --out holds of an earlier, perhaps interrupted, call.")
@click.option("--overwrite", is_flag=True, help="Begin anew in --out, without what is there.")
@click.option("--json", "as_json", is_flag=True, help="Print only the results, as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but refusals.")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
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
    from protocolsim.report.calibration.files import write_calibration
    from protocolsim.scenario.load import load
    from protocolsim.study.calibration.calibrate import calibrate as fit
    from protocolsim.study.calibration.calibrate import calibration_plan, trials_of
    from protocolsim.study.calibration.targets import load_targets
    from protocolsim.study.storage.ours import REFERENCE

    loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
    read = load_targets(targets if targets is not None else _shipped(loaded.name), loaded)
    plan = calibration_plan(loaded, read, points=points, trials=trials, seed=seed)
    asked = Asked(
        settings=settings, replicates=None, seed=seed, engine="auto", out=out, overwrite=overwrite, as_json=as_json,
        quiet=quiet, allow_plugins=allow_plugins, resume=resume,
    )  # fmt: skip
    with study_in(asked, loaded, plan.manifest, REFERENCE) as folder:
        with workers_for(workers, cluster) as those, progress(trials_of(plan), shown=asked.shown) as tell:
            result = fit(read, plan, workers=those, folder=folder, progress=tell)
        if folder is not None:
            with folder.results() as place:
                write_calibration(result, place)
    if as_json:
        say(json.dumps(result.summary(), indent=2))
    elif not quiet:
        _show(result, out)


def _shipped(name: str) -> str:
    """The shipped targets of a scenario."""
    from protocolsim.scenario.file.library import targets

    if name not in targets():
        raise UsageError(f"--to: no targets are shipped for '{name}'; name a file (shipped: {', '.join(targets())})")
    return name


def _show(calibration: Calibration, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.calibration.console import print_calibration

    print_calibration(calibration, Console())
    if out is not None:
        say(
            f"written to {out}: report.html, posterior as parquet and CSV, posterior.json (for --parameters), "
            "summary.json, the reference table, scenario.yaml, targets.yaml, provenance.json"
        )


COMMAND = calibrate
