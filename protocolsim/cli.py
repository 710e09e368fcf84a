"""The command line: parse, call, show. Refusals are one message on standard error and exit status 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.errors import ProtocolsimError, ScenarioError, UsageError

if TYPE_CHECKING:
    from protocolsim.scenario.scenario import Scenario
    from protocolsim.study.result import Result

INTERRUPTED = 130


class _Commands(click.Group):
    """A group that turns refusals into messages, and knows the nearest right word for a mistyped command."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except ProtocolsimError as error:
            click.echo(str(error), err=True)
            sys.exit(2)

    def invoke(self, ctx: click.Context) -> Any:
        # Here and not in `main`, where click itself has already turned it into its own word and status 1.
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted; nothing was written", err=True)
            sys.exit(INTERRUPTED)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from protocolsim.errors import nearest

        if args and self.get_command(ctx, args[0]) is None:
            close = nearest(args[0], self.list_commands(ctx))
            hint = f"; did you mean '{close}'?" if close else f"; there are: {', '.join(self.list_commands(ctx))}"
            raise UsageError(f"no command '{args[0]}'{hint}")
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"protocolsim {version('protocolsim')}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Show the version.")
def main() -> None:
    """Simulate clinical trials whose protocol adapts to each patient."""


@main.command(name="list")
def list_() -> None:
    """List the scenarios that come with protocolsim."""
    from protocolsim.scenario.inherit import load_document
    from protocolsim.scenario.shipped import names

    width = max(map(len, names()))
    for name in names():
        data = load_document(name).data
        click.echo(f"{name:<{width}}  {data['title']}")
        if data.get("question"):
            click.echo(f"{'':<{width}}  {data['question']}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    from protocolsim.scenario.json_schema import schema_text

    click.echo(schema_text(), nl=False)


@main.command()
@click.argument("scenario")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value of the scenario; repeatable."
)
@click.option("--replicates", type=int, help="How many trials to simulate.  [default: the scenario's]")
@click.option("--seed", type=int, help="The key of all luck.  [default: the scenario's]")
@click.option("--engine", default="auto", show_default=True, help="batch (fast), des (reference), or auto.")
@click.option("--out", type=click.Path(path_type=Path), help="Write tables, summary and report into this new folder.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in --out.")
@click.option("--json", "as_json", is_flag=True, help="Print only the summary, as JSON.")
@click.option("--quiet", is_flag=True, help="Print nothing but refusals.")
@click.option("--allow-plugins", is_flag=True, help="Load code that the scenario names (your.module:YourClass).")
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

    if overwrite and out is None:
        raise UsageError("--overwrite says nothing without --out")
    loaded = load(scenario, set=_assignments(settings), allow_plugins=allow_plugins)
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


def _assignments(settings: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"--set {text}: expected NAME=VALUE, such as response_threshold=50%")
        if name.strip() in found:
            raise UsageError(f"--set {name.strip()}: it is set twice")
        found[name.strip()] = _value(name.strip(), value.strip())
    return found


def _value(name: str, text: str) -> Any:
    """A value as a scenario file would hold it."""
    from protocolsim.scenario.reader import parse

    try:
        data = parse(f"value: {text}", "--set").data
    except ScenarioError as error:
        raise UsageError(f"--set {name}: {error.faults[0].message}") from None
    if list(data) != ["value"]:
        raise UsageError(f"--set {name}: expected a single value, found several lines")
    return data["value"]


def _simulate(scenario: Scenario, asked: dict[str, Any], *, quiet: bool) -> Result:
    from protocolsim.study.run import run as run_study

    with _progress(asked["replicates"] or scenario.replicates, shown=not quiet) as tell:
        return run_study(scenario, **asked, progress=tell)


@contextmanager
def _progress(total: int, *, shown: bool) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error, where a person watches."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("preparing (the first run on a machine compiles for some seconds)", total=total)
        yield lambda done: bar.update(task, advance=done, description="simulating trials")


def _show(result: Result, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.terminal import print_summary

    print_summary(result, Console())
    if out is not None:
        click.echo(
            f"written to {out}: report.html, summary.json, tables as parquet and CSV, scenario.yaml, provenance.json"
        )


if __name__ == "__main__":
    main()
