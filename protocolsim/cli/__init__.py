"""The command line: parse, call, show. Refusals are one message on standard error and exit status 2.

Each file of this folder but base.py is one command, found by its name; it ends in `COMMAND = the_command`.

Private: what is public stands in the package root.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from protocolsim import interruption
from protocolsim.errors import ProtocolsimError, StudyStopped, UsageError
from protocolsim.notices import listen
from protocolsim.report.style.lean_drawing import without_address_grammar
from protocolsim.text.shell import command
from protocolsim.text.streams import standard_streams
from protocolsim.text.terminal import say


def _nobody(_: str) -> None:
    """--quiet: nothing is said but refusals."""


def _going_on(words: Sequence[str]) -> str:
    """The command that goes on with a study that was stopped."""
    kept = [w for w in words if w not in ("--overwrite", "--resume")]
    return f"go on with: {command(*kept, '--resume')}"


_USUAL = gc.get_threshold()
_WHILE_IMPORTING = 300_000
"""New objects until garbage is looked for: what is imported stays, and looking through it took a fifteenth of a run."""


class _Frozen:
    """Whether this process is one command, and no other code's, which may have garbage of its own."""

    whole = False


def as_a_process() -> None:
    """Say that this process is one command, from its beginning to its end."""
    _Frozen.whole = True
    without_address_grammar()


def seek_garbage() -> None:
    """Look for garbage as Python does, from here on: something begins that may take long, and make much of it.

    In a process of its own a command does not look through what has been imported up to here, ever.
    """
    if _Frozen.whole:
        gc.freeze()
    gc.set_threshold(*_USUAL)


class _Commands(click.Group):
    """A group that turns refusals into messages, and knows the nearest right word for a mistyped command."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        commands = (p.stem for p in Path(__file__).parent.glob("*.py"))
        return sorted(name for name in commands if name not in ("__init__", "base"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        result: click.Command = importlib.import_module(f"protocolsim.cli.{cmd_name}").COMMAND
        return result

    words: Sequence[str] = ()
    _told = False

    @standard_streams()
    def main(self, args: Sequence[str] | None = None, *more: Any, **kwargs: Any) -> Any:
        self.words, self._told = [*(sys.argv[1:] if args is None else args)], False
        listen(_nobody if "--quiet" in self.words else partial(say, err=True))
        gc.set_threshold(_WHILE_IMPORTING)
        # Python ends with a search for rings among all objects: a fifth of a second, and nothing waits to be found.
        atexit.register(gc.freeze)
        with interruption.ending_in_order():
            try:
                return super().main(args, *more, **kwargs)
            except StudyStopped as error:
                say(f"{error}\n{_going_on(self.words)}", err=True)
                sys.exit(2)
            except ProtocolsimError as error:
                say(str(error), err=True)
                sys.exit(2)
            finally:
                # Who was asked to end says so, even where the last steps went on as if nobody had.
                seek_garbage()
                if interruption.requested() and not self._told:
                    self._end(interruption.wanted())

    def _end(self, error: KeyboardInterrupt) -> NoReturn:
        """Say that it was interrupted, and what is kept as far as that is known; and end."""
        self._told = True
        word, status = interruption.ending(error)
        kept = f"; {error}\n{_going_on(self.words)}" if str(error) else "; nothing was written" if error.args else ""
        say(f"{word}{kept}", err=True)
        sys.exit(status)

    def make_context(self, *words: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*words, **extra)
        except KeyboardInterrupt as error:
            self._end(error)

    def invoke(self, ctx: click.Context) -> Any:
        # Here and not in `main`, where click itself has already turned it into its own word and status 1.
        try:
            return super().invoke(ctx)
        except click.MissingParameter as error:
            if error.param is None or error.param.name != "scenario":
                raise
            hint = "Name a shipped one (`protocolsim list` shows them), or a file."
            raise click.MissingParameter(hint, error.ctx, error.param) from None
        except KeyboardInterrupt as error:
            self._end(error)

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

        say(f"protocolsim {version('protocolsim')}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Show the version.")
def main() -> None:
    """Simulate clinical trials whose protocol adapts to each patient."""
