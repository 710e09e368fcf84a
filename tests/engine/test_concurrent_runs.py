"""Runs of the fast engine share nothing: they may take turns, and run in several threads."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import protocolsim
from protocolsim.engine.batch import simulation
from protocolsim.records import Records, concatenate

TRIAL = protocolsim.load("ms_daclizumab").trial


def run(seed: int) -> Records:
    """Some trials, several groups of them."""
    return concatenate(list(simulation.pieces(TRIAL, seed, range(12))))


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: Any) -> None:
    """Several groups a run."""
    monkeypatch.setattr(simulation, "_ROWS", 60)


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
