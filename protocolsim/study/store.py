"""Results in a folder: all of them or none.

Everything is written into a temporary folder beside the wanted one, which is renamed when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from protocolsim.errors import UsageError
from protocolsim.records import TABLES
from protocolsim.study.result import Result

SUMMARY = "summary.json"
REPORT = "report.html"
# Whatever else stands in a folder is not ours to overwrite.
_FACTS = (SUMMARY, REPORT, "scenario.yaml", "provenance.json")
_OF_A_RUN = frozenset([*_FACTS, *(f"{table}.{kind}" for table in TABLES for kind in ("csv", "parquet"))])
_OF_A_SWEEP = frozenset([*_FACTS, *(f"sweep.{kind}" for kind in ("csv", "parquet", "png", "svg", "html"))])
_OF_A_VALIDATION = frozenset([*_FACTS, "validation.csv"])
_DRAWN_OF_A_CURVE = ("curves", "roc", "loss", "what_follows")
_OF_A_CURVE = frozenset(
    [
        *(*_FACTS, "curve.csv", "curve.parquet"),
        *(f"{name}.{kind}" for name in _DRAWN_OF_A_CURVE for kind in ("png", "svg", "html")),
    ]
)
_OURS = _OF_A_RUN | _OF_A_SWEEP | _OF_A_CURVE | _OF_A_VALIDATION


@contextmanager
def folder_for_results(out: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder to write results into, which becomes `out` if all goes well and vanishes otherwise.

    Raises UsageError before anything is computed where `out` cannot be made, or holds something already and is not
    to be overwritten; only a folder of earlier results is ever overwritten.
    """
    target = _target(out, overwrite)
    made: list[Path] = []
    try:
        for folder in reversed([p for p in target.parents if not p.exists()]):
            folder.mkdir()
            made.append(folder)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    except OSError as error:
        _remove(made)
        raise UsageError(f"--out {out}: cannot write there: {error.strerror or error}") from None
    try:
        # mkdtemp makes it private; results are as open as any other file of the user.
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o777 & ~umask)
        yield partial
        _put_in_place(partial, target)
    except OSError as error:
        raise UsageError(f"--out {out}: writing failed, nothing was left there: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _remove(made)


def _target(out: Path, overwrite: bool) -> Path:
    """The folder that is meant, links followed. Raises UsageError where results cannot become that folder."""
    try:
        target = out.resolve()
        if target == Path.cwd() or target in Path.cwd().parents:
            raise UsageError(f"--out {out}: that is the folder you are in; name a new one")
        if not target.exists():
            return target
        if not target.is_dir():
            raise UsageError(f"--out {out}: there is a file of that name; name a folder")
        held = sorted(p.name for p in target.iterdir())
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circle of links; ValueError: a null byte
        raise UsageError(f"--out {out}: cannot look there: {getattr(error, 'strerror', None) or error}") from None
    others = [name for name in held if name not in _OURS]
    if held and SUMMARY not in held:
        raise UsageError(f"--out {out}: it holds other files; name a new folder")
    if others and overwrite:
        raise UsageError(
            f"--out {out}: it holds '{others[0]}' beside earlier results; move it away, or it would be lost"
        )
    if held and not overwrite:
        raise UsageError(f"--out {out}: it holds earlier results; add --overwrite to replace them")
    return target


def _remove(made: list[Path]) -> None:
    """Take away the folders made on the way, as far as they are still empty."""
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()


def _put_in_place(partial: Path, target: Path) -> None:
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


def write_tables(result: Result, folder: Path) -> None:
    """The five tables as parquet and CSV, the summary, the resolved scenario, and its provenance.

    Tables are written piece by piece, so that their size is limited by the disk only.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    with ExitStack() as files:
        parquet: dict[str, ParquetWriter] = {}
        csv = {t: files.enter_context((folder / f"{t}.csv").open("w", encoding="utf-8", newline="")) for t in TABLES}
        for records in result.pieces():
            for table in TABLES:
                frame = records.frame(table)
                rows = pa.Table.from_pandas(frame, preserve_index=False)
                first = table not in parquet
                if first:
                    writer = ParquetWriter(folder / f"{table}.parquet", rows.schema)
                    parquet[table] = files.enter_context(writer)
                parquet[table].write_table(rows)
                frame.to_csv(csv[table], index=False, header=first, lineterminator="\n")
            records.derived.clear()
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
