"""Tables as bytes: parquet and CSV of a piece, and pieces joined to whole files whose bytes do not tell the pieces."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from protocolsim.records import TABLES, Records

if TYPE_CHECKING:
    import pyarrow as pa

# Rows of a group in a parquet file: pieces are joined and cut again, so that a file does not depend on them.
_GROUP = 1 << 17


@dataclass(frozen=True)
class Encoded:
    """Some rows of a table: a parquet file of their own, and lines of CSV without a header."""

    parquet: bytes
    csv: bytes


def encoded(pieces: Sequence[Records]) -> dict[str, Encoded]:
    """Every table of the records, joined."""
    import pyarrow as pa
    from pyarrow import parquet

    found = {}
    for table in TABLES:
        frames = [records.frame(table) for records in pieces]
        out = io.BytesIO()
        rows = pa.concat_tables([pa.Table.from_pandas(f, preserve_index=False) for f in frames])
        parquet.write_table(rows.combine_chunks(), out)
        lines = [frame.to_csv(index=False, header=False, lineterminator="\n") for frame in frames]
        found[table] = Encoded(out.getvalue(), "".join(lines).encode())
    return found


class Joined:
    """The files of all tables in a folder, to which pieces are added in order. A context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = ExitStack()
        self._csv: dict[str, Any] = {}
        self._parquet: dict[str, Any] = {}
        self._waiting: dict[str, pa.Table] = {}

    def __enter__(self) -> Self:
        return self

    def add(self, pieces: Mapping[str, Encoded]) -> None:
        """The next piece of every table."""
        from pyarrow import BufferReader, parquet

        for table, piece in pieces.items():
            rows = parquet.read_table(BufferReader(piece.parquet))
            if table not in self._csv:
                self._csv[table] = self._files.enter_context((self._folder / f"{table}.csv").open("wb"))
                self._csv[table].write((",".join(rows.column_names) + "\n").encode())
            self._csv[table].write(piece.csv)
            self._add_rows(table, rows)

    def add_earlier(self, folder: Path) -> None:
        """All that was joined before in another folder."""
        import pyarrow as pa
        from pyarrow import parquet

        for table in TABLES:
            out = self._files.enter_context((self._folder / f"{table}.csv").open("wb"))
            self._csv[table] = out
            with (folder / f"{table}.csv").open("rb") as earlier:
                while block := earlier.read(1 << 20):
                    out.write(block)
            with parquet.ParquetFile(folder / f"{table}.parquet") as file:
                for group in range(file.num_row_groups):
                    self._add_rows(table, file.read_row_group(group))
                if not file.num_row_groups:
                    self._add_rows(table, pa.Table.from_batches([], file.schema_arrow))

    def _add_rows(self, table: str, rows: pa.Table) -> None:
        import pyarrow as pa

        if table in self._waiting:
            rows = pa.concat_tables([self._waiting[table], rows])
        while len(rows) >= _GROUP:
            self._write(table, rows.slice(0, _GROUP))
            rows = rows.slice(_GROUP)
        self._waiting[table] = rows

    def _write(self, table: str, rows: pa.Table) -> None:
        from pyarrow import parquet

        if table not in self._parquet:
            writer = parquet.ParquetWriter(self._folder / f"{table}.parquet", rows.schema)
            self._parquet[table] = self._files.enter_context(writer)
        self._parquet[table].write_table(rows.combine_chunks(), row_group_size=_GROUP)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._files:
            for table, rows in self._waiting.items() if kind is None else ():
                if len(rows) or table not in self._parquet:
                    self._write(table, rows)


def join(pieces: Iterable[Mapping[str, Encoded]], folder: Path, earlier: Path | None = None) -> None:
    """Write the files of all tables from their pieces in order, after those of an earlier folder."""
    with Joined(folder) as files:
        if earlier is not None:
            files.add_earlier(earlier)
        for piece in pieces:
            files.add(piece)
