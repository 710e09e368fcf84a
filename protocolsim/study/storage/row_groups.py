"""Concatenation and splitting of Parquet files by whole row groups, copying bytes without decoding.

A Parquet file is the bytes of its row groups, then a footer that says where each begins. Files of one schema are joined
by copying the first and writing one footer for all. No library does that; reading and writing the rows again would cost
as much as the first writing, and memory. Source: the Parquet format's parquet.thrift.
"""

from __future__ import annotations

import struct as bits
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from protocolsim.study.storage import thrift
from protocolsim.study.storage.thrift import Struct

_MAGIC = b"PAR1"
_BLOCK = 1 << 22
# Numbers of fields in parquet.thrift.
_ROWS, _GROUPS = 3, 4
_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET, _GROUP_BYTES, _ORDINAL = 1, 3, 5, 6, 7
_COLUMN_OFFSET, _COLUMN = 2, 3
_OFFSETS_OF_A_COLUMN = (9, 10, 11, 14)  # data pages, index page, dictionary page, Bloom filter
_SCHEMA = 2
_MOST_ORDINALS = 1 << 15


@dataclass(frozen=True)
class Footer:
    """What the end of a file says of its rows: `end` is where the bytes of the row groups stop."""

    fields: Struct
    end: int

    @property
    def groups(self) -> list[Struct]:
        """The row groups."""
        groups: list[Struct] = _field(self.fields, _GROUPS)[1]
        return groups


def footer_of(path: Path) -> Footer:
    """The footer of a file. Raises OSError, or ValueError for a file that is no Parquet."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 12:
            raise ValueError("too short for a Parquet file")
        file.seek(size - 8)
        length, magic = bits.unpack("<I4s", file.read(8))
        if magic != _MAGIC or length > size - 12:
            raise ValueError("no Parquet file")
        file.seek(size - 8 - length)
        return Footer(thrift.ThriftReader(file.read(length)).struct(), size - 8 - length)


class Joined:
    """A Parquet file made of row groups of others, in the order in which they are added. Finish it with `close`."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._at = 0
        self._fields: Struct | None = None
        self._groups: list[Struct] = []
        self._write(_MAGIC)

    def add(self, path: Path) -> None:
        """All row groups of a file. Raises ValueError where its schema differs."""
        footer = footer_of(path)
        self.add_groups(path, footer.fields, footer.groups)

    def add_groups(self, path: Path, fields: Struct, groups: Sequence[Struct]) -> None:
        """Some row groups of a file, one after another in it, whose footer has these fields. They are used up."""
        with path.open("rb") as file:
            if self._fields is None:
                self._fields = fields
            elif _field(fields, _SCHEMA) != _field(self._fields, _SCHEMA):
                raise ValueError(f"{path.name} has other columns")
            if not groups:
                return
            begin = min(map(_begin_of, groups))
            end = begin + sum(_field(group, _GROUP_BYTES) for group in groups)
            shift = self._at - begin
            file.seek(begin)
            left = end - begin
            while left:
                block = file.read(min(_BLOCK, left))
                if not block:
                    raise ValueError(f"{path.name} ends too early")
                self._write(block)
                left -= len(block)
        for group in groups:
            _shifted(group, shift)
            self._groups.append(group)

    def close(self) -> None:
        """Write the footer. Raises ValueError where nothing was added."""
        if self._fields is None:
            raise ValueError("no part of this table")
        for number, group in enumerate(self._groups):
            _numbered(group, number)
        fields = [[*field] for field in self._fields]
        _set(fields, _ROWS, sum(_field(group, _GROUP_ROWS) for group in self._groups))
        _set(fields, _GROUPS, (thrift.STRUCT, self._groups))
        footer = thrift.written(fields)
        self._write(footer + bits.pack("<I4s", len(footer), _MAGIC))

    def _write(self, content: bytes) -> None:
        self._out.write(content)
        self._at += len(content)


def join(parts: Iterable[Path], target: Path) -> None:
    """One file with the rows of all parts, in their order."""
    with target.open("wb") as out:
        joined = Joined(out)
        for part in parts:
            joined.add(part)
        joined.close()


def cut(path: Path, pieces: Sequence[tuple[Path | None, int]]) -> None:
    """The other way round: so many row groups into each file, in order; those that go to None are passed over.

    Raises ValueError if the numbers of row groups do not add up: they could then not be attributed.
    """
    footer = footer_of(path)
    groups = footer.groups
    if sum(number for _, number in pieces) != len(groups):
        raise ValueError(f"{path.name} has another number of row groups")
    at = 0
    for target, number in pieces:
        if target is not None:
            with target.open("wb") as out:
                joined = Joined(out)
                joined.add_groups(path, footer.fields, groups[at : at + number])
                joined.close()
        at += number


def _begin_of(group: Struct) -> int:
    """Where the bytes of a row group begin: at the first page of its first column, mostly a dictionary."""
    columns = [_field(column, _COLUMN) for column in _field(group, _COLUMNS)[1]]
    pages = (value for column in columns for number, _, value in column if number in _OFFSETS_OF_A_COLUMN)
    begin: int = min(page for page in pages if page)
    return begin


def _shifted(group: Struct, shift: int) -> None:
    """Let a row group say that it begins so many bytes later."""
    for column in _field(group, _COLUMNS)[1]:
        for field in column:
            if field[0] == _COLUMN_OFFSET and field[2]:
                field[2] += shift
            if field[0] == _COLUMN:
                for inner in field[2]:
                    if inner[0] in _OFFSETS_OF_A_COLUMN and inner[2]:
                        inner[2] += shift
    for field in group:
        if field[0] == _GROUP_OFFSET:
            field[2] += shift


def _numbered(group: Struct, number: int) -> None:
    """Give a row group its number, which is optional, and too small a type for many."""
    if number >= _MOST_ORDINALS:
        group[:] = [field for field in group if field[0] != _ORDINAL]
    else:
        for field in group:
            if field[0] == _ORDINAL:
                field[2] = number


def _field(fields: Struct, number: int) -> Any:
    for field in fields:
        if field[0] == number:
            return field[2]
    raise ValueError(f"the footer has no field {number}")


def _set(fields: Struct, number: int, value: Any) -> None:
    for field in fields:
        if field[0] == number:
            field[2] = value
