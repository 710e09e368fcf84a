"""What commands share: options of those that simulate, settings, progress, new files, overwriting, forms of a story."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from protocolsim.cli import seek_garbage
from protocolsim.errors import UsageError
from protocolsim.text.terminal import say

if TYPE_CHECKING:
    from rich.console import Console

    from protocolsim.executor.base import Executor
    from protocolsim.scenario.scenario import Scenario
    from protocolsim.study.parameters.draws import ParameterDraws
    from protocolsim.study.storage.manifest import Manifest
    from protocolsim.study.storage.study_folder import StudyFolder


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the shared options of a command that simulates say."""

    settings: tuple[str, ...]
    replicates: int | None
    seed: int | None
    engine: str
    out: Path | None
    overwrite: bool
    as_json: bool
    quiet: bool
    allow_plugins: bool
    workers: str = "auto"
    cluster: str | None = None
    resume: bool = False
    parameters: str = "fixed"

    @property
    def shown(self) -> bool:
        """Whether results are shown to a person."""
        return not (self.quiet or self.as_json)

    @property
    def study(self) -> dict[str, Any]:
        """What every study is asked for by name."""
        return {"replicates": self.replicates, "seed": self.seed, "engine": self.engine}

    def draws(self, scenario: Scenario) -> ParameterDraws | None:
        """The values of uncertain parameters that --parameters asks for; None where they are fixed."""
        from protocolsim.study.parameters.asked import draws_asked

        return draws_asked(scenario, self.parameters, self.seed)

    def load(self, scenario: str) -> Scenario:
        """The scenario, with every --set."""
        from protocolsim.scenario.load import load

        return load(scenario, set=assignments(self.settings), allow_plugins=self.allow_plugins)


def known(context: click.Context, _: click.Parameter, given: str) -> str:
    """Refuse a scenario whose name nobody knows, before anything slow is imported."""
    if not context.resilient_parsing:
        from protocolsim.scenario.file.library import find

        find(given)
    return given


def _there(context: click.Context, _: click.Parameter, given: str) -> str:
    """Refuse a scenario that is not there, or is no text of one, before what it takes to build it is imported."""
    if not context.resilient_parsing:
        from protocolsim.scenario.file.library import find
        from protocolsim.scenario.file.yaml_reader import read

        read(find(given), given)
    return given


def of_scenario(command: Callable[..., None]) -> Callable[..., None]:
    """The argument of a command that is about one scenario."""
    return click.argument("scenario", callback=_there)(command)


def _gathered(command: Callable[..., None], asked: type[Any]) -> Callable[..., None]:
    """The command with those of its options that `asked` has a field for handed over as one of it."""

    @wraps(command)
    def gathered(**given: Any) -> None:
        mine = {field.name: given.pop(field.name) for field in fields(asked) if field.name in given}
        command(asked=asked(**mine), **given)

    return gathered


def _with(options: Sequence[Callable[..., Any]], command: Callable[..., None]) -> Callable[..., None]:
    """The command with these options, in their order."""
    for option in reversed(options):
        command = option(command)
    return command


