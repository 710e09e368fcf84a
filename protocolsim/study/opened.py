"""Finished results, read back from their folder: each file is checked before it is believed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocolsim.errors import UsageError, unknown
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.storage import ours
from protocolsim.study.storage.manifest import Manifest, manifest_path, read_manifest
from protocolsim.study.storage.write import checksum

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Study:
    """The results in a folder that `--out` wrote.

    Tables are read when they are asked for, whole or some columns: `study.observations`, or of any command's results
    `study.table("sweep")`. `study.path("observations")` is the Parquet file itself, for polars, duckdb or R.

    >>> study = protocolsim.open("results")  # doctest: +SKIP
    >>> study.table("observations", columns=["subject", "variable", "value"])  # doctest: +SKIP
    """

    folder: Path
    manifest: Manifest

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of its tables."""
        return tuple(name.removesuffix(".parquet") for name in self.manifest.files if name.endswith(".parquet"))

    def path(self, table: str) -> Path:
        """The Parquet file of a table, after its bytes were compared with what was written.

        Raises UsageError for a table that is not there, or whose file is damaged or gone.
        """
        if table not in self.tables:
            raise UsageError(f"{self.folder}: {unknown('table', table, self.tables)}")
        return self._checked(f"{table}.parquet")

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """A table, or some of its columns. Texts are categories. UsageError as of `path`, and for a column."""
        import pandas as pd
        import pyarrow as pa
        from pyarrow import parquet

        with self.path(name).open("rb") as file:
            content = mmap(file.fileno(), 0, access=ACCESS_READ)
        # Not Python's own file: threads of pyarrow still reading one when the interpreter ends abort the process.
        written = pa.BufferReader(pa.py_buffer(content))
        there = parquet.read_schema(written).names
        wanted = there if columns is None else list(columns)
        for column in wanted:
            if column not in there:
                raise UsageError(f"{self.folder}: {unknown('column', column, there)}")
        return pd.read_parquet(written, columns=wanted)

    @property
    def subjects(self) -> pd.DataFrame:
        """One row for everybody screened."""
        return self.table("subjects")

    @property
    def observations(self) -> pd.DataFrame:
        """One row for each variable of each planned assessment."""
        return self.table("observations")

    @property
    def doses(self) -> pd.DataFrame:
        """One row for each planned dose."""
        return self.table("doses")

    @property
    def moves(self) -> pd.DataFrame:
        """One row for each change of state, with the reason in the rule's own words."""
        return self.table("moves")

    @property
    def events(self) -> pd.DataFrame:
        """One row for each event with a clock of its own."""
        return self.table("events")

    @property
    def looks(self) -> pd.DataFrame:
        """One row for each trial and planned look, held or not. Raises UsageError where no looks are declared."""
        return self.table("looks")

    @property
    def trials(self) -> pd.DataFrame:
        """One row for each trial: how a look ended it, and when. Raises UsageError where no looks are declared."""
        return self.table("trials")

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the command's --json prints. Raises UsageError for a file that is damaged or gone."""
        summary: dict[str, Any] = json.loads(self._checked(ours.SUMMARY).read_text(encoding="utf-8"))
        return summary

    def scenario(self, *, allow_plugins: bool = False) -> Scenario:
        """The scenario that gives these results again.

        Raises UsageError for a file that is damaged or gone, and for results of a whole suite, which are of many.
        """
        if ours.SCENARIO not in self.manifest.files:
            raise UsageError(f"{self.folder}: '{self.manifest.kind}' is of many scenarios and keeps none of them")
        return load(str(self._checked(ours.SCENARIO)), allow_plugins=allow_plugins)

    def _checked(self, name: str) -> Path:
        path = self.folder / name
        result = checksum(path)
        if result is None:
            raise UsageError(f"{path}: it is gone, or cannot be read; give the command again with --overwrite")
        if result != self.manifest.files.get(name):
            raise UsageError(
                f"{path}: it was damaged, or edited, since it was written; give the command again with --overwrite"
            )
        return path


def open_study(folder: str | Path) -> Study:
    """The finished results in a folder that a command wrote with `--out`.

    Parameters: `folder`, its path. Returns a `Study`. Raises UsageError where there are none, or where its manifest is
    damaged; a damaged table is refused when it is asked for.
    """
    path = Path(folder)
    try:
        held = ours.held_in(path)
        if held.unfinished:
            raise UsageError(f"{path}: an unfinished study; give its command again with --resume")
        if not (held.finished and ours.has_manifest(path)):
            raise UsageError(f"{path}: no results of protocolsim are here; name a folder that --out wrote")
        pieces = ours.CHUNKS if (path / ours.MANIFEST).exists() else ours.REFERENCE
        return Study(path, read_manifest(manifest_path(path, pieces).read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"{path}: its manifest cannot be read: {error}") from None
