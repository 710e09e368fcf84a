"""Results in a folder: all of them or none, and nothing of anybody else's is ever lost."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocolsim.errors import UsageError
from protocolsim.records import TABLES
from protocolsim.study.encoded import Encoded, encoded, join
from protocolsim.study.result import Result

SUMMARY = "summary.json"
REPORT = "report.html"
MANIFEST = "manifest.json"
CHUNKS = "chunks"
PARTS = "parts"
RESULTS = ".results"
UNFINISHED = ".unfinished"
# Whatever else stands in a folder is not ours to overwrite.
_FACTS = (SUMMARY, REPORT, "scenario.yaml", "provenance.json")
_OF_A_RUN = frozenset([*_FACTS, *(f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet"))])
_OF_A_SWEEP = frozenset([*_FACTS, *(f"sweep.{kind}" for kind in ("csv", "parquet", "png", "svg", "html"))])
_OF_A_VALIDATION = frozenset([*_FACTS, "validation.csv"])
_DRAWN_OF_A_CURVE = ("curves", "roc", "loss", "what_follows", "definitions", "definitions_roc", "regret")
_OF_A_CURVE = frozenset(
    [
        *(*_FACTS, *(f"{name}.{kind}" for name in ("curve", "definitions", "regret") for kind in ("csv", "parquet"))),
        *(f"{name}.{kind}" for name in _DRAWN_OF_A_CURVE for kind in ("png", "svg", "html")),
    ]
)
_OURS = _OF_A_RUN | _OF_A_SWEEP | _OF_A_CURVE | _OF_A_VALIDATION | {MANIFEST}
# What stands in the folders of a study; what begins with a dot was being written when something stopped it.
_IN_FOLDERS = {
    CHUNKS: re.compile(r"\.?[0-9]{5}-[0-9]{9}\.parquet(\.partial)?"),
    PARTS: re.compile(rf"\.?({'|'.join(TABLES)})-[0-9]{{9}}\.(parquet|csv)(\.partial)?"),
    RESULTS: re.compile("|".join(re.escape(name) for name in sorted(_OURS))),
}


@contextmanager
def folder_for_results(out: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder to write results into, which becomes `out` if all goes well and vanishes otherwise.

    Raises UsageError before anything is computed where `out` cannot be made, or holds something already and is not
    to be overwritten; only a folder of earlier results is ever overwritten.
    """
    target = target_of(out, overwrite=overwrite)
    with made_on_the_way(out, target):
        try:
            partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
        except OSError as error:
            raise _cannot_write(out, error) from None
        try:
            # mkdtemp makes it private; results are as open as any other file of the user.
            umask = os.umask(0)
            os.umask(umask)
            partial.chmod(0o777 & ~umask)
            yield partial
            put_in_place(partial, target)
        except OSError as error:
            raise UsageError(
                f"--out {out}: writing failed, nothing was left there: {error.strerror or error}"
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _cannot_write(out: Path, error: OSError) -> UsageError:
    return UsageError(f"--out {out}: cannot write there: {error.strerror or error}")


@contextmanager
def made_on_the_way(out: Path, target: Path) -> Iterator[None]:
    """The folders above the target; those made here go again as far as they are still empty at the end."""
    made: list[Path] = []
    try:
        try:
            for folder in reversed([p for p in target.parents if not p.exists()]):
                folder.mkdir()
                made.append(folder)
        except OSError as error:
            raise _cannot_write(out, error) from None
        yield
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


@dataclass(frozen=True)
class Held:
    """What a folder holds: names that are not ours; whether it has finished results, or an unfinished study."""

    others: tuple[str, ...]
    finished: bool
    unfinished: bool
    empty: bool


def held_in(folder: Path) -> Held:
    """What stands in a folder. Raises OSError where one cannot look."""
    names = sorted(p.name for p in folder.iterdir())
    others = []
    for name in names:
        here = folder / name
        inside = _IN_FOLDERS.get(name)
        if inside is not None and here.is_dir() and not here.is_symlink():
            others += [f"{name}/{p.name}" for p in sorted(here.iterdir()) if not inside.fullmatch(p.name)]
        elif name not in _OURS and name != f".{MANIFEST}.partial":
            others.append(name)
    return Held(tuple(others), SUMMARY in names, MANIFEST in names and SUMMARY not in names, not names)


def target_of(out: Path, *, overwrite: bool, resume: bool = False) -> Path:
    """The folder that is meant, links followed. Raises UsageError where results cannot become that folder."""
    try:
        target = out.resolve()
        if target == Path.cwd() or target in Path.cwd().parents:
            raise UsageError(f"--out {out}: that is the folder you are in; name a new one")
        if not target.exists():
            return target
        if not target.is_dir():
            raise UsageError(f"--out {out}: there is a file of that name; name a folder")
        held = held_in(target)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circle of links; ValueError: a null byte
        raise UsageError(f"--out {out}: cannot look there: {getattr(error, 'strerror', None) or error}") from None
    if not (held.empty or held.finished or held.unfinished):
        raise UsageError(f"--out {out}: it holds other files; name a new folder")
    if held.others and (overwrite or (resume and held.finished)):
        raise UsageError(
            f"--out {out}: it holds '{held.others[0]}' beside earlier results; move it away, or it would be lost"
        )
    if held.finished and not (overwrite or resume):
        raise UsageError(f"--out {out}: it holds earlier results; add --overwrite to replace them")
    if held.unfinished and not (overwrite or resume):
        raise UsageError(
            f"--out {out}: it holds an unfinished study; add --resume to go on with it, or --overwrite to begin anew"
        )
    return target


def put_in_place(partial: Path, target: Path) -> None:
    """Let a finished folder take the place of an earlier one, which goes back if that fails."""
    if not target.exists():
        partial.replace(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
    earlier = old / target.name
    try:
        target.replace(earlier)
        partial.replace(target)
    except BaseException:
        # Earlier results go back first; where even that fails they are not deleted.
        if earlier.exists():
            earlier.replace(target)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_tables(
    result: Result, folder: Path, pieces: Iterable[Mapping[str, Encoded]] | None = None, earlier: Path | None = None
) -> None:
    """The five tables as parquet and CSV, the summary, the resolved scenario, and its provenance.

    Tables are written piece by piece, so that their size is limited by the disk only. `pieces` are those already made,
    which follow the tables in the folder `earlier`; without them they are made from the result.
    """
    if pieces is None:
        pieces = (encoded([records]) for records in result.pieces())
    join(pieces, folder, earlier)
    write_facts(folder, result.summary(), result.resolved, result.provenance)


def write_validation(folder: Path, summary: Mapping[str, Any], result: Result) -> None:
    """Published beside simulated as CSV, one row for each published result, and what every result has."""
    import pandas as pd

    frame = pd.DataFrame([{"estimate": name, **row} for name, row in summary["rows"].items()])
    frame.to_csv(folder / "validation.csv", index=False, lineterminator="\n")
    write_facts(folder, summary, result.resolved, result.provenance)


def write_facts(folder: Path, summary: Mapping[str, Any], resolved: str, provenance: Mapping[str, str]) -> None:
    """What every result has: its summary, the scenario it came from, and what is needed to get it again."""
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    (folder / "scenario.yaml").write_text(resolved, encoding="utf-8")
    (folder / "provenance.json").write_text(json.dumps(dict(provenance), indent=2) + "\n", encoding="utf-8")
