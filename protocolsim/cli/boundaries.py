"""protocolsim boundaries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import Asked, durable, of_scenario, parallel, progress, studies, study_in, workers_for
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.interim.design import Design

_NONE = "none"


@click.command()
@of_scenario
@click.option(
    "--try",
    "given",
    multiple=True,
    metavar="NAME=VALUES",
    help="Try these bounds of a boundary instead of the usual families, such as efficacy=3,2.5,2 (none: no bound at "
    "that look); repeatable, for each boundary once.",
)
@click.option("--calibrate", "target", metavar="ERROR", help="Scale the boundary on success to this error, 2.5%.")
@studies
@parallel
@durable
def boundaries(scenario: str, given: tuple[str, ...], target: str | None, asked: Asked) -> None:
    """Show what every boundary of SCENARIO costs and saves. From one simulation with the effect and one without."""
    from protocolsim.report.boundaries.files import write_boundaries
    from protocolsim.study.boundaries.boundaries import boundaries as try_all
    from protocolsim.study.boundaries.matrix import design_of
    from protocolsim.study.run import run_manifest

    loaded = asked.load(scenario)
    design = design_of(loaded)
    error = None if target is None else _error(target)
    sets = _sets(design, given)
    manifest = run_manifest(loaded, **asked.study, kind="boundaries")
    with study_in(asked, loaded, manifest) as folder:
        trials = 2 * (asked.replicates or loaded.replicates)
        with workers_for(asked.workers, asked.cluster) as those, progress(trials, shown=asked.shown) as tell:
            result = try_all(
                loaded, sets=sets, calibrate=error, **asked.study, workers=those, folder=folder, progress=tell
            )
        if folder is not None:
            with folder.results() as place:
                write_boundaries(result, place)
    if asked.as_json:
        say(json.dumps(result.summary(), indent=2))
    elif asked.shown:
        from rich.console import Console

        from protocolsim.report.boundaries.console import print_boundaries

        print_boundaries(result, Console())
        if asked.out is not None:
            written = "report.html, boundaries as parquet and CSV, summary.json, scenario.yaml, figure"
            say(f"written to {asked.out}: {written}")


def _error(text: str) -> float:
    """A share, as a scenario file says it."""
    from protocolsim.scenario.load import value_of
    from protocolsim.units import UnitError, quantity

    try:
        return quantity(value_of("--calibrate", text)).value
    except (UnitError, UsageError, TypeError) as error:
        raise UsageError(f"--calibrate {text}: expected an error such as 2.5% ({error})") from None


def _sets(design: Design, given: tuple[str, ...]) -> list[dict[str, list[float | None]]] | None:
    """The bounds of every --try. Raises UsageError for what does not fit, before anything is simulated."""
    from protocolsim.study.boundaries.sets import given_set

    if not given:
        return None
    values: dict[str, list[float | None]] = {}
    for text in given:
        name, equals, bounds = text.partition("=")
        if not equals or not name.strip() or not bounds.strip():
            raise UsageError(f"--try {text}: expected NAME=VALUES, such as efficacy=3,2.5,2")
        if name.strip() in values:
            raise UsageError(f"--try {name.strip()}: it is said twice")
        values[name.strip()] = [_bound(text, one.strip()) for one in bounds.split(",")]
    given_set(design, values)
    return [values]


def _bound(text: str, one: str) -> float | None:
    if one == _NONE:
        return None
    try:
        value = float(one)
    except ValueError:
        raise UsageError(f"--try {text}: '{one}' is no number; write none for a look without a bound") from None
    if not abs(value) < float("inf"):
        raise UsageError(f"--try {text}: '{one}' is no bound; write none for a look without one")
    return value


COMMAND = boundaries