def studies(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every command that simulates has. With those of `parallel` and `durable` they are `asked`."""
    options = (
        click.option(
            "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value of the scenario; repeatable."
        ),
        click.option("--replicates", type=int, help="How many trials to simulate.  [default: the scenario's]"),
        click.option("--seed", type=int, help="Random seed.  [default: the scenario's]"),
        click.option("--engine", default="auto", show_default=True, help="batch (fast), des (reference), or auto."),
        click.option("--out", type=click.Path(path_type=Path), help="Write results and a report into this new folder."),
        click.option("--overwrite", is_flag=True, help="Replace earlier results in --out."),
        click.option("--json", "as_json", is_flag=True, help="Print only the results, as JSON."),
        click.option("--quiet", is_flag=True, help="Print nothing but refusals."),
        click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT)."),
    )
    return _with(options, _gathered(command, Asked))


def parallel(command: Callable[..., None]) -> Callable[..., None]:
    """The options of commands that may use several processes; the results are the same for any of them."""
    options = (
        click.option(
            "--workers",
            default="auto",
            show_default="as many as pay",
            metavar="N",
            help="Processes to simulate with; -1 is one for each core. The results are the same.",
        ),
        click.option(
            "--cluster",
            metavar="ADDRESS",
            help="Simulate on the workers of this Dask scheduler, or of one started here (local).",
        ),
    )
    return _with(options, command)


def with_parameters(command: Callable[..., None]) -> Callable[..., None]:
    """The option of commands that can draw the values of uncertain parameters."""
    return click.option(
        "--parameters",
        default="fixed",
        show_default=True,
        metavar="fixed|plausible|FILE",
        help="Also draw the parameters that are uncertain: from their plausible ranges, or a posterior of calibrate.",
    )(command)


def with_csv(command: Callable[..., None]) -> Callable[..., None]:
    """The option of commands whose tables are large."""
    told = "With --out: the tables as CSV too, compressed where they are large."
    return click.option("--csv", is_flag=True, help=told)(command)


def durable(command: Callable[..., None]) -> Callable[..., None]:
    """The option of commands whose folder keeps what is finished."""
    return click.option(
        "--resume",
        is_flag=True,
        help="Go on with an unfinished study in --out, or add replicates to a finished one.",
    )(command)


@contextmanager
def workers_for(workers: str, cluster: str | None) -> Iterator[Executor]:
    """Those who carry out the chunks; what the user should know meanwhile goes to standard error."""
    from protocolsim.executor.choose import executor_for

    seek_garbage()
    with executor_for(workers, cluster, say=lambda text: say(text, err=True)) as result:
        yield result


@contextmanager
def study_in(
    asked: Asked, scenario: Scenario | None, manifest: Manifest | None, pieces: str = "chunks"
) -> Iterator[StudyFolder | None]:
    """The folder of a study of a scenario, or none where no results are to be kept.

    `scenario` is None for a study of many. `manifest` may be None where --out is. `pieces` is where it keeps what is
    finished. What the user should know goes to standard error. Files that the scenario names beside itself
    are read now, since they are kept with the results: one that is not there must not be found out when all is done.
    """
    if asked.out is None or manifest is None:
        if asked.resume:
            raise UsageError("--resume says nothing without --out")
        refuse_lone_overwrite(asked.overwrite, asked.out)
        yield None
        return
    from protocolsim.study.storage.study_folder import study_folder

    if scenario is not None:
        _ = scenario.companion_files
    with study_folder(asked.out, manifest, overwrite=asked.overwrite, resume=asked.resume, pieces=pieces) as folder:
        # Said with --quiet too: a disk that spoils files is no matter of taste.
        for told in folder.damaged:
            say(told, err=True)
        yield folder
        for told in folder.notes:
            say(told, err=True)


def refuse_lone_overwrite(overwrite: bool, out: Path | None) -> None:
    """--overwrite needs a folder."""
    if overwrite and out is None:
        raise UsageError("--overwrite says nothing without --out")


def assignments(settings: tuple[str, ...]) -> dict[str, Any]:
    """What each --set says, by name; values as a scenario file would hold them."""
    if not settings:
        return {}
    from protocolsim.scenario.load import value_of

    result: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageError(f"--set {text}: expected NAME=VALUE, such as response_threshold=50%")
        if name.strip() in result:
            raise UsageError(f"--set {name.strip()}: it is set twice")
        result[name.strip()] = value_of(name.strip(), value.strip())
    return result


@contextmanager
def progress(total: int, *, shown: bool) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on standard error, where a person watches."""
    if not (shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("preparing", total=total, pace="")

        def tell(done: int) -> None:
            bar.update(task, advance=done, description="simulating trials")
            speed = bar.tasks[0].speed
            bar.update(task, pace=f"{speed:,.0f} per second" if speed else "")

        yield tell


@contextmanager
def new_file(out: Path | None, *, overwrite: bool = False) -> Iterator[Callable[[str | bytes], None]]:
    """How to write one file that is not there yet; standard output where none is named.

    Refused before anything is computed where it cannot be written; written whole or not at all.
    """
    if out is None:
        yield lambda content: say(content.decode() if isinstance(content, bytes) else content, nl=False)
        return
    _refuse_unwritable(out, overwrite=overwrite)

    def write(content: str | bytes) -> None:
        partial = _beside(out)
        try:
            try:
                with partial.open("xb") as stream:
                    stream.write(content if isinstance(content, bytes) else content.encode("utf-8"))
                _put(partial, out, overwrite=overwrite)
            finally:
                # Where the file system refuses this too, it is the first refusal that counts.
                with suppress(OSError):
                    partial.unlink()
        except OSError as error:
            raise UsageError(f"{out}: cannot write there: {error.strerror or error}") from None

    yield write


def _refuse_unwritable(out: Path, *, overwrite: bool) -> None:
    """Raises UsageError where this file cannot be written, as far as that can be known before."""
    try:
        if out.is_dir():
            raise UsageError(f"{out}: there is a folder of that name; name a file")
        there = out.exists() or out.is_symlink()
        if there and not out.is_file():
            raise UsageError(f"{out}: it is no plain file; leave out -o for standard output, or name a new file")
        if there and not overwrite:
            raise UsageError(f"{out}: there is such a file already; name a new one, or say --overwrite")
        if not out.absolute().parent.is_dir():
            raise UsageError(f"{out}: there is no folder {out.parent}")
        probe = _beside(out)
        probe.touch(exist_ok=False)
        probe.unlink()
    except (OSError, ValueError) as error:
        raise UsageError(f"{out}: cannot write there: {getattr(error, 'strerror', None) or error}") from None


def _beside(out: Path) -> Path:
    """A name that nobody has, short wherever `out` is long."""
    return out.absolute().with_name(f".partial-{os.getpid()}-{secrets.token_hex(4)}")


def _put(partial: Path, out: Path, *, overwrite: bool) -> None:
    """The finished file under its name; a file that somebody else put there meanwhile stays."""
    if overwrite:
        partial.replace(out)
        return
    from protocolsim.study.storage.write import move_new

    try:
        move_new(partial, out)
    except FileExistsError:
        raise UsageError(f"{out}: somebody else wrote such a file meanwhile; it stays as it is") from None


STORY_ENDINGS = (".html", ".png", ".svg", ".txt", ".json")


class Story(Protocol):
    """What one patient or one trial went through, in words and numbers."""

    @property
    def text(self) -> str:
        """The words."""

    def summary(self) -> dict[str, Any]:
        """The same as JSON has it."""


@dataclass(frozen=True)
class ShownAs:
    """How a story is shown: printed in a terminal, as a page, and as the chart of a picture."""

    terminal: Callable[[Any, Console], None]
    page: Callable[[Any], str]
    figure: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class AskedStory:
    """What the shared options of a command that tells a story say."""

    settings: tuple[str, ...]
    seed: int | None
    engine: str
    html: bool
    as_json: bool
    out: Path | None
    overwrite: bool
    allow_plugins: bool

    def tell(self, scenario: str, story: Callable[[Scenario], Story], shown: Callable[[], ShownAs]) -> None:
        """Print or write the story of a scenario. `shown` says how; it is asked once the story is made."""
        form = self._form()
        with new_file(self.out, overwrite=self.overwrite) as write:
            from protocolsim.scenario.load import load

            told = story(load(scenario, set=assignments(self.settings), allow_plugins=self.allow_plugins))
            if form == "terminal":
                from rich.console import Console

                shown().terminal(told, Console())
            else:
                write(_written(told, form, shown()))

    def _form(self) -> str:
        """What to make of a story: by option, by the file's name, or for the terminal."""
        if self.html and self.as_json:
            raise UsageError("--html and --json: one of them")
        if not (self.html or self.as_json) and self.out is not None and self.out.suffix.lower() not in STORY_ENDINGS:
            raise UsageError(f"-o {self.out}: end it in {', '.join(STORY_ENDINGS)}")
        if self.overwrite and self.out is None:
            raise UsageError("--overwrite says nothing without -o")
        if self.html or self.as_json:
            return ".html" if self.html else ".json"
        return "terminal" if self.out is None else self.out.suffix.lower()


def stories(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that tells a story: together they are `asked`."""
    options = (
        click.option("--html", is_flag=True, help="A page with what is drawn and the story."),
        click.option("--json", "as_json", is_flag=True, help="The story and its numbers as JSON."),
        click.option(
            "-o", "--out", type=click.Path(path_type=Path),
            help="Write into this new file: .html, .png, .svg, .txt, .json.",
        ),
        click.option("--overwrite", is_flag=True, help="Replace the file."),
        click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a value; repeatable."),
        click.option("--seed", type=int, help="Random seed.  [default: the scenario's]"),
        click.option("--engine", default="auto", show_default=True, help="batch (fast), des (reference), or auto."),
        click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT)."),
    )  # fmt: skip
    return _with(options, _gathered(command, AskedStory))


def _written(story: Story, form: str, shown: ShownAs) -> str | bytes:
    """A story in a form that is written."""
    if form in (".png", ".svg"):
        import tempfile

        from protocolsim.report.style.figures import save

        with tempfile.TemporaryDirectory() as folder:
            return save(shown.figure(story), Path(folder) / f"figure{form}").read_bytes()
    if form == ".html":
        return shown.page(story)
    return json.dumps(story.summary(), indent=2) + "\n" if form == ".json" else story.text
