"""Finished chunks as files: each is whole or absent, whatever stops the writing, even a loss of power.

A chunk is a parquet file with one row per trial: its point of the grid and what is varied there, its replicate, the
value of every endpoint in that trial (null where undefined), and the sums behind it, from which a study goes on.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from protocolsim.endpoint.base import Endpoint
from protocolsim.study.chunk import Span, Tallied
from protocolsim.study.manifest import Manifest

_KEY = b"protocolsim"
_SUMS = ".sums"
PARTIAL = ".partial"


def write_durably(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk, then give it its name. OSError leaves nothing."""
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can do that."""
    if os.name == "nt":
        return
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def chunk_name(first: Span) -> str:
    """The name of a chunk's file, by where it begins; in the order of names chunks are in the order of the study."""
    return f"{first.point:05d}-{first.first:09d}.parquet"


def encoded_chunk(tallied: Sequence[Tallied], manifest: Manifest, endpoints: Sequence[Mapping[str, Endpoint]]) -> bytes:
    """The file of a chunk; `endpoints` are those of each point."""
    import pyarrow as pa
    from pyarrow import parquet

    tables = [_table(t, manifest, endpoints[t.span.point]) for t in tallied]
    spans = [[t.span.point, t.span.first, t.span.stop, t.rows] for t in tallied]
    joined = pa.concat_tables(tables)
    joined = joined.replace_schema_metadata({_KEY: json.dumps({"spans": spans}).encode()})
    out = io.BytesIO()
    parquet.write_table(joined, out)
    return out.getvalue()


def _table(tallied: Tallied, manifest: Manifest, endpoints: Mapping[str, Endpoint]) -> Any:
    import pyarrow as pa

    span = tallied.span
    size = len(span.replicates)
    columns: dict[str, Any] = {"point": pa.array(np.full(size, span.point, dtype=np.int32))}
    for axis, value in zip(manifest.axes, manifest.points[span.point], strict=True):
        name = axis if axis not in endpoints else f"{axis} (varied)"
        columns[name] = pa.array([value] * size, type=pa.float64())
    columns["replicate"] = pa.array(np.arange(span.first, span.stop, dtype=np.int64))
    for name, endpoint in endpoints.items():
        columns[name] = pa.array(endpoint.value(tallied.sums[name]), type=pa.float64(), from_pandas=True)
    for name in endpoints:
        sums = tallied.sums[name]
        offsets = np.arange(0, sums.size + 1, sums.shape[1], dtype=np.int32)
        columns[name + _SUMS] = pa.ListArray.from_arrays(offsets, pa.array(sums.ravel()))
    return pa.table(columns)


def spans_in(path: Path) -> list[tuple[Span, int]]:
    """The spans of a chunk's file with their rows. Raises OSError or ValueError for a file that is no chunk."""
    from pyarrow import parquet

    found = json.loads((parquet.read_schema(path).metadata or {}).get(_KEY, b"{}"))
    if not found.get("spans"):
        raise ValueError("no chunk of a study")
    return [(Span(point, first, stop), rows) for point, first, stop, rows in found["spans"]]


def tallied_in(path: Path) -> Iterator[Tallied]:
    """What a chunk's file holds, span by span."""
    from pyarrow import parquet

    table = parquet.read_table(path)
    names = [n for n in table.column_names if n.endswith(_SUMS)]
    at = 0
    for span, rows in spans_in(path):
        size = len(span.replicates)
        part = table.slice(at, size).combine_chunks()
        sums = {}
        for name in names:
            flat = part[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            sums[name.removesuffix(_SUMS)] = np.asarray(flat, dtype=np.float64).reshape(size, -1)
        at += size
        yield Tallied(span, sums, rows)
