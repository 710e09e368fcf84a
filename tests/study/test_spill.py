"""Numbers that are too many for memory: nothing changes but where they lie, and nothing of them is left."""

from __future__ import annotations

import tempfile
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocolsim
from protocolsim.engine.batch import simulation
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.estimation import disk_array
from protocolsim.study.estimation.disk_array import Spill
from protocolsim.study.estimation.endpoint_sums import EndpointSums
from protocolsim.study.estimation.estimate import as_json

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=True, width=64), min_size=1, max_size=60)


@pytest.fixture
def little(monkeypatch, tmp_path):
    """Three numbers are too many; temporary files go to a folder of their own."""
    monkeypatch.setattr(disk_array, "IN_MEMORY", 3)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_rows_come_back_as_they_were_added(little):
    """Rows are the same and in the same order, written down or not, also between additions."""
    rows = np.arange(22.0).reshape(11, 2)
    held = Spill(2)
    for first in range(0, 11, 2):
        held.add(rows[first : first + 2])
        np.testing.assert_array_equal(held.rows(), rows[: first + 2])
    assert held.on_disk
    assert len(held) == 11
    assert len(Spill(2).rows()) == 0


def test_nothing_is_left(little):
    """The file has no name: the folder is empty while it is used, and the numbers are still there."""
    held = Spill(1)
    held.add(np.arange(100.0))
    assert held.on_disk
    rows = held.rows()
    assert list(little.iterdir()) == []
    del held
    np.testing.assert_array_equal(rows[:, 0], np.arange(100.0))


@given(NUMBERS)
def test_the_median_is_the_median(numbers):
    """Found digit by digit on disk, the median is the middle of the sorted numbers."""
    kept, disk_array.IN_MEMORY = disk_array.IN_MEMORY, 0
    try:
        held = Spill(1)
        held.add(np.array(numbers))
        assert held.on_disk
        ordered = sorted(numbers)
        low, high = ordered[(len(numbers) - 1) // 2], ordered[len(numbers) // 2]
        with np.errstate(all="ignore"):
            expected = 0.5 * (low + high)
        assert held.median() == expected or np.isnan(expected)
    finally:
        disk_array.IN_MEMORY = kept


def test_a_study_is_the_same_on_disk(little, monkeypatch):
    """A large replicate in parts, and many small ones, have the same estimates in memory and on disk."""
    large = protocolsim.load("ms_daclizumab", set={"cohort.size": 9000})
    small = protocolsim.load("ms_daclizumab")
    on_disk = [protocolsim.run(s, replicates=n).summary() for s, n in ((large, 1), (small, 5))]
    assert list(little.iterdir()) == []
    monkeypatch.setattr(disk_array, "IN_MEMORY", 1 << 30)
    assert [protocolsim.run(s, replicates=n).summary() for s, n in ((large, 1), (small, 5))] == on_disk


def test_a_curve_is_the_same_on_disk(little, monkeypatch):
    """A threshold curve has the same estimates in memory and on disk, also where a replicate came in parts."""

    def at(size: int, replicates: int) -> list[Any]:
        found = thresholds(protocolsim.load("ms_daclizumab", set={"cohort.size": size}), replicates=replicates)
        return [as_json(e) for e in found.at(0.75).values()]

    on_disk = [at(15, 4), at(6000, 1)]
    monkeypatch.setattr(disk_array, "IN_MEMORY", 1 << 30)
    assert [at(15, 4), at(6000, 1)] == on_disk


def test_memory_does_not_grow_with_subjects(monkeypatch):
    """What a tally keeps in memory of a large replicate is bounded: many more subjects take no more of it."""
    monkeypatch.setattr(disk_array, "IN_MEMORY", 1 << 12)
    scenario = protocolsim.load("ms_daclizumab", set={"cohort.size": 10_000})
    records = next(iter(simulation.pieces(scenario.trial, 1, range(1))))
    endpoints = {n: scenario.endpoints[n] for n in ("new_cel_inhibition_median", "assigned_monotherapy")}

    def kept(times: int) -> int:
        tally = EndpointSums(endpoints, scenario.populations)
        tally.add(records)
        tracemalloc.start()
        for _ in range(times):
            tally.add(records)
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return now

    assert kept(12) < kept(2) + 2**14 < 2**18
