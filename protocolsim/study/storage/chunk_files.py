"""Storage of finished chunks in a study's folder (checkpoints): their sums, and their parts of the tables.

A chunk is a Parquet file with one row per trial. Columns that users name have a prefix, so that no name can meet ours:

    point, replicate   which point of the grid (0 is the scenario itself), which trial
    vary.NAME          what is varied there
    value.NAME         an estimate in that trial (null where it is undefined)
    sums.NAME          the endpoint sums from which a study resumes
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.endpoint.base import Reported
from protocolsim.study.estimation.endpoint_sums import PointSums
from protocolsim.study.execution.chunks import Chunk, Span, Work
from protocolsim.study.execution.trials import Trials
from protocolsim.study.storage.kept_chunks import KeptChunks, chunk_file
from protocolsim.study.storage.ledger import LedgerEntry
from protocolsim.study.storage.manifest import Manifest
from protocolsim.study.storage.table_parts import part_name, tables_in, with_tables

if TYPE_CHECKING:
    from protocolsim.study.storage.study_folder import StudyFolder

_KEY = b"protocolsim"
_VARY, _VALUE, _SUMS = "vary.", "value.", "sums."


class ChunkFiles(KeptChunks[PointSums]):
    """The finished chunks of a study of trials, in its folder."""

    def prepared(self, work: Work[Any, PointSums], *, same_disk: bool) -> Work[Any, PointSums]:
        """Where tables are too large to travel they are spooled in the folder, or made here at the end."""
        tables = same_disk or not any(point.large for point in work.points if isinstance(point, Trials))
        self.folder.parts.mkdir(exist_ok=True)
        points = [
            replace(p, tables=p.tables and tables, spool=self.folder.parts) if isinstance(p, Trials) else p
            for p in work.points
        ]
        return replace(work, points=points)

    def usable(
        self, work: Work[Any, PointSums], entry: LedgerEntry, spans: Sequence[Span], useful: Sequence[Span]
    ) -> bool:
        """Where tables are kept a chunk is of use as a whole, with its share of them."""
        tables = {k for k, point in enumerate(work.points) if isinstance(point, Trials) and point.tables}
        if tables.isdisjoint(span.point for span in spans):
            return True
        return len(useful) == len(spans) and "groups" in entry.told

    def results(self, spans: Sequence[Span]) -> Iterator[tuple[Span, PointSums]]:
        """What is finished of these spans, in the order of the study."""
        wanted = set(spans)
        for name in sorted(self.folder.entries):
            kept = sums_in(self.file_of(name))
            yield from ((span, sums) for span, sums in kept if span in wanted)

    def put(self, chunk: Chunk[Any, PointSums], results: Sequence[PointSums]) -> list[PointSums]:
        """Keep a finished chunk in the folder: of its results only the sums are still needed."""
        endpoints: dict[int, Mapping[str, Reported]] = {
            p.span.point: p.point.scenario.reported if isinstance(p.point, Trials) else {} for p in chunk.parts
        }
        spans = [part.span for part in chunk.parts]
        told: dict[str, Any] = {"spans": _span_rows(spans, results)}
        files: dict[str, bytes | Path] = {}
        for made in results:
            if made.tables is not None:  # of one part at most: the first
                files |= {part_name(chunk.name, table): encoded.content for table, encoded in made.tables.items()}
                told["groups"] = {table: encoded.groups for table, encoded in made.tables.items()}
        content = encoded_chunk(spans, results, self.folder.manifest, endpoints)
        files[chunk_file(chunk.name)] = content
        self.folder.keep(chunk.name, told, files)
        return [replace(made, tables=None) for made in results]


def _span_rows(spans: Sequence[Span], results: Sequence[PointSums]) -> list[list[int]]:
    return [[s.point, s.first, s.stop, made.rows] for s, made in zip(spans, results, strict=True)]


def parts_of(folder: StudyFolder) -> dict[str, list[Path]]:
    """The parts of every table, in the order of the study."""
    names = with_tables(folder.entries)
    return {table: [folder.path / part_name(name, table) for name in names] for table in tables_in(folder.entries)}


def encoded_chunk(
    spans: Sequence[Span],
    results: Sequence[PointSums],
    manifest: Manifest,
    endpoints: Mapping[int, Mapping[str, Reported]],
) -> bytes:
    """The file of a chunk; `endpoints` are those of each point. Points with other endpoints have nulls there.

    Sums that belong to no endpoint are kept without a value.
    """
    import pyarrow as pa
    from pyarrow import parquet

    tables = [_table(s, made, manifest, endpoints[s.point]) for s, made in zip(spans, results, strict=True)]
    joined = pa.concat_tables(tables, promote_options="default")
    about = {"spans": _span_rows(spans, results)}
    out = io.BytesIO()
    parquet.write_table(joined.replace_schema_metadata({_KEY: json.dumps(about).encode()}), out)
    return out.getvalue()


def _table(span: Span, made: PointSums, manifest: Manifest, endpoints: Mapping[str, Reported]) -> Any:
    import pyarrow as pa

    size = len(span.replicates)
    columns: dict[str, Any] = {"point": pa.array(np.full(size, span.point, dtype=np.int32))}
    for axis, value in zip(manifest.axes, manifest.points[span.point] if manifest.axes else (), strict=True):
        columns[_VARY + axis] = pa.array([value] * size, type=pa.float64())
    columns["replicate"] = pa.array(np.arange(span.first, span.stop, dtype=np.int64))
    for name, endpoint in endpoints.items():
        columns[_VALUE + name] = pa.array(endpoint.value(made.sums[name]), type=pa.float64(), from_pandas=True)
    for name, sums in made.sums.items():
        offsets = np.arange(0, sums.size + 1, sums.shape[1], dtype=np.int32)
        columns[_SUMS + name] = pa.ListArray.from_arrays(offsets, pa.array(sums.ravel()))
    return pa.table(columns)


def sums_in(path: Path) -> Iterator[tuple[Span, PointSums]]:
    """What a chunk's file holds, span by span."""
    from pyarrow import parquet

    with path.open("rb") as file:
        table = parquet.read_table(file)
    names = [n for n in table.column_names if n.startswith(_SUMS)]
    at = 0
    for point, first, stop, rows in json.loads(table.schema.metadata[_KEY])["spans"]:
        span = Span(point, first, stop)
        size = len(span.replicates)
        part = table.slice(at, size).combine_chunks()
        sums = {}
        for name in names:
            column = part[name].combine_chunks()
            if column.null_count:
                continue  # an endpoint of other points
            flat = column.flatten().to_numpy(zero_copy_only=False)
            sums[name.removeprefix(_SUMS)] = np.asarray(flat, dtype=np.float64).reshape(size, -1)
        at += size
        yield span, PointSums(sums, rows)
