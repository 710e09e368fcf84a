"""What the benchmarks compare is the same trial; how fast it is, no test says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import protocolsim
from protocolsim.engine.batch import simulation
from protocolsim.records import TABLES

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.parametrize(("size", "replicates"), [(15, 5), (60, 2)])
def test_the_fused_loop_leaves_the_records_of_the_engine(size, replicates):
    """Every column of every table is the batch engine's, to the last bit and with the same type."""
    import fused

    scenario = protocolsim.load("ms_daclizumab", set={"cohort.size": size})
    theirs = list(simulation.pieces(scenario.trial, 7, range(replicates)))
    pieces = fused.pieces(scenario, 7, replicates)
    mine = [{t: {c: a.copy() for c, a in piece[t].items()} for t in TABLES} for piece in pieces]
    for table in TABLES:
        for column in theirs[0][table]:
            a = np.concatenate([piece[table][column] for piece in theirs])
            b = np.concatenate([piece[table][column] for piece in mine])
            assert len(a)
            assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes()), (table, column)


def test_a_full_piece_of_the_fused_loop_changes_nothing(monkeypatch):
    """Where the columns are full the loop stops and goes on, in the middle of a replicate too."""
    import fused

    scenario = protocolsim.load("ms_daclizumab")
    whole = [piece["subjects"]["arrival_day"].copy() for piece in fused.pieces(scenario, 3, 4)]
    monkeypatch.setattr(fused, "SUBJECTS_TOGETHER", 10)
    parts = [piece["subjects"]["arrival_day"].copy() for piece in fused.pieces(scenario, 3, 4)]
    assert len(whole) == 1
    assert len(parts) > 4
    assert np.concatenate(parts).tolist() == whole[0].tolist()


def test_every_side_of_the_comparison_enrols_what_it_is_asked_for():
    """Rates are per patient enrolled, so each side must say truly how many it enrolled."""
    import speed

    assert {side: call(30, 1) for side, call in speed.SIDES.items()} == dict.fromkeys(speed.SIDES, 30)


@pytest.mark.parametrize(
    "arguments",
    [
        ["handwritten.py", "15", "1"],
        ["fused.py", "15", "2"],
        ["agreement.py", "--size", "60", "--seed", "2"],
        ["curve.py", "--replicates", "4", "--repeats", "1"],
    ],
    ids=lambda a: a[0],
)
def test_a_script_runs(arguments):
    """Each script runs as its first lines say, and prints what it found."""
    command = [sys.executable, str(FOLDER / arguments[0]), *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout
