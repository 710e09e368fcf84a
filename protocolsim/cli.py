"""The command line: parse, call, show. Refusals are one message on standard error and exit status 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protocolsim.errors import ProtocolsimError, ScenarioError, UsageError

if TYPE_CHECKING:
    from protocolsim.scenario.scenario import Scenario
    from protocolsim.study.result import Result
    from protocolsim.study.sweep import Sweep

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


def _studies(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every command that simulates has."""
    options = (
        click.option(
            "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value of the scenario; repeatable."
        ),
        click.option("--replicates", type=int, help="How many trials to simulate.  [default: the scenario's]"),
        click.option("--seed", type=int, help="The key of all luck.  [default: the scenario's]"),
        click.option("--engine", default="auto", show_default=True, help="batch (fast), des (reference), or auto."),
        click.option("--out", type=click.Path(path_type=Path), help="Write results and a report into this new folder."),
        click.option("--overwrite", is_flag=True, help="Replace earlier results in --out."),
        click.option("--json", "as_json", is_flag=True, help="Print only the results, as JSON."),
        click.option("--quiet", is_flag=True, help="Print nothing but refusals."),
        click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:YourClass)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("scenario")
@_studies
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

    _refuse_lone_overwrite(overwrite, out)
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


@main.command()
@click.argument("scenario")
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="NAME=LOW:HIGH:STEP",
    help="Vary a value of the scenario, in steps or over a list (NAME=1,2,5); repeatable, for a full grid.",
)
@_studies
def sweep(
    scenario: str,
    varied: tuple[str, ...],
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
    """Simulate SCENARIO at every point of a grid of values, with the same luck at each."""
    from protocolsim.study.store import folder_for_results
    from protocolsim.study.sweep import carry_out, plan, write_sweep

    _refuse_lone_overwrite(overwrite, out)
    vary, set_ = _ranges(varied), _assignments(settings)
    planned = plan(
        scenario, vary, replicates=replicates, seed=seed, engine=engine, set=set_, allow_plugins=allow_plugins
    )
    with ExitStack() as open_:
        folder = None if out is None else open_.enter_context(folder_for_results(out, overwrite=overwrite))
        with _progress(planned.trials, shown=not (quiet or as_json)) as tell:
            found = carry_out(planned, tell)
        if folder is not None:
            from protocolsim.report.sweep_page import write_report

            write_sweep(found, folder)
            write_report(found, folder)
    if as_json:
        click.echo(json.dumps(found.summary(), indent=2))
    elif not quiet:
        _show_sweep(found, out)


@main.command()
@click.argument("scenario")
@click.option(
    "--rule", "parameter", metavar="NAME", help="The parameter that is the threshold.  [default: the only one]"
)
@_studies
def thresholds(
    scenario: str,
    parameter: str | None,
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
    """Show what SCENARIO does at every threshold of a decision rule, from one simulation of both ways."""
    from protocolsim.scenario.settings import load
    from protocolsim.study.branches import ThresholdRule, threshold_rule
    from protocolsim.study.store import folder_for_results

    _refuse_lone_overwrite(overwrite, out)
    loaded = load(scenario, set=_assignments(settings), allow_plugins=allow_plugins)
    asked = {"replicates": replicates, "seed": seed, "engine": engine}
    rule = threshold_rule(loaded, parameter)
    work = _curve if isinstance(rule, ThresholdRule) else _swept(parameter, rule, quiet)
    with ExitStack() as open_:
        folder = None if out is None else open_.enter_context(folder_for_results(out, overwrite=overwrite))
        summary, show = work(loaded, parameter, asked, folder, not (quiet or as_json))
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    elif not quiet:
        show()
        if out is not None:
            click.echo(
                f"written to {out}: report.html, the curve as parquet and CSV, summary.json, scenario.yaml, figures"
            )


def _curve(
    loaded: Scenario, parameter: str | None, asked: dict[str, Any], folder: Path | None, watched: bool
) -> tuple[dict[str, Any], Callable[[], None]]:
    """The curve over a threshold: its summary, and how to show it."""
    import time

    from rich.console import Console

    from protocolsim.report.threshold_page import Told, print_thresholds, write_thresholds
    from protocolsim.study.run import chosen_engine
    from protocolsim.study.thresholds import thresholds as curve_of

    started = time.perf_counter()
    with _progress(asked["replicates"] or loaded.replicates, shown=watched) as tell:
        curve = curve_of(loaded, parameter, **asked, progress=tell)
    told = Told(curve, chosen_engine(loaded, asked["engine"]), time.perf_counter() - started)
    if folder is not None:
        write_thresholds(told, folder)
    return told.summary(), lambda: print_thresholds(told, Console())


def _swept(parameter: str | None, why: str, quiet: bool) -> Callable[..., tuple[dict[str, Any], Callable[[], None]]]:
    """A sweep over a parameter's range, where it is more than a threshold; `why` it is."""

    def work(
        loaded: Scenario, _: str | None, asked: dict[str, Any], folder: Path | None, watched: bool
    ) -> tuple[dict[str, Any], Callable[[], None]]:
        from rich.console import Console

        from protocolsim.report.sweep_page import print_sweep, write_report
        from protocolsim.report.threshold_drawn import over_range
        from protocolsim.report.threshold_page import sweep_json
        from protocolsim.study.sweep import carry_out, plan, write_sweep

        name = str(parameter)
        points = over_range(loaded, name)
        if points is None:
            raise UsageError(f"{why}; and it has no range to sweep over")
        planned = plan(loaded, {name: points}, **asked)
        if not quiet:
            click.echo(f"{why}; so its range is swept in {len(planned.points)} points instead", err=True)
        with _progress(planned.trials, shown=watched) as tell:
            found = carry_out(planned, tell)
        summary = sweep_json(found)
        if folder is not None:
            write_sweep(found, folder)
            write_report(found, folder)
        return summary, lambda: print_sweep(found, Console())

    return work


def _ranges(varied: tuple[str, ...]) -> dict[str, str]:
    """What each --vary says, by name."""
    from protocolsim.study.axis import FORM

    found: dict[str, str] = {}
    for text in varied:
        name, equals, values = (part.strip() for part in text.partition("="))
        if not (name and equals and values):
            raise UsageError(f"--vary {text}: expected {FORM}, such as response_threshold=25%:95%:5%")
        if name in found:
            raise UsageError(f"--vary {name}: it is varied twice")
        found[name] = values
    return found


def _refuse_lone_overwrite(overwrite: bool, out: Path | None) -> None:
    if overwrite and out is None:
        raise UsageError("--overwrite says nothing without --out")


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


def _show_sweep(found: Sweep, out: Path | None) -> None:
    from rich.console import Console

    from protocolsim.report.sweep_page import print_sweep

    print_sweep(found, Console())
    if out is not None:
        click.echo(f"written to {out}: report.html, sweep as parquet, CSV and figure, summary.json, scenario.yaml")


if __name__ == "__main__":
    main()
