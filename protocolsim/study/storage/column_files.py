"""Storage of finished chunks whose results are columns (`estimation.columns`), such as those of a threshold curve.

A chunk is a Parquet file with one row per column:

    point, replicates   which point of the study, which of its trials, as (first, stop)
    what, name          the name of the column
    type, width         how its numbers are written, and how many make a row of it
    numbers             these, row by row
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from protocolsim.study.estimation.columns import GrowingColumns
from protocolsim.study.execution.chunks import Chunk, Span
from protocolsim.study.storage.kept_chunks import KeptChunks, chunk_file


class ColumnFiles(KeptChunks[GrowingColumns]):
    """The finished chunks of a study of columns, in its folder."""

    def results(self, spans: Sequence[Span]) -> Iterator[tuple[Span, GrowingColumns]]:
        """What is finished of these spans, in the order of the study."""
        wanted = set(spans)
        for name in sorted(self.folder.entries):
            yield from ((span, columns) for span, columns in columns_in(self.file_of(name)) if span in wanted)

    def put(self, chunk: Chunk[Any, GrowingColumns], results: Sequence[GrowingColumns]) -> Sequence[GrowingColumns]:
        """Keep a finished chunk in the folder."""
        spans = [part.span for part in chunk.parts]
        told = {"spans": [[span.point, span.first, span.stop] for span in spans]}
        self.folder.keep(chunk.name, told, {chunk_file(chunk.name): encoded_columns(spans, results)})
        return results


def encoded_columns(spans: Sequence[Span], results: Sequence[GrowingColumns]) -> bytes:
    """The file of a chunk."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [
        {
            "point": span.point,
            "first": span.first,
            "stop": span.stop,
            "what": what,
            "name": name,
            "type": numbers.dtype.str,
            "width": numbers.shape[1],
            "numbers": np.ascontiguousarray(numbers).tobytes(),
        }
        for span, columns in zip(spans, results, strict=True)
        for (what, name), numbers in columns.items()
    ]
    table = pa.Table.from_pylist(rows, schema=_schema())
    out = io.BytesIO()
    # A dictionary or a statistic of the numbers would hold them once more.
    parquet.write_table(table, out, compression="zstd", use_dictionary=False, write_statistics=False)
    return out.getvalue()


def columns_in(path: Path) -> Iterator[tuple[Span, GrowingColumns]]:
    """What a chunk's file holds, span by span."""
    from pyarrow import parquet

    with path.open("rb") as file:
        rows = parquet.read_table(file).to_pylist()
    columns: dict[Span, GrowingColumns] = {}
    for row in rows:
        span = Span(row["point"], row["first"], row["stop"])
        numbers = np.frombuffer(row["numbers"], dtype=row["type"]).reshape(-1, row["width"])
        columns.setdefault(span, GrowingColumns()).add(row["what"], row["name"], numbers)
    yield from columns.items()


def _schema() -> Any:
    import pyarrow as pa

    kinds = [("point", pa.int32()), ("first", pa.int64()), ("stop", pa.int64()), ("what", pa.string())]
    return pa.schema(
        [*kinds, ("name", pa.string()), ("type", pa.string()), ("width", pa.int32()), ("numbers", pa.large_binary())]
    )
