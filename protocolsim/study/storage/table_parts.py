"""The part of the tables that belongs to each chunk: its files, and splitting it off joined tables on resuming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from protocolsim.study.storage import ours, row_groups
from protocolsim.study.storage.ledger import LEDGER, LedgerEntry
from protocolsim.study.storage.manifest import Manifest
from protocolsim.study.storage.write import checksum


def part_name(name: str, table: str) -> str:
    """Where a chunk keeps its share of a table, from the folder of the study on."""
    return f"{ours.PARTS}/{name}.{table}.parquet"


def with_tables(entries: Mapping[str, LedgerEntry]) -> list[str]:
    """The chunks that have a share of the tables, in the order of the study."""
    return [name for name in sorted(entries) if "groups" in entries[name].told]


def tables_in(entries: Mapping[str, LedgerEntry]) -> tuple[str, ...]:
    """The names of the tables of which these chunks have shares."""
    return tuple(dict.fromkeys(table for name in with_tables(entries) for table in entries[name].told["groups"]))


def tables_taken_over(
    earlier: Path,
    manifest: Manifest,
    entries: Mapping[str, LedgerEntry],
    wanted: Sequence[str],
    parts: Path,
    lost: list[str],
) -> dict[str, dict[str, str]]:
    """For each wanted chunk of earlier results its parts of the tables, cut out of them: their checksums by name.

    Chunks without tables have no parts. If a table is damaged all chunks with a part of it are appended to `lost`.
    """
    names = with_tables(entries)
    tables: dict[str, dict[str, str]] = {name: {} for name in wanted if name not in names}
    wanted = [name for name in wanted if name in names]
    if not wanted:
        return tables
    damaged = [
        f"{table}.parquet"
        for table in tables_in(entries)
        if checksum(earlier / f"{table}.parquet") != manifest.files.get(f"{table}.parquet")
    ]
    if damaged:
        lost += damaged
        return tables
    parted: dict[str, dict[str, str]] = {name: {} for name in wanted}
    for table in tables_in(entries):
        places = {name: parts / Path(part_name(name, table)).name for name in wanted}
        groups = [(places.get(name), entries[name].told["groups"][table]) for name in names]
        try:
            row_groups.cut(earlier / f"{table}.parquet", groups)
        except ValueError:  # a line of the ledger is missing, so row groups cannot be attributed to chunks
            lost.append(LEDGER)
            return tables
        for name, path in places.items():
            parted[name][part_name(name, table)] = str(checksum(path))
    return tables | parted
