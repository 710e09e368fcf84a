"""Reader and writer of the Thrift compact protocol, the encoding of Parquet footers, to and from plain lists.

A struct is a list of `[number, type, value]`, a list is `(type of its elements, elements)`. Nothing is interpreted:
what is not changed is written as it was read. Source: the Thrift compact protocol specification (apache/thrift,
doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)

Struct = list[list[Any]]


class ThriftReader:
    """Reads values from bytes. Raises ValueError for what is no compact Thrift."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def struct(self) -> Struct:
        """The struct that begins here."""
        fields: Struct = []
        number = 0
        while kind := self._byte():
            step, kind = kind >> 4, kind & 15
            number = number + step if step else self._signed()
            fields.append([number, kind, self._value(kind)])
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE):
            return None  # the type says it
        return self._element(kind)

    def _element(self, kind: int) -> Any:
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind in (I16, I32, I64):
            return self._signed()
        if kind == DOUBLE:
            return self._bytes(8)
        if kind == BINARY:
            return self._bytes(self._unsigned())
        if kind in (LIST, SET):
            return self._list()
        if kind == STRUCT:
            return self.struct()
        raise ValueError(f"type {kind} of a footer is not known")

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        size = self._unsigned() if size == 15 else size
        return kind, [self._element(kind) for _ in range(size)]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _bytes(self, size: int) -> bytes:
        result = self._content[self._at : self._at + size]
        if len(result) != size:
            raise ValueError("the footer ends too early")
        self._at += size
        return result

    def _unsigned(self) -> int:
        result = shift = 0
        while True:
            byte = self._byte()
            result |= (byte & 127) << shift
            if byte < 128:
                return result
            shift += 7

    def _signed(self) -> int:
        signed = self._unsigned()
        return (signed >> 1) ^ -(signed & 1)


def written(struct: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    _struct(out, struct)
    return bytes(out)


def _struct(out: bytearray, struct: Struct) -> None:
    before = 0
    for number, kind, value in struct:
        step = number - before
        if 1 <= step <= 15:
            out.append(step << 4 | kind)
        else:
            out.append(kind)
            _unsigned(out, _zigzag(number))
        before = number
        if kind not in (TRUE, FALSE):
            _element(out, kind, value)
    out.append(0)


def _element(out: bytearray, kind: int, value: Any) -> None:
    if kind in (TRUE, FALSE, BYTE):
        out.append(value)
    elif kind in (I16, I32, I64):
        _unsigned(out, _zigzag(value))
    elif kind == DOUBLE:
        out += value
    elif kind == BINARY:
        _unsigned(out, len(value))
        out += value
    elif kind in (LIST, SET):
        of, elements = value
        if len(elements) < 15:
            out.append(len(elements) << 4 | of)
        else:
            out.append(0xF0 | of)
            _unsigned(out, len(elements))
        for element in elements:
            _element(out, of, element)
    else:
        _struct(out, value)


def _unsigned(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _zigzag(value: int) -> int:
    return (value << 1) ^ (value >> 63)
