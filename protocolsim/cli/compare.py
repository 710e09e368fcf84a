"""protocolsim compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from protocolsim.cli.base import Asked, durable, parallel, progress, studies, study_in, with_parameters, workers_for
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from protocolsim.study.compare import Comparison


@click.command()
@click.argument("a")
@click.argument("b")
@studies
@parallel
@durable
@with_parameters
def compare(a: str, b: str, asked: Asked) -> None:
    """Compare two scenarios. What differs in the files, and in the results with common random numbers.

    Replicates and seed are those of A unless given. --set changes both.
    """
    from protocolsim.study.compare import compare as compared
    from protocolsim.study.compare import compare_manifest, draws_of_both

    one, other = (asked.load(name) for name in (a, b))
    seed = one.seed if asked.seed is None else asked.seed
    draws = draws_of_both(one, other, asked.parameters, seed)
    manifest = compare_manifest(one, other, **asked.study, draws=draws)
    with study_in(asked, one, manifest) as folder:
        with (
            workers_for(asked.workers, asked.cluster) as those,
            progress((2 if draws is None else 4) * manifest.replicates, shown=asked.shown) as tell,
        ):
            result = compared(one, other, **asked.study, workers=those, folder=folder, draws=draws, progress=tell)
        if folder is not None:
            from protocolsim.report.comparison.files import write_comparison

            with folder.results() as place:
                write_comparison(result, place)
    if asked.as_json:
        say(json.dumps(result.summary(), indent=2))
    elif asked.shown:
        _show(result, asked.out)


def _show(comparison: Comparison, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.comparison.console import print_comparison

    print_comparison(comparison, Console())
    if out is not None:
        say(
            f"written to {out}: report.html, comparison as parquet and CSV, summary.json, scenario.yaml (the first), "
            "compared.yaml (the second), provenance.json"
        )


COMMAND = compare
