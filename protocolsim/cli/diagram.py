"""protocolsim diagram."""

from __future__ import annotations

from pathlib import Path

import click

from protocolsim.cli.base import assignments, new_file, of_scenario, progress
from protocolsim.errors import UsageError


@click.command()
@of_scenario
@click.option("--format", "form", help="mermaid, dot, svg, png, html.  [default: what -o ends in, else mermaid]")
@click.option("--counts", is_flag=True, help="Run the scenario, and count its subjects on each arrow.")
@click.option("--schedule", is_flag=True, help="Print the schedule of assessments instead: a table for each state.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write into this new file.")
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value; repeatable.")
@click.option("--replicates", type=int, help="With --counts: how many trials.  [default: the scenario's]")
@click.option("--seed", type=int, help="With --counts: the random seed.  [default: the scenario's]")
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def diagram(
    scenario: str,
    form: str | None,
    counts: bool,
    schedule: bool,
    out: Path | None,
    overwrite: bool,
    settings: tuple[str, ...],
    replicates: int | None,
    seed: int | None,
    allow_plugins: bool,
) -> None:
    """Draw SCENARIO's states and the rules between them. How long they last, and what is given."""
    from protocolsim.report.protocol.diagram import diagram as drawn
    from protocolsim.scenario.load import load
    from protocolsim.study.run import run

    chosen = _format(form, out)
    if schedule and (form or counts or out):
        raise UsageError("--schedule prints the schedule and goes with no other of --format, --counts and -o")
    if not counts and (replicates is not None or seed is not None):
        raise UsageError("--replicates and --seed say nothing without --counts")
    if overwrite and out is None:
        raise UsageError("--overwrite says nothing without -o")
    if out is None and chosen == "png":
        raise UsageError("a PNG is not for the terminal: name a file, such as -o protocol.png")
    loaded = load(scenario, set=assignments(settings), allow_plugins=allow_plugins)
    if schedule:
        from rich.console import Console

        from protocolsim.report.protocol.schedule import print_schedule
        from protocolsim.report.protocol.schedule import schedule as of

        print_schedule(of(loaded), Console())
        return
    with new_file(out, overwrite=overwrite) as write:
        result = None
        if counts:
            with progress(replicates or loaded.replicates, shown=True) as tell:
                result = run(loaded, replicates=replicates, seed=seed, progress=tell)
        write(drawn(loaded, chosen, counts=result))


def _format(form: str | None, out: Path | None) -> str:
    """What was asked for, or what the file's name says."""
    from protocolsim.errors import unknown
    from protocolsim.report.protocol.diagram import ENDINGS, FORMATS

    if form is not None:
        if form not in FORMATS:
            raise UsageError(f"--format: {unknown('format', form, FORMATS)}")
        return form
    if out is None:
        return "mermaid"
    result = [name for name, ending in ENDINGS.items() if out.suffix.lower() == ending]
    if not result:
        raise UsageError(f"-o {out}: end it in {', '.join(ENDINGS.values())}, or say which --format")
    return result[0]


COMMAND = diagram
