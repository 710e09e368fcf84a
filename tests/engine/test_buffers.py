"""Laws of the memory that runs work in: kept for the next run, never shared by two at a time."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import protocolsim
from protocolsim.engine.batch import buffers, simulation
from protocolsim.records import Records, concatenate

TRIAL = protocolsim.load("ms_daclizumab").trial


def run(seed: int) -> Records:
    """Some trials, several groups of them."""
    return concatenate(list(simulation.pieces(TRIAL, seed, range(12))))


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: Any) -> None:
    """Several groups a run, and nothing kept from other tests."""
    monkeypatch.setattr(simulation, "_ROWS", 60)
    monkeypatch.setattr(buffers, "_idle", [])


def test_the_next_run_works_where_the_last_did():
    """One after the other, runs have the same memory, also when the one before was broken off."""
    with buffers.kept() as first:
        pass
    with pytest.raises(ZeroDivisionError), buffers.kept() as second:
        raise ZeroDivisionError
    for _ in simulation.pieces(TRIAL, 1, range(12)):
        break
    with buffers.kept() as third:
        assert first is second is third


def test_runs_that_take_turns_do_not_disturb_each_other():
    """Two runs, a piece of each in turn, give what each gives alone."""
    alone = [run(seed) for seed in (1, 2)]
    turns = list(itertools.zip_longest(*(simulation.pieces(TRIAL, seed, range(12)) for seed in (1, 2))))
    for k, expected in enumerate(alone):
        assert concatenate([turn[k] for turn in turns if turn[k] is not None]).equal(expected)


def test_runs_in_several_threads():
    """The same, however the threads fall."""
    expected = [run(seed) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        assert all(a.equal(b) for a, b in zip(pool.map(run, range(6)), expected, strict=True))


def test_at_most_one_memory_is_kept_and_none_that_is_large(monkeypatch):
    """Runs at the same time leave one behind; one that needed more than the limit leaves none."""
    with buffers.kept() as one, buffers.kept() as other:
        assert one is not other
    assert buffers._idle == [other]
    monkeypatch.setattr(buffers, "_MOST_KEPT", other.size)
    with buffers.kept() as again:
        again.workspace(0).empty("more than before", (1,))
    assert buffers._idle == []
    assert again.size == other.size > 0


def test_all_that_is_kept_is_counted():
    """The size is that of the workspaces and of the tables that nobody looks into any more."""
    with buffers.kept() as mine:
        mine.workspace(1).empty("a", (100,), np.int64)
        held = mine.tables.table({"b": "f8"}, 1000)
        assert mine.size == 800
        del held
        assert mine.size >= 8800
