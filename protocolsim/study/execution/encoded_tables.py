"""Streaming Parquet encoding of tables, in row groups that are concatenated without decoding."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from protocolsim.records import Coded, Records, shown
from protocolsim.study.storage import row_groups

if TYPE_CHECKING:
    import pyarrow as pa

# Rows of a row group at most; a piece of records that is larger makes several.
_GROUP = 1 << 20
_KEYS = ("replicate", "subject")


@dataclass(frozen=True)
class Encoded:
    """Some rows of a table as a Parquet file: its bytes, or where it stands; and how many row groups it has."""

    content: bytes | Path
    groups: int


def arrow(records: Records, table: str) -> pa.Table:
    """One table as an Arrow table, zero-copy where possible: texts as dictionaries, missing days as nulls."""
    import pyarrow as pa

    columns = {}
    for name, column in shown(records, table).items():
        if isinstance(column, Coded):
            # Negative codes are null: not allocated, or without an outcome yet.
            missing = column.codes < 0
            codes = pa.array(column.codes, mask=missing if missing.any() else None)
            columns[name] = pa.DictionaryArray.from_arrays(codes, pa.array(column.labels, type=pa.string()))
        else:
            columns[name] = pa.array(column, from_pandas=True)
    return pa.table(columns)


class Encoder:
    """Encodes records as they come, each piece as row groups of its own; memory holds what is encoded.

    `spool`: a folder where it is written instead, for trials whose tables are too large for memory.
    """

    def __init__(self, spool: Path | None = None, name: str = "") -> None:
        self._spool, self._name = spool, name
        self._files = ExitStack()
        self._sinks: dict[str, IO[bytes]] = {}
        self._writers: dict[str, Any] = {}
        self._groups: dict[str, int] = {}

    def add(self, records: Records) -> None:
        """The next piece."""
        for table in records.names:
            rows = arrow(records, table)
            if table not in self._writers:
                self._writers[table], self._groups[table] = self._writer(table, rows.schema), 0
            if len(rows):
                self._writers[table].write_table(rows, row_group_size=_GROUP)
                self._groups[table] += -(-len(rows) // _GROUP)

    def _writer(self, table: str, schema: pa.Schema) -> Any:
        from pyarrow import parquet

        sink = self._sinks[table] = io.BytesIO() if self._spool is None else self._path(table).open("wb")
        if self._spool is not None:
            self._files.callback(sink.close)
        return parquet.ParquetWriter(sink, schema, **settings(schema))

    def _path(self, table: str) -> Path:
        assert self._spool is not None
        return self._spool / f".{self._name}.{table}.spool"

    def finish(self) -> dict[str, Encoded]:
        """Every table of what was added."""
        finish: dict[str, Encoded] = {}
        for table, writer in self._writers.items():
            writer.close()
            sink = self._sinks[table]
            content = sink.getvalue() if isinstance(sink, io.BytesIO) else self._path(table)
            finish[table] = Encoded(content, self._groups[table])
        self._files.close()
        return finish


def settings(schema: pa.Schema) -> dict[str, Any]:
    """How tables are written: sorted, with statistics, with dictionaries of what repeats (measured values do not)."""
    import pyarrow as pa
    from pyarrow import parquet

    repeating = [f.name for f in schema if not pa.types.is_floating(f.type) or f.name.endswith(("day", "week"))]
    kept: dict[str, Any] = {"compression": "lz4", "use_dictionary": repeating, "write_statistics": list(_KEYS)}
    if all(key in schema.names for key in _KEYS):
        order = [(key, "ascending") for key in _KEYS]
        kept["sorting_columns"] = parquet.SortingColumn.from_ordering(schema, order)
    return kept


def write_streaming(pieces: Iterable[Records], folder: Path) -> None:
    """Every table of these records as a file in the folder."""
    encoder = Encoder(folder, "tables")
    for records in pieces:
        encoder.add(records)
    for table, encoded in encoder.finish().items():
        assert isinstance(encoded.content, Path)  # it was given a folder
        # As if it had been made of parts: the same bytes.
        row_groups.join([encoded.content], folder / f"{table}.parquet")
        encoded.content.unlink()


def join(parts: Mapping[str, Iterable[Path]], folder: Path) -> None:
    """Every table from its parts, in order."""
    for table, files in parts.items():
        row_groups.join(files, folder / f"{table}.parquet")
