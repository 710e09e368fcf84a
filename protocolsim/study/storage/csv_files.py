"""CSV export of tables, for spreadsheets and other tools that do not read Parquet.

Written by Arrow, some rows at a time: names and texts are quoted where they need it, numbers have as many digits as
tell them from all others, a missing value is an empty cell. A text that a spreadsheet would take for a formula gets an
apostrophe before it, which is what spreadsheets do for texts themselves.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocolsim.text.cells import csv_cell

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Cells beyond which a file is compressed: some tens of megabytes of text.
_MANY = 5_000_000
_ROWS = 1 << 16


def csv_of(parquet: Path) -> Path:
    """The CSV of a Parquet file, beside it, compressed (.csv.gz) where it is large; its path."""
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow.parquet import ParquetFile

    # Opened by Python: Arrow takes no path that is no UTF-8.
    with parquet.open("rb") as source, ParquetFile(source) as file, ExitStack() as files:
        large = file.metadata.num_rows * file.metadata.num_columns > _MANY
        target = parquet.with_suffix(".csv.gz" if large else ".csv")
        out: Any = files.enter_context(target.open("wb"))
        if large:
            out = files.enter_context(pa.CompressedOutputStream(out, "gzip"))
        schema = pa.schema([(field.name, _plain(field.type)) for field in file.schema_arrow])
        writer = files.enter_context(csv.CSVWriter(out, schema))
        for rows in file.iter_batches(batch_size=_ROWS):
            writer.write_table(_shown(pa.Table.from_batches([rows])))
    return target


def write_frame(frame: pd.DataFrame, folder: Path, name: str) -> None:
    """A small table as Parquet, and as CSV too."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = pa.Table.from_pandas(frame, preserve_index=False)
    with (folder / f"{name}.parquet").open("wb") as out:
        parquet.write_table(rows, out, compression="zstd")
    (folder / f"{name}.csv").write_bytes(frame_as_csv(frame))


def frame_as_csv(frame: pd.DataFrame) -> bytes:
    """The CSV of a table."""
    import io

    import pyarrow as pa
    from pyarrow import csv

    out = io.BytesIO()
    csv.write_csv(_shown(pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)), out)
    return out.getvalue()


def _plain(kind: pa.DataType) -> Any:
    import pyarrow as pa

    return pa.string() if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind) else kind


def _shown(rows: pa.Table) -> pa.Table:
    """Texts as they go into cells."""
    import pyarrow as pa

    columns = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            chunks = [
                pa.DictionaryArray.from_arrays(c.indices, _guarded(c.dictionary)).cast(pa.string())
                for c in column.chunks
            ]
            columns[name] = pa.chunked_array(chunks, type=pa.string())
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            columns[name] = _guarded(column)
        else:
            columns[name] = column
    return pa.Table.from_arrays(list(columns.values()), names=[csv_cell(name) for name in columns])


def _guarded(texts: Any) -> Any:
    import pyarrow as pa

    return pa.array([None if t is None else csv_cell(t) for t in texts.to_pylist()], type=pa.string())
