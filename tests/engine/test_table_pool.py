"""Laws of lent memory: nobody's numbers change while anybody looks at them, and what is dropped is used again."""

from __future__ import annotations

import gc
import sys
import threading
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.engine.batch.buffers import TablePool

KINDS = {"minute": "i8", "state": "i2", "value": "f8", "made": "?"}


def filled(lending: TablePool, rows: int, number: int) -> dict[str, Any]:
    """A table with the same number everywhere."""
    table = lending.table(KINDS, rows)
    for column in table.values():
        column.fill(number % 2 if column.dtype == np.bool_ else number)
    return table


def where(array: np.ndarray) -> int:
    """Where an array stands in memory."""
    return int(array.__array_interface__["data"][0])


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=30))
def test_what_is_held_does_not_change(steps):
    """Whatever is borrowed and dropped meanwhile, every table that is still held says what was written into it."""
    lending = TablePool()
    held: list[tuple[int, dict[str, Any]]] = []
    for number, (rows, drop) in enumerate(steps):
        held.append((number, filled(lending, rows, number)))
        if drop:
            del held[len(held) // 2]
        for written, table in held:
            assert all((column == column.dtype.type(written % 2 if c == "made" else written)).all()
                       for c, column in table.items())  # fmt: skip


@pytest.mark.parametrize(
    "look", [lambda c: c, lambda c: c[3:7], lambda c: c[3:7][::2], lambda c: c[5:9].view("u1")[2:]],
    ids=["column", "slice", "slice of a slice", "as bytes"],
)  # fmt: skip
def test_one_look_into_a_table_holds_its_memory(look):
    """As long as any view into any column lives, however it came about, nobody else gets that memory."""
    lending = TablePool()
    table = filled(lending, 100, 7)
    kept = look(table["value"])
    before = kept.tobytes()
    del table
    others = [filled(lending, 100, 9) for _ in range(3)]
    assert kept.tobytes() == before
    assert not any(np.shares_memory(kept, column) for other in others for column in other.values())


def test_memory_comes_back():
    """Once nobody looks into a table, the next of about its size stands where it stood."""
    lending = TablePool()
    table = filled(lending, 1000, 1)
    stood = where(table["minute"])
    del table
    gc.collect()
    assert where(lending.table(KINDS, 990)["minute"]) == stood
    assert where(lending.table(KINDS, 20)["minute"]) != stood  # a small table does not keep a large piece


def test_tables_may_be_dropped_by_another_thread():
    """However dropping falls between the steps of borrowing, every table has the length asked for."""
    lending, dropped, short = TablePool(), SimpleQueue[Any](), []

    def drop() -> None:
        while dropped.get() is not None:
            pass

    dropping = threading.Thread(target=drop)
    switched = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        dropping.start()
        for rows in np.random.default_rng(1).choice([10, 20, 50, 100, 200, 400, 1000, 2000], 6000).tolist():
            table = lending.table({"minute": "i8"}, rows)
            short += [rows] * (len(table["minute"]) != rows)
            dropped.put(table)
    finally:
        sys.setswitchinterval(switched)
        dropped.put(None)
        dropping.join()
    assert not short


def test_columns_do_not_overlap():
    """The columns of one table are apart, typed, writable and of the length asked for."""
    table = TablePool().table(KINDS, 77)
    assert {c: (a.dtype.str[1:], a.shape) for c, a in table.items()} == {
        c: (np.dtype(kind).str[1:], (77,)) for c, kind in KINDS.items()
    }
    columns = list(table.values())
    assert not any(np.shares_memory(a, b) for k, a in enumerate(columns) for b in columns[:k])
    assert all(a.flags.writeable and a.flags.aligned for a in columns)
