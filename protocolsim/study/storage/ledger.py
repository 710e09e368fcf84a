"""The append-only ledger (JSON lines) of a study's finished chunks, with the checksums of their files.

A line is appended and flushed after its files are flushed (write-ahead order). It carries its own checksum and the
identity of its study; lines that are truncated, damaged or from another study are ignored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocolsim.study.storage.write import checksum_of, write_durably

LEDGER = "ledger.jsonl"


@dataclass(frozen=True)
class LedgerEntry:
    """A finished chunk: its name, metadata, and the checksum of each of its files by name in the folder."""

    name: str
    told: Mapping[str, Any]
    files: Mapping[str, str]


def read_ledger(folder: Path, identity: str) -> dict[str, LedgerEntry]:
    """Every entry of this study that is whole; of several of one name the last."""
    ledger: dict[str, LedgerEntry] = {}
    try:
        lines = (folder / LEDGER).read_bytes().split(b"\n")
    except OSError:
        return ledger
    for line in lines:
        checksum, _, text = line.partition(b" ")
        if checksum.decode("ascii", "replace") != checksum_of(text)[:32]:
            continue
        said = json.loads(text)
        if said.pop("study") == identity:
            ledger[said["name"]] = LedgerEntry(**said)
    return ledger


def add_to_ledger(folder: Path, identity: str, entry: LedgerEntry) -> None:
    """Add a line, and flush it to the disk. A line that was cut short before it is ended first."""
    with (folder / LEDGER).open("ab+") as out:
        if out.seek(0, 2) and out.seek(-1, 2) is not None and out.read(1) != b"\n":
            out.write(b"\n")
        out.write(_line(identity, entry))
        out.flush()
        os.fsync(out.fileno())


def write_ledger(folder: Path, identity: str, entries: Iterable[LedgerEntry]) -> None:
    """Rewrite the whole ledger in the order of names, independent of the order in which chunks finished."""
    lines = (_line(identity, entry) for entry in sorted(entries, key=lambda e: e.name))
    write_durably(folder / LEDGER, b"".join(lines))


def _line(identity: str, entry: LedgerEntry) -> bytes:
    text = json.dumps({"study": identity, **vars(entry)}, sort_keys=True).encode()
    return checksum_of(text)[:32].encode() + b" " + text + b"\n"
