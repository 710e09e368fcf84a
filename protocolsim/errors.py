"""The exception tree, and how a refusal reads.

    ProtocolsimError
    ├── ScenarioError      the scenario file has faults (all of them, each with its place)
    ├── UsageError         a call or a command line asks for something that cannot be
    ├── SimulationError    a correct scenario that cannot be carried out (nobody is ever eligible)
    ├── WorkerError        workers that died, or a cluster that cannot be reached
    └── StudyStopped       a study that stopped before its end; what was finished is kept

Every message says what was found, where, and what was expected. The command line prints it and
exits with status 2; nothing else in the package catches these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

_MOST_SHOWN = 60


class ProtocolsimError(Exception):
    """Anything that protocolsim refuses, in words meant for the person who asked."""


class UsageError(ProtocolsimError):
    """A call asks for something that cannot be."""


class SimulationError(ProtocolsimError):
    """A correct scenario that cannot be carried out; `point` says which, where a study has several."""

    point: int = 0


class WorkerError(ProtocolsimError):
    """Workers that died again and again, or a cluster that cannot be reached."""


class WorkerEnded(WorkerError):  # noqa: N818 - it ended
    """One worker ended that should not have; the message says how, as `a worker process ...`."""


class StudyStopped(ProtocolsimError):  # noqa: N818 - it stopped, and can go on
    """A study that stopped before its end; what was finished is kept, and can be gone on with."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with a scenario: its place in the file, its path, and what to do."""

    line: int
    column: int
    path: str
    message: str


class ScenarioError(ProtocolsimError):
    """A scenario file with faults: all of them at once, in file order."""

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        self.source = source
        self.faults = tuple(sorted(set(faults)))
        super().__init__(self._text())

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[str, tuple[Fault, ...]]]:
        """It travels between processes by what it was made from."""
        return ScenarioError, (self.source, self.faults)

    def _text(self) -> str:
        count = f"{len(self.faults)} fault" + ("s" if len(self.faults) != 1 else "")
        places = [f"line {f.line}, column {f.column}" if f.line else "" for f in self.faults]
        width = max((len(p) for p in places), default=0)
        lines = [f"{printed(self.source)}: {count}"]
        for place, fault in zip(places, self.faults, strict=True):
            said = f"{fault.path}: {fault.message}" if fault.path else fault.message
            lines.append(f"  {place:<{width}}  {printed(said)}")
        return "\n".join(lines)


def printed(said: str) -> str:
    """A line of a message: what a name or a value has that does not print is escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)


def raised(error: BaseException) -> str:
    """What code that is not part of this package, or a kind of ours, raised: the error, and the file and line."""
    if isinstance(error, ProtocolsimError):
        return str(error)
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = "" if at is None else f" ({PurePath(at.tb_frame.f_code.co_filename).name}, line {at.tb_lineno})"
    return f"{type(error).__name__}: {error}{where}"


def digits(value: object) -> str:
    """A value as it is written; a number of more digits than Python writes, in words."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than some thousand digits
        return "a number of thousands of digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one, or None where none is close."""
    close = difflib.get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.6)
    return close[0] if close else None


def unknown(what: str, word: str, known: Iterable[str], *, limit: int = 12) -> str:
    """The sentence for a name nobody knows: what it was, the nearest right word, or the known ones."""
    names = sorted(str(k) for k in known)
    close = nearest(word, names)
    if close is not None:
        return f"unknown {what} '{word}'; did you mean '{close}'?"
    if not names:
        return f"unknown {what} '{word}'; none is known here"
    shown = ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
    return f"unknown {what} '{word}'; known here: {shown}"


class RuleError(ValueError):
    """A syntax or type error (of units, or of numbers and truth values) in an expression."""
