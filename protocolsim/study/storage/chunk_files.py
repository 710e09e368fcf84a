"""Finished chunks as pieces of a study's folder: their sums, and their share of the five tables.

A chunk is a Parquet file with one row per trial. Columns that users name have a prefix, so that no name can meet ours:

    point, replicate   which point of the grid (0 is the scenario itself), which trial
    vary.NAME          what is varied there
    value.NAME         an estimate in that trial (null where it is undefined)
    sums.NAME          what a study goes on from
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protocolsim.endpoint.base import Endpoint
from protocolsim.records import TABLES
from protocolsim.study.execution.chunks import Chunk, Done, Span, Tallied
from protocolsim.study.storage import ours, row_groups
from protocolsim.study.storage.ledger import LEDGER, Entry
from protocolsim.study.storage.manifest import Manifest
from protocolsim.study.storage.write import checksum

if TYPE_CHECKING:
    from protocolsim.study.storage.study_folder import StudyFolder

_KEY = b"protocolsim"
_VARY, _VALUE, _SUMS = "vary.", "value.", "sums."


def put(folder: StudyFolder, chunk: Chunk, done: Done) -> None:
    """Keep a finished chunk in the folder."""
    endpoints: dict[int, Mapping[str, Endpoint]] = {p.span.point: p.recipe.scenario.reported for p in chunk.parts}
    name = done.tallied[0].span.name
    files: dict[str, bytes | Path] = {}
    told: dict[str, Any] = {"spans": [[t.span.point, t.span.first, t.span.stop, t.rows] for t in done.tallied]}
    if done.tables is not None:
        files |= {_part(name, table): encoded.content for table, encoded in done.tables.items()}
        told["groups"] = {table: encoded.groups for table, encoded in done.tables.items()}
    files[f"{ours.CHUNKS}/{name}.parquet"] = encoded_chunk(done.tallied, folder.manifest, endpoints)
    folder.keep(name, told, files)


def _part(name: str, table: str) -> str:
    return f"{ours.PARTS}/{name}.{table}.parquet"


def taken_up(folder: StudyFolder, wanted: Iterable[Span], *, tables: bool) -> list[Span]:
    """The spans of a study that its folder has already, with their share of the tables where it keeps those.

    What else it has (the end of a study that had fewer replicates) is dropped and done again.
    """
    missing, there = set(wanted), []
    for name, entry in sorted(folder.entries.items()):
        spans = [Span(*span[:3]) for span in entry.told["spans"]]
        useful = [span for span in spans if span in missing]
        if useful and (not tables or (len(useful) == len(spans) and "groups" in entry.told)):
            missing -= set(useful)
            there += useful
        else:
            folder.drop(name)
    return there


def kept_sums(folder: StudyFolder, spans: Iterable[Span]) -> Iterator[Tallied]:
    """What is finished of these spans, in the order of the study."""
    wanted = set(spans)
    for name in sorted(folder.entries):
        yield from (t for t in tallied_in(folder.path / ours.CHUNKS / f"{name}.parquet") if t.span in wanted)


def parts_of(folder: StudyFolder) -> dict[str, list[Path]]:
    """The parts of every table, in the order of the study."""
    return {table: [folder.path / _part(name, table) for name in sorted(folder.entries)] for table in TABLES}


def tables_taken_over(
    earlier: Path,
    manifest: Manifest,
    entries: Mapping[str, Entry],
    wanted: Sequence[str],
    parts: Path,
    lost: list[str],
) -> dict[str, dict[str, str]]:
    """For each wanted chunk of earlier results its parts of the tables, cut out of them: their checksums by name.

    A study without tables has no parts. Where a table is damaged no chunk is whole; `lost` is told which.
    """
    names = sorted(entries)
    if not any("groups" in entries[name].told for name in names):
        return {name: {} for name in wanted}
    if not wanted:
        return {}
    damaged = [
        f"{table}.parquet"
        for table in TABLES
        if checksum(earlier / f"{table}.parquet") != manifest.files.get(f"{table}.parquet")
    ]
    if damaged:
        lost += damaged
        return {}
    found: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for table in TABLES:
        places = {name: parts / Path(_part(name, table)).name for name in wanted}
        groups = [(places.get(name), entries[name].told["groups"][table]) for name in names]
        try:
            row_groups.cut(earlier / f"{table}.parquet", groups)
        except ValueError:  # a line of the ledger is gone, so that nobody knows whose row groups these are
            lost.append(LEDGER)
            return {}
        for name, path in places.items():
            found[name][_part(name, table)] = str(checksum(path))
    return found


def encoded_chunk(
    tallied: Sequence[Tallied], manifest: Manifest, endpoints: Mapping[int, Mapping[str, Endpoint]]
) -> bytes:
    """The file of a chunk; `endpoints` are those of each point."""
    import pyarrow as pa
    from pyarrow import parquet

    joined = pa.concat_tables([_table(t, manifest, endpoints[t.span.point]) for t in tallied])
    spans = [[t.span.point, t.span.first, t.span.stop, t.rows] for t in tallied]
    about = {"spans": spans}
    out = io.BytesIO()
    parquet.write_table(joined.replace_schema_metadata({_KEY: json.dumps(about).encode()}), out)
    return out.getvalue()


def _table(tallied: Tallied, manifest: Manifest, endpoints: Mapping[str, Endpoint]) -> Any:
    import pyarrow as pa

    span = tallied.span
    size = len(span.replicates)
    columns: dict[str, Any] = {"point": pa.array(np.full(size, span.point, dtype=np.int32))}
    for axis, value in zip(manifest.axes, manifest.points[span.point], strict=True):
        columns[_VARY + axis] = pa.array([value] * size, type=pa.float64())
    columns["replicate"] = pa.array(np.arange(span.first, span.stop, dtype=np.int64))
    for name, endpoint in endpoints.items():
        columns[_VALUE + name] = pa.array(endpoint.value(tallied.sums[name]), type=pa.float64(), from_pandas=True)
    for name in endpoints:
        sums = tallied.sums[name]
        offsets = np.arange(0, sums.size + 1, sums.shape[1], dtype=np.int32)
        columns[_SUMS + name] = pa.ListArray.from_arrays(offsets, pa.array(sums.ravel()))
    return pa.table(columns)


def tallied_in(path: Path) -> Iterator[Tallied]:
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
            flat = part[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            sums[name.removeprefix(_SUMS)] = np.asarray(flat, dtype=np.float64).reshape(size, -1)
        at += size
        yield Tallied(span, sums, rows)
