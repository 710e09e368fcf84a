"""Results in a folder: all of them or none.

Everything is written into a temporary folder beside the wanted one, which is renamed when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocolsim.errors import UsageError
from protocolsim.records import TABLES
from protocolsim.study.result import Result

SUMMARY = "summary.json"


@contextmanager
def folder_for_results(out: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder to write results into, which becomes `out` if all goes well and vanishes otherwise.

    Raises UsageError before anything is computed where `out` cannot be made, or holds something already and is not
    to be overwritten; only a folder of earlier results is ever overwritten.
    """
    _refuse_unusable(out, overwrite)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    except OSError as error:
        raise UsageError(f"--out {out}: cannot write there: {error.strerror or error}") from None
    try:
        # mkdtemp makes it private; results are as open as any other file of the user.
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o777 & ~umask)
        yield partial
        _put_in_place(partial, out)
    except OSError as error:
        raise UsageError(f"--out {out}: writing failed, nothing was left there: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_unusable(out: Path, overwrite: bool) -> None:
    try:
        if not out.exists():
            return
        if not out.is_dir():
            raise UsageError(f"--out {out}: there is a file of that name; name a folder")
        holds = any(out.iterdir())
        earlier = (out / SUMMARY).is_file()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot look there: {error.strerror or error}") from None
    if holds and not (overwrite and earlier):
        what = "earlier results; add --overwrite to replace them" if earlier else "other files; name a new folder"
        raise UsageError(f"--out {out}: it holds {what}")


def _put_in_place(partial: Path, out: Path) -> None:
    if out.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old-", dir=out.parent))
        os.replace(out, old / out.name)
        os.replace(partial, out)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(partial, out)


def write_tables(result: Result, folder: Path) -> None:
    """The five tables as parquet and CSV, the summary, the resolved scenario, and its provenance."""
    for table in TABLES:
        frame = result.records.frame(table)
        frame.to_parquet(folder / f"{table}.parquet", index=False)
        frame.to_csv(folder / f"{table}.csv", index=False)
    (folder / SUMMARY).write_text(json.dumps(result.summary(), indent=2) + "\n", encoding="utf-8")
    (folder / "scenario.yaml").write_text(result.resolved, encoding="utf-8")
    (folder / "provenance.json").write_text(json.dumps(dict(result.provenance), indent=2) + "\n", encoding="utf-8")
